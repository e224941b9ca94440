//! From the errors of what steps use to problems of a step.

use bmc::BmcError;
use store::StoreError;
use types::{ErrorClass, chain};
use workflow::StepError;

/// A problem that no further attempt solves.
pub(crate) fn configuration(reason: impl Into<String>) -> StepError {
    StepError::problem(ErrorClass::Configuration, reason)
}

/// Says what was being done when the store refused.
pub(crate) trait StoreProblem<T> {
    fn or_problem(self, doing: &str) -> Result<T, StepError>;
}

impl<T> StoreProblem<T> for Result<T, StoreError> {
    fn or_problem(self, doing: &str) -> Result<T, StepError> {
        self.map_err(|error| match error {
            StoreError::LeaseLost => StepError::LeaseLost,
            passing if passing.is_passing() => StepError::StoreUnavailable(format!("{doing}: {passing}")),
            other => configuration(format!("{doing}: {other}")),
        })
    }
}

/// Says what was being done when the BMC refused.
pub(crate) trait BmcProblem<T> {
    fn or_problem(self, doing: &str) -> Result<T, StepError>;
}

impl<T> BmcProblem<T> for Result<T, BmcError> {
    fn or_problem(self, doing: &str) -> Result<T, StepError> {
        self.map_err(|error| StepError::problem(error.class(), format!("{doing}: {}", chain(&error))))
    }
}
