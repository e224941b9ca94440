//! `slipway diff`.

use crate::command::apply::read_all;
use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::line;
use client::ClientError;
use similar::TextDiff;
use std::path::PathBuf;

/// What to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A YAML file, a folder of them, or `-` for standard input. May be given more than once.
    #[arg(long = "file", short = 'f', required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Ends with status 1 where something differs, as diff(1) does.
pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let mut differs = false;
    for file in read_all(&options.files)? {
        for document in content::read(&file.file, &file.text) {
            let document = document.map_err(|problem| crate::exit::Usage(problem.to_string()))?;
            let (kind, name) = (document.kind(), &document.name);
            let wanted = content::write(name, &document.spec)?;
            let stored = match client.object(kind, name.as_str()).await {
                Ok(object) => content::write(name, &content::AnySpec::deserialize(kind, object["spec"].clone())?)?,
                Err(ClientError::Refused(problem)) if problem.status == 404 => String::new(),
                Err(error) => return Err(error.into()),
            };
            if stored == wanted {
                continue;
            }
            differs = true;
            let of = format!("{}/{name}", kind.plural());
            let diff = TextDiff::from_lines(&stored, &wanted);
            let text = diff.unified_diff().header(&format!("stored/{of}"), &format!("{}/{of}", file.file)).to_string();
            line(text.trim_end())?;
        }
    }
    Ok(if differs { Exit::Failed } else { Exit::Done })
}
