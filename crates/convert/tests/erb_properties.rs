//! What holds for every text.

use convert::erb::convert;
use proptest::prelude::*;
use std::sync::Arc;
use template::facts::Facts;
use template::{TemplateSet, TemplateSource};

fn rendered(erb: &str) -> String {
    let text = convert("p.erb", erb).unwrap_or_else(|refusals| panic!("{erb:?}: {refusals:?}")).text;
    let source = TemplateSource { name: "p", text: &text };
    let done = TemplateSet::default().preview(source, &Arc::new(Facts::default()));
    done.unwrap_or_else(|error| panic!("{erb:?} as {text:?}: {error}")).text
}

/// A text as Ruby writes it between double quotes.
fn double_quoted(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' | '#' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '%' => "\\u0025".to_owned(),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

proptest! {
    #[test]
    fn text_without_tags_is_rendered_as_it_stands(text in "[a-z {}%#\\-+\n\t\"'\\\\$<>]{0,60}") {
        prop_assume!(!text.contains("<%"));
        prop_assert_eq!(rendered(&text), text);
    }

    #[test]
    fn a_string_is_the_same_after_all_escapes(text in "[a-zé {}%#\\-\n\t\"'\\\\$<>~|]{0,40}") {
        let erb = format!("<%= {} %>", double_quoted(&text));
        prop_assert_eq!(rendered(&erb), text.as_str());
        prop_assume!(!text.contains("%>"));
        prop_assert_eq!(rendered(&format!("<%= {} %>", single_quoted(&text))), text);
    }

    #[test]
    fn tags_take_only_the_blanks_that_erb_takes(
        before in "[ \tx\n]{0,4}", after in "[ \tx\n]{0,4}", left in any::<bool>(), right in any::<bool>(),
    ) {
        let (open, close) = (if left { "<%-" } else { "<%" }, if right { "-%>" } else { "%>" });
        let erb = format!("{before}{open} a = 1 {close}{after}");
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let kept = if left && !before[line..].contains('x') { &before[..line] } else { before.as_str() };
        let rest = if right { after.strip_prefix('\n').unwrap_or(&after) } else { &after };
        prop_assert_eq!(rendered(&erb), format!("{kept}{rest}"));
    }

    #[test]
    fn whatever_is_given_is_translated_or_refused(erb in "[<%=\\-> a-z@.()\\[\\]{}|&!?:'\"#0-9\n,/+*]{0,80}") {
        let _ = convert("f.erb", &erb);
    }

    #[test]
    fn whatever_ruby_is_given_is_translated_or_refused(
        words in proptest::collection::vec(prop_oneof![
            Just("if"), Just("end"), Just("do |x|"), Just("x"), Just("="), Just("<<"), Just("'s'"), Just("each"),
            Just("."), Just("map"), Just("{"), Just("}"), Just("|y|"), Just("("), Just(")"), Just("["), Just("]"),
            Just("&&"), Just("?"), Just(":"), Just("1"), Just(";"), Just("case"), Just("when"), Just("else"),
            Just("host_param('a')"), Just("@host"), Just("unless"), Just("=>"), Just(","), Just("/re/"), Just("#{"),
        ], 0..30),
    ) {
        let _ = convert("f.erb", &format!("<% {} %>", words.join(" ")));
    }
}
