//! Objects as YAML files: how they are read and written, and those that are part of this program.
//!
//! A document is `kind`, `name` and the fields of the kind's spec beside them. It is read as that type at once, so
//! that `no` stays a word and `010` a text where a text is wanted.

mod any_spec;
mod builtin;
mod document;
mod place;
mod split;

pub use any_spec::AnySpec;
pub use builtin::{BuiltinError, built_in};
pub use document::{Document, read, write};
