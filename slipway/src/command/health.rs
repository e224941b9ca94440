//! `slipway health`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::print;
use wire::{Health, HealthStatus};

/// Which server.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let health = options.connection.client()?.health().await?;
    print(options.connection.output, &health, text)?;
    Ok(match health.status {
        HealthStatus::Ok => Exit::Done,
        HealthStatus::Degraded => Exit::Failed,
    })
}

fn text(health: &Health) -> String {
    match health.status {
        HealthStatus::Ok => "ok\n".to_owned(),
        HealthStatus::Degraded => health
            .troubles
            .iter()
            .map(|trouble| format!("degraded since {:.0}: {}\n", trouble.since, trouble.detail))
            .collect(),
    }
}
