//! Objects: one table for all kinds.

use crate::column::word;
use crate::object_row::{ObjectRow, find_row};
use crate::sql::query;
use crate::{ObjectKind, Store, StoreError};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use types::object::{Kind, Object, Source, Spec as _};
use types::{Name, ObjectId};

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// By id.
    Id(ObjectId),
    /// By name, or what was given as one.
    Name(String),
}

impl FromStr for Selector {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Id))
    }
}

impl From<ObjectId> for Selector {
    fn from(id: ObjectId) -> Self {
        Self::Id(id)
    }
}

impl From<&Name> for Selector {
    fn from(name: &Name) -> Self {
        Self::Name(name.to_string())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// An object of kind `K`.
pub(crate) type Found<K> = Object<<K as ObjectKind>::Spec, <K as ObjectKind>::Status>;

impl Store {
    /// The object, if there is one.
    pub async fn find<K: ObjectKind>(&self, selector: &Selector) -> Result<Option<Found<K>>, StoreError> {
        let row = find_row(self.reader(), K::KIND, selector)?;
        row.map(|row| row.into_object::<K>(&self.inner.sealer)).transpose()
    }

    /// Objects in the order of their names, after the one named `after`.
    pub async fn list<K: ObjectKind>(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Found<K>>, StoreError> {
        let sealer = Arc::clone(&self.inner.sealer);
        query("SELECT * FROM objects WHERE kind = ?1 AND name > ?2 ORDER BY name LIMIT ?3")
            .bind(word(K::KIND))
            .bind(after.map_or(String::new(), Name::to_string))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_at_length(self.readers(), move |row| ObjectRow::read(&row)?.into_object::<K>(&sealer))
            .await
    }

    /// Makes an object.
    pub async fn create<K: ObjectKind>(
        &self,
        name: Name,
        spec: K::Spec,
        source: Source,
        actor: &str,
    ) -> Result<Found<K>, StoreError> {
        let (spec, actor) = (reveal::<K>(&spec)?, actor.to_owned());
        let row = self.write(move |tx| {
            tx.check_room()?;
            let row = tx.insert_object(K::KIND, name, spec, source)?;
            tx.record_change("create", &row, &actor)?;
            Ok::<_, StoreError>(row)
        });
        row.await?.into_object::<K>(&self.inner.sealer)
    }

    /// Replaces the spec of the object as it was at `version`. One that is so already stays as it is.
    pub async fn update<K: ObjectKind>(
        &self,
        id: ObjectId,
        version: u64,
        spec: K::Spec,
        actor: &str,
    ) -> Result<Found<K>, StoreError> {
        let (spec, actor) = (reveal::<K>(&spec)?, actor.to_owned());
        let row = self.write(move |tx| {
            let mut row = tx.load(K::KIND, id)?;
            row.check_change(version)?;
            let source = row.source;
            if tx.replace_spec(&mut row, spec, source)? {
                tx.record_change("update", &row, &actor)?;
            }
            Ok::<_, StoreError>(row)
        });
        row.await?.into_object::<K>(&self.inner.sealer)
    }

    /// Renames the object as it was at `version`.
    pub async fn rename<K: ObjectKind>(
        &self,
        id: ObjectId,
        version: u64,
        name: Name,
        actor: &str,
    ) -> Result<Found<K>, StoreError> {
        let actor = actor.to_owned();
        let row = self.write(move |tx| {
            let mut row = tx.load(K::KIND, id)?;
            row.check_change(version)?;
            if row.name != name {
                tx.rename_row(&mut row, name)?;
                tx.record_change("rename", &row, &actor)?;
            }
            Ok::<_, StoreError>(row)
        });
        row.await?.into_object::<K>(&self.inner.sealer)
    }

    /// Removes the object as it was at `version`. A machine that a run works on stays.
    pub async fn delete<K: ObjectKind>(&self, id: ObjectId, version: u64, actor: &str) -> Result<(), StoreError> {
        let actor = actor.to_owned();
        self.write(move |tx| {
            let row = tx.load(K::KIND, id)?;
            row.check_change(version)?;
            if row.kind == Kind::Machine
                && let Some(run) = tx.active_run(id.into())?
            {
                return Err(StoreError::MachineBusy { run });
            }
            tx.delete_row(&row)?;
            tx.record_change("delete", &row, &actor)
        })
        .await
    }

    /// Changes what is known of an object. Its version stays.
    pub async fn update_status<K: ObjectKind>(
        &self,
        id: ObjectId,
        change: impl FnOnce(&mut K::Status) + Send + 'static,
    ) -> Result<Found<K>, StoreError> {
        let row = self.write(move |tx| tx.change_status::<K>(id, change));
        row.await?.into_object::<K>(&self.inner.sealer)
    }
}

/// The spec as JSON, secrets included.
fn reveal<K: ObjectKind>(spec: &K::Spec) -> Result<serde_json::Value, StoreError> {
    spec.reveal().map_err(|error| StoreError::Malformed { kind: K::KIND, reason: error.to_string() })
}
