//! Puts together what is said of a machine in many places: its groups, profiles, operating system, network, design.
//!
//! All of it but [`Sites::current`] is pure: a [`Site`] is everything that is declared and belongs to no single
//! machine, held in memory and replaced as a whole when any of it changes. What a template is given, what a run starts
//! with and what an operator is told of a parameter's origin come from the same lines.

mod available;
mod boot;
mod effective;
mod facts;
mod network;
mod params;
mod plan;
mod site;

pub use boot::{NoBootFiles, OwnFiles, own_files, uses};
pub use effective::{Effective, Said};
pub use facts::{Around, machine_facts};
pub use params::{Own, Resolution};
pub use plan::{Plan, PlanError, Start};
pub use site::{Declared, Site, Sites};
