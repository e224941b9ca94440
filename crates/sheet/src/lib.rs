//! Designs as sheets: a workbook (xlsx) or CSV to the rows of a design and back.
//!
//! Sheets come from people and from other systems, so nothing in them is trusted: sizes are limited before anything is
//! unpacked, formulas are never calculated, and what is written starts no formula in any spreadsheet program. Every
//! mistake is told with its row and column, all of them at once; a sheet with one mistake changes nothing.
//! No I/O, no store: bytes and facts in, a design out.

mod cell;
mod column;
mod csv_file;
mod limits;
mod nabp;
mod read;
mod row;
mod table;
mod write;
mod xlsx_file;

pub use column::Words;
pub use limits::MAX_FILE_BYTES;
pub use read::{Import, Imported, RowChange, import};
pub use table::Format;
pub use write::{Export, WriteError, export};

use lifecycle::Declarations;
use std::collections::{BTreeMap, BTreeSet};
use types::Name;
use types::subnet::SubnetSpec;

/// What there is that a sheet may name, and what is known of parameters.
#[derive(Debug, Default)]
pub struct Known {
    /// The subnets.
    pub subnets: BTreeMap<Name, SubnetSpec>,
    /// The groups, each with the subnet that it or a group above it names.
    pub groups: BTreeMap<Name, Option<Name>>,
    /// The hardware profiles.
    pub hardware_profiles: BTreeSet<Name>,
    /// The profiles.
    pub profiles: BTreeSet<Name>,
    /// The BMCs.
    pub bmcs: BTreeSet<Name>,
    /// The workflows.
    pub workflows: BTreeSet<Name>,
    /// The parameters.
    pub declarations: Declarations,
}

impl Known {
    /// Whether a parameter's values are secrets: as declared, or else as its name says.
    pub(crate) fn is_secret(&self, key: &str) -> bool {
        match self.declarations.get(key) {
            Some(declared) => declared.secret,
            None => types::secret::is_secret_name(key),
        }
    }
}
