//! Earlier versions of objects, and what names an object.

use crate::column::{from_word, nanos, parse, signed, timestamp, unsigned, word};
use crate::object_row::{ObjectRow, find_row};
use crate::sql::query;
use crate::writer::Tx;
use crate::{ObjectKind, Selector, Store, StoreError};
use types::object::Kind;
use types::{Name, ObjectId, Timestamp};

/// Versions of an object that are kept.
const KEPT: u64 = 100;
/// The same of one whose spec is larger than [`LARGE`]: a design of ten thousand rows is some megabytes.
const KEPT_OF_LARGE: u64 = 10;
const LARGE: usize = 64 << 10;

/// What was wanted of an object at a version of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Version<Spec> {
    /// Its number.
    pub version: u64,
    /// Since when.
    pub at: Timestamp,
    /// Who changed it.
    pub actor: String,
    /// What was wanted.
    pub spec: Spec,
}

/// An object that names another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// Where it does so, as a JSON pointer within its spec.
    pub pointer: String,
}

impl Tx {
    /// Keeps what is wanted of the object now, for those who will want to see it or go back to it.
    pub(crate) fn keep_version(&mut self, row: &ObjectRow, actor: &str) -> Result<(), StoreError> {
        let exists = self.find(row.kind, &Selector::Id(row.id))?.is_some();
        if !exists {
            return Ok(());
        }
        query("INSERT OR REPLACE INTO object_versions (id, version, at, actor, spec) VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(row.id.to_string())
            .bind(signed(row.version))
            .bind(nanos(self.now()))
            .bind(actor.to_owned())
            .bind(row.spec.clone())
            .execute(&mut self.connection)?;
        let kept = if row.spec.len() > LARGE { KEPT_OF_LARGE } else { KEPT };
        query("DELETE FROM object_versions WHERE id = ?1 AND version <= ?2")
            .bind(row.id.to_string())
            .bind(signed(row.version) - signed(kept))
            .execute(&mut self.connection)?;
        Ok(())
    }
}

impl Store {
    /// The versions of an object that are kept, newest first.
    pub async fn versions<K: ObjectKind>(&self, id: ObjectId) -> Result<Vec<Version<K::Spec>>, StoreError> {
        let Some(object) = find_row(self.reader(), K::KIND, &Selector::Id(id))? else { return Ok(Vec::new()) };
        let sealer = std::sync::Arc::clone(&self.inner.sealer);
        query("SELECT version, at, actor, spec FROM object_versions WHERE id = ?1 ORDER BY version DESC")
            .bind(id.to_string())
            .fetch_at_length(self.readers(), move |row| {
                let version = unsigned(row.get("version")?);
                let (at, actor) = (timestamp(row.get("at")?), row.get("actor")?);
                let then = ObjectRow { spec: row.get("spec")?, version, ..object.clone() };
                let spec = serde_json::from_value(then.open_spec(&sealer)?);
                let spec = spec.map_err(|_| StoreError::Corrupt { what: format!("version {version} of {id}") })?;
                Ok(Version { version, at, actor, spec })
            })
            .await
    }

    /// The objects that name this one.
    pub async fn uses_of(&self, kind: Kind, name: &Name) -> Result<Vec<Use>, StoreError> {
        query(
            "SELECT o.kind, o.name, r.pointer FROM object_references AS r JOIN objects AS o ON o.id = r.by_id
             WHERE r.kind = ?1 AND r.name = ?2 ORDER BY o.kind, o.name, r.pointer",
        )
        .bind(word(kind))
        .bind(name.to_string())
        .fetch_at_length(self.readers(), |row| {
            let what = || "an object that names another".to_owned();
            Ok(Use {
                kind: from_word(row.text("kind")?, what)?,
                name: parse(row.text("name")?, what)?,
                pointer: row.get("pointer")?,
            })
        })
        .await
    }
}
