//! What can be done with an object of any kind beside reading and writing it.

use crate::{Client, ClientError};
use serde_json::Value;
use types::object::Kind;
use wire::{CloneObject, MachineParams, Page, RenderPreview, RenderedPreview, Revert, Uses, VersionView};

impl Client {
    /// An object of any kind as JSON, with what it lacks.
    pub async fn object(&self, kind: Kind, named: &str) -> Result<Value, ClientError> {
        self.get(&[kind.plural(), named]).await
    }

    /// Every object of a kind as JSON, in the order of their names.
    pub async fn objects(&self, kind: Kind) -> Result<Vec<Value>, ClientError> {
        let mut all: Vec<Value> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page: Page<Value> = self.part(kind, after.as_deref()).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Removes an object of any kind: as it is, or only as it was at `version`.
    pub async fn delete_object(&self, kind: Kind, named: &str, version: Option<u64>) -> Result<(), ClientError> {
        self.remove(kind, named, version).await
    }

    /// The versions of an object that are kept, newest first.
    pub async fn versions(&self, kind: Kind, named: &str) -> Result<Vec<VersionView>, ClientError> {
        self.get(&[kind.plural(), named, "versions"]).await
    }

    /// What names an object, and which machines an edit of it would reach.
    pub async fn uses(&self, kind: Kind, named: &str) -> Result<Uses, ClientError> {
        self.get(&[kind.plural(), named, "uses"]).await
    }

    /// Makes an object what it was at an earlier version.
    pub async fn revert(&self, kind: Kind, named: &str, revert: &Revert) -> Result<Value, ClientError> {
        self.post(&[kind.plural(), named, "revert"], revert).await
    }

    /// Makes a copy of an object.
    pub async fn clone_object(&self, kind: Kind, named: &str, wanted: &CloneObject) -> Result<Value, ClientError> {
        self.post(&[kind.plural(), named, "clone"], wanted).await
    }

    /// A machine's parameters, each with where it comes from.
    pub async fn explain_params(&self, machine: &str) -> Result<MachineParams, ClientError> {
        self.get(&["machines", machine, "params"]).await
    }

    /// What a template renders to for a machine; secrets are hidden.
    pub async fn render(&self, machine: &str, wanted: &RenderPreview) -> Result<RenderedPreview, ClientError> {
        self.post(&["machines", machine, "render"], wanted).await
    }
}
