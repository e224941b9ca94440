//! What the BMC remembers.

use super::bios;
use super::simulator::Firmware;
use std::path::PathBuf;
use std::time::Instant;
use types::{Params, Secret};

/// Everything, behind one lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) boot: BootSetting,
    /// A boot override that does not show yet, and how many looks that takes.
    pub(super) late_boot: Option<(BootSetting, u32)>,
    /// The power state that still shows, and for how many looks.
    pub(super) stale_power: Option<(bool, u32)>,
    pub(super) last_reset: Option<String>,
    pub(super) bios: Params,
    pub(super) pending: Params,
    pub(super) slots: Vec<Slot>,
    pub(super) accounts: Vec<Account>,
    pub(super) sessions: Vec<Session>,
    pub(super) tasks: Vec<Task>,
    next_id: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BootSetting {
    pub(super) enabled: String,
    pub(super) target: String,
    pub(super) mode: String,
}

/// A virtual drive.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) url: Option<String>,
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) password: Secret,
    pub(super) role: String,
    pub(super) enabled: bool,
    pub(super) password_change_required: bool,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) token: Secret,
    pub(super) account: String,
    pub(super) used: Instant,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) looks_left: u32,
    pub(super) work: Option<Work>,
}

/// What a task does at its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Work {
    Reset(String),
    Bios(Params),
}

impl State {
    pub(super) fn new(username: String, password: Secret, firmware: Firmware) -> Self {
        let administrator = Account {
            id: "1".to_owned(),
            username,
            password,
            role: "Administrator".to_owned(),
            enabled: true,
            password_change_required: false,
        };
        Self {
            boot: BootSetting {
                enabled: "Disabled".to_owned(),
                target: "None".to_owned(),
                mode: firmware.boot_mode().to_owned(),
            },
            late_boot: None,
            stale_power: None,
            last_reset: None,
            bios: bios::defaults(firmware),
            pending: Params::new(),
            slots: vec![Slot::default(), Slot::default()],
            accounts: vec![administrator],
            sessions: Vec::new(),
            tasks: Vec::new(),
            next_id: 1,
        }
    }

    /// An id that was not used before.
    pub(super) fn new_id(&mut self) -> String {
        self.next_id += 1;
        self.next_id.to_string()
    }

    pub(super) fn account(&self, username: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.username == username)
    }
}
