//! Parts that a server can do without.

use std::io;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Serves a part until `stop`. When it fails, what is then the case is logged, and the server goes on without it.
pub(crate) async fn serve(
    without_it: &'static str,
    stop: CancellationToken,
    part: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    if let Err(error) = part.await {
        warn!(%error, "{without_it}: {error}");
        stop.cancelled().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::Poll;

    #[tokio::test]
    async fn part_that_fails_ends_only_with_the_server() {
        let stop = CancellationToken::new();
        let mut served = pin!(serve("It is not there", stop.clone(), async { Err(io::ErrorKind::NetworkDown.into()) }));
        std::future::poll_fn(|context| {
            assert!(served.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        stop.cancel();
        served.await.unwrap();
    }
}
