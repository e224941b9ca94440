//! The step catalogue, with a test's hand on its looks.

use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use steps::StepCatalogue;
use types::ErrorClass;
use workflow::ports::Catalogue;
use workflow::{StepCx, StepError, StepRef, StepResult, StepSpec};

/// What becomes of the looks of steps.
#[derive(Clone, Default)]
pub(crate) enum Looks {
    #[default]
    Plain,
    /// Each is done twice in a row, as after a crash right before its end.
    Twice(Arc<SecondLooks>),
    /// This step's fail.
    Failing(StepRef),
}

/// Counts what can only be counted from outside: requests that change something.
pub(crate) type CountChanges = Box<dyn Fn() -> BTreeMap<String, u64> + Send + Sync>;

/// What second looks did.
#[derive(Default)]
pub(crate) struct SecondLooks {
    counter: Mutex<Option<CountChanges>>,
    seen: Mutex<Vec<SecondLook>>,
}

/// One second look.
#[derive(Debug, Clone)]
pub(crate) struct SecondLook {
    pub(crate) step: String,
    /// Requests that it sent and that change something.
    pub(crate) changes: Vec<String>,
}

impl SecondLooks {
    /// From now on `count` is asked before and after each.
    pub(crate) fn watch(&self, count: CountChanges) {
        *self.counter.lock().unwrap() = Some(count);
    }

    pub(crate) fn seen(&self) -> Vec<SecondLook> {
        self.seen.lock().unwrap().clone()
    }

    fn count(&self) -> BTreeMap<String, u64> {
        self.counter.lock().unwrap().as_ref().map(|count| count()).unwrap_or_default()
    }

    fn record(&self, step: &str, before: &BTreeMap<String, u64>) {
        let after = self.count();
        let more = after.into_iter().filter(|(request, count)| before.get(request).is_none_or(|was| was < count));
        let changes = more.map(|(request, _)| request).collect();
        self.seen.lock().unwrap().push(SecondLook { step: step.to_owned(), changes });
    }
}

/// What a failing step gives as its reason.
pub(crate) const REASON: &str = "the test wants it so";

/// See the module.
pub(crate) struct WatchedCatalogue {
    pub(crate) steps: Arc<StepCatalogue>,
    pub(crate) looks: Looks,
}

#[async_trait]
impl Catalogue for WatchedCatalogue {
    fn check(&self, step: &StepSpec) -> Result<(), String> {
        self.steps.check(step)
    }

    async fn look(&self, uses: &str, cx: &mut StepCx<'_>) -> StepResult {
        match &self.looks {
            Looks::Plain => self.steps.look(uses, cx).await,
            Looks::Twice(second) => {
                let first = self.steps.look(uses, cx).await;
                if matches!(first, Err(StepError::LeaseLost)) {
                    return first;
                }
                let before = second.count();
                let again = self.steps.look(uses, cx).await;
                second.record(uses, &before);
                again
            }
            Looks::Failing(at) if cx.at() == *at => Err(StepError::Problem {
                class: ErrorClass::Configuration,
                reason: REASON.to_owned(),
                evidence: Value::Null,
            }),
            Looks::Failing(_) => self.steps.look(uses, cx).await,
        }
    }
}
