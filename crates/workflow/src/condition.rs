//! The `when` of a stage: one expression over the run's parameters.
//!
//! The language is that of the templates' expressions (`params.role == 'compute' and params.disks > 1`). A
//! parameter that is not set is undefined, which is false.

use minijinja::{Environment, UndefinedBehavior};
use types::Params;

/// A condition cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: {reason}")]
pub struct ConditionError {
    text: String,
    reason: String,
}

/// Steps of evaluation that a condition may take: far more than any that a person writes.
const FUEL: u64 = 10_000;

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment
}

fn wrong(text: &str, error: &minijinja::Error) -> ConditionError {
    let reason = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    ConditionError { text: text.to_owned(), reason }
}

/// Checks that `text` parses.
pub(crate) fn check(text: &str) -> Result<(), ConditionError> {
    environment().compile_expression(text).map(drop).map_err(|error| wrong(text, &error))
}

/// Whether `text` holds for `params`.
pub(crate) fn holds(text: &str, params: &Params) -> Result<bool, ConditionError> {
    let environment = environment();
    let expression = environment.compile_expression(text).map_err(|error| wrong(text, &error))?;
    let context = minijinja::value::Serde(serde_json::json!({ "params": params }));
    expression.eval(context).map(|value| value.is_true()).map_err(|error| wrong(text, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        Params::from([("role".to_owned(), "compute".into()), ("disks".to_owned(), 2.into())])
    }

    #[test]
    fn conditions_read_parameters() {
        for (text, expected) in [
            ("params.role == 'compute'", true),
            ("params.role != 'compute'", false),
            ("params.disks > 1 and params.role in ['compute', 'login']", true),
            ("params.platform_type != 'diskless'", true),
            ("params.missing", false),
            ("params.missing.deeper == 1", false),
        ] {
            assert_eq!(holds(text, &params()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_condition_that_does_not_parse_says_so() {
        assert!(check("params.role ==").unwrap_err().to_string().starts_with("\"params.role ==\": "));
    }
}
