//! What a template names: other templates and parameters, as far as its text alone says.

use crate::engine;
use crate::error::RenderError;
use crate::set::check_length;
use crate::walk::{Node, walk};
use crate::{TemplateSource, check};
use minijinja::machinery::ast::{BinOpKind, Call, CallArg, Expr, Stmt};
use minijinja::machinery::parse;
use std::collections::{BTreeMap, BTreeSet};

/// Functions that take in the template that their first argument names.
const SNIPPETS: &[&str] = &["snippet", "template"];
/// The same, where there may be no such template.
const CUSTOM_POINTS: &[&str] = &["snippet_if_exists", "snippet_exists"];
/// Functions that read the parameter that their first argument names, and fail without it.
const PARAMS: &[&str] = &["Param", "ParamAsJSON", "ParamAsYAML", "ParamCompose", "ParamExpand", "host_param_required"];
/// The same, where it may be absent.
const OPTIONAL_PARAMS: &[&str] = &["ParamExists", "host_param", "host_param_false", "host_param_true"];

/// What a template names, with the first line that does. A name that is worked out at the render is not here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Templates that must be in the library.
    pub templates: BTreeMap<String, usize>,
    /// Templates that are taken in where they exist.
    pub custom_points: BTreeMap<String, usize>,
    /// Parameters that are read.
    pub params: BTreeMap<String, usize>,
    /// Parameters that are read where they have a value.
    pub optional_params: BTreeMap<String, usize>,
}

/// Finds what a template names.
///
/// # Errors
/// When it is too long or cannot be parsed.
pub fn references(template: TemplateSource<'_>) -> Result<References, RenderError> {
    check_length(template.name, template.text.len())?;
    let Ok(parsed) = parse(template.text, template.name, engine::syntax()) else {
        check(template)?;
        return Ok(References::default());
    };
    let mut finder = Finder::default();
    walk(&parsed, &mut |node| finder.see(node));
    let mut found = finder.found;
    // A parameter that is asked for anywhere is read elsewhere only where it is there.
    found.params.retain(|name, _| !found.optional_params.contains_key(name));
    Ok(found)
}

#[derive(Default)]
struct Finder {
    found: References,
    /// Where the expressions are that may have no value.
    lenient: BTreeSet<usize>,
}

impl Finder {
    fn see(&mut self, node: Node<'_, '_>) {
        match node {
            Node::Statement(Stmt::Include(include)) => {
                let names =
                    if include.ignore_missing { &mut self.found.custom_points } else { &mut self.found.templates };
                add(names, text(&include.name), include.span().start_line);
            }
            Node::Statement(Stmt::Import(import)) => {
                add(&mut self.found.templates, text(&import.expr), import.span().start_line);
            }
            Node::Statement(Stmt::FromImport(import)) => {
                add(&mut self.found.templates, text(&import.expr), import.span().start_line);
            }
            Node::Statement(Stmt::Extends(extends)) => {
                add(&mut self.found.templates, text(&extends.name), extends.span().start_line);
            }
            Node::Statement(_) => {}
            Node::Call(call, line) => self.see_call(call, line),
            Node::Expression(expression) => self.see_expression(expression),
        }
    }

    fn see_expression(&mut self, expression: &Expr<'_>) {
        if self.lenient.remove(&address(expression)) {
            return;
        }
        match expression {
            Expr::Call(call) => self.see_call(call, call.span().start_line.into()),
            Expr::GetAttr(attribute) if is_params(&attribute.expr) => {
                add(&mut self.found.params, Some(attribute.name.to_owned()), attribute.span().start_line);
            }
            Expr::GetItem(item) if is_params(&item.expr) => {
                add(&mut self.found.params, text(&item.subscript_expr), item.span().start_line);
            }
            // `params.x | default(…)` and `params.x is defined` say that it may be absent.
            Expr::Filter(filter) if matches!(filter.name, "default" | "d") => {
                self.see_optional(filter.expr.as_ref());
            }
            Expr::Test(test) if matches!(test.name, "defined" | "undefined") => self.see_optional(Some(&test.expr)),
            Expr::BinOp(operation) if matches!(operation.op, BinOpKind::In) && is_params(&operation.right) => {
                add(&mut self.found.optional_params, text(&operation.left), operation.span().start_line);
            }
            Expr::Compare(compare) if compare.ops.iter().any(|operation| is_params(&operation.expr)) => {
                add(&mut self.found.optional_params, text(&compare.expr), compare.span().start_line);
            }
            _ => {}
        }
    }

    fn see_optional(&mut self, expression: Option<&Expr<'_>>) {
        let Some(expression) = expression else { return };
        let name = match expression {
            Expr::GetAttr(attribute) if is_params(&attribute.expr) => Some(attribute.name.to_owned()),
            Expr::GetItem(item) if is_params(&item.expr) => text(&item.subscript_expr),
            _ => return,
        };
        self.lenient.insert(address(expression));
        add(&mut self.found.optional_params, name, expression.span().start_line);
    }

    fn see_call(&mut self, call: &Call<'_>, line: usize) {
        let Expr::Var(function) = &call.expr else { return };
        let Some(CallArg::Pos(first)) = call.args.first() else { return };
        let lists = [
            (SNIPPETS, &mut self.found.templates),
            (CUSTOM_POINTS, &mut self.found.custom_points),
            (PARAMS, &mut self.found.params),
            (OPTIONAL_PARAMS, &mut self.found.optional_params),
        ];
        for (functions, names) in lists {
            if functions.contains(&function.id) {
                add(names, text(first), line);
            }
        }
    }
}

fn address(expression: &Expr<'_>) -> usize {
    std::ptr::from_ref(expression).addr()
}

fn is_params(expression: &Expr<'_>) -> bool {
    matches!(expression, Expr::Var(variable) if variable.id == "params")
}

fn text(expression: &Expr<'_>) -> Option<String> {
    expression.as_const()?.as_str().map(str::to_owned)
}

fn add(names: &mut BTreeMap<String, usize>, name: Option<String>, line: impl Into<usize>) {
    if let Some(name) = name {
        names.entry(name).or_insert(line.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_names_is_found_with_its_line() {
        let text = "{% include 'disks' %}\n{{ snippet('net', a=template(\"inner\")) }}{% include 'maybe' ignore missing %}\n\
                    {{ snippet_if_exists('ks custom pre') }}{{ snippet(chosen) }}\n{{ params.lang }}{{ params['ntp-servers'] }}\n\
                    {{ params.shell | default('sh') }}{% if params.proxy is defined %}{{ params.proxy }}{% endif %}\n\
                    {% if 'motd' in params %}{{ params.motd }}{% endif %}{{ host_param('x') }}{{ Param('rack') }}";
        let found = references(TemplateSource { name: "t", text }).unwrap();
        let pairs = |names: &BTreeMap<String, usize>| {
            names.iter().map(|(name, line)| format!("{name} {line}")).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(pairs(&found.templates), "disks 1, inner 2, net 2");
        assert_eq!(pairs(&found.custom_points), "ks custom pre 3, maybe 2");
        assert_eq!(pairs(&found.params), "lang 4, ntp-servers 4, rack 6");
        assert_eq!(pairs(&found.optional_params), "motd 6, proxy 5, shell 5, x 6");
    }

    #[test]
    fn a_text_that_cannot_be_parsed_names_nothing() {
        assert_eq!(references(TemplateSource { name: "t", text: "{{ a" }).unwrap_err().place(), ("t", Some(1)));
    }
}
