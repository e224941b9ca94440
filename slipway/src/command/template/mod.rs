//! `slipway template`.

mod document;
mod files;

use crate::exit::{Exit, Usage};
use crate::output::{Format, Table, line, printable};
use anyhow::Context;
use convert::{FileReport, Language};
use document::{Outcome, Translated};
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;

/// Works with templates.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Template {
    /// Translate ERB (Foreman) and Go templates (Digital Rebar) to documents for `slipway apply`, or say why not.
    Convert(Options),
}

/// What to translate, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A template, or a folder of them with everything below it.
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// What all of them are written in; without it, each file's name and text tell.
    #[arg(long, value_enum)]
    from: Option<From>,
    /// Write one file for each document into this folder, instead of all to standard output.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// How the report is written.
    #[arg(long, short = 'o', value_enum, default_value = "table")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum From {
    /// ERB, as in Foreman's templates.
    Erb,
    /// Go's text/template, as in Digital Rebar's content.
    Go,
}

/// What is told of a whole conversion.
#[derive(Debug, Serialize)]
struct Report<'a> {
    converted: usize,
    refused: usize,
    skipped: usize,
    files: &'a [FileReport],
}

pub(crate) fn run(template: &Template) -> anyhow::Result<Exit> {
    let Template::Convert(options) = template;
    let only = options.from.map(|from| match from {
        From::Erb => Language::Erb,
        From::Go => Language::Go,
    });
    let mut sources = Vec::new();
    for path in &options.paths {
        files::read(path, &mut sources)?;
    }
    if sources.is_empty() {
        return Err(Usage("there is no text file".to_owned()).into());
    }
    let texts = sources.iter().map(|source| (source.name.as_str(), source.text.as_str()));
    let mut report = convert::directory(texts, only);
    let translated = document::all(&mut report);
    let to_screen = options.to.is_none() && options.output == Format::Table;
    match &options.to {
        Some(folder) => {
            for document in &translated {
                write(folder, document)?;
            }
        }
        None if to_screen => print_documents(&translated)?,
        None => {}
    }
    tell(options, &report.files, &translated, to_screen)?;
    Ok(if report.refused() > 0 { Exit::Invalid } else { Exit::Done })
}

fn write(folder: &std::path::Path, document: &Translated) -> anyhow::Result<()> {
    let path = folder.join(document.folder).join(format!("{}.yaml", document.name));
    let writing = || format!("writing {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(writing)?;
    }
    std::fs::write(&path, &document.yaml).with_context(writing)
}

fn print_documents(translated: &[Translated]) -> anyhow::Result<()> {
    if translated.is_empty() {
        return Ok(());
    }
    let documents: Vec<String> =
        translated.iter().map(|document| format!("---\n{}", document.yaml.trim_end_matches('\n'))).collect();
    line(&documents.join("\n"))
}

/// Tells what became of each file; on standard error where the documents are on standard output.
fn tell(options: &Options, files: &[FileReport], translated: &[Translated], aside: bool) -> anyhow::Result<()> {
    let became_something = |file: &&FileReport| translated.iter().any(|document| document.file == file.path);
    let refused = |file: &&FileReport| !file.refusals.is_empty();
    let report = Report {
        converted: translated.len(),
        refused: files.iter().filter(refused).count(),
        skipped: files.iter().filter(|file| !became_something(file) && !refused(file)).count(),
        files,
    };
    if options.output != Format::Table {
        return crate::output::print(options.output, &report, |_| String::new());
    }
    let text = format!("{}{}{}", table(files, translated), remarks(files), summary(&report));
    if aside {
        // Nobody is left to tell that standard error is closed.
        writeln!(std::io::stderr(), "{}", text.trim_end()).ok();
        return Ok(());
    }
    line(text.trim_end())
}

fn table(files: &[FileReport], translated: &[Translated]) -> String {
    let mut table = Table::new(&["FILE", "RESULT", "KIND", "NAME"]);
    for file in files {
        for document in translated.iter().filter(|document| document.file == file.path) {
            let result = match document.outcome {
                Outcome::Plain => "converted",
                Outcome::Remarked => "converted, with remarks",
            };
            table.row([file.path.clone(), result.to_owned(), document.kind.clone(), document.name.to_string()]);
        }
        if !file.refusals.is_empty() {
            table.row([file.path.clone(), "refused".to_owned(), String::new(), String::new()]);
        }
    }
    table.to_string()
}

/// Each refusal and each warning with its place, as compilers tell them.
fn remarks(files: &[FileReport]) -> String {
    let mut text = String::new();
    for file in files {
        for refusal in &file.refusals {
            let hint = refusal.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let told = format!("{}: {}{hint}", refusal.construct, refusal.reason);
            text.push_str(&format!("{}:{}:{}: {}\n", file.path, refusal.line, refusal.column, printable(&told)));
        }
        for warning in file.converted.iter().flat_map(|converted| &converted.warnings) {
            text.push_str(&format!("{}:{}: warning: {}\n", file.path, warning.line, printable(&warning.message)));
        }
    }
    text
}

fn summary(report: &Report<'_>) -> String {
    format!(
        "{} written, {} refused, {} without templates\n",
        count(report.converted, "document"),
        count(report.refused, "file"),
        count(report.skipped, "file")
    )
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
