//! `slipway preview`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Format, print};
use anyhow::Context;
use std::io::Write as _;
use std::path::PathBuf;
use wire::RenderPreview;

/// What to render, and for whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The template, by name; with --file, what errors call it.
    template: String,
    /// The machine, by name or id.
    #[arg(long)]
    machine: String,
    /// A text to render in its place, such as one that is being edited.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let text = match &options.file {
        Some(path) => Some(std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?),
        None => None,
    };
    let wanted = RenderPreview { template: options.template.clone(), text, params: None };
    let rendered = options.connection.client()?.render(&options.machine, &wanted).await?;
    print(options.connection.output, &rendered, |rendered| rendered.text.clone())?;
    if options.connection.output == Format::Table {
        for finding in &rendered.findings {
            let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let at = format!("{}:{}", options.template, finding.line);
            // Nobody is left to tell that standard error is closed.
            writeln!(std::io::stderr(), "slipway: {}: {at}: {}{hint}", finding.severity, finding.message).ok();
        }
    }
    let broken = rendered.findings.iter().any(|finding| finding.severity == "error");
    Ok(if broken { Exit::Failed } else { Exit::Done })
}
