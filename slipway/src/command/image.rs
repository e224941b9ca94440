//! `slipway image`.

use crate::connection::Connection;
use crate::exit::{Exit, Usage};
use crate::kind;
use crate::output::print;
use crate::run_text::bytes;
use anyhow::Context;
use artifact::HashingReader;
use artifact::qcow2::Map;
use client::Client;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use types::image::{ImageFormat, ImageSpec};
use types::object::Kind;
use types::{Digest, Name};

/// Works with images.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Image {
    /// Declare an image and send its content.
    Add(Options),
}

/// Which image.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Its name.
    name: Name,
    /// Its content.
    file: PathBuf,
    /// How the disk's bytes are packed in the file.
    #[arg(long, value_enum, default_value = "raw-zst")]
    format: Format,
    /// Size of the disk, unpacked; of a raw image the file's size, of a qcow2 image what it says, when left out.
    #[arg(long, value_name = "BYTES")]
    disk_size_bytes: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

/// How the disk's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// The disk's bytes as they are.
    Raw,
    /// The disk's bytes as a Zstandard stream.
    RawZst,
    /// The disk's bytes as gzip.
    RawGz,
    /// The disk's bytes as xz.
    RawXz,
    /// QEMU's copy-on-write format, standing alone.
    Qcow2,
}

impl From<Format> for ImageFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Raw => Self::Raw,
            Format::RawZst => Self::RawZst,
            Format::RawGz => Self::RawGz,
            Format::RawXz => Self::RawXz,
            Format::Qcow2 => Self::Qcow2,
        }
    }
}

pub(crate) async fn run(image: Image) -> anyhow::Result<Exit> {
    let Image::Add(options) = image;
    let client = options.connection.client()?;
    let path = options.file.clone();
    let (digest, size) = tokio::task::spawn_blocking(move || digest_of(&path)).await??;
    let disk_size_bytes = match (options.disk_size_bytes, options.format) {
        (Some(bytes), _) => bytes,
        (None, Format::Raw) => size,
        (None, Format::Qcow2) => qcow2_disk_bytes(&options.file)?,
        (None, Format::RawZst | Format::RawGz | Format::RawXz) => {
            return Err(Usage("say how large the disk is: --disk-size-bytes".to_owned()).into());
        }
    };
    let spec = ImageSpec { digest, format: options.format.into(), disk_size_bytes };
    let declared = declare(&client, &options.name, spec).await?;
    let stored = if declared.status.file_size_bytes == Some(size) {
        declared
    } else {
        let stored = client.upload_image(options.name.as_str(), &options.file, progress(size)).await;
        end_progress();
        stored?
    };
    let stored = serde_json::to_value(stored)?;
    print(options.connection.output, &stored, |stored| kind::table(Kind::Image, std::slice::from_ref(stored)))?;
    Ok(Exit::Done)
}

fn digest_of(path: &Path) -> anyhow::Result<(Digest, u64)> {
    let reading = || format!("reading {}", path.display());
    let mut reader = HashingReader::new(File::open(path).with_context(reading)?);
    io::copy(&mut reader, &mut io::sink()).with_context(reading)?;
    Ok(reader.finish())
}

/// What the image says of its disk, after a look at all its tables: one that no machine would take is refused here.
fn qcow2_disk_bytes(path: &Path) -> anyhow::Result<u64> {
    let reading = || format!("reading {}", path.display());
    let file = File::open(path).with_context(reading)?;
    let size = file.metadata().with_context(reading)?.len();
    let map = Map::read(size, |offset, buffer| file.read_exact_at(buffer, offset)).with_context(reading)?;
    Ok(map.disk_bytes())
}

/// Makes the declaration as it must be for this content.
async fn declare(client: &Client, name: &Name, spec: ImageSpec) -> anyhow::Result<wire::Image> {
    match client.find::<ImageSpec>(name.as_str()).await {
        Ok(there) if there.spec == spec => Ok(there),
        Ok(there) => Ok(client.update(name.as_str(), there.version, spec).await?),
        Err(error) if error.code() == Some(wire::code::NOT_FOUND) => Ok(client.create(name.clone(), spec).await?),
        Err(error) => Err(error.into()),
    }
}

/// Shows on a terminal how much has been sent, in whole percents.
fn progress(size: u64) -> impl Fn(u64) + Send + Sync + 'static {
    let shown = AtomicU64::new(u64::MAX);
    let terminal = io::stderr().is_terminal();
    move |sent| {
        let percent = sent.saturating_mul(100).checked_div(size).unwrap_or(100);
        if terminal && shown.swap(percent, Ordering::Relaxed) != percent {
            // A progress that cannot be shown is no reason to stop sending.
            write!(io::stderr(), "\rsending {percent:3} % of {}", bytes(size)).ok();
        }
    }
}

fn end_progress() {
    if io::stderr().is_terminal() {
        writeln!(io::stderr()).ok();
    }
}
