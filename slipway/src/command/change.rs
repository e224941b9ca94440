//! `slipway clone`, `uses`, `versions` and `revert`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::kind::KindName;
use crate::output::{Table, line, print, word};
use serde_json::Value;
use types::Name;
use wire::{CloneObject, Revert};

/// Which object.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The kind, such as groups or templates.
    kind: KindName,
    /// Its name or id.
    name: String,
    #[command(flatten)]
    connection: Connection,
}

/// What to copy.
#[derive(Debug, clap::Args)]
pub(crate) struct CloneOptions {
    /// The kind, such as workflows or templates.
    kind: KindName,
    /// Its name or id.
    name: String,
    /// The copy's name; without it, the object's own with `-clone`.
    #[arg(long = "name", value_name = "NAME")]
    copy: Option<Name>,
    #[command(flatten)]
    connection: Connection,
}

/// What to go back to.
#[derive(Debug, clap::Args)]
pub(crate) struct RevertOptions {
    /// The kind, such as templates.
    kind: KindName,
    /// Its name or id.
    name: String,
    /// The version, as `slipway versions` shows it.
    version: u64,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn clone(options: CloneOptions) -> anyhow::Result<Exit> {
    let wanted = CloneObject { name: options.copy };
    let copy = options.connection.client()?.clone_object(options.kind.0, &options.name, &wanted).await?;
    print(options.connection.output, &copy, name_of)?;
    Ok(Exit::Done)
}

pub(crate) async fn revert(options: RevertOptions) -> anyhow::Result<Exit> {
    let revert = Revert { to: options.version, version: None };
    let object = options.connection.client()?.revert(options.kind.0, &options.name, &revert).await?;
    print(options.connection.output, &object, |object| format!("{} version {}", name_of(object), object["version"]))?;
    Ok(Exit::Done)
}

fn name_of(object: &Value) -> String {
    object["name"].as_str().unwrap_or_default().to_owned()
}

pub(crate) async fn versions(options: Options) -> anyhow::Result<Exit> {
    let versions = options.connection.client()?.versions(options.kind.0, &options.name).await?;
    print(options.connection.output, &versions, |versions| {
        let mut table = Table::new(&["VERSION", "SINCE", "BY"]);
        for version in versions {
            table.row([version.version.to_string(), version.at.to_string(), version.actor.clone()]);
        }
        table.to_string()
    })?;
    Ok(Exit::Done)
}

pub(crate) async fn uses(options: Options) -> anyhow::Result<Exit> {
    let uses = options.connection.client()?.uses(options.kind.0, &options.name).await?;
    let format = options.connection.output;
    print(format, &uses, |uses| {
        let mut table = Table::new(&["KIND", "NAME", "AT"]);
        for found in &uses.uses {
            table.row([word(&found.kind), found.name.to_string(), found.pointer.clone()]);
        }
        table.to_string()
    })?;
    if format == crate::output::Format::Table {
        line(&format!("An edit reaches {} machines.", uses.machines_total))?;
    }
    Ok(Exit::Done)
}
