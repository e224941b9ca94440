//! The commands of documentation pages do what the pages say: every block of shell is run, in order, against a server
//! of its own.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

struct Server {
    process: Child,
    url: String,
    token: String,
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["boot", "work"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        let config = serde_json::json!({
            "data": path("data"), "listen": "127.0.0.1:0",
            "boot": {"loaders": path("boot"), "maintenance_os": path("boot")},
        });
        std::fs::write(path("slipway.yaml"), config.to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.args(["serve", "--announce", "json", "--config"]).arg(path("slipway.yaml"));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let text = |name: &str| announced[name].as_str().unwrap().to_owned();
        Self { process, url: text("url"), token: text("token"), folder }
    }

    /// Runs a block as a shell does that stops at the first failure.
    fn run(&self, page: &str, block: &Block) {
        let programs = Path::new(env!("CARGO_BIN_EXE_slipway")).parent().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        shell.args(["-euc", &block.text]).current_dir(self.folder.path().join("work")).env("PATH", path);
        shell.env("SLIPWAY_SERVER", &self.url).env("SLIPWAY_TOKEN", &self.token).env_remove("SLIPWAY_TOKEN_FILE");
        let ended = shell.stdin(Stdio::null()).output().unwrap();
        let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(ended.status.success(), "{page}:{}: {}\n{}{}", block.line, ended.status, said[0], said[1]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

struct Block {
    /// Counted from 1.
    line: usize,
    text: String,
}

/// The blocks of shell of a page.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut within = false;
    for (line, text) in (1..).zip(page.lines()) {
        match text {
            "```sh" => {
                within = true;
                blocks.push(Block { line, text: String::new() });
            }
            "```" => within = false,
            _ if within => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(text);
                block.text.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

/// Runs every block of a page.
fn run(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let blocks = blocks(&std::fs::read_to_string(path).unwrap());
    assert!(!blocks.is_empty(), "{page} has no block of shell");
    let server = Server::start();
    for block in &blocks {
        server.run(page, block);
    }
}

#[test]
fn designs_and_deployments() {
    run("operate/designs-and-deployments.md");
}
