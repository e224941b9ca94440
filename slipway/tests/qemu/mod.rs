//! What tests with QEMU machines have in common.

#![allow(dead_code, unused_imports, clippy::allow_attributes, reason = "each test file uses its part")]

mod rig;

pub(crate) use lab::own_network::in_own_network;
pub(crate) use rig::eventually;

use std::path::{Path, PathBuf};

/// The folder of something that `cargo xtask test` builds first.
pub(crate) fn built(folder: &str, file: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_slipway")).ancestors().nth(2).unwrap();
    let folder = target.join(folder);
    assert!(folder.join(file).exists(), "{} is not built: run cargo xtask test", folder.join(file).display());
    folder
}
