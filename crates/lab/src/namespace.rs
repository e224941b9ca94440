//! A network of one's own: a process starts itself again in a new namespace, where it may do with interfaces and
//! low ports as it likes, and from where no packet gets out.
//!
//! The namespace lives as long as its processes. An unprivileged user gets one inside a user namespace; where
//! user namespaces are forbidden, root still gets one without.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// With a user namespace, in which the caller is root.
const UNPRIVILEGED: [&str; 3] = ["--user", "--map-root-user", "--net"];
/// Without; the caller must be root.
const PRIVILEGED: [&str; 1] = ["--net"];

/// Neither kind of namespace is allowed.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// `unshare` is missing.
    #[error("running unshare, which the package util-linux has")]
    Missing(#[source] io::Error),
    /// There may be a namespace, but no tap in it.
    #[error(
        "a network namespace is allowed, but no tap in it, because /dev/net/tun cannot be opened: {found}. Be root, or let everybody open it, as udev does: sudo chmod 0666 /dev/net/tun"
    )]
    NoTap {
        /// What opening it gave.
        found: String,
    },
    /// The kernel refuses.
    #[error(
        "the kernel allows no network namespace: be root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    )]
    Forbidden,
}

/// A call of `program` in a new network namespace.
pub fn command_in_own_network(program: &Path) -> Result<Command, NamespaceError> {
    let options: &[&str] = if allows(&UNPRIVILEGED)? {
        &UNPRIVILEGED
    } else if allows(&PRIVILEGED)? {
        &PRIVILEGED
    } else {
        return Err(why_not()?);
    };
    let mut command = Command::new("unshare");
    command.args(options).arg("--").arg(program);
    Ok(command)
}

/// Whether a process may be started so. A tap is what the rack needs most, so one is tried.
fn allows(options: &[&str]) -> Result<bool, NamespaceError> {
    succeeds(options, &["ip", "tuntap", "add", "probe", "mode", "tap"])
}

fn why_not() -> Result<NamespaceError, NamespaceError> {
    if !succeeds(&UNPRIVILEGED, &["true"])? && !succeeds(&PRIVILEGED, &["true"])? {
        return Ok(NamespaceError::Forbidden);
    }
    let opened = File::options().read(true).write(true).open("/dev/net/tun");
    Ok(NamespaceError::NoTap { found: opened.err().map_or_else(|| "it can".to_owned(), |error| error.to_string()) })
}

fn succeeds(options: &[&str], probe: &[&str]) -> Result<bool, NamespaceError> {
    let mut command = Command::new("unshare");
    command.args(options).arg("--").args(probe).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().map(|status| status.success()).map_err(NamespaceError::Missing)
}
