//! Operators that make a value longer, `~`, `+` and `*`, are followed by a check of what they made.
//!
//! The engine counts instructions and not bytes, and a text that is put behind itself forty times over is a
//! terabyte. The check is a filter that is written behind such an expression before the template is compiled;
//! nothing is moved to another line by it.

use crate::walk::{Node, walk};
use minijinja::machinery::ast::{BinOpKind, Expr};
use minijinja::machinery::{Span, parse};
use minijinja::syntax::SyntaxConfig;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The filter's name; a person never sees it.
pub(crate) const FILTER: &str = "bounded";
/// How many operators in a row go unchecked: each makes no more than the sum of what it joins.
const UNCHECKED: usize = 8;

/// The template with its checks; as it is where it needs none, or cannot be parsed.
pub(crate) fn guarded<'a>(text: &'a str, syntax: &SyntaxConfig) -> Cow<'a, str> {
    if !may_grow(text) {
        return Cow::Borrowed(text);
    }
    let Ok(template) = parse(text, "", syntax.clone()) else { return Cow::Borrowed(text) };
    let mut checks = Checks::default();
    walk(&template, &mut |node| checks.see(node));
    checks.write(text)
}

/// A piece of a template as its author wrote it.
pub(crate) fn unguarded(piece: &str) -> String {
    let end = format!(")|{FILTER}");
    let mut text = piece.to_owned();
    while let Some(at) = text.find(&end) {
        text.replace_range(at..at + end.len(), "");
        if let Some(open) = matching_open(&text[..at]) {
            text.remove(open);
        }
    }
    text
}

/// Whether there is an operator that makes something longer in any tag. Most boot scripts have none.
fn may_grow(text: &str) -> bool {
    let tags = text.split('{').skip(1).filter(|piece| piece.starts_with('%'));
    let expressions = text.split("{{").skip(1);
    let inside = |piece: &str, end: &str| piece.split(end).next().is_some_and(|tag| tag.contains(['~', '+', '*']));
    expressions.into_iter().any(|piece| inside(piece, "}}")) || tags.into_iter().any(|piece| inside(piece, "%}"))
}

fn matching_open(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' if depth == 0 => return Some(at),
            b'(' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The spans of the expressions to check.
#[derive(Default)]
struct Checks {
    spans: Vec<Span>,
    /// Where the operators are that a row before them has covered.
    seen: BTreeSet<usize>,
}

impl Checks {
    /// Writes the checks into the template. Spans lie within one another or apart, and one that begins where
    /// another begins ends elsewhere, so that every bracket falls into its place by its offset alone.
    fn write(mut self, text: &str) -> Cow<'_, str> {
        if self.spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut marks: Vec<(usize, bool)> = Vec::with_capacity(self.spans.len() * 2);
        for span in self.spans.drain(..) {
            marks.push((offset(span.start_offset), true));
            marks.push((offset(span.end_offset), false));
        }
        // At one offset what ends comes before what begins.
        marks.sort_unstable();
        let mut guarded = String::with_capacity(text.len() + marks.len() * 6);
        let mut from = 0;
        for (at, begins) in marks {
            let Some(piece) = text.get(from..at) else { return Cow::Borrowed(text) };
            guarded.push_str(piece);
            from = at;
            if begins {
                guarded.push('(');
            } else {
                guarded.push_str(")|");
                guarded.push_str(FILTER);
            }
        }
        guarded.push_str(&text[from..]);
        Cow::Owned(guarded)
    }

    /// Operators in a row lie in one another on the left. The row is looked at as a whole from its outermost one.
    fn see(&mut self, node: Node<'_, '_>) {
        let Node::Expression(mut expression) = node else { return };
        let mut above = 0_usize;
        while let Expr::BinOp(operation) = expression
            && matches!(operation.op, BinOpKind::Add | BinOpKind::Mul | BinOpKind::Concat)
        {
            if !self.seen.insert(std::ptr::from_ref(expression).addr()) {
                return;
            }
            if above.is_multiple_of(UNCHECKED) {
                self.spans.push(operation.span());
            }
            above += 1;
            expression = &operation.left;
        }
    }
}

fn offset(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_checks(text: &str) -> String {
        guarded(text, &SyntaxConfig::default()).into_owned()
    }

    #[test]
    fn what_makes_longer_is_checked_and_shown_without_its_check() {
        for (text, checked) in [
            ("{{ a ~ 'b' }}", "{{ (a ~ 'b')|bounded }}"),
            ("{% set x = (a) * 2 %}~", "{% set x = ((a) * 2)|bounded %}~"),
            ("{{ f(a + b) ~ [c ~ d][0] }}", "{{ (f((a + b)|bounded) ~ [(c ~ d)|bounded][0])|bounded }}"),
            ("{% if a ~ b == (c ~ d) %}{% endif %}", "{% if (a ~ b)|bounded == ((c ~ d)|bounded) %}{% endif %}"),
            ("{{ x ~ y - 1 if z + 1 > 2 else w }}", "{{ (x ~ y)|bounded - 1 if (z + 1)|bounded > 2 else w }}"),
            (
                "{% for a in b + c %}{{ a ~ a | upper }}{% endfor %}",
                "{% for a in (b + c)|bounded %}{{ (a ~ a | upper)|bounded }}{% endfor %}",
            ),
            ("é {{ 'é' ~ a.b[c ~ 1] }}", "é {{ ('é' ~ a.b[(c ~ 1)|bounded])|bounded }}"),
        ] {
            assert_eq!(with_checks(text), checked);
            assert_eq!(unguarded(checked), text);
        }
    }

    #[test]
    fn nothing_else_is_touched() {
        for text in ["a ~ b + c * d", "{{ a }} * {% if b %}{% endif %}", "{{ 'a' ~", "{% raw %}{{ a ~ b }}{% endraw %}"]
        {
            assert_eq!(with_checks(text), text);
        }
    }

    #[test]
    fn long_rows_are_checked_now_and_then() {
        let row = vec!["a"; 400].join(" ~ ");
        let checked = with_checks(&format!("{{{{ {row} }}}}"));
        assert_eq!(checked.matches(FILTER).count(), 50);
        assert!(parse(&checked, "", SyntaxConfig::default()).is_ok());
    }
}
