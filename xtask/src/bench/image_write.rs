//! An image onto a disk, by the agent as it is built for machines, beside `zstd -dc | dd oflag=direct`.
//!
//! The agent does more: it fetches the file over HTTP, hashes it, and writes what boots last. Both write a file on the
//! same filesystem that was full of something else, and both flush it.

mod disk;
mod server;

use super::{Context, Row, interleaved, median};
use crate::{agent_binary, command};
use anyhow::{Context as _, Result, ensure};
use server::Server;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const MIB: u64 = 1 << 20;
/// Of what is expected of a machine that is being installed, an agent takes little.
const MEMORY_LIMIT_MIB: f64 = 64.0;

/// Dense, and half holes.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (disk_bytes, rounds) = if context.quick { (512 * MIB, 3) } else { (1024 * MIB, 7) };
    let agent = agent_binary::build_example("write_image")?;
    let folder = context.scratch("disk")?;
    let mut rows = Vec::new();
    let mut peaks = Vec::new();
    for (name, kind, goal) in [("dense", disk::Kind::Dense, 0.95), ("half holes", disk::Kind::HalfHoles, 1.5)] {
        let image = Image::make(&folder, kind, disk_bytes)?;
        let server = Server::start(&image.file, image.order(disk_bytes)?)?;
        let mut ours = || {
            let (seconds, peak_kib) = image.written_by_agent(&agent, &server)?;
            peaks.push(peak_kib / 1024.0);
            Ok(disk_bytes as f64 / MIB as f64 / seconds)
        };
        let mut peer = || Ok(disk_bytes as f64 / MIB as f64 / image.written_by_dd()?);
        let [ours, peer] = interleaved(rounds, [&mut ours, &mut peer])?;
        let note = format!("{} MiB packed into {}", disk_bytes / MIB, fs::metadata(&image.file)?.len() / MIB);
        rows.push(Row::at_least(&format!("image write, {name}"), ours, peer, "MiB/s", goal, &note));
    }
    let peak = median(&peaks).context("nothing was written")?;
    rows.push(Row::below("image write: most memory of the agent", peak, "MiB", MEMORY_LIMIT_MIB, "VmHWM"));
    fs::remove_dir_all(&folder)?;
    Ok(rows)
}

/// An image, and a machine to write it to.
struct Image {
    file: PathBuf,
    machine: PathBuf,
    unpacked: String,
}

impl Image {
    fn make(folder: &Path, kind: disk::Kind, disk_bytes: u64) -> Result<Self> {
        let unpacked = folder.join("unpacked");
        disk::make(&unpacked, kind, disk_bytes)?;
        let file = folder.join("image.zst");
        command::run(Command::new("zstd").args(["-q", "-f", "-3"]).arg(&unpacked).arg("-o").arg(&file))?;
        let digest = sha256(&unpacked)?;
        fs::remove_file(unpacked)?;
        let machine = folder.join("machine");
        make_machine(&machine, disk_bytes)?;
        Ok(Self { file, machine, unpacked: digest })
    }

    fn order(&self, disk_bytes: u64) -> Result<serde_json::Value> {
        Ok(serde_json::json!({
            "use": "write_image",
            "path": "/image",
            "digest": format!("sha256:{}", sha256(&self.file)?),
            "file_size_bytes": fs::metadata(&self.file)?.len(),
            "format": "raw-zst",
            "disk_size_bytes": disk_bytes,
            "disk": "smallest",
            "grow": false,
        }))
    }

    fn disk(&self) -> PathBuf {
        self.machine.join("dev/vda")
    }

    /// Seconds, and KiB of memory.
    fn written_by_agent(&self, agent: &Path, server: &Server) -> Result<(f64, f64)> {
        disk::fill_with_old(&self.disk())?;
        let started = Instant::now();
        let told = command::run(Command::new(agent).arg(&self.machine).arg(&server.url))?;
        let seconds = started.elapsed().as_secs_f64();
        ensure!(server.take_result()?.get("outcome") == Some(&"done".into()), "the agent did not write the image");
        self.check()?;
        Ok((seconds, told.trim().parse()?))
    }

    fn written_by_dd(&self) -> Result<f64> {
        disk::fill_with_old(&self.disk())?;
        let started = Instant::now();
        let mut zstd = Command::new("zstd").args(["-dcq"]).arg(&self.file).stdout(Stdio::piped()).spawn()?;
        let packed = zstd.stdout.take().context("zstd has no output")?;
        let mut dd = Command::new("dd");
        dd.arg(format!("of={}", self.disk().display()));
        dd.args(["bs=4M", "iflag=fullblock", "oflag=direct", "conv=notrunc,fsync", "status=none"]);
        let status = dd.stdin(packed).status().context("starting dd")?;
        ensure!(status.success() && zstd.wait()?.success(), "zstd or dd failed");
        let seconds = started.elapsed().as_secs_f64();
        self.check()?;
        Ok(seconds)
    }

    /// Both must have written the same.
    fn check(&self) -> Result<()> {
        ensure!(sha256(&self.disk())? == self.unpacked, "the disk is not the image");
        Ok(())
    }
}

fn sha256(file: &Path) -> Result<String> {
    let told = command::run(Command::new("sha256sum").arg(file))?;
    Ok(told.split_whitespace().next().context("sha256sum said nothing")?.to_owned())
}

/// A folder in which the agent finds one disk.
fn make_machine(folder: &Path, disk_bytes: u64) -> Result<()> {
    let facts = [
        ("sys/block/vda/size", (disk_bytes / 512).to_string()),
        ("sys/block/vda/ro", "0".to_owned()),
        ("sys/block/vda/removable", "0".to_owned()),
        ("proc/mounts", String::new()),
        ("proc/swaps", String::new()),
    ];
    for (path, text) in facts {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().context("a path with a folder")?)?;
        fs::write(path, text)?;
    }
    fs::create_dir_all(folder.join("dev"))?;
    Ok(File::create(folder.join("dev/vda"))?.set_len(disk_bytes)?)
}
