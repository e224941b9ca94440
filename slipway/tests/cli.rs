//! The command line against a server of its own.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take on a busy computer.
const PATIENCE: Duration = Duration::from_secs(60);

struct Rig {
    server: Child,
    url: String,
    token: String,
    folder: TempDir,
}

#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Rig {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("boot")).unwrap();
        let config = format!(
            "data: {}\nlisten: 127.0.0.1:0\nboot: {{loaders: {boot}, maintenance_os: {boot}}}\n",
            path("data").display(),
            boot = path("boot").display()
        );
        std::fs::write(path("slipway.yaml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.args(["serve", "--announce", "json", "--config"]).arg(path("slipway.yaml"));
        let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let text = |name: &str| announced[name].as_str().unwrap().to_owned();
        Self { server, url: text("url"), token: text("token"), folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.args(arguments).env("SLIPWAY_SERVER", &self.url).env("SLIPWAY_TOKEN", &self.token);
        command.env_remove("SLIPWAY_TOKEN_FILE").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments))
    }

    /// Runs a command that must succeed, and gives what it says.
    fn says(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        ended.out
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Repeats a command until what it says contains `text`.
    fn wait_for(&self, arguments: &[&str], text: &str) {
        let started = Instant::now();
        loop {
            let ended = self.run(arguments);
            if ended.out.contains(text) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "no {text:?} in {ended:?}");
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

fn ended(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

const RACK: &str = "\
kind: Machine
name: m1
macs: ['52:54:00:00:00:01']
---
kind: Workflow
name: wait
stages:
  - name: REGISTERING
    steps: [{use: machine.register}]
";

#[test]
fn exit_statuses_are_as_documented() {
    let rig = Rig::start();
    let rack = rig.file("rack.yaml", RACK);
    let wrong = rig.file("wrong.yaml", "kind: Machine\nname: m2\nmacs: [nonsense]\n---\nkind: Nothing\nname: x\n");
    rig.says(&["apply", "-f", &rack]);
    for (arguments, code, told) in [
        (&["get", "machines"][..], 0, ""),
        (&["get", "nonsense"], 2, "use one of"),
        (&["apply", "-f", "/nowhere.yaml"], 1, "reading /nowhere.yaml"),
        (&["get", "machines", "nobody"], 3, "there is no machine nobody"),
        (&["status", "m1"], 3, "has not had a run"),
        (&["delete", "bootenvs", "local"], 4, "built in"),
        (&["provision", "m1"], 4, "no image is named"),
        (&["apply", "-f", &wrong], 7, "wrong.yaml:3:8: /macs/0: "),
        (&["apply", "-f", &wrong], 7, "wrong.yaml:5:7: /kind: "),
        (&["get", "machines", "--server", "http://127.0.0.1:1"], 6, "reaching http://127.0.0.1:1"),
        (&["skip", "m1"], 2, "--reason"),
    ] {
        let ended = rig.run(arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        assert!(ended.err.contains(told), "{arguments:?}: {ended:?}");
    }
    let mut without = rig.command(&["list"]);
    without.env_remove("SLIPWAY_TOKEN");
    assert_eq!(ended(without).code, 2);
    let mut stranger = rig.command(&["list"]);
    stranger.env("SLIPWAY_TOKEN", "wrong");
    let refused = ended(stranger);
    assert_eq!(refused.code, 5);
    assert!(!refused.err.contains("wrong"), "{refused:?}");
}

#[test]
fn objects_go_in_as_files_and_come_out_as_files() {
    let rig = Rig::start();
    let folder = rig.folder.path().join("rack");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.yaml"), RACK).unwrap();
    std::fs::write(folder.join("notes.txt"), "not: [yaml").unwrap();
    let folder = folder.to_str().unwrap();
    assert!(rig.says(&["apply", "-f", folder, "--dry-run"]).contains("created"));
    assert!(rig.says(&["get", "machines"]).lines().count() == 1, "only the header");
    rig.says(&["apply", "-f", folder]);
    assert!(rig.says(&["apply", "-f", folder]).contains("unchanged"));
    let machine: Value = serde_json::from_str(&rig.says(&["get", "machine", "m1", "-o", "json"])).unwrap();
    assert_eq!(machine["spec"]["macs"][0], "52:54:00:00:00:01");
    let out = rig.folder.path().join("out");
    rig.says(&["export", "--dir", out.to_str().unwrap()]);
    assert!(Path::new(&out).join("workflows/wait.yaml").exists());
    assert!(!Path::new(&out).join("workflows/default.yaml").exists(), "built-in objects are not exported");
    rig.says(&["delete", "machine", "m1"]);
    assert_eq!(rig.run(&["get", "machine", "m1"]).code, 3);
}

#[test]
fn a_token_can_come_from_a_file() {
    let rig = Rig::start();
    let token = rig.file("token", &format!("{}\n", rig.token));
    let mut command = rig.command(&["list", "--token-file", &token]);
    command.env_remove("SLIPWAY_TOKEN");
    assert_eq!(ended(command).code, 0);
}

#[test]
fn an_image_is_declared_and_sent_once() {
    let rig = Rig::start();
    let file = rig.file("disk.raw", "0123456789");
    let add = ["image", "add", "debian", &file, "--format", "raw", "-o", "json"];
    for _ in 0..2 {
        let image: Value = serde_json::from_str(&rig.says(&add)).unwrap();
        assert_eq!((&image["spec"]["disk_size_bytes"], &image["status"]["file_size_bytes"]), (&10.into(), &10.into()));
        assert_eq!(image["version"], 1);
    }
    std::fs::write(&file, "another").unwrap();
    let image: Value = serde_json::from_str(&rig.says(&add)).unwrap();
    assert_eq!((&image["version"], &image["status"]["file_size_bytes"]), (&2.into(), &7.into()));
    assert_eq!(rig.run(&["image", "add", "other", &file]).code, 2, "the size of a packed disk must be said");
}

#[test]
fn a_run_is_followed_commanded_and_its_end_is_the_exit_status() {
    let rig = Rig::start();
    let rack = rig.file("rack.yaml", RACK);
    rig.says(&["apply", "-f", &rack]);
    let mut waiting = rig.command(&["provision", "m1", "--workflow", "wait", "--wait"]);
    let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    rig.wait_for(&["status", "m1"], "the agent to register");
    assert_eq!(rig.run(&["provision", "m1", "--workflow", "wait"]).code, 4, "one run at a time");
    assert_eq!(rig.run(&["resume", "m1"]).code, 4);
    rig.says(&["pause", "m1"]);
    rig.wait_for(&["list"], "paused");
    rig.says(&["resume", "m1"]);
    rig.says(&["cancel", "m1", "--reason", "wrong machine"]);
    let output = waiting.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("REGISTERING/machine.register") && out.contains("cancelled"), "{out}");
    let logs = rig.says(&["logs", "m1", "--kind", "run."]);
    assert!(logs.contains("run.cancelled") && logs.contains("user:admin"), "{logs}");
}

#[test]
fn every_shell_gets_its_completion() {
    for shell in ["bash", "zsh", "fish"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.args(["completion", shell]);
        assert!(ended(command).out.contains("provision"), "{shell}");
    }
}
