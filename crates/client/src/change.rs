//! What can be done with an object of any kind beside reading and writing it.

use crate::{Client, ClientError};
use serde_json::Value;
use types::object::Kind;
use wire::{CloneObject, MachineParams, RenderPreview, RenderedPreview, Revert, Uses, VersionView};

impl Client {
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
