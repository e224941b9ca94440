//! The nouns that every other crate speaks.
//!
//! Plain data with serde: no I/O, no async, no SQL. A type is here when two crates that do not depend on
//! each other must agree on it; everything else lives beside its only user.

pub mod agent;
pub mod bmc;
pub mod bootenv;
pub mod cause;
pub mod design;
pub mod dhcp_option;
pub mod digest;
pub mod disk;
pub mod duration;
pub mod event;
pub mod group;
pub mod hardware;
pub mod id;
pub mod image;
pub mod inventory;
pub mod ipv6;
pub mod mac;
pub mod machine;
pub mod name;
pub mod object;
pub mod os;
pub mod outcome;
pub mod param;
pub mod reference;
pub mod secret;
pub mod subnet;
pub mod template;

pub use cause::chain;
pub use digest::Digest;
pub use duration::HumanDuration;
pub use id::{MachineId, ObjectId, RunId, TaskId};
pub use mac::MacAddr;
pub use name::Name;
pub use outcome::{ErrorClass, How};
pub use secret::Secret;

/// A point in wall-clock time, in UTC.
pub use jiff::Timestamp;
/// Parameters: names to JSON values, in the order of their names.
pub type Params = std::collections::BTreeMap<String, serde_json::Value>;
