//! `slipway export`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Format, line, print};
use anyhow::Context;
use std::path::PathBuf;

/// Where to write.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write one file for each object into this folder, instead of all to standard output.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let export = options.connection.client()?.export().await?;
    let Some(dir) = &options.dir else {
        if options.connection.output == Format::Json {
            print(Format::Json, &export, |_| String::new())?;
        } else {
            let documents: Vec<String> =
                export.files.iter().map(|file| format!("---\n{}", file.text.trim_end())).collect();
            line(&documents.join("\n"))?;
        }
        return Ok(Exit::Done);
    };
    for file in &export.files {
        // The names come from the server; only plain ones become paths here.
        let parts: Vec<&str> = file.file.split('/').collect();
        let plain = |part: &&str| !part.is_empty() && *part != "." && *part != ".." && !part.contains('\\');
        anyhow::ensure!(parts.iter().all(plain), "the server gave a file the name {:?}", file.file);
        let path = parts.iter().fold(dir.clone(), |path, part| path.join(part));
        let writing = || format!("writing {}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(writing)?;
        }
        std::fs::write(&path, &file.text).with_context(writing)?;
    }
    Ok(Exit::Done)
}
