//! `slipway apply`.

use crate::connection::Connection;
use crate::exit::{Exit, Usage};
use crate::output::{Table, print, word};
use anyhow::Context;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use wire::ApplyFile;

/// What to apply.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A YAML file, a folder of them, or `-` for standard input. May be given more than once.
    #[arg(long = "file", short = 'f', required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let files = read_all(&options.files)?;
    let report = options.connection.client()?.apply(files, options.dry_run).await?;
    for warning in &report.warnings {
        // Nobody is left to tell that standard error is closed.
        writeln!(std::io::stderr(), "slipway: warning: {warning}").ok();
    }
    print(options.connection.output, &report, |report| {
        let mut table = Table::new(&["KIND", "NAME", if report.dry_run { "WOULD BE" } else { "CHANGE" }]);
        for applied in &report.changes {
            table.row([applied.kind.to_string(), applied.name.to_string(), word(&applied.change)]);
        }
        table.to_string()
    })?;
    Ok(Exit::Done)
}

/// Reads files, and every YAML file below folders.
pub(crate) fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<ApplyFile>> {
    let mut files = Vec::new();
    for path in paths {
        read(path, &mut files)?;
    }
    if files.is_empty() {
        return Err(Usage("there is no file ending in .yaml or .yml".to_owned()).into());
    }
    Ok(files)
}

/// Reads a file, or every YAML file below a folder, in the order of their names.
fn read(path: &Path, files: &mut Vec<ApplyFile>) -> anyhow::Result<()> {
    let reading = || format!("reading {}", path.display());
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
        files.push(ApplyFile { file: "-".to_owned(), text });
        return Ok(());
    }
    if !path.is_dir() {
        let text = std::fs::read_to_string(path).with_context(reading)?;
        files.push(ApplyFile { file: path.display().to_string(), text });
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(reading)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().with_context(reading)?;
    paths.sort();
    for inner in paths {
        let is_yaml = inner.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if inner.is_dir() || is_yaml {
            read(&inner, files)?;
        }
    }
    Ok(())
}
