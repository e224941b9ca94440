//! Grows a filesystem to its partition, with the tools that come with it.

use super::partitions::Volume;
use crate::journal::Journal;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use types::ErrorClass;

/// Why a filesystem was not grown.
#[derive(Debug, thiserror::Error)]
pub(super) enum GrowError {
    #[error("reading the last partition")]
    Read(#[source] io::Error),
    #[error("running {tool}")]
    Run { tool: &'static str, source: io::Error },
    #[error("{tool} ended with {status}: {output}")]
    Tool { tool: &'static str, status: String, output: String },
}

impl GrowError {
    pub(super) fn class(&self) -> ErrorClass {
        match self {
            Self::Read(_) => ErrorClass::Hardware,
            // A boot environment without the tool, or an image with a filesystem beyond repair.
            Self::Run { .. } | Self::Tool { .. } => ErrorClass::Configuration,
        }
    }
}

/// Grows the filesystem of `volume` if it is an ext2, 3 or 4. Others grow when they are mounted, or not at all.
pub(super) fn grow(volume: &Volume, journal: &Journal) -> Result<(), GrowError> {
    if !is_ext(volume).map_err(GrowError::Read)? {
        journal.info("the last partition has no ext filesystem; it stays as it is");
        return Ok(());
    }
    // libext2fs takes the place of a filesystem within a file after a question mark.
    let place = match volume.offset_bytes {
        0 => volume.path.display().to_string(),
        offset => format!("{}?offset={offset}", volume.path.display()),
    };
    // e2fsck: 1 and 2 mean repaired (e2fsck(8), EXIT CODE). resize2fs refuses without a check before.
    run("e2fsck", &["-f", "-p", &place], 2)?;
    run("resize2fs", &[&place, &format!("{}K", volume.size_bytes / 1024)], 0)
}

/// The magic number of the superblock (Documentation/filesystems/ext4/super.rst).
fn is_ext(volume: &Volume) -> io::Result<bool> {
    const SUPERBLOCK: u64 = 1024;
    const MAGIC: u64 = 0x38;
    let mut magic = [0; 2];
    File::open(&volume.path)?.read_exact_at(&mut magic, volume.offset_bytes + SUPERBLOCK + MAGIC)?;
    Ok(u16::from_le_bytes(magic) == 0xef53)
}

fn run(tool: &'static str, arguments: &[&str], highest_good: i32) -> Result<(), GrowError> {
    let output = Command::new(tool)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| GrowError::Run { tool, source })?;
    if output.status.code().is_some_and(|code| code <= highest_good) {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ");
    Err(GrowError::Tool { tool, status: output.status.to_string(), output: said.chars().take(500).collect() })
}
