//! Operators that make a value longer, `~`, `+` and `*`, are followed by a check of what they made.
//!
//! The engine counts instructions and not bytes, and a text that is put behind itself forty times over is a
//! terabyte. The check is a filter that is written behind such an expression before the template is compiled;
//! nothing is moved to another line by it.

use minijinja::machinery::ast::{BinOpKind, Call, CallArg, Expr, Stmt};
use minijinja::machinery::{Span, parse};
use minijinja::syntax::SyntaxConfig;
use std::borrow::Cow;

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
    checks.statement(&template);
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

    fn statements(&mut self, statements: &[Stmt<'_>]) {
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::ForLoop(each) => {
                self.expression(&each.iter);
                self.optional(&each.filter_expr);
                self.statements(&each.body);
                self.statements(&each.else_body);
            }
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr);
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
            }
            Stmt::WithBlock(with) => {
                with.assignments.iter().for_each(|(_, value)| self.expression(value));
                self.statements(&with.body);
            }
            Stmt::Set(set) => self.expression(&set.expr),
            Stmt::SetBlock(set) => {
                self.optional(&set.filter);
                self.statements(&set.body);
            }
            Stmt::AutoEscape(escape) => self.statements(&escape.body),
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter);
                self.statements(&block.body);
            }
            Stmt::Block(block) => self.statements(&block.body),
            Stmt::Import(import) => self.expression(&import.expr),
            Stmt::FromImport(import) => self.expression(&import.expr),
            Stmt::Extends(extends) => self.expression(&extends.name),
            Stmt::Include(include) => self.expression(&include.name),
            Stmt::Macro(definition) => {
                self.expressions(&definition.defaults);
                self.statements(&definition.body);
            }
            Stmt::CallBlock(block) => {
                self.call(&block.call);
                self.expressions(&block.macro_decl.defaults);
                self.statements(&block.macro_decl.body);
            }
            Stmt::Do(call) => self.call(&call.call),
            _ => {}
        }
    }

    fn expressions(&mut self, expressions: &[Expr<'_>]) {
        expressions.iter().for_each(|expression| self.expression(expression));
    }

    fn optional(&mut self, expression: &Option<Expr<'_>>) {
        expression.iter().for_each(|expression| self.expression(expression));
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::BinOp(operation) => self.operation(expression, 0, operation.span()),
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                [&slice.start, &slice.stop, &slice.step].into_iter().for_each(|part| self.optional(part));
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::Compare(compare) => {
                self.expression(&compare.expr);
                compare.ops.iter().for_each(|operation| self.expression(&operation.expr));
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr);
                self.expression(&choice.true_expr);
                self.optional(&choice.false_expr);
            }
            Expr::Filter(filter) => {
                self.optional(&filter.expr);
                self.arguments(&filter.args);
            }
            Expr::Test(test) => {
                self.expression(&test.expr);
                self.arguments(&test.args);
            }
            Expr::GetAttr(attribute) => self.expression(&attribute.expr),
            Expr::GetItem(item) => {
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.expressions(&list.items),
            Expr::Tuple(tuple) => self.expressions(&tuple.items),
            Expr::Map(map) => {
                self.expressions(&map.keys);
                self.expressions(&map.values);
            }
        }
    }

    /// Operators in a row lie in one another on the left; `above` of them around this one are not checked yet.
    fn operation(&mut self, expression: &Expr<'_>, above: usize, span: Span) {
        let Expr::BinOp(operation) = expression else { return self.expression(expression) };
        let grows = matches!(operation.op, BinOpKind::Add | BinOpKind::Mul | BinOpKind::Concat);
        if grows && above.is_multiple_of(UNCHECKED) {
            self.spans.push(span);
        }
        match &operation.left {
            left @ Expr::BinOp(inner) if grows => self.operation(left, above + 1, inner.span()),
            left => self.expression(left),
        }
        self.expression(&operation.right);
    }

    fn call(&mut self, call: &Call<'_>) {
        self.expression(&call.expr);
        self.arguments(&call.args);
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => {
                    self.expression(value);
                }
            }
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
