//! The installed system's word that it is up, said once.

use crate::clock::{Backoff, Clock};
use crate::host::Host;
use crate::journal::Journal;
use crate::server::{CallError, accepted, base_of, http_client, post};
use std::fs::{self, File};
use std::io;
use std::time::Duration;
use types::agent::{CALL_HOME_PATH, CallHome, CallHomeConfig};
use types::chain;
use uuid::Uuid;

/// The unit that runs this program in the installed system.
pub const UNIT: &str = "slipway-call-home.service";
/// Where systemd finds units that an administrator added.
pub const UNIT_PATH: &str = "/etc/systemd/system/slipway-call-home.service";
/// What makes it start.
pub const UNIT_LINK: &str = "/etc/systemd/system/multi-user.target.wants/slipway-call-home.service";

const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// An installed system has other work to do than to ask for a server that is away for the weekend.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Why a system cannot call home.
#[derive(Debug, thiserror::Error)]
pub enum CallHomeError {
    /// The configuration cannot be read.
    #[error("reading {CALL_HOME_PATH}")]
    Read(#[source] io::Error),
    /// The configuration is not one.
    #[error("understanding {CALL_HOME_PATH}")]
    Parse(#[source] serde_json::Error),
    /// It called, and cannot take itself away.
    #[error("removing {path}")]
    Remove {
        /// What.
        path: &'static str,
        /// The kernel's word.
        source: io::Error,
    },
}

/// Calls until the server answers, yes or no, then removes the token and the unit's link. Without a token there is nothing to
/// say: it was said before.
///
/// # Errors
/// When the configuration is broken or cannot be removed.
pub fn call_home(host: &Host, clock: &dyn Clock, journal: &Journal) -> Result<(), CallHomeError> {
    let text = match fs::read(host.path(CALL_HOME_PATH)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return remove(host, UNIT_LINK),
        Err(error) => return Err(CallHomeError::Read(error)),
    };
    let config: CallHomeConfig = serde_json::from_slice(&text).map_err(CallHomeError::Parse)?;
    let message = CallHome {
        boot_id: host.boot_id().unwrap_or_else(Uuid::new_v4),
        hostname: host.text("proc/sys/kernel/hostname").unwrap_or_default(),
    };
    call(&config, &message, clock, journal);
    // The unit does not start without the token, so that a crash between the two leaves nothing that runs.
    remove(host, CALL_HOME_PATH)?;
    remove(host, UNIT_LINK)
}

fn call(config: &CallHomeConfig, message: &CallHome, clock: &dyn Clock, journal: &Journal) {
    let http = http_client();
    let url = format!("{}/agent/v1/call-home", base_of(&config.server));
    let body = serde_json::to_vec(message).expect("a message of two texts serialises");
    let mut backoff = Backoff::new(message.boot_id.as_u64_pair().1, MAX_PAUSE);
    loop {
        let request = post(&config.token, &url, body.clone());
        let request = http.configure_request(request).timeout_global(Some(CALL_TIMEOUT)).build();
        match http.run(request).map_err(CallError::from).and_then(accepted) {
            Ok(_) => return journal.info("the server knows that this system is up"),
            // None of these ever becomes a yes: the token is spent, void, or another's.
            Err(error @ CallError::Status { status: 401 | 403 | 404 | 410, .. }) => {
                return journal.warn(&format!("the server does not wait for this system: {}", chain(&error)));
            }
            Err(error) => journal.info(&format!("calling home, will try again: {}", chain(&error))),
        }
        clock.pause(backoff.next_pause());
    }
}

/// Gone for good when it returns: a power cut must not bring a token back.
fn remove(host: &Host, path: &'static str) -> Result<(), CallHomeError> {
    let path_here = host.path(path);
    let removed = match fs::remove_file(&path_here) {
        Ok(()) => path_here.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(|source| CallHomeError::Remove { path, source })
}
