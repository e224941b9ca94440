//! What expressions are written back as, and what is said of those that cannot be read.

use super::read;
use crate::{Expression, MAX_COMPARISONS, MAX_DEPTH, MAX_LENGTH, SyntaxError};

fn refused(text: &str) -> SyntaxError {
    text.parse::<Expression>().expect_err(text)
}

#[test]
fn expressions_are_written_in_one_way() {
    for (text, canonical) in [
        ("", ""),
        ("  web  ", "web"),
        (
            "host=a AND(state=Deployed oR NOT has facts.cpu.model)",
            "name = a and (state = deployed or not has fact.cpu.model)",
        ),
        ("a and (b and (c))", "a and b and c"),
        ("(a or b) or c and d", "a or b or c and d"),
        ("not (a)", "not a"),
        ("mac=5254000000AB", "mac = 52:54:00:00:00:ab"),
        ("memory>=65536M and memory<1.5T", "memory >= 64GiB and memory < 1536GiB"),
        ("disk = 500000000000", "disk = 500GB"),
        ("ip=10.1.2.3/8", "ip = 10.0.0.0/8"),
        ("ip=10.1.2.3/32", "ip = 10.1.2.3"),
        ("params.a = 'x \"y\" \\\\ z'", "params.a = \"x \\\"y\\\" \\\\ z\""),
        ("params.a =~ \"\\d+\"", "params.a =~ \"\\\\d+\""),
        ("name = \"and\"", "name = \"and\""),
        ("\"params.rack\"", "\"params.rack\""),
        ("params.'odd key' not in('a',b)", "params.\"odd key\" not in (a, b)"),
        ("seen<600s ago and created>2 weeks ago", "seen < 10m ago and created > 14d ago"),
        ("seen > now or created in (today, 2026-01-31)", "seen > now or created in (today, 2026-01-31)"),
        ("cpus > 08.50", "cpus > 8.5"),
    ] {
        assert_eq!(read(text).to_string(), canonical, "{text}");
    }
}

/// What is written, the column, what is said, and the hint.
const WRONG: &[(&str, usize, &str, &str)] = &[
    ("nmae = web", 1, "there is no field \"nmae\"", "did you mean `name`?"),
    ("state = deployed and rack = A1", 22, "there is no field \"rack\"", "a parameter is `params.rack`"),
    ("parms.rack = A1", 1, "there is no field \"parms.rack\"", "did you mean `params.rack`?"),
    ("params = 1", 1, "expected a path after `params`", "such as `params.rack`"),
    (
        "cpu.model = x",
        1,
        "the field `cpu` has nothing below it, such as \"model\"",
        "a parameter is `params.model`, what the agent found is `fact.cpu.model`",
    ),
    (
        "state = deploed",
        9,
        "expected one of known, provisioning, deployed, failed, found \"deploed\"",
        "did you mean `deployed`?",
    ),
    ("web(1|2)", 6, "\"|\" means nothing here", "write `or`; a regular expression with it stands in quotes"),
    ("name == web", 6, "\"==\" means nothing here", "write `=`"),
    ("a && b", 3, "\"&&\" means nothing here", "write `and`"),
    ("!a", 1, "\"!\" means nothing here", "write `not`"),
    ("name <> web", 6, "\"<>\" means nothing here", "write `!=`"),
    (
        "web db",
        5,
        "expected `and`, `or` or the end, found \"db\"",
        "write `and` between two conditions, and put a text of several words into quotes",
    ),
    (
        "name = web name = db",
        12,
        "expected `and`, `or` or the end, found \"name\"",
        "write `and` between two conditions, and put a text of several words into quotes",
    ),
    ("name =", 7, "expected a word or a text in quotes, found the end", ""),
    (
        "name = and",
        8,
        "expected a word or a text in quotes, found \"and\"",
        "put a word of the language into quotes to mean it as a value",
    ),
    ("name = \"web", 8, "the text that begins here does not end", "close it with \", and write \" inside it as \\\""),
    ("(a or b", 8, "expected `and`, `or` or `)`, found the end", "the `(` at column 1 is not closed before it"),
    (
        "a)",
        2,
        "expected `and`, `or` or the end, found `)`",
        "it closes nothing: take it out, or put `(` where it belongs",
    ),
    ("a and", 6, "expected a condition, found the end", "such as `state = deployed`, `has bmc`, or a word to look for"),
    ("= web", 1, "expected a condition, found `=`", "a field stands before a sign, such as `name = web`"),
    ("\"name\" = web", 1, "expected a field, found the text \"name\"", "names of fields stand without quotes"),
    ("memory > 64GiG", 10, "\"64GiG\" is not a size", "such as 64GiB, 500GB, 1.5TiB"),
    ("memory ~ 64", 8, "values of `memory` are not texts, so `~` means nothing", "use = != < <= > >= in or not in"),
    ("name < web", 6, "values of `name` have no order, so `<` means nothing", "use = != ~ !~~ =~ !~ in or not in"),
    (
        "params.rack > A1",
        15,
        "expected a number or a size, found \"A1\"",
        "parameters are ordered by number only; texts are compared with = != ~ =~",
    ),
    (
        "mac = 52:54",
        7,
        "expected an Ethernet address such as 52:54:00:12:34:56, found \"52:54\"",
        "a part of an address is found with `~`, such as `mac ~ 52:54:00`",
    ),
    (
        "ip = 10.0.0.0/33",
        6,
        "expected an address such as 10.0.0.5, or a network such as 10.0.0.0/24, found \"10.0.0.0/33\"",
        "a part of an address is found with `~`, such as `ip ~ 10.0.`",
    ),
    ("seen < 10m", 8, "\"10m\" is not a time", "write `10m ago`"),
    ("seen < 10x ago", 8, "\"10x ago\" is not a time", "such as 10m ago, 2h30m ago, 3 days ago"),
    (
        "name =~ \"web-(\"",
        9,
        "\"web-(\" is no regular expression: unclosed group",
        "to look for a text as it stands, use `~`",
    ),
    (
        "name =~ web(1)",
        12,
        "expected `and`, `or` or the end, found `(`",
        "write `and` between two conditions, and put a text with parentheses into quotes",
    ),
    ("name in web", 9, "expected `(` after `in`, found \"web\"", "write the values as `in (a, b)`"),
    ("name in (a b)", 12, "expected `,` or `)`, found \"b\"", "put a value of several words into quotes"),
    ("name in ()", 10, "expected a word or a text in quotes, found `)`", ""),
    ("params.rack?", 12, "\"?\" means nothing here", "write `has` before the field"),
    (
        "params.rack",
        1,
        "expected a sign and a value after \"params.rack\"",
        "write `has params.rack` for machines that have it",
    ),
    ("has", 4, "expected a field, found the end", "such as `bmc` or `params.rack`"),
    ("\" \"", 1, "there is nothing to look for in an empty text", ""),
    ("größe = 1", 1, "there is no field \"größe\"", "a parameter is `params.größe`"),
];

