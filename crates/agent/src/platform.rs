//! Puts names, users and files into the installed system, from outside.
//!
//! Nothing of the image is run and the image is not entered: its files are edited as files, and paths are resolved
//! within its root by the kernel. Each thing is compared first and left alone when it is as wanted.

mod accounts;
mod mount;
mod names;
mod tree;

use crate::call_home::{UNIT, UNIT_LINK, UNIT_PATH};
use crate::host::Host;
use crate::task::{Done, Stop, TaskContext};
use accounts::{AccountError, Accounts, User};
use mount::MountError;
use serde_json::json;
use std::fs;
use std::io;
use std::path::Path;
use tree::{Attributes, ROOT, RootTree, TreeError};
use types::agent::{CALL_HOME_PATH, CallHomeConfig, FileContent, PlatformSetup, UserAccount};
use types::chain;
use types::{ErrorClass, How};

/// Where the agent lives in an installed system.
pub const PROGRAM_PATH: &str = "/usr/lib/slipway/slipway-agent";

/// Runs the agent once the network is there; it goes on trying by itself. The condition keeps a system that has
/// called from calling again.
const UNIT_TEXT: &str = "\
[Unit]
Description=Tell Slipway that this system is up
ConditionPathExists=/etc/slipway/call-home.json
Wants=network-online.target
After=network.target

[Service]
ExecStart=/usr/lib/slipway/slipway-agent call-home
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
";

/// Why a system is not set up.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// The setup asks for something that cannot be.
    #[error("the setup is wrong: {what} {reason}")]
    Setup {
        /// Which part.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A user cannot be made so.
    #[error("setting up user {name}")]
    Account {
        /// Which user.
        name: String,
        /// Why not.
        source: AccountError,
    },
    /// The system's files could not be read or written.
    #[error("changing the installed system")]
    Tree(#[from] TreeError),
    /// The system's disk could not be mounted.
    #[error("mounting the installed system")]
    Mount(#[from] MountError),
    /// This program cannot be read.
    #[error("reading the agent's own program")]
    Program(#[source] io::Error),
}

impl ConfigureError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Setup { .. } | Self::Account { .. } => ErrorClass::Configuration,
            Self::Mount(error) => error.class(),
            Self::Tree(_) | Self::Program(_) => ErrorClass::Hardware,
        }
    }
}

/// Sets up the system on a disk of the machine. `program` is the agent's own file.
///
/// # Errors
/// When the system is not as `setup` says.
pub fn configure(host: &Host, setup: &PlatformSetup, program: &Path, context: &TaskContext<'_>) -> Result<Done, Stop> {
    context.progress(0, 1, "systems", "setting up the installed system")?;
    let applied = mount::with_root(host, &setup.disk, |root, partition| {
        context.journal.info(&format!("setting up the system on {partition}"));
        Ok((apply(&RootTree::open(root)?, setup, program)?, partition.to_owned()))
    });
    let (changes, partition) = applied.map_err(|error| Stop::failed(error.class(), chain(&error)))?;
    let how = if changes.is_empty() { How::AlreadySo } else { How::Changed };
    Ok(Done { how, outputs: json!({ "partition": partition, "changed": changes }) })
}

/// Makes the system below `root` as `setup` says. Gives the paths that were changed.
///
/// # Errors
/// When the setup is wrong, which is found before anything is changed, or a file cannot be.
pub fn apply(root: &RootTree, setup: &PlatformSetup, program: &Path) -> Result<Vec<String>, ConfigureError> {
    names::check(setup)?;
    let mut changes = Changes::default();
    set_hostname(root, &setup.hostname, &mut changes)?;
    set_users(root, &setup.users, &mut changes)?;
    for FileContent { path, content, mode } in &setup.files {
        let attributes = Attributes { mode: names::mode(mode)?, ..ROOT };
        changes.note(path, root.ensure_file(path, content.as_bytes(), attributes)?);
    }
    if let Some(config) = &setup.call_home {
        set_call_home(root, config, program, &mut changes)?;
    }
    Ok(changes.0)
}

#[derive(Default)]
struct Changes(Vec<String>);

impl Changes {
    fn note(&mut self, path: &str, changed: bool) {
        if changed {
            self.0.push(path.to_owned());
        }
    }
}

fn set_hostname(root: &RootTree, hostname: &str, changes: &mut Changes) -> Result<(), ConfigureError> {
    let short = hostname.split('.').next().unwrap_or(hostname);
    let hosts = root.read_text("/etc/hosts")?.unwrap_or_else(|| "127.0.0.1 localhost\n::1 localhost\n".to_owned());
    let name = format!("{short}\n");
    changes.note("/etc/hostname", root.ensure_file("/etc/hostname", name.as_bytes(), ROOT)?);
    let hosts = names::hosts(&hosts, hostname);
    changes.note("/etc/hosts", root.ensure_file("/etc/hosts", hosts.as_bytes(), ROOT)?);
    Ok(())
}

