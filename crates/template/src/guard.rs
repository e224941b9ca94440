//! What the engine's operators lack, written into a template as filters before it is compiled; nothing is moved to
//! another line by it.
//!
//! `~`, `+` and `*` make a value longer. The engine counts instructions and not bytes, and a text that is put behind
//! itself forty times over is a terabyte: behind such an expression stands a check of what it made. And `~` writes
//! `True` and `None` where a template itself writes `true` and nothing: behind what it joins stands a filter that
//! writes the same.

use crate::walk::{Node, walk};
use minijinja::machinery::ast::{BinOp, BinOpKind, Expr};
use minijinja::machinery::parse;
use minijinja::syntax::SyntaxConfig;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// The filter that checks a value's size. A person never sees it.
pub(crate) const BOUNDED: &str = "bounded";
/// The filter that writes a value as a template does.
pub(crate) const SPELLED: &str = "spelled";
/// How many operators in a row go unchecked: each makes no more than the sum of what it joins.
const UNCHECKED: usize = 8;

/// The template with its filters; as it is where it needs none, or cannot be parsed.
pub(crate) fn guarded<'a>(text: &'a str, syntax: &SyntaxConfig) -> Cow<'a, str> {
    if !text.contains(['~', '+', '*']) {
        return Cow::Borrowed(text);
    }
    let Ok(template) = parse(text, "", syntax.clone()) else { return Cow::Borrowed(text) };
    let mut marks = Marks { text, brackets: Vec::new(), seen: BTreeSet::new() };
    walk(&template, &mut |node| marks.see(node));
    marks.write()
}

/// A piece of a template as its author wrote it.
pub(crate) fn unguarded(piece: &str) -> String {
    let mut text = piece.to_owned();
    for filter in [BOUNDED, SPELLED] {
        let end = format!(")|{filter}");
        while let Some(at) = text.find(&end) {
            text.replace_range(at..at + end.len(), "");
            if let Some(open) = matching_open(&text[..at]) {
                text.remove(open);
            }
        }
    }
    text
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

/// The filters to write.
struct Marks<'a> {
    text: &'a str,
    /// Where the expression begins and ends, and the filter behind it.
    brackets: Vec<(usize, usize, &'static str)>,
    /// Where the operators are that a row before them has covered.
    seen: BTreeSet<usize>,
}

impl<'a> Marks<'a> {
    /// Expressions lie within one another or apart. Of those that end at one place the innermost is closed first.
    fn write(self) -> Cow<'a, str> {
        if self.brackets.is_empty() {
            return Cow::Borrowed(self.text);
        }
        let begins = self.brackets.iter().map(|(begin, _, _)| (*begin, true, Reverse(0), "("));
        let ends = self.brackets.iter().map(|(begin, end, filter)| (*end, false, Reverse(*begin), *filter));
        let mut marks: Vec<_> = begins.chain(ends).collect();
        // What ends at a place comes before what begins there.
        marks.sort_unstable();
        let mut guarded = String::with_capacity(self.text.len() + marks.len() * 8);
        let mut from = 0;
        for (at, begins, _, mark) in marks {
            let Some(piece) = self.text.get(from..at) else { return Cow::Borrowed(self.text) };
            guarded.push_str(piece);
            guarded.push_str(if begins { "" } else { ")|" });
            guarded.push_str(mark);
            from = at;
        }
        guarded.push_str(&self.text[from..]);
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
            let span = operation.span();
            if above.is_multiple_of(UNCHECKED) {
                self.brackets.push((offset(span.start_offset), offset(span.end_offset), BOUNDED));
            }
            if matches!(operation.op, BinOpKind::Concat) {
                self.spell(operation, offset(span.start_offset), offset(span.end_offset));
            }
            above += 1;
            expression = &operation.left;
        }
    }

    /// Marks what `~` joins from `begin` to `end`, unless it is a text already. Between the left side's last word and
    /// the operator are only blanks and brackets.
    fn spell(&mut self, operation: &BinOp<'_>, begin: usize, end: usize) {
        let left_end = offset(operation.left.span().end_offset);
        let Some(between) = self.text.get(left_end..).and_then(|rest| rest.split_once('~')).map(|(between, _)| between)
        else {
            return;
        };
        if !between.chars().all(|character| character.is_whitespace() || character == ')') {
            return;
        }
        let operator = left_end + between.len();
        let left_end = left_end + between.trim_end().len();
        let after = &self.text[operator + 1..end];
        let right = operator + 1 + (after.len() - after.trim_start().len());
        if !is_text(&operation.left) {
            self.brackets.push((begin, left_end, SPELLED));
        }
        if !is_text(&operation.right) {
            self.brackets.push((right, end, SPELLED));
        }
    }
}

fn is_text(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(constant) => constant.value.as_str().is_some(),
        Expr::BinOp(operation) => matches!(operation.op, BinOpKind::Concat),
        _ => false,
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
            ("{{ a ~ 'b' }}", "{{ ((a)|spelled ~ 'b')|bounded }}"),
            ("{% set x = (a) * 2 %}~", "{% set x = ((a) * 2)|bounded %}~"),
            ("{{ (a) ~ (b ~ c) }}", "{{ (((a))|spelled ~ (((b)|spelled ~ (c)|spelled)|bounded))|bounded }}"),
            ("{{ a ~ b * c }}", "{{ ((a)|spelled ~ ((b * c)|bounded)|spelled)|bounded }}"),
            ("{{ f(a + b) ~ '~' ~ d }}", "{{ ((f((a + b)|bounded))|spelled ~ '~' ~ (d)|spelled)|bounded }}"),
            ("{{ x + y - 1 if z + 1 > 2 else w }}", "{{ (x + y)|bounded - 1 if (z + 1)|bounded > 2 else w }}"),
            (
                "{% for a in b + c %}{{ 'a' ~ a | upper }}{% endfor %}",
                "{% for a in (b + c)|bounded %}{{ ('a' ~ (a | upper)|spelled)|bounded }}{% endfor %}",
            ),
            ("é {{ 'é' ~ a.b[c ~ 1] }}", "é {{ ('é' ~ (a.b[((c)|spelled ~ (1)|spelled)|bounded])|spelled)|bounded }}"),
            ("{{ '%}' ~ a }}", "{{ ('%}' ~ (a)|spelled)|bounded }}"),
        ] {
            assert_eq!(with_checks(text), checked);
            assert!(parse(checked, "", SyntaxConfig::default()).is_ok(), "{checked}");
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
        assert_eq!(checked.matches(BOUNDED).count(), 50);
        assert!(parse(&checked, "", SyntaxConfig::default()).is_ok());
    }
}
