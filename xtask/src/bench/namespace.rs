//! A network of its own for a measure: packets neither leave it nor come in.
//!
//! A sleeping process holds it, and everything that is to run in it enters with `nsenter`, which becomes the program:
//! the child's id is the program's.

use crate::command;
use anyhow::{Context, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A network namespace with its loopback up. It goes when this does, with what runs in it left to itself.
#[derive(Debug)]
pub(crate) struct Namespace {
    holder: Child,
    /// Who is not root has it inside a user namespace.
    in_user_namespace: bool,
}

impl Namespace {
    /// A new one.
    pub(crate) fn create() -> Result<Self> {
        let in_user_namespace = !nix::unistd::Uid::effective().is_root();
        let mut unshare = Command::new("unshare");
        if in_user_namespace {
            unshare.args(["--user", "--map-root-user"]);
        }
        unshare.args(["--net", "--"]);
        Self::hold(unshare, in_user_namespace)
    }

    /// Another one, which can be linked to this one.
    pub(crate) fn create_beside(&self) -> Result<Self> {
        let mut unshare = self.command("unshare");
        unshare.args(["--net", "--"]);
        Self::hold(unshare, self.in_user_namespace)
    }

    fn hold(mut unshare: Command, in_user_namespace: bool) -> Result<Self> {
        // `cat` ends with its input, which ends with this process however that ends.
        unshare.args(["sh", "-c", "ip link set lo up && echo up && exec cat"]);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = unshare.spawn().context("starting unshare")?;
        let mut line = String::new();
        let stdout = holder.stdout.take().context("unshare has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        if line.trim() != "up" {
            let status = holder.wait()?;
            bail!("no network namespace ({status}): be root, or allow user namespaces");
        }
        Ok(Self { holder, in_user_namespace })
    }

    /// A call of `program` in here.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.holder.id().to_string());
        if self.in_user_namespace {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--net", "--"]).arg(program.as_ref());
        command
    }

    /// Runs `ip` in here.
    pub(crate) fn ip(&self, arguments: &str) -> Result<()> {
        command::run(self.command("ip").args(arguments.split(' '))).map(drop)
    }

    /// A virtual cable to `other`: the ends are called `name` and have the addresses `here` and `there`, such as
    /// `10.9.0.1/24`.
    pub(crate) fn connect(&self, other: &Self, name: &str, here: &str, there: &str) -> Result<()> {
        let other_id = other.holder.id();
        self.ip(&format!("link add {name} type veth peer name {name} netns {other_id}"))?;
        for (namespace, address) in [(self, here), (other, there)] {
            namespace.ip(&format!("address add {address} dev {name}"))?;
            namespace.ip(&format!("link set {name} up"))?;
        }
        Ok(())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}
