//! Waiting for what nobody announces.

use std::time::Duration;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What `look` finds, when it finds something within `limit`. Otherwise the test ends with what `state` says.
pub(crate) async fn eventually<T>(
    limit: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
    state: impl Fn() -> String,
) -> T {
    let looking = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    };
    tokio::time::timeout(limit, looking).await.unwrap_or_else(|_| panic!("{}", state()))
}
