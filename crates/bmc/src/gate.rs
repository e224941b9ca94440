//! What keeps a weak BMC from being overrun: few operations at once, a time for each, and rest after failures.

use crate::BmcError;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use types::ErrorClass;

/// The limits kept with one BMC.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Operations at once. Most BMCs serve one request after the other anyway.
    pub in_flight: usize,
    /// For one operation with all its requests, repeats and looks, and its wait for the ones before it.
    pub operation_budget: Duration,
    /// How long a change may take to show. A power state has been seen stale for 11 s, and a boot override
    /// 15 s, after the answer; doubled.
    pub settle: Duration,
    /// Between two looks.
    pub look_every: Duration,
    /// Failures to answer in a row after which a BMC is left alone.
    pub failures_before_rest: u32,
    /// The first rest; it doubles up to [`Limits::longest_rest`].
    pub first_rest: Duration,
    /// The longest rest.
    pub longest_rest: Duration,
    /// The limits of each request.
    pub requests: redfish::Options,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: 1,
            operation_budget: Duration::from_secs(180),
            settle: Duration::from_secs(30),
            look_every: Duration::from_secs(1),
            failures_before_rest: 5,
            first_rest: Duration::from_secs(10),
            longest_rest: Duration::from_secs(300),
            requests: redfish::Options::default(),
        }
    }
}

/// The way in to one BMC.
pub(crate) struct Gate {
    places: Semaphore,
    breaker: Mutex<Breaker>,
    budget: Duration,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            places: Semaphore::new(limits.in_flight.max(1)),
            breaker: Mutex::new(Breaker::new(limits)),
            budget: limits.operation_budget,
        }
    }

    /// Runs `work` when it is its turn, unless the BMC rests.
    pub(crate) async fn run<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, BmcError>> + Send,
    ) -> Result<T, BmcError> {
        let in_turn = async {
            let _place = self.places.acquire().await.expect("the semaphore is never closed");
            self.breaker().admit(Instant::now()).map_err(|retry_in| BmcError::Resting { retry_in })?;
            let result = work.await;
            self.breaker().record(result.as_ref().err(), Instant::now());
            result
        };
        match tokio::time::timeout(self.budget, in_turn).await {
            Ok(result) => result,
            Err(_) => {
                let error = BmcError::OutOfTime { operation, budget: self.budget };
                self.breaker().record(Some(&error), Instant::now());
                Err(error)
            }
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts failures to answer. Everything that was answered, also with an error, closes it again.
#[derive(Debug)]
struct Breaker {
    failures: u32,
    failures_before_rest: u32,
    first_rest: Duration,
    longest_rest: Duration,
    rest: Duration,
    resting_until: Option<Instant>,
}

impl Breaker {
    fn new(limits: &Limits) -> Self {
        Self {
            failures: 0,
            failures_before_rest: limits.failures_before_rest.max(1),
            first_rest: limits.first_rest,
            longest_rest: limits.longest_rest,
            rest: limits.first_rest,
            resting_until: None,
        }
    }

    /// Lets one operation in after each rest, to find out whether the BMC is back.
    fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        let Some(until) = self.resting_until else { return Ok(()) };
        if now < until {
            return Err(until - now);
        }
        self.resting_until = Some(now + self.rest);
        Ok(())
    }

    fn record(&mut self, error: Option<&BmcError>, now: Instant) {
        let unanswered = error.is_some_and(|error| {
            !matches!(error, BmcError::Resting { .. })
                && matches!(error.class(), ErrorClass::Network | ErrorClass::Timeout)
        });
        if !unanswered {
            *self = Self { failures: 0, rest: self.first_rest, resting_until: None, ..*self };
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.failures_before_rest {
            self.resting_until = Some(now + self.rest);
            self.rest = self.rest.saturating_mul(2).min(self.longest_rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unanswered() -> BmcError {
        BmcError::OutOfTime { operation: "reading the power state", budget: Duration::from_secs(1) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_bmc_is_left_alone_for_longer_and_longer() {
        let mut breaker = Breaker::new(&Limits { failures_before_rest: 2, ..Limits::default() });
        breaker.record(Some(&unanswered()), Instant::now());
        assert_eq!(breaker.admit(Instant::now()), Ok(()));
        breaker.record(Some(&unanswered()), Instant::now());
        assert_eq!(breaker.admit(Instant::now()), Err(Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(breaker.admit(Instant::now()), Ok(()));
        breaker.record(Some(&unanswered()), Instant::now());
        assert_eq!(breaker.admit(Instant::now()), Err(Duration::from_secs(20)));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_rest_only_one_operation_finds_out_whether_the_bmc_is_back() {
        let mut breaker = Breaker::new(&Limits { failures_before_rest: 1, ..Limits::default() });
        breaker.record(Some(&unanswered()), Instant::now());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(breaker.admit(Instant::now()), Ok(()));
        assert!(breaker.admit(Instant::now()).is_err());
        breaker.record(None, Instant::now());
        assert_eq!(breaker.admit(Instant::now()), Ok(()));
    }

    #[test]
    fn an_answer_that_is_an_error_is_an_answer() {
        let mut breaker = Breaker::new(&Limits { failures_before_rest: 1, ..Limits::default() });
        breaker.record(Some(&BmcError::NoVirtualCd), Instant::now());
        assert_eq!(breaker.admit(Instant::now()), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_hangs_ends_with_its_budget() {
        let gate = Gate::new(&Limits::default());
        let error = gate.run("hanging", std::future::pending::<Result<(), BmcError>>()).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Timeout);
        assert!(gate.run("the next one", async { Ok(()) }).await.is_ok());
    }
}
