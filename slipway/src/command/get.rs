//! `slipway get`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::kind::{self, KindName};
use crate::output::{print, printable};
use serde_json::Value;
use std::io::Write as _;

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
            let object = client.object(kind, name).await?;
            print(format, &object, |object| kind::table(kind, std::slice::from_ref(object)))?;
            tell_what_lacks(&object);
        }
        None => {
            let objects = client.objects(kind).await?;
            print(format, &objects, |objects| kind::table(kind, objects))?;
            objects.iter().for_each(tell_what_lacks);
        }
    }
    Ok(Exit::Done)
}

/// Why the object cannot be used as it is, if it cannot.
fn tell_what_lacks(object: &Value) {
    for reason in object["unavailable"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let name = object["name"].as_str().unwrap_or_default();
        // Nobody is left to tell that standard error is closed.
        writeln!(std::io::stderr(), "slipway: unavailable: {name}: {}", printable(reason)).ok();
    }
}
