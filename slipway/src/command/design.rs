//! `slipway design`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::print;
use anyhow::Context;
use client::{SheetImport, SheetShape};
use std::path::{Path, PathBuf};
use types::Name;
use wire::SheetReport;

/// Works with the sheets of designs.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Design {
    /// Make a design what a sheet says: a workbook (.xlsx) or CSV. With any mistake in it nothing is changed.
    Import(ImportOptions),
    /// Write a design as a sheet: a workbook, or CSV where the file's name ends in .csv. Secrets are written as [secret].
    Export(ExportOptions),
    /// Write a sheet without machines that has the columns of a group.
    Sheet(ExportOptions),
}

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportOptions {
    /// The design, by name or id.
    design: String,
    /// The sheet.
    file: PathBuf,
    /// Make the design with this group when it is not there.
    #[arg(long)]
    group: Option<Name>,
    /// Say what the sheet would do, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Keep rows that the sheet does not have.
    #[arg(long)]
    keep_rows: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What to write.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportOptions {
    /// The design; of an empty sheet, the group.
    #[arg(value_name = "NAME")]
    of: String,
    /// Where to write it.
    file: PathBuf,
    /// Use the headings of NABP's design sheets.
    #[arg(long)]
    nabp: bool,
    #[command(flatten)]
    connection: Connection,
}

impl ExportOptions {
    fn shape(&self) -> SheetShape {
        let csv = self.file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        SheetShape { csv, nabp: self.nabp }
    }
}

pub(crate) async fn run(design: Design) -> anyhow::Result<Exit> {
    match design {
        Design::Import(options) => import(options).await,
        Design::Export(options) => {
            let content = options.connection.client()?.export_sheet(&options.of, options.shape()).await?;
            write(&options.file, &content)
        }
        Design::Sheet(options) => {
            let content = options.connection.client()?.empty_sheet(&options.of, options.shape()).await?;
            write(&options.file, &content)
        }
    }
}

async fn import(options: ImportOptions) -> anyhow::Result<Exit> {
    let ImportOptions { design, file, group, dry_run, keep_rows, connection } = options;
    let content = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let how = SheetImport { dry_run, keep_rows, group };
    let report = connection.client()?.import_sheet(&design, content, &how).await?;
    print(connection.output, &report, summary)?;
    Ok(Exit::Done)
}

fn summary(report: &SheetReport) -> String {
    let SheetReport { design, dry_run, rows, added, changed, removed, .. } = report;
    let will = if *dry_run { "would have" } else { "has" };
    let (added, changed, removed) = (added.len(), changed.len(), removed.len());
    format!("design {design} {will} {rows} rows: {added} added, {changed} changed, {removed} removed")
}

fn write(file: &Path, content: &[u8]) -> anyhow::Result<Exit> {
    std::fs::write(file, content).with_context(|| format!("writing {}", file.display()))?;
    Ok(Exit::Done)
}
