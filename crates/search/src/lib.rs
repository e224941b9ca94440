//! The language in which machines are searched for: `group=compute and not state=deployed and memory>=64GiB`.
//!
//! One language for lists, bulk actions, discovery rules and `run_host`. An [`Expression`] is read from text and
//! written back in one canonical way; each comparison in it comes down to [`Condition`]s on the values that a machine
//! has under a field ([`Facts`]). The store translates the same conditions for its index, so both must agree.
//!
//! No clock and no store: the time is passed in, and whoever knows a machine gathers its facts. What a person or
//! another program may send as an expression is hostile: length, number of comparisons, depth and the size of regular
//! expressions are limited.

mod ast;
mod condition;
mod document;
mod error;
mod evaluate;
mod facts;
mod field;
mod lexer;
mod machine;
mod nearest;
mod number;
mod operand;
mod parser;
mod print;
mod size;
mod time;

pub use ast::{Comparison, Expression, FieldRef, FreeText, Node, Operator};
pub use condition::{Condition, Leaf, Matcher};
pub use document::MAX_VALUE_CHARS;
pub use error::SyntaxError;
pub use facts::{Facts, Value};
pub use field::{FIELDS, FREE_TEXT, Field, Type};
pub use machine::{MachineFacts, RunFacts};
pub use operand::{Network, Operand, Pattern};
pub use parser::{MAX_COMPARISONS, MAX_DEPTH, MAX_LENGTH};
pub use time::Moment;

#[cfg(test)]
mod tests;
