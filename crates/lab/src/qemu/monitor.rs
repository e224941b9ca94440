//! QEMU's control channel, QMP: JSON lines over the process's standard input and output.
//!
//! Only commands without an answer worth reading are sent, so nothing is matched up; events are given on.

use serde_json::{Value, json};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};

/// The writing half.
pub(super) struct Monitor {
    input: ChildStdin,
}

/// The reading half.
pub(super) struct Events {
    lines: Lines<BufReader<ChildStdout>>,
}

/// Waits for QEMU's greeting and takes the channel into use.
pub(super) async fn open(input: ChildStdin, output: ChildStdout) -> io::Result<(Monitor, Events)> {
    let mut events = Events { lines: BufReader::new(output).lines() };
    if events.next().await?.is_none() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "QEMU ended at once; its log says why"));
    }
    let mut monitor = Monitor { input };
    monitor.execute("qmp_capabilities").await?;
    events.next().await?;
    Ok((monitor, events))
}

impl Monitor {
    pub(super) async fn execute(&mut self, command: &str) -> io::Result<()> {
        let line = format!("{}\n", json!({ "execute": command }));
        self.input.write_all(line.as_bytes()).await?;
        self.input.flush().await
    }
}

impl Events {
    /// The next message; none when QEMU has ended.
    pub(super) async fn next(&mut self) -> io::Result<Option<Value>> {
        let line = self.lines.next_line().await?;
        line.map(|line| serde_json::from_str(&line).map_err(io::Error::other)).transpose()
    }
}

/// Whether `message` says that the machine's own system restarted it.
pub(super) fn is_guest_reset(message: &Value) -> bool {
    message["event"] == "RESET" && message["data"]["guest"] == true
}
