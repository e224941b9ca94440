//! Says, again and again, that this server is there: time without a server does not count against runs.

use std::io;
use std::sync::Arc;
use store::{ATTEND_EVERY, Store};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use types::Timestamp;
use workflow::ports::Clock;

/// Keeps the record until `stop`, and a last time then.
pub(crate) async fn attend(store: Store, clock: Arc<dyn Clock>, stop: CancellationToken) -> io::Result<()> {
    loop {
        if let Err(error) = store.attend().await {
            warn!(%error, "the server's attendance cannot be put on record; trying again");
        }
        if stop.is_cancelled() {
            return Ok(());
        }
        let next = clock.now().checked_add(ATTEND_EVERY).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = stop.cancelled() => {}
            () = clock.sleep_until(next) => {}
        }
    }
}
