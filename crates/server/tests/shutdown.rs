//! What a server that is stopped leaves behind.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]

mod rig;

use rig::{Crash, Rig};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_is_stopped_ends_its_sessions_at_the_bmcs() {
    let mut rig = Rig::start(Crash::Never).await;
    rig.power_on().await;
    rig.ended().await;
    assert_eq!(rig.bmc().session_count(), 1, "a session is used again, not made again");
    tokio::task::block_in_place(|| rig.stop());
    assert_eq!(rig.bmc().session_count(), 0);
}
