//! Every statement and expression of a parsed template, those outside before those inside.

use minijinja::machinery::ast::{Call, CallArg, Expr, Stmt};

/// A part of a template.
#[derive(Clone, Copy)]
pub(crate) enum Node<'t, 's> {
    Statement(&'t Stmt<'s>),
    Expression(&'t Expr<'s>),
    /// A call that is a statement: `{% call f() %}` and `{% do f() %}`.
    Call(&'t Call<'s>, usize),
}

/// Shows `see` every part of `statement`, itself first.
pub(crate) fn walk<'s>(statement: &Stmt<'s>, see: &mut impl FnMut(Node<'_, 's>)) {
    Walk { see }.statement(statement);
}

struct Walk<'a, F> {
    see: &'a mut F,
}

impl<'s, F: FnMut(Node<'_, 's>)> Walk<'_, F> {
    fn statements(&mut self, statements: &[Stmt<'s>]) {
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt<'s>) {
        (self.see)(Node::Statement(statement));
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
                self.call_statement(&block.call, block.call.span().start_line.into());
                self.expressions(&block.macro_decl.defaults);
                self.statements(&block.macro_decl.body);
            }
            Stmt::Do(call) => self.call_statement(&call.call, call.call.span().start_line.into()),
            Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) => {}
        }
    }

    fn call_statement(&mut self, call: &Call<'s>, line: usize) {
        (self.see)(Node::Call(call, line));
        self.call(call);
    }

    fn expressions(&mut self, expressions: &[Expr<'s>]) {
        expressions.iter().for_each(|expression| self.expression(expression));
    }

    fn optional(&mut self, expression: &Option<Expr<'s>>) {
        expression.iter().for_each(|expression| self.expression(expression));
    }

    fn expression(&mut self, expression: &Expr<'s>) {
        (self.see)(Node::Expression(expression));
        match expression {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::BinOp(operation) => {
                self.expression(&operation.left);
                self.expression(&operation.right);
            }
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

    fn call(&mut self, call: &Call<'s>) {
        self.expression(&call.expr);
        self.arguments(&call.args);
    }

    fn arguments(&mut self, arguments: &[CallArg<'s>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => self.expression(value),
            }
        }
    }
}
