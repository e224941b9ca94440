//! What takes more than one call to the store.

pub(crate) mod agent_log;
pub(crate) mod apply;
pub(crate) mod availability;
pub(crate) mod builtin;
pub(crate) mod change;
pub(crate) mod check;
mod check_dhcp;
mod check_ipv6;
mod check_objects;
mod dangling;
pub(crate) mod equip;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod image;
pub(crate) mod image_content;
mod in_use;
pub(crate) mod object;
pub(crate) mod preview;
pub(crate) mod refusal;
pub(crate) mod register_agent;
pub(crate) mod run_view;
pub(crate) mod search;
pub(crate) mod site;
pub(crate) mod start_run;
pub(crate) mod subnet;
