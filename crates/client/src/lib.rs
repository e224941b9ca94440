//! The REST API's typed client, for the command line, the demo and tests.
//!
//! One method for each route. A refusal carries the problem's code and detail; a stream of events comes back by
//! itself when the connection breaks, and goes on after the last event that it gave.

mod change;
mod client;
mod error;
mod events;
mod sse;

pub use client::{Client, RunQuery, SheetImport, SheetShape};
pub use error::ClientError;
pub use events::{EventQuery, EventStream};
