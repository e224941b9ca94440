//! `slipway iso`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Table, print};
use crate::run_text::bytes;
use anyhow::Context;
use artifact::HashingReader;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use types::Digest;
use wire::{MediaList, MediumFile};

/// Works with the discs that operating systems are installed from.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Iso {
    /// Send a disc, which is served from then on.
    Upload(UploadOptions),
    /// Show the discs and trees that are there.
    List(ListOptions),
    /// Remove a disc that nothing names.
    Delete(DeleteOptions),
}

/// Which disc.
#[derive(Debug, clap::Args)]
pub(crate) struct UploadOptions {
    /// The disc.
    file: PathBuf,
    /// Its name on the server; the file's own, when left out.
    #[arg(long)]
    name: Option<String>,
    /// What it must be, as sha256:HEX; what the file is, when left out.
    #[arg(long)]
    digest: Option<Digest>,
    #[command(flatten)]
    connection: Connection,
}

/// Which server.
#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    connection: Connection,
}

/// Which disc.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteOptions {
    /// Its name.
    name: String,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(iso: Iso) -> anyhow::Result<Exit> {
    match iso {
        Iso::Upload(options) => upload(options).await,
        Iso::List(options) => {
            let media = options.connection.client()?.isos().await?;
            print(options.connection.output, &media, table)?;
            Ok(Exit::Done)
        }
        Iso::Delete(options) => {
            options.connection.client()?.delete_iso(&options.name).await?;
            Ok(Exit::Done)
        }
    }
}

async fn upload(options: UploadOptions) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let own_name = options.file.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let name = options.name.or(own_name).context("the file has no name that a disc could have: give --name")?;
    let path = options.file.clone();
    let (found, size) = tokio::task::spawn_blocking(move || digest_of(&path)).await??;
    let kept = client.upload_iso(&name, options.digest.unwrap_or(found), &options.file, progress(size)).await;
    if io::stderr().is_terminal() {
        writeln!(io::stderr()).ok();
    }
    let media = MediaList { items: vec![kept?] };
    print(options.connection.output, &media, table)?;
    Ok(Exit::Done)
}

fn digest_of(path: &Path) -> anyhow::Result<(Digest, u64)> {
    let reading = || format!("reading {}", path.display());
    let mut reader = HashingReader::new(File::open(path).with_context(reading)?);
    io::copy(&mut reader, &mut io::sink()).with_context(reading)?;
    Ok(reader.finish())
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

fn table(media: &MediaList) -> String {
    let mut table = Table::new(&["NAME", "SIZE", "LABEL", "DIGEST", "PROBLEM"]);
    for MediumFile { name, size_bytes, digest, label, problem } in &media.items {
        let size = size_bytes.map_or_else(|| "tree".to_owned(), bytes);
        let digest = digest.map_or_else(String::new, |digest| digest.to_string());
        table.row([name.clone(), size, label.clone().unwrap_or_default(), digest, problem.clone().unwrap_or_default()]);
    }
    table.to_string()
}
