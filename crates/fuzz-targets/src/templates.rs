//! Templates: text that an operator wrote, with values from anywhere.
//!
//! Whatever comes, rendering ends soon, with a text of limited length or with words.

use template::{MAX_OUTPUT_BYTES, TemplateSource, check, render, render_platform};

/// More text only takes longer.
const MAX_BYTES: usize = 16 << 10;

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if text.len() > MAX_BYTES {
        return;
    }
    let (context, text) = text.split_once('\0').unwrap_or(("{}", text));
    let Ok(context) = serde_json::from_str(context) else { return };
    let template = TemplateSource { name: "fuzz", text };
    let parses = check(template).is_ok();
    if let Ok(rendered) = render(template, &context) {
        assert!(parses, "what renders can be parsed");
        assert!(rendered.len() <= MAX_OUTPUT_BYTES);
        render_platform(template, &context).ok();
    }
}
