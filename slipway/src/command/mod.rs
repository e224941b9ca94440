//! The commands that talk to a server, a module each.

pub(crate) mod apply;
pub(crate) mod change;
pub(crate) mod completion;
pub(crate) mod control;
pub(crate) mod delete;
pub(crate) mod deployment;
pub(crate) mod design;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod health;
pub(crate) mod image;
pub(crate) mod iso;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod params;
pub(crate) mod pools;
pub(crate) mod preview;
pub(crate) mod provision;
pub(crate) mod status;
pub(crate) mod template;