#[test]
fn what_is_wrong_is_said_with_its_column_and_a_hint() {
    for (text, column, message, hint) in WRONG {
        let error = refused(text);
        assert_eq!((error.column, error.message.as_str()), (*column, *message), "{text}");
        assert_eq!(error.hint.as_deref().unwrap_or_default(), *hint, "{text}");
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_costs_anything() {
    let long = "a".repeat(MAX_LENGTH + 1);
    assert!(refused(&long).message.contains("bytes"));
    for nested in ["(".repeat(MAX_DEPTH + 1), "not ".repeat(MAX_DEPTH + 1), "(".repeat(MAX_LENGTH)] {
        assert_eq!(refused(&nested).message, "nested deeper than 32 levels");
    }
    read(&format!("{}a{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH)));
    let many = vec!["a"; MAX_COMPARISONS + 1].join(" or ");
    assert_eq!(refused(&many).message, format!("more than {MAX_COMPARISONS} conditions"));
    read(&format!("name in ({})", vec!["a"; 2000].join(",")));
    for pattern in ["\\w{999}{999}", "((((a{100}){100}){100}){100})", "(?:a|b|c|d|e){0,1000}{0,1000}"] {
        let error = refused(&format!("name =~ \"{pattern}\""));
        assert!(error.message.contains("too large when compiled"), "{pattern}: {error}");
    }
    let deep = format!("name =~ \"{}a{}\"", "(".repeat(60), ")".repeat(60));
    assert!(refused(&deep).message.contains("no regular expression"));
    let long = format!("name =~ \"{}\"", "a".repeat(2000));
    assert!(refused(&long).message.contains("1000 are allowed"));
    for pattern in ["name =~ a", "name ~ a", "ip = 10.0.0.0/8"] {
        let error = refused(&vec![pattern; 33].join(" or "));
        assert_eq!(error.message, "more than 32 regular expressions, parts of texts and networks");
    }
}

#[test]
fn a_hostile_text_is_repeated_only_in_part() {
    let error = refused(&format!("{} = 1", "x".repeat(5000)));
    assert!(error.to_string().len() < 200, "{error}");
    assert!(error.hint.is_none_or(|hint| hint.len() < 200));
}
