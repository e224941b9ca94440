//! The routes for people and their programs.

pub(crate) mod designs;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod images;
pub(crate) mod isos;
pub(crate) mod kinds;
pub(crate) mod meta;
pub(crate) mod objects;
pub(crate) mod params;
pub(crate) mod pools;
pub(crate) mod runs;
pub(crate) mod session;
pub(crate) mod unattended;
