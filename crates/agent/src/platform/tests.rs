//! The installed system is brought to its shape: twice without harm, and never led out of its root.

use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use types::Secret;

struct System {
    dir: tempfile::TempDir,
    program: tempfile::NamedTempFile,
}

impl System {
    fn debian() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let system = Self { dir, program: tempfile::NamedTempFile::new().unwrap() };
        fs::write(system.program.path(), "the agent").unwrap();
        for folder in ["etc", "home", "root", "usr/lib", "run"] {
            fs::create_dir_all(system.path(folder)).unwrap();
        }
        fs::write(system.path("etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n").unwrap();
        fs::write(system.path("etc/group"), "root:x:0:\n").unwrap();
        fs::write(system.path("etc/shadow"), "root:*:19000:0:99999:7:::\n").unwrap();
        fs::set_permissions(system.path("etc/shadow"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(system.path("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
        system
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.dir.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o7777
    }

    fn apply(&self, setup: &PlatformSetup) -> Result<Vec<String>, ConfigureError> {
        apply(&RootTree::open(self.dir.path()).unwrap(), setup, self.program.path())
    }
}

fn file(path: &str, content: &str, mode: &str) -> FileContent {
    FileContent { path: path.to_owned(), content: content.to_owned(), mode: mode.to_owned() }
}

fn setup() -> PlatformSetup {
    PlatformSetup {
        hostname: "m1.example.org".to_owned(),
        users: vec![UserAccount {
            name: "admin".to_owned(),
            ssh_authorized_keys: vec!["ssh-ed25519 AAAA me@here".to_owned()],
            sudo: true,
            shell: "/bin/bash".to_owned(),
        }],
        files: vec![file("/etc/app/conf.d/a.conf", "a = 1\n", "0640")],
        call_home: Some(CallHomeConfig {
            server: "http://10.77.0.1:8080".parse().unwrap(),
            token: Secret::new("t0ken"),
        }),
        ..PlatformSetup::default()
    }
}

#[test]
fn a_system_gets_its_name_users_files_and_caller() {
    let system = System::debian();
    system.apply(&setup()).unwrap();
    assert_eq!(system.text("etc/hostname"), "m1\n");
    assert_eq!(system.text("etc/hosts"), "127.0.0.1 localhost\n127.0.1.1 m1.example.org m1\n");
    assert!(system.text("etc/passwd").contains("admin:x:1000:1000::/home/admin:/bin/bash\n"));
    assert_eq!(system.text("home/admin/.ssh/authorized_keys"), "ssh-ed25519 AAAA me@here\n");
    assert_eq!((system.mode("home/admin/.ssh"), system.mode("home/admin/.ssh/authorized_keys")), (0o700, 0o600));
    assert_eq!(system.text("etc/sudoers.d/slipway-admin"), "admin ALL=(ALL:ALL) NOPASSWD:ALL\n");
    assert_eq!(system.mode("etc/sudoers.d/slipway-admin"), 0o440);
    assert_eq!(
        (system.text("etc/app/conf.d/a.conf"), system.mode("etc/app/conf.d/a.conf")),
        ("a = 1\n".to_owned(), 0o640)
    );
    assert_eq!((system.mode("etc/shadow"), system.mode("etc/passwd")), (0o640, 0o644));
    assert!(system.text("etc/slipway/call-home.json").contains("t0ken"));
    assert_eq!(system.mode("etc/slipway/call-home.json"), 0o600);
    assert_eq!(
        (system.text("usr/lib/slipway/slipway-agent"), system.mode("usr/lib/slipway/slipway-agent")),
        ("the agent".to_owned(), 0o755)
    );
    let unit = fs::read_to_string(system.path(UNIT_LINK.trim_start_matches('/'))).unwrap();
    assert!(unit.contains(&format!("ExecStart={PROGRAM_PATH} call-home")));
    if rustix::process::geteuid().is_root() {
        let owner = |path: &str| fs::metadata(system.path(path)).unwrap().uid();
        assert_eq!(
            (owner("home/admin"), owner("home/admin/.ssh/authorized_keys"), owner("etc/passwd")),
            (1000, 1000, 0)
        );
    }
}

#[test]
fn a_second_run_changes_nothing() {
    let system = System::debian();
    assert_eq!(system.apply(&setup()).unwrap().len(), 14);
    assert_eq!(system.apply(&setup()).unwrap(), Vec::<String>::new());
}

#[test]
fn what_was_changed_since_is_put_right_and_named() {
    let system = System::debian();
    system.apply(&setup()).unwrap();
    fs::write(system.path("etc/hostname"), "localhost\n").unwrap();
    fs::set_permissions(system.path("etc/slipway/call-home.json"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(system.apply(&setup()).unwrap(), ["/etc/hostname", CALL_HOME_PATH]);
}

#[test]
fn a_user_loses_keys_and_rights_that_are_no_longer_wanted() {
    let system = System::debian();
    system.apply(&setup()).unwrap();
    let mut less = setup();
    less.users[0].sudo = false;
    less.users[0].ssh_authorized_keys.clear();
    system.apply(&less).unwrap();
    assert!(!system.path("etc/sudoers.d/slipway-admin").exists());
    assert!(!system.path("home/admin/.ssh/authorized_keys").exists());
}

#[test]
fn links_in_the_image_do_not_lead_out_of_it() {
    let system = System::debian();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "untouched").unwrap();
    fs::remove_dir(system.path("home")).unwrap();
    symlink(outside.path(), system.path("home")).unwrap();
    symlink("/run", system.path("etc/absolute")).unwrap();
    symlink(outside.path().join("secret"), system.path("etc/link")).unwrap();
    let setup = PlatformSetup {
        users: Vec::new(),
        files: vec![file("/etc/absolute/x", "in run", "0644"), file("/etc/link", "replaced", "0644")],
        ..setup()
    };
    system.apply(&setup).unwrap();
    assert_eq!(system.text("run/x"), "in run");
    assert_eq!(system.text("etc/link"), "replaced");
    assert_eq!(fs::read_to_string(outside.path().join("secret")).unwrap(), "untouched");
    let error = system.apply(&PlatformSetup { files: vec![file("/home/x", "", "0644")], ..setup }).unwrap_err();
    assert!(matches!(error, ConfigureError::Tree(_)), "{error}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_wrong_setup_changes_nothing() {
    let system = System::debian();
    let wrong = PlatformSetup { files: vec![file("/etc/../../x", "", "0644")], ..setup() };
    assert!(matches!(system.apply(&wrong), Err(ConfigureError::Setup { .. })));
    assert!(!system.path("etc/hostname").exists());
}
