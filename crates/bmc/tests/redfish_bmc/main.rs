//! [`bmc::RedfishBmc`] against the lab's BMC, with and without faults, and against what real BMCs served.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as arranged")]

mod captured_trees;
mod faults;
mod operations;
mod rig;
