//! `slipway delete`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::kind::KindName;

/// What to delete.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The kind, such as machines, groups or templates.
    kind: KindName,
    /// Its name or id.
    name: String,
    /// Delete this version and no newer one.
    #[arg(long)]
    version: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let KindName(kind) = options.kind;
    options.connection.client()?.delete_object(kind, &options.name, options.version).await?;
    Ok(Exit::Done)
}