fn set_users(root: &RootTree, users: &[UserAccount], changes: &mut Changes) -> Result<(), ConfigureError> {
    if users.is_empty() {
        return Ok(());
    }
    let mut accounts = Accounts {
        passwd: root.read_text("/etc/passwd")?.unwrap_or_default(),
        group: root.read_text("/etc/group")?.unwrap_or_default(),
        shadow: root.read_text("/etc/shadow")?.unwrap_or_default(),
        gshadow: root.read_text("/etc/gshadow")?,
    };
    let mut made = Vec::new();
    for account in users {
        let user = accounts.ensure_user(&account.name, &account.shell);
        let user = user.map_err(|source| ConfigureError::Account { name: account.name.clone(), source })?;
        made.push((account, user));
    }
    write_accounts(root, &accounts, changes)?;
    for (account, user) in made {
        set_home(root, account, &user, changes)?;
        set_sudo(root, account, changes)?;
    }
    Ok(())
}

/// Groups before users and shadows before what they shadow: a system that finds half of it still logs in.
fn write_accounts(root: &RootTree, accounts: &Accounts, changes: &mut Changes) -> Result<(), ConfigureError> {
    let mut write = |path: &str, text: &str, attributes: Attributes| -> Result<(), ConfigureError> {
        // Distributions differ in who may read the shadow files; what they chose is kept.
        let attributes = root.attributes(path)?.unwrap_or(attributes);
        changes.note(path, root.ensure_file(path, text.as_bytes(), attributes)?);
        Ok(())
    };
    if let Some(gshadow) = &accounts.gshadow {
        write("/etc/gshadow", gshadow, Attributes { mode: 0o600, ..ROOT })?;
    }
    write("/etc/group", &accounts.group, ROOT)?;
    write("/etc/shadow", &accounts.shadow, Attributes { mode: 0o600, ..ROOT })?;
    write("/etc/passwd", &accounts.passwd, ROOT)
}

fn set_home(root: &RootTree, account: &UserAccount, user: &User, changes: &mut Changes) -> Result<(), ConfigureError> {
    let own = |mode| Attributes { mode, uid: user.uid, gid: user.gid };
    let (ssh, keys) = (format!("{}/.ssh", user.home), format!("{}/.ssh/authorized_keys", user.home));
    if root.attributes(&user.home)?.is_none() {
        changes.note(&user.home, root.ensure_directory(&user.home, own(0o750))?);
    }
    if account.ssh_authorized_keys.is_empty() {
        changes.note(&keys, root.remove(&keys)?);
        return Ok(());
    }
    let text: String = account.ssh_authorized_keys.iter().map(|key| format!("{}\n", key.trim())).collect();
    changes.note(&ssh, root.ensure_directory(&ssh, own(0o700))?);
    changes.note(&keys, root.ensure_file(&keys, text.as_bytes(), own(0o600))?);
    Ok(())
}

/// Root needs no permission to become root.
fn set_sudo(root: &RootTree, account: &UserAccount, changes: &mut Changes) -> Result<(), ConfigureError> {
    let path = format!("/etc/sudoers.d/slipway-{}", account.name);
    let changed = if account.sudo && account.name != "root" {
        let text = format!("{} ALL=(ALL:ALL) NOPASSWD:ALL\n", account.name);
        root.ensure_file(&path, text.as_bytes(), Attributes { mode: 0o440, ..ROOT })?
    } else {
        root.remove(&path)?
    };
    changes.note(&path, changed);
    Ok(())
}

/// The link that starts the caller comes last.
fn set_call_home(
    root: &RootTree,
    config: &CallHomeConfig,
    program: &Path,
    changes: &mut Changes,
) -> Result<(), ConfigureError> {
    let program = fs::read(program).map_err(ConfigureError::Program)?;
    let config = serde_json::to_vec(config).expect("an address and a token serialise");
    let secret = Attributes { mode: 0o600, ..ROOT };
    let executable = Attributes { mode: 0o755, ..ROOT };
    changes.note(PROGRAM_PATH, root.ensure_file(PROGRAM_PATH, &program, executable)?);
    changes.note(CALL_HOME_PATH, root.ensure_file(CALL_HOME_PATH, &config, secret)?);
    changes.note(UNIT_PATH, root.ensure_file(UNIT_PATH, UNIT_TEXT.as_bytes(), ROOT)?);
    changes.note(UNIT_LINK, root.ensure_link(UNIT_LINK, &format!("../{UNIT}"))?);
    Ok(())
}

#[cfg(test)]
mod tests;
