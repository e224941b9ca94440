//! `slipway get`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::kind::{self, KindName};
use crate::output::print;

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The kind, such as machines, groups or templates.
    kind: KindName,
    /// One of them, by name or id.
    name: Option<String>,
    /// The machines for which this expression holds, such as 'state=failed and memory>=64GiB'.
    #[arg(long, value_name = "EXPR", conflicts_with = "name")]
    search: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let client = options.connection.client()?;
    let KindName(kind) = options.kind;
    let format = options.connection.output;
    if let Some(search) = &options.search {
        let objects = kind::search(&client, kind, search).await?;
        print(format, &objects, |objects| kind::table(kind, objects))?;
        return Ok(Exit::Done);
    }
    match &options.name {
        Some(name) => {
            let object = kind::find(&client, kind, name).await?;
            print(format, &object, |object| kind::table(kind, std::slice::from_ref(object)))?;
        }
        None => {
            let objects = kind::list(&client, kind).await?;
            print(format, &objects, |objects| kind::table(kind, objects))?;
        }
    }
    Ok(Exit::Done)
}
