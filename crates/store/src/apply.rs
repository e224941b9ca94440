//! Making the store match documents: all of them, or none.

use crate::kinds::shape;
use crate::object_row::ObjectRow;
use crate::sql::query;
use crate::writer::Tx;
use crate::{Store, StoreError};
use serde_json::Value;
use std::collections::HashSet;
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

/// What makes `apply` come back from its transaction.
enum Stop {
    /// It was only to be tried: this is what it would have done.
    Tried(Vec<Applied>),
    Failed(ApplyError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl Store {
    /// Makes the store match `documents`: all of them or none. With `dry_run` it only says what would be done.
    pub async fn apply(
        &self,
        documents: Vec<Document>,
        source: Source,
        actor: &str,
        dry_run: bool,
    ) -> Result<Vec<Applied>, ApplyError> {
        let actor = actor.to_owned();
        let done = self.write(move |tx| {
            if !dry_run {
                tx.check_room()?;
            }
            let applied = tx.apply(documents, source, &actor).map_err(Stop::Failed)?;
            if dry_run { Err(Stop::Tried(applied)) } else { Ok(applied) }
        });
        match done.await {
            Ok(applied) | Err(Stop::Tried(applied)) => Ok(applied),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Makes the built-in objects exactly these. An object of a user's that has the name of a built-in one
    /// stays, and is named in the answer.
    pub async fn set_builtin(&self, documents: Vec<Document>) -> Result<Vec<(Kind, Name)>, ApplyError> {
        self.write(move |tx| tx.set_builtin(documents)).await
    }
}

impl Tx {
    fn apply(&mut self, documents: Vec<Document>, source: Source, actor: &str) -> Result<Vec<Applied>, ApplyError> {
        self.forget_cards(&documents)?;
        let mut applied = Vec::with_capacity(documents.len());
        let mut seen = HashSet::new();
        for (index, document) in documents.into_iter().enumerate() {
            let refused = |source| ApplyError::Document { document: index, source };
            let Document { kind, name, spec } = document;
            if !seen.insert((kind, name.clone())) {
                return Err(refused(StoreError::NameTaken { kind, name }));
            }
            let change = self.apply_one(kind, &name, spec, source, actor).map_err(refused)?;
            applied.push(Applied { kind, name, change });
        }
        Ok(applied)
    }

    /// Takes the cards from all machines that are about to be declared anew, so that they can be exchanged.
    fn forget_cards(&mut self, documents: &[Document]) -> Result<(), StoreError> {
        for document in documents.iter().filter(|document| document.kind == Kind::Machine) {
            if let Some(row) = self.find(Kind::Machine, &(&document.name).into())? {
                self.undeclare_machine(row.id.into())?;
            }
        }
        Ok(())
    }

    fn apply_one(
        &mut self,
        kind: Kind,
        name: &Name,
        spec: Value,
        source: Source,
        actor: &str,
    ) -> Result<Change, StoreError> {
        let spec = (shape(kind).normalise)(spec)?;
        let Some(mut row) = self.find(kind, &name.into())? else {
            let row = self.insert_object(kind, name.clone(), spec, source)?;
            self.record_change("create", &row, actor)?;
            return Ok(Change::Created);
        };
        row.refuse_builtin()?;
        if self.replace_spec(&mut row, spec, source)? {
            self.record_change("update", &row, actor)?;
            return Ok(Change::Updated);
        }
        let spec = row.open_spec(&self.sealer)?;
        self.index(&row, spec)?;
        Ok(Change::Unchanged)
    }

    fn set_builtin(&mut self, documents: Vec<Document>) -> Result<Vec<(Kind, Name)>, ApplyError> {
        let mut obsolete = self.builtin_rows()?;
        let mut hidden = Vec::new();
        for (index, Document { kind, name, spec }) in documents.into_iter().enumerate() {
            obsolete.retain(|row| row.kind != kind || row.name != name);
            if !self
                .set_one_builtin(kind, &name, spec)
                .map_err(|source| ApplyError::Document { document: index, source })?
            {
                hidden.push((kind, name));
            }
        }
        for row in obsolete {
            self.delete_row(&row)?;
        }
        Ok(hidden)
    }

    /// Whether the name is the built-in object's.
    fn set_one_builtin(&mut self, kind: Kind, name: &Name, spec: Value) -> Result<bool, StoreError> {
        let spec = (shape(kind).normalise)(spec)?;
        match self.find(kind, &name.into())? {
            None => self.insert_object(kind, name.clone(), spec, Source::Builtin).map(|_| true),
            Some(mut row) if row.source == Source::Builtin => {
                self.replace_spec(&mut row, spec, Source::Builtin).map(|_| true)
            }
            Some(_) => Ok(false),
        }
    }

    fn builtin_rows(&mut self) -> Result<Vec<ObjectRow>, StoreError> {
        let rows = query("SELECT * FROM objects WHERE source = 'builtin'").fetch_all(&mut self.connection)?;
        rows.iter().map(ObjectRow::read).collect()
    }
}
