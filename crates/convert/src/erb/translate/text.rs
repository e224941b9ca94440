//! Strings.

use super::{Ex, Translated, Translator, Ty};
use crate::erb::ast::Part;

impl Translator<'_> {
    /// A string with what is put into it.
    pub(super) fn text(&mut self, parts: &[Part]) -> Translated<Ex> {
        if let Some(text) = super::assign::plain_text(parts) {
            let short = text.len() <= 40;
            return Ok(Ex { cheap: short, ..Ex::cheap(quoted(&text), Ty::Text) });
        }
        let mut pieces = Vec::new();
        for part in parts {
            pieces.push(match part {
                Part::Text(text) => Ex::cheap(quoted(text), Ty::Text),
                Part::Code(body) => self.last_value(body, 0)?,
            });
        }
        if let [only] = pieces.as_slice() {
            let code = match only.ty {
                Ty::Text => only.code.clone(),
                _ => format!("{}.to_s()", only.receiver()),
            };
            return Ok(Ex { ty: Ty::Text, code, ..only.clone() });
        }
        if pieces.iter().all(Ex::is_printable) {
            let codes: Vec<String> = pieces.into_iter().map(|piece| piece.code).collect();
            return Ok(Ex::new(codes.join(" ~ "), super::Binds::Sum, Ty::Text));
        }
        let codes: Vec<String> = pieces.into_iter().map(|piece| piece.code).collect();
        Ok(Ex::tight(format!("concat({})", codes.join(", ")), Ty::Text))
    }
}

/// `text` as a literal of ours.
pub(super) fn quoted(text: &str) -> String {
    let quote = if text.contains('"') && !text.contains('\'') { '\'' } else { '"' };
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push(quote);
    for c in text.chars() {
        match c {
            '\n' => literal.push_str("\\n"),
            '\t' => literal.push_str("\\t"),
            '\r' => literal.push_str("\\r"),
            '\\' => literal.push_str("\\\\"),
            c if c == quote => literal.extend(['\\', c]),
            c if c.is_control() => literal.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => literal.push(c),
        }
    }
    literal.push(quote);
    literal
}
