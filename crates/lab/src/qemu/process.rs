//! One QEMU process that cannot outlive this one.
//!
//! The kernel sends the death signal of prctl(2) when the *thread* that started the process ends, so each process
//! gets a thread of its own, which waits for it: both end together, and tokio may do with its threads what it likes.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{oneshot, watch};

/// A running process: its standard input and output, and the news of its end.
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) input: ChildStdin,
    pub(super) output: ChildStdout,
    pub(super) ended: watch::Receiver<bool>,
}

/// Starts `program` with its standard error appended to `log`.
pub(super) async fn start(program: &str, arguments: Vec<String>, log: &Path) -> io::Result<Process> {
    let log = File::options().append(true).create(true).open(log)?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);

    let (started, wait_for_start) = oneshot::channel();
    let (end, ended) = watch::channel(false);
    std::thread::Builder::new().name("qemu".into()).spawn(move || {
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let _nobody_asks_any_more = started.send(Err(error));
                return;
            }
        };
        let _nobody_asks_any_more = started.send(Ok((child.id(), child.stdin.take(), child.stdout.take())));
        if let Err(error) = child.wait() {
            tracing::error!(%error, "Waiting for QEMU failed");
        }
        end.send_replace(true);
    })?;
    let (id, input, output) = wait_for_start.await.map_err(io::Error::other)??;
    Ok(Process {
        id,
        input: ChildStdin::from_std(input.expect("standard input is piped"))?,
        output: ChildStdout::from_std(output.expect("standard output is piped"))?,
        ended,
    })
}
