//! Renders templates: Jinja syntax (minijinja), nothing undefined, nothing unbounded.
//!
//! A template is text that an operator wrote; the values put into it may come from anywhere. So there is no
//! automatic escaping that fits all kinds of output: a template says what it writes into with one of the
//! filters `shell`, `yaml`, `ipxe` and `kernel`, and a value that cannot be written there is an error.
//! Templates read no files and reach no network.

mod escape;
mod platform;

pub use platform::{PlatformError, render_platform};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use std::io;

/// The longest template: sixty times the longest preseed file we know.
pub const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// The longest result: one initrd's worth of text is a mistake.
pub const MAX_OUTPUT_BYTES: usize = 4 << 20;
/// Instructions of the template machine: about a second of work, thousands of times what a boot script takes.
const FUEL: u64 = 2_000_000;
/// Depth of macros and blocks that call each other.
const RECURSION_LIMIT: usize = 50;

/// A template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateSource<'a> {
    /// What errors call it.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// Why a template did not render.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template is longer than allowed.
    #[error("template {template:?} is longer than {MAX_TEMPLATE_BYTES} bytes")]
    TemplateTooLong {
        /// Which template.
        template: String,
    },
    /// The template rendered to more than allowed.
    #[error("template {template:?} renders to more than {MAX_OUTPUT_BYTES} bytes")]
    OutputTooLong {
        /// Which template.
        template: String,
    },
    /// The template is wrong, or a value does not fit where it is put.
    #[error("template {template:?}{}: {detail}{}", at(*.line), of(.expression))]
    Wrong {
        /// Which template.
        template: String,
        /// Where, counted from 1.
        line: Option<usize>,
        /// What is wrong.
        detail: String,
        /// The piece of the template that it is about.
        expression: Option<String>,
    },
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

fn of(expression: &Option<String>) -> String {
    expression.as_ref().map(|expression| format!(" in `{expression}`")).unwrap_or_default()
}

/// Renders `template` with the members of `context` as its variables.
///
/// # Errors
/// When the template is wrong, uses what is not there, or exceeds a limit.
pub fn render(template: TemplateSource<'_>, context: &serde_json::Value) -> Result<String, RenderError> {
    if template.text.len() > MAX_TEMPLATE_BYTES {
        return Err(RenderError::TemplateTooLong { template: template.name.to_owned() });
    }
    let environment = environment();
    let parsed =
        environment.template_from_named_str(template.name, template.text).map_err(|error| wrong(template, &error))?;
    let mut output = Bounded { text: Vec::new(), full: false };
    match parsed.render_captured_to(Serde(context), &mut output) {
        _ if output.full => Err(RenderError::OutputTooLong { template: template.name.to_owned() }),
        Err(error) => Err(wrong(template, &error)),
        Ok(_) => Ok(String::from_utf8_lossy(&output.text).into_owned()),
    }
}

/// Says whether `template` can be parsed; what it needs is known only when it is rendered.
///
/// # Errors
/// When it is too long or cannot be parsed.
pub fn check(template: TemplateSource<'_>) -> Result<(), RenderError> {
    if template.text.len() > MAX_TEMPLATE_BYTES {
        return Err(RenderError::TemplateTooLong { template: template.name.to_owned() });
    }
    let environment = environment();
    let parsed = environment.template_from_named_str(template.name, template.text);
    parsed.map(drop).map_err(|error| wrong(template, &error))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(syntax());
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION_LIMIT);
    escape::add_filters(&mut environment);
    environment
}

/// A line that holds only a block tag leaves no line in the result.
fn syntax() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    syntax.build().expect("the delimiters are minijinja's own")
}

fn wrong(template: TemplateSource<'_>, error: &minijinja::Error) -> RenderError {
    let innermost = innermost(error);
    let detail = match innermost.detail() {
        Some(detail) => format!("{}: {detail}", innermost.kind()),
        None => innermost.kind().to_string(),
    };
    let expression = error
        .range()
        .and_then(|range| template.text.get(range))
        .filter(|text| !detail.contains(*text))
        .map(|text| text.chars().take(80).collect());
    RenderError::Wrong { template: template.name.to_owned(), line: error.line(), detail, expression }
}

/// minijinja wraps an error once for each block it leaves; the first one says what is wrong.
fn innermost(error: &minijinja::Error) -> &minijinja::Error {
    let source = std::error::Error::source(error);
    source.and_then(|source| source.downcast_ref()).map_or(error, innermost)
}

/// Text that stops growing.
struct Bounded {
    text: Vec<u8>,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > MAX_OUTPUT_BYTES - self.text.len() {
            self.full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render_text(text: &str, context: &serde_json::Value) -> Result<String, RenderError> {
        render(TemplateSource { name: "boot", text }, context)
    }

    #[test]
    fn values_are_put_in_and_blocks_leave_no_empty_lines() {
        let text = "kernel {{ url }}\n{% for arg in args %}\n  {{ arg }}\n{% endfor %}\nboot\n";
        let context = json!({"url": "http://x/k", "args": ["a", "b"]});
        assert_eq!(render_text(text, &context).unwrap(), "kernel http://x/k\n  a\n  b\nboot\n");
    }

    #[test]
    fn a_missing_value_is_named_with_its_line() {
        let error = render_text("one\n{{ machine.nmae }}\n", &json!({"machine": {"name": "m1"}})).unwrap_err();
        assert_eq!(error.to_string(), "template \"boot\", line 2: undefined value: `machine.nmae` is undefined");
    }

    #[test]
    fn a_default_stands_for_a_missing_value_and_only_the_last_step_may_miss() {
        let text = "{{ params.user | default('admin') | yaml }}";
        assert_eq!(render_text(text, &json!({"params": {}})).unwrap(), "\"admin\"");
        assert_eq!(render_text(text, &json!({"params": {"user": "ops"}})).unwrap(), "\"ops\"");
        assert!(render_text(text, &json!({})).unwrap_err().to_string().contains("params"));
    }

    #[test]
    fn a_syntax_error_is_named_with_its_line() {
        let error = render_text("one\ntwo {% if %}\n", &json!({})).unwrap_err();
        assert!(matches!(error, RenderError::Wrong { line: Some(2), .. }), "{error}");
    }

    #[test]
    fn a_value_is_never_a_template() {
        assert_eq!(render_text("{{ a }}", &json!({"a": "{{ 7 * 7 }}"})).unwrap(), "{{ 7 * 7 }}");
    }

    #[test]
    fn endless_and_enormous_templates_end() {
        let endless = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert!(render_text(endless, &json!({})).unwrap_err().to_string().contains("fuel"));
        let deep = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
        assert!(matches!(render_text(deep, &json!({})), Err(RenderError::Wrong { .. })));
        let large = "{% for a in range(1000) %}{{ 'x' * 10000 }}{% endfor %}";
        assert_eq!(render_text(large, &json!({})), Err(RenderError::OutputTooLong { template: "boot".to_owned() }));
        let long = "x".repeat(MAX_TEMPLATE_BYTES + 1);
        assert_eq!(render_text(&long, &json!({})), Err(RenderError::TemplateTooLong { template: "boot".to_owned() }));
    }

    #[test]
    fn other_files_cannot_be_read() {
        assert!(render_text("{% include '/etc/passwd' %}", &json!({})).is_err());
    }
}
