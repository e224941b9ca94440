//! What holds for any text, template or not.

use proptest::prelude::*;
use std::sync::Arc;
use template::facts::Facts;
use template::{TemplateSet, TemplateSource};

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() }
}

/// Pieces that mean something to one of the two languages.
fn piece() -> impl Strategy<Value = String> {
    let fixed = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        "{{- ",
        " -}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{",
        "}",
        "#",
        "%",
        "+%}",
        "-%}",
        "\n",
        "\r\n",
        "  ",
        "\t",
        " ",
        "if ",
        "else",
        "end",
        "range ",
        "with ",
        "define \"x\"",
        "template \"x\" .",
        "block \"y\" .",
        "break",
        "continue",
        ".",
        "$",
        "$x",
        " := ",
        " = ",
        "|",
        "(",
        ")",
        ",",
        "\"",
        "`",
        "'",
        "\\",
        "/*",
        "*/",
        "1",
        "-1",
        "0x1",
        "1e9",
        "nil",
        "true",
        ".Machine.Name",
        ".Param \"x\"",
        "printf \"%d\" ",
        "eq ",
        "dict ",
        "list ",
        "é",
        "raw",
    ];
    prop_oneof![8 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_makes_the_converter_panic_and_what_it_writes_can_be_read(pieces in prop::collection::vec(piece(), 0..24)) {
        let go = pieces.concat();
        if let Ok(converted) = convert::go::convert("t", &go) {
            let source = TemplateSource { name: "t", text: &converted.text };
            prop_assert!(template::check(source).is_ok(), "{go:?} became {:?}", converted.text);
        }
    }

    #[test]
    fn text_without_actions_stays_as_it_is(pieces in prop::collection::vec(piece(), 0..24)) {
        let go = pieces.concat().replace("{{", "{ {").replace("{{", "");
        prop_assume!(!go.contains("{{"));
        let converted = convert::go::convert("t", &go).expect("there is nothing to refuse");
        let source = TemplateSource { name: "t", text: &converted.text };
        let rendered = TemplateSet::default().preview(source, &Arc::new(Facts::default())).expect("text renders");
        prop_assert_eq!(rendered.text, go);
    }

    #[test]
    fn blanks_around_an_action_are_kept_or_taken_away_as_its_delimiters_say(
        before in "[a \n\t]{0,6}", after in "[a \n\t]{0,6}", left in any::<bool>(), right in any::<bool>(), action in 0..4_usize,
    ) {
        let inner = ["if true", "\"v\"", "/* c */", "$x := 1"][action];
        // A comment touches a delimiter that does not trim.
        let gap = if action == 2 { "" } else { " " };
        let open = if left { "{{- ".to_owned() } else { format!("{{{{{gap}") };
        let close = if right { " -}}".to_owned() } else { format!("{gap}}}}}") };
        let end = if action == 0 { "{{ end }}" } else { "" };
        let go = format!("{before}{open}{inner}{close}{after}{end}");
        let value = if action == 1 { "v" } else { "" };
        let before = if left { before.trim_end_matches([' ', '\n', '\t']) } else { &before };
        let after = if right { after.trim_start_matches([' ', '\n', '\t']) } else { &after };
        let converted = convert::go::convert("t", &go).expect("it can be translated");
        let source = TemplateSource { name: "t", text: &converted.text };
        let rendered = TemplateSet::default().preview(source, &Arc::new(Facts::default())).expect("it renders");
        prop_assert_eq!(rendered.text, format!("{before}{value}{after}"), "{}", go);
    }
}
