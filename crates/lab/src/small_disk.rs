//! A small disk of a test's own, which it can fill: a tmpfs in a mount namespace.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

use nix::mount::{MsFlags, mount};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the process inside the namespace finds its disk.
const DISK: &str = "SLIPWAY_TEST_DISK";
/// The store's reserve, and as much again for the database and what the test fills.
const DISK_BYTES: &str = "size=72m";

/// Runs the test named `itself` again on a small disk of its own. Gives the disk in that second run only.
///
/// # Panics
/// When the test fails there.
pub fn on_a_small_disk(itself: &str) -> Option<PathBuf> {
    if let Some(disk) = std::env::var_os(DISK) {
        mount(Some("tmpfs"), Path::new(&disk), Some("tmpfs"), MsFlags::empty(), Some(DISK_BYTES)).unwrap();
        return Some(disk.into());
    }
    let disk = tempfile::tempdir().unwrap();
    let run = |options: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(options).arg("--").arg(std::env::current_exe().unwrap());
        unshare.args(["--exact", itself, "--nocapture"]).env(DISK, disk.path()).env("TMPDIR", disk.path());
        unshare.status().unwrap().success()
    };
    let allowed = |options: &[&str]| Command::new("unshare").args(options).arg("true").status().unwrap().success();
    let user: &[&str] = &["--user", "--map-root-user", "--mount"];
    assert!(run(if allowed(user) { user } else { &["--mount"] }), "see above");
    None
}

/// Takes all the room that the disk has left.
///
/// # Panics
/// When the file cannot be written for another reason.
pub fn fill(file: &Path) {
    let mut file = File::options().create(true).append(true).open(file).unwrap();
    let piece = vec![0; 1 << 20];
    let mut length = piece.len();
    while length > 0 {
        match file.write(&piece[..length]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => length /= 2,
            Err(error) => panic!("{error}"),
        }
    }
}
