//! Wiring: one configuration, the parts that it describes, and their end.
//!
//! Nothing is decided here. Each part knows its work; this crate opens sockets and the store, hands the parts to
//! each other, and stops them in order.

mod attendance;
mod boot_backend;
mod clock;
mod config;
mod core;
mod first_start;
mod http;
mod open_files;
mod optional;
mod pools;
mod rendering;
mod server;
mod site;

pub use self::core::{Core, Surroundings};
pub use config::{Config, ConfigError, DhcpConfig};
pub use server::{Server, StartError};
