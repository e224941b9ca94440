//! A test in a network of its own: it runs itself again there.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

use crate::namespace::command_in_own_network;
use std::path::{Path, PathBuf};

/// Says to the second self that it is inside a network of its own, and where it may write.
const INSIDE: &str = "SLIPWAY_TEST_INSIDE";

/// Runs `test` again in a network of its own, and `scene` there, with a folder that stays when it fails.
///
/// # Panics
/// When the test fails in there, with all that it wrote and the folder's `server.log`.
pub fn in_own_network(test: &str, scene: impl AsyncFnOnce(PathBuf)) {
    if let Some(folder) = std::env::var_os(INSIDE) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        rustls::crypto::ring::default_provider().install_default().ok();
        return runtime.block_on(scene(folder.into()));
    }
    let folder = tempfile::tempdir().unwrap();
    let (succeeded, written) = run_again(test, folder.path());
    if !succeeded {
        let log = std::fs::read_to_string(folder.path().join("server.log")).unwrap_or_default();
        panic!("{written}\nThe server's log:\n{log}\nIts files are in {}", folder.keep().display());
    }
    assert!(written.contains("1 passed"), "{test} was not found:\n{written}");
}

/// Whether it passed, and what it wrote.
fn run_again(test: &str, folder: &Path) -> (bool, String) {
    let mut command = command_in_own_network(&std::env::current_exe().unwrap()).unwrap();
    command.args([test, "--exact", "--nocapture"]).env(INSIDE, folder);
    let outcome = command.output().unwrap();
    let written = [outcome.stdout, outcome.stderr].concat();
    (outcome.status.success(), String::from_utf8_lossy(&written).into_owned())
}
