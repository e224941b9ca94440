//! Making the store match documents: all of them, or none.

use crate::{Store, StoreError};
use serde_json::Value;
use types::Name;
use types::object::{Kind, Source};

/// An object as a file declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// Its spec, checked by the caller.
    pub spec: Value,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// What was done.
    pub change: Change,
}

/// What applying a document did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There was no such object.
    Created,
    /// Its spec was another.
    Updated,
    /// It was already so.
    Unchanged,
}

/// Documents could not be applied; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// One of the documents is refused.
    #[error("document {document} cannot be applied")]
    Document {
        /// Which, counted from 0.
        document: usize,
        /// Why.
        source: StoreError,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes the store match `documents`: all of them or none. With `dry_run` it only says what would be done.
    pub async fn apply(
        &self,
        _documents: Vec<Document>,
        _source: Source,
        _actor: &str,
        _dry_run: bool,
    ) -> Result<Vec<Applied>, ApplyError> {
        unimplemented!()
    }

    /// Makes the built-in objects exactly these. An object of a user's that has the name of a built-in one
    /// stays, and is named in the answer.
    pub async fn set_builtin(&self, _documents: Vec<Document>) -> Result<Vec<(Kind, Name)>, ApplyError> {
        unimplemented!()
    }
}
