//! The whole engine in simulated time, from a seed, with everything going wrong that may.
//!
//! The server is the real one, without its sockets: store, engine, steps, agent protocol, DHCP. Machines, BMCs,
//! network, people and time are simulated, and are moved by one [`timeline`]. Between two entries of it everything
//! that the server does comes to rest, so that the same seed gives the same story to the last line; see
//! `docs/develop/simulation.md`.

mod bmc;
mod checks;
mod common;
mod dice;
mod engine_view;
mod faults;
mod gate;
mod happening;
mod ledger;
mod life;
mod machine;
mod network;
mod operator;
mod probe;
mod rules;
mod simulation;
mod site;
mod stranger;
mod sweep;
mod timeline;
mod world;

pub use rules::{Rules, Sabotage};
pub use simulation::{Figures, Outcome, simulate};
pub use sweep::{Swept, sweep};
