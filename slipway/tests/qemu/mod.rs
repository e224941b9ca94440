//! What tests with QEMU machines have in common.

#![allow(dead_code, unused_imports, clippy::allow_attributes, reason = "each test file uses its part")]

mod rig;

pub(crate) use rig::eventually;

use lab::namespace::command_in_own_network;
use std::path::{Path, PathBuf};

/// Says to the second self that it is inside a network of its own, and where it may write.
const INSIDE: &str = "SLIPWAY_TEST_INSIDE";

/// Runs `test` again in a network of its own, and `scene` there.
pub(crate) fn in_own_network(test: &str, scene: impl AsyncFnOnce(PathBuf)) {
    if let Some(folder) = std::env::var_os(INSIDE) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        rustls::crypto::ring::default_provider().install_default().ok();
        return runtime.block_on(scene(folder.into()));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = command_in_own_network(&std::env::current_exe().unwrap()).unwrap();
    command.args([test, "--exact", "--nocapture"]).env(INSIDE, folder.path());
    let outcome = command.output().unwrap();
    if !outcome.status.success() {
        let kept = folder.keep();
        let written = [outcome.stdout, outcome.stderr].concat();
        panic!("{}\nThe logs are in {}", String::from_utf8_lossy(&written), kept.display());
    }
}

/// The folder of something that `cargo xtask test` builds first.
pub(crate) fn built(folder: &str, file: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_slipway")).ancestors().nth(2).unwrap();
    let folder = target.join(folder);
    assert!(folder.join(file).exists(), "{} is not built: run cargo xtask test", folder.join(file).display());
    folder
}
