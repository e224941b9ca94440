//! Editing of passwd, group, shadow and gshadow (passwd(5), group(5), shadow(5), gshadow(5)): text in, text out.
//!
//! Lines that have nothing to do with a wanted user stay byte for byte.

use std::collections::BTreeSet;

/// login.defs of every distribution we install: people's accounts begin here,
const FIRST_UID: u32 = 1000;
/// and end here.
const LAST_UID: u32 = 59_999;

/// The four files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accounts {
    pub(super) passwd: String,
    pub(super) group: String,
    pub(super) shadow: String,
    /// Absent where the distribution does without.
    pub(super) gshadow: Option<String>,
}

/// A user as the files have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
}

/// Why a user cannot be made so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The name belongs to a service of the system.
    #[error("the name belongs to a system account with uid {0}")]
    SystemAccount(u32),
    /// The user's line in passwd cannot be understood.
    #[error("its line in /etc/passwd is damaged")]
    Damaged,
    /// All numbers are taken.
    #[error("no free number from {FIRST_UID} to {LAST_UID}")]
    NoFreeId,
}

impl Accounts {
    /// Makes sure that there is a user `name` with this login shell. An existing one keeps its numbers, home and
    /// password; a new one has no password that fits.
    pub(super) fn ensure_user(&mut self, name: &str, shell: &str) -> Result<User, AccountError> {
        match line_of(&self.passwd, name) {
            Some(line) => {
                let user = parse(line)?;
                if user.uid != 0 && !(FIRST_UID..=LAST_UID).contains(&user.uid) {
                    return Err(AccountError::SystemAccount(user.uid));
                }
                self.passwd = with_shell(&self.passwd, name, shell);
                Ok(user)
            }
            None => self.add_user(name, shell),
        }
    }

    fn add_user(&mut self, name: &str, shell: &str) -> Result<User, AccountError> {
        let (uids, gids) = (ids(&self.passwd), ids(&self.group));
        let own_group = line_of(&self.group, name).and_then(|line| line.split(':').nth(2)?.parse().ok());
        let uid = free_id(|id| !uids.contains(&id) && (own_group.is_some() || !gids.contains(&id)))?;
        let gid = own_group.unwrap_or(uid);
        let home = format!("/home/{name}");
        if own_group.is_none() {
            append(&mut self.group, &format!("{name}:x:{gid}:"));
        }
        if let Some(gshadow) = self.gshadow.as_mut().filter(|gshadow| line_of(gshadow, name).is_none()) {
            append(gshadow, &format!("{name}:!::"));
        }
        if line_of(&self.shadow, name).is_none() {
            // "*" fits no password; "!" would also keep sshd from taking keys where it does without PAM (sshd(8)).
            append(&mut self.shadow, &format!("{name}:*::0:99999:7:::"));
        }
        append(&mut self.passwd, &format!("{name}:x:{uid}:{gid}::{home}:{shell}"));
        Ok(User { uid, gid, home })
    }
}

fn line_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find(|line| line.split(':').next() == Some(name))
}

fn parse(line: &str) -> Result<User, AccountError> {
    let fields: Vec<&str> = line.split(':').collect();
    let [_, _, uid, gid, _, home, _] = fields[..] else { return Err(AccountError::Damaged) };
    match (uid.parse(), gid.parse()) {
        (Ok(uid), Ok(gid)) if home.starts_with('/') => {
            Ok(User { uid, gid, home: home.trim_end_matches('/').to_owned() })
        }
        _ => Err(AccountError::Damaged),
    }
}

fn with_shell(passwd: &str, name: &str, shell: &str) -> String {
    let line = |line: &str| match line.rsplit_once(':') {
        Some((rest, _)) if line.split(':').next() == Some(name) => format!("{rest}:{shell}\n"),
        _ => format!("{line}\n"),
    };
    passwd.lines().map(line).collect()
}

/// All numbers in the third field, which both passwd and group use for their own.
fn ids(text: &str) -> BTreeSet<u32> {
    text.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect()
}

fn free_id(is_free: impl Fn(u32) -> bool) -> Result<u32, AccountError> {
    (FIRST_UID..=LAST_UID).find(|id| is_free(*id)).ok_or(AccountError::NoFreeId)
}

fn append(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn debian() -> Accounts {
        Accounts {
            passwd: "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n".to_owned(),
            group: "root:x:0:\ndaemon:x:1:\nsudo:x:27:\nstaff:x:1000:\n".to_owned(),
            shadow: "root:*:19000:0:99999:7:::\n".to_owned(),
            gshadow: Some("root:*::\n".to_owned()),
        }
    }

    #[test]
    fn a_new_user_gets_the_first_number_that_is_free_for_user_and_group() {
        let mut accounts = debian();
        let user = accounts.ensure_user("admin", "/bin/bash").unwrap();
        assert_eq!(user, User { uid: 1001, gid: 1001, home: "/home/admin".to_owned() });
        assert!(accounts.passwd.ends_with("admin:x:1001:1001::/home/admin:/bin/bash\n"));
        assert!(accounts.group.ends_with("admin:x:1001:\n"));
        assert!(accounts.shadow.ends_with("admin:*::0:99999:7:::\n"));
        assert!(accounts.gshadow.unwrap().ends_with("admin:!::\n"));
    }

    #[test]
    fn a_second_run_changes_nothing() {
        let mut accounts = debian();
        let user = accounts.ensure_user("admin", "/bin/bash").unwrap();
        let before = accounts.clone();
        assert_eq!(accounts.ensure_user("admin", "/bin/bash"), Ok(user));
        assert_eq!(accounts, before);
    }

    #[test]
    fn an_existing_user_keeps_everything_but_the_shell() {
        let mut accounts = debian();
        accounts.passwd.push_str("ops:x:1500:1500:Ops:/srv/ops/:/bin/sh");
        let user = accounts.ensure_user("ops", "/bin/zsh").unwrap();
        assert_eq!(user, User { uid: 1500, gid: 1500, home: "/srv/ops".to_owned() });
        assert!(accounts.passwd.ends_with("ops:x:1500:1500:Ops:/srv/ops/:/bin/zsh\n"));
        assert_eq!(accounts.ensure_user("root", "/bin/bash").unwrap().home, "/root");
    }

    #[test]
    fn a_group_of_the_users_name_becomes_its_own() {
        let mut accounts = debian();
        let user = accounts.ensure_user("staff", "/bin/bash").unwrap();
        assert_eq!((user.uid, user.gid), (1000, 1000));
        assert_eq!(accounts.group, debian().group);
    }

    #[test]
    fn services_are_not_turned_into_people() {
        let mut accounts = debian();
        assert_eq!(accounts.ensure_user("daemon", "/bin/bash"), Err(AccountError::SystemAccount(1)));
        accounts.passwd.push_str("broken:x:abc\n");
        assert_eq!(accounts.ensure_user("broken", "/bin/bash"), Err(AccountError::Damaged));
    }
}
