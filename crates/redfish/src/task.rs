//! Tasks: work that a BMC promised with a 202.

use crate::answer::message_ids;
use crate::error::{RequestError, TaskError};
use crate::service::Service;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

impl Service {
    /// Follows the task or task monitor at `path` to its end, for at most `budget`.
    ///
    /// A monitor answers 202 while the work goes on; a task resource answers 200 and has a state. Both are
    /// what BMCs put into `Location`.
    pub async fn await_task(&self, path: &str, budget: Duration) -> Result<(), TaskError> {
        let deadline = Instant::now() + budget;
        loop {
            let answer = match self.look(path).await {
                Ok(answer) => answer,
                Err(RequestError::Refused { status: 404 | 410, .. }) => {
                    return Err(TaskError::Vanished { path: path.to_owned() });
                }
                Err(error) => return Err(error.into()),
            };
            let body = answer.body.unwrap_or_default();
            let state = match progress(answer.status, &body) {
                Progress::Completed => return Ok(()),
                Progress::Failed(state) => {
                    let messages = message_ids(&body["Messages"]);
                    return Err(TaskError::Failed { path: path.to_owned(), state, messages });
                }
                Progress::Running(state) => state,
            };
            let wait = answer.retry_after.unwrap_or(self.options().task_poll).min(self.options().max_backoff);
            if Instant::now() + wait >= deadline {
                return Err(TaskError::Unfinished { path: path.to_owned(), state });
            }
            tokio::time::sleep(wait).await;
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Running(String),
    Completed,
    Failed(String),
}

fn progress(status: u16, body: &Value) -> Progress {
    match body["TaskState"].as_str() {
        Some("Completed") if body["TaskStatus"] == "Critical" => Progress::Failed("Completed".to_owned()),
        Some("Completed") => Progress::Completed,
        Some(state @ ("Exception" | "Killed" | "Cancelled")) => Progress::Failed(state.to_owned()),
        Some(state) => Progress::Running(state.chars().take(40).collect()),
        None if status == 202 => Progress::Running("Running".to_owned()),
        None => Progress::Completed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_monitor_is_done_when_it_stops_answering_202() {
        assert_eq!(progress(202, &Value::Null), Progress::Running("Running".into()));
        assert_eq!(progress(204, &Value::Null), Progress::Completed);
        assert_eq!(progress(200, &json!({"Id": "1"})), Progress::Completed);
    }

    #[test]
    fn a_task_resource_is_done_when_its_state_says_so() {
        assert_eq!(progress(200, &json!({"TaskState": "Running"})), Progress::Running("Running".into()));
        assert_eq!(progress(200, &json!({"TaskState": "Completed", "TaskStatus": "OK"})), Progress::Completed);
        assert_eq!(progress(200, &json!({"TaskState": "Exception"})), Progress::Failed("Exception".into()));
        let failed_end = json!({"TaskState": "Completed", "TaskStatus": "Critical"});
        assert_eq!(progress(200, &failed_end), Progress::Failed("Completed".into()));
    }
}
