//! [`bmc::RedfishBmc`] against the lab's BMC, with and without faults, and against what real BMCs served.

mod captured_trees;
mod faults;
mod operations;
mod rig;
