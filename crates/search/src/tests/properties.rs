//! What holds for every expression and every text.

use super::{facts, now};
use crate::{Expression, FIELDS, Type};
use proptest::prelude::*;

/// A value of the type, as somebody may write it.
fn value(kind: Type) -> BoxedStrategy<String> {
    match kind {
        Type::Text | Type::Any => prop_oneof![
            "[a-z0-9._:/-]{1,8}".prop_map(|word| format!("x{word}")),
            "[ -~äß\\n\\t]{0,10}".prop_map(|text| {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{escaped}\"")
            })
        ]
        .boxed(),
        Type::Word(words) => proptest::sample::select(words).prop_map(str::to_owned).boxed(),
        Type::Number => prop_oneof![
            any::<i32>().prop_map(|number| number.to_string()),
            (any::<i32>(), 0..1000_u32).prop_map(|(whole, rest)| format!("{whole}.{rest}"))
        ]
        .boxed(),
        Type::Size => (0..9000_u64, proptest::sample::select(vec!["", "B", "KB", "MiB", "G", "TB"]))
            .prop_map(|(number, unit)| format!("{number}{unit}"))
            .boxed(),
        Type::Time => prop_oneof![
            Just("today".to_owned()),
            Just("yesterday".to_owned()),
            Just("now".to_owned()),
            (0..5000_u32, proptest::sample::select(vec!["s", "m", "h", "d", "w", " minutes", " days"]))
                .prop_map(|(number, unit)| format!("{number}{unit} ago")),
            (1..=12_u32, 1..=28_u32).prop_map(|(month, day)| format!("2026-{month:02}-{day:02}")),
            (0..24_u32, 0..60_u32).prop_map(|(hour, minute)| format!("2026-02-03T{hour:02}:{minute:02}:09.5+02:00")),
        ]
        .boxed(),
        Type::Mac => any::<[u8; 6]>().prop_map(|octets| types::MacAddr(octets).to_string()).boxed(),
        Type::Uuid => any::<u128>().prop_map(|number| uuid::Uuid::from_u128(number).simple().to_string()).boxed(),
        Type::Address => prop_oneof![
            (any::<u32>(), 0..=32_u8).prop_map(|(bits, length)| format!("{}/{length}", std::net::Ipv4Addr::from(bits))),
            (any::<u128>(), 0..=128_u8)
                .prop_map(|(bits, length)| format!("{}/{length}", std::net::Ipv6Addr::from(bits))),
        ]
        .boxed(),
    }
}

/// A comparison that can be read.
fn condition() -> impl Strategy<Value = String> {
    let path = prop_oneof!["[a-z][a-z0-9_./-]{0,10}", "[a-z ]{1,6}".prop_map(|path| format!("\"{path}.\""))];
    (proptest::sample::select(FIELDS), path).prop_flat_map(|(field, path)| {
        let name = if field.has_path { format!("{}.{path}", field.name) } else { field.name.to_owned() };
        let kind = field.kind;
        let order = if kind == Type::Any { value(Type::Size) } else { value(kind) };
        let text = if kind.is_text() { vec!["=~", "!~", "~", "!~~"] } else { vec!["="] };
        let words = if kind.is_text() { "x[a-z0-9.*:/-]{0,8}".boxed() } else { value(kind) };
        let orders = if kind.is_ordered() { vec!["<", "<=", ">", ">="] } else { vec!["=", "!="] };
        let (has, equal, listed, ordered, searched) = (name.clone(), name.clone(), name.clone(), name.clone(), name);
        prop_oneof![
            Just(format!("has {has}")),
            (proptest::sample::select(vec!["=", "!="]), value(kind))
                .prop_map(move |(sign, value)| format!("{equal}{sign}{value}")),
            (any::<bool>(), proptest::collection::vec(value(kind), 1..4)).prop_map(move |(negated, values)| {
                format!("{listed} {}in ({})", if negated { "not " } else { "" }, values.join(" , "))
            }),
            (proptest::sample::select(orders), if kind.is_ordered() { order } else { value(kind) })
                .prop_map(move |(sign, value)| format!("{ordered} {sign} {value}")),
            (proptest::sample::select(text), words)
                .prop_map(move |(sign, value)| format!("{searched} {sign} \"{value}\"")),
            "[a-z0-9][a-z0-9:-]{2,8}".prop_map(|word| format!("\"{word}\"")),
        ]
    })
}

fn expression() -> impl Strategy<Value = String> {
    condition().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("( {} )", parts.join(" OR "))),
            inner.prop_map(|part| format!("not {part}")),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_the_same(text in expression()) {
        let read: Expression = text.parse().map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let written = read.to_string();
        let again: Expression = written.parse().map_err(|error| TestCaseError::fail(format!("{written}: {error}")))?;
        prop_assert_eq!(&again, &read, "{}", written);
        prop_assert_eq!(again.to_string(), written);
    }

    #[test]
    fn negation_is_the_opposite(text in expression()) {
        let facts = facts();
        let holds = text.parse::<Expression>().map(|read| read.matches(&facts, now()));
        let denied = format!("not ({text})").parse::<Expression>().map(|read| read.matches(&facts, now()));
        prop_assert_eq!(holds.ok(), denied.ok().map(|denied| !denied));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        if let Ok(read) = text.parse::<Expression>() {
            let written = read.to_string();
            prop_assert_eq!(written.parse::<Expression>().ok(), Some(read));
        }
    }

    #[test]
    fn no_row_of_parts_makes_the_parser_panic(
        parts in proptest::collection::vec(
            proptest::sample::select(vec![
                "and", "or", "not", "in", "has", "(", ")", ",", "=", "!=", "=~", "!~", "~", "!~~", "<", ">=", "name",
                "params.", "params.a", "seen", "memory", "ip", "\"", "'", "\\", "10", "m", "ago", "10m", "web", "1GiB", "?", "&",
                "ü", "'a b'", "\n",
            ]),
            0..20,
        ),
        between in proptest::sample::select(vec!["", " "]),
    ) {
        let text = parts.join(between);
        match text.parse::<Expression>() {
            Ok(read) => prop_assert_eq!(read.to_string().parse::<Expression>().ok(), Some(read), "{}", text),
            Err(error) => prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1, "{}: {}", text, error),
        }
    }
}
