//! Objects: one table for all kinds.

use crate::{ObjectKind, Store, StoreError};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use types::object::{Object, Source};
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

type Found<K> = Object<<K as ObjectKind>::Spec, <K as ObjectKind>::Status>;

impl Store {
    /// The object, if there is one.
    pub async fn find<K: ObjectKind>(&self, _selector: &Selector) -> Result<Option<Found<K>>, StoreError> {
        unimplemented!()
    }

    /// Objects in the order of their names, after the one named `after`.
    pub async fn list<K: ObjectKind>(&self, _after: Option<&Name>, _limit: usize) -> Result<Vec<Found<K>>, StoreError> {
        unimplemented!()
    }

    /// Makes an object.
    pub async fn create<K: ObjectKind>(
        &self,
        _name: Name,
        _spec: K::Spec,
        _source: Source,
        _actor: &str,
    ) -> Result<Found<K>, StoreError> {
        unimplemented!()
    }

    /// Replaces the spec of the object as it was at `version`.
    pub async fn update<K: ObjectKind>(
        &self,
        _id: ObjectId,
        _version: u64,
        _spec: K::Spec,
        _actor: &str,
    ) -> Result<Found<K>, StoreError> {
        unimplemented!()
    }

    /// Renames the object as it was at `version`.
    pub async fn rename<K: ObjectKind>(
        &self,
        _id: ObjectId,
        _version: u64,
        _name: Name,
        _actor: &str,
    ) -> Result<Found<K>, StoreError> {
        unimplemented!()
    }

    /// Removes the object as it was at `version`. A machine that a run works on stays.
    pub async fn delete<K: ObjectKind>(&self, _id: ObjectId, _version: u64, _actor: &str) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Changes what is known of an object. Its version stays.
    pub async fn update_status<K: ObjectKind>(
        &self,
        _id: ObjectId,
        _change: impl FnOnce(&mut K::Status) + Send + 'static,
    ) -> Result<Found<K>, StoreError> {
        unimplemented!()
    }
}
