//! Which server, and as whom.

use crate::exit::Usage;
use crate::output::Format;
use anyhow::Context;
use client::Client;
use std::path::PathBuf;
use types::Secret;
use url::Url;

/// Which server, and as whom. The token is in SLIPWAY_TOKEN or in a file: what is on a command line, every user of
/// the computer can read.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Connection {
    /// The server's address.
    #[arg(
        long,
        env = "SLIPWAY_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        help_heading = "Server"
    )]
    server: Url,
    /// The file that holds the token; without it, SLIPWAY_TOKEN does.
    #[arg(long, env = "SLIPWAY_TOKEN_FILE", hide_env_values = true, value_name = "FILE", help_heading = "Server")]
    token_file: Option<PathBuf>,
    /// How to write the answer.
    #[arg(long, short, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) output: Format,
}

impl Connection {
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let token = match &self.token_file {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("reading the token in {}", path.display()))?
            }
            None => std::env::var("SLIPWAY_TOKEN").map_err(|_| {
                Usage("no token: set SLIPWAY_TOKEN, or name the file that holds it with --token-file".to_owned())
            })?,
        };
        Ok(Client::new(self.server.clone(), &Secret::new(token.trim()))?)
    }
}
