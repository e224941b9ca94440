//! Renders templates: Jinja syntax (minijinja), nothing undefined, nothing unbounded.
//!
//! A template is text that an operator wrote; the values put into it may come from anywhere. So there is no
//! automatic escaping that fits all kinds of output: a template says what it writes into with one of the
//! filters `shell`, `yaml`, `ipxe` and `kernel`, and a value that cannot be written there is an error.
//! Templates read no files and reach no network.

mod bounded;
mod engine;
mod error;
mod escape;
pub mod facts;
mod foreman;
mod growth;
mod guard;
mod hint;
mod limits;
pub mod lint;
mod params;
mod platform;
mod rebar;
mod references;
mod scope;
mod set;
mod snippet;
mod variables;
mod walk;
mod written;

pub use error::{Frame, RenderError, Wrong};
pub use limits::{
    MAX_DURATION, MAX_OUTPUT_BYTES, MAX_PARAM_DEPTH, MAX_SNIPPET_DEPTH, MAX_SNIPPETS, MAX_TEMPLATE_BYTES,
};
pub use platform::{PlatformError, read_platform, render_platform};
pub use references::{References, references};
pub use scope::Used;
pub use set::{Rendered, TemplateSet, slug};

use bounded::Bounded;
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use set::check_length;

/// A template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateSource<'a> {
    /// What errors call it.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// Renders `template` with the members of `context` as its variables.
///
/// # Errors
/// When the template is wrong, uses what is not there, or exceeds a limit.
pub fn render(template: TemplateSource<'_>, context: &serde_json::Value) -> Result<String, RenderError> {
    check_length(template.name, template.text.len())?;
    let environment: &Environment<'_> = engine::plain();
    let text = guard::guarded(template.text, &engine::syntax());
    let parsed = environment
        .template_from_named_str(template.name, &text)
        .map_err(|error| RenderError::new(template.name, &error, engine::known(None)))?;
    let context = Value::from(Serde(context));
    let mut output = Bounded::new();
    match parsed.render_captured_to(context.clone(), &mut output) {
        Err(error) => Err(RenderError::new(template.name, &error, engine::known(Some(&context)))),
        Ok(_) => Ok(output.into_text()),
    }
}

/// Says whether `template` can be parsed; what it needs is known only when it is rendered.
///
/// # Errors
/// When it is too long or cannot be parsed.
pub fn check(template: TemplateSource<'_>) -> Result<(), RenderError> {
    check_length(template.name, template.text.len())?;
    let environment: &Environment<'_> = engine::complete();
    let parsed = environment.template_from_named_str(template.name, template.text);
    parsed.map(drop).map_err(|error| RenderError::new(template.name, &error, engine::known(None)))
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
        assert_eq!(
            error.to_string(),
            "template \"boot\", line 2: undefined value: `machine.nmae` is undefined; did you mean `machine.name`?"
        );
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
        assert_eq!(error.place(), ("boot", Some(2)), "{error}");
    }

    #[test]
    fn a_value_is_never_a_template() {
        assert_eq!(render_text("{{ a }}", &json!({"a": "{{ 7 * 7 }}"})).unwrap(), "{{ 7 * 7 }}");
    }

    #[test]
    fn endless_and_enormous_templates_end() {
        let endless = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert_eq!(
            render_text(endless, &json!({})),
            Err(RenderError::TookTooLong { template: "boot".to_owned(), line: Some(1) })
        );
        let deep = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
        assert!(matches!(render_text(deep, &json!({})), Err(RenderError::Wrong { .. })));
        let large = "{% for a in range(1000) %}{{ 'x' * 10000 }}{% endfor %}";
        assert_eq!(render_text(large, &json!({})), Err(RenderError::OutputTooLong { template: "boot".to_owned() }));
        let long = "x".repeat(MAX_TEMPLATE_BYTES + 1);
        assert_eq!(
            render_text(&long, &json!({})),
            Err(RenderError::TemplateTooLong { template: "boot".to_owned(), bytes: long.len() })
        );
    }

    #[test]
    fn other_files_cannot_be_read() {
        assert!(render_text("{% include '/etc/passwd' %}", &json!({})).is_err());
    }
}
