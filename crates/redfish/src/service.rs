//! A BMC's Redfish service: finding its resources, and writing to them.

use crate::answer::Answer;
use crate::document::{Document, links_of};
use crate::error::{ConnectError, ReadError, RequestError, WriteError};
use crate::session::ROOT;
use crate::system::System;
use crate::transport::{Options, Transport, Write};
use reqwest::Method;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use types::{Digest, Secret};
use url::Url;

/// A collection of systems, managers or slots is small; more members than this are not read.
const MAX_MEMBERS: usize = 256;
/// Pages of one collection.
const MAX_PAGES: usize = 16;

/// How to reach a service.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Such as `https://10.0.0.5`.
    pub url: Url,
    /// Login.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// The only certificate to accept. Without it the first one seen is accepted and can be read back
    /// from [`Service::certificate`].
    pub certificate: Option<Digest>,
}

/// What came of a change, as far as its answer tells. It is not proof: read it back.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The BMC says that it is done.
    Done,
    /// The BMC says that it is working on it, in this task.
    Task(String),
    /// The BMC says that it will, and gives nothing to follow.
    Accepted,
}

/// A connection to one BMC.
pub struct Service {
    transport: Transport,
    system_path: Mutex<Option<String>>,
}

impl Service {
    /// Makes a client. Nothing is sent yet.
    pub fn new(endpoint: Endpoint, options: Options) -> Result<Self, ConnectError> {
        Ok(Self { transport: Transport::new(endpoint, options)?, system_path: Mutex::new(None) })
    }

    /// The certificate that is accepted: the pinned one, or after the first connection the first one seen.
    pub fn certificate(&self) -> Option<Digest> {
        self.transport.certificate()
    }

    /// The limits this client keeps.
    pub fn options(&self) -> &Options {
        &self.transport.options
    }

    /// The service root. It needs no login.
    pub async fn root(&self) -> Result<Document, ReadError> {
        Ok(Document::new(ROOT, self.transport.get_open(ROOT).await?))
    }

    /// The resource at `link`.
    pub async fn get(&self, link: &str) -> Result<Document, ReadError> {
        let path = self.transport.local_path(link);
        Ok(Document::new(&path, self.transport.get(&path).await?))
    }

    /// What the members of the collection at `link` link to.
    pub async fn member_links(&self, link: &str) -> Result<Vec<String>, ReadError> {
        let mut found: Vec<String> = Vec::new();
        let mut next = Some(link.to_owned());
        for _ in 0..MAX_PAGES {
            let Some(link) = next.take() else { break };
            let page = self.get(&link).await?;
            found.extend(links_of(&page.value["Members"]).into_iter().map(str::to_owned));
            next = page.value["Members@odata.nextLink"].as_str().map(str::to_owned);
        }
        found.truncate(MAX_MEMBERS);
        Ok(found)
    }

    /// The computer system this BMC manages, read anew.
    ///
    /// Some BMCs list more than one (an accelerator tray beside the host): the host is the one that can be
    /// reset and has a BIOS.
    pub async fn system(&self) -> Result<System, ReadError> {
        if let Some(path) = self.known_system() {
            match self.get(&path).await {
                Err(ReadError::Request(error)) if error.status() == Some(404) => self.remember_system(None),
                result => return result.map(System::new),
            }
        }
        let system = self.find_system().await?;
        self.remember_system(Some(system.document.path.clone()));
        Ok(system)
    }

    /// The managers of `system`: the BMC itself, usually one.
    pub async fn managers(&self, system: &System) -> Result<Vec<Document>, ReadError> {
        self.related_or_all(system, "ManagedBy", "Managers").await
    }

    /// The chassis of `system`.
    pub async fn chassis(&self, system: &System) -> Result<Vec<Document>, ReadError> {
        self.related_or_all(system, "Chassis", "Chassis").await
    }

    /// Ends the session at the BMC.
    pub async fn log_out(&self) -> Result<(), RequestError> {
        self.transport.log_out().await
    }

    /// Posts `body` to an action's target, once.
    pub async fn post(&self, target: &str, body: &Value) -> Result<Effect, RequestError> {
        let path = self.transport.local_path(target);
        let write = Write { method: Method::POST, path: &path, body: Some(body), if_match: None };
        Ok(self.effect(&self.transport.write(write).await?))
    }

    /// Changes properties of `document`, provided that nobody else changed it since it was read.
    pub async fn patch(&self, document: &Document, body: &Value) -> Result<Effect, RequestError> {
        let write =
            Write { method: Method::PATCH, path: &document.path, body: Some(body), if_match: document.if_match() };
        Ok(self.effect(&self.transport.write(write).await?))
    }

    /// Changes properties of the resource at `link`; when it changed meanwhile, reads it again and tries once more.
    ///
    /// A 412 is given before anything is written (RFC 9110 §15.5.13), so the repeat is safe.
    pub(crate) async fn read_and_patch(&self, link: &str, body: &Value) -> Result<Effect, WriteError> {
        let document = self.get(link).await?;
        match self.patch(&document, body).await {
            Err(RequestError::Refused { status: 412, .. }) => {
                let document = self.get(link).await?;
                Ok(self.patch(&document, body).await?)
            }
            result => Ok(result?),
        }
    }

    pub(crate) async fn look(&self, path: &str) -> Result<Answer, RequestError> {
        self.transport.get(path).await
    }

    fn effect(&self, answer: &Answer) -> Effect {
        if answer.status != 202 {
            return Effect::Done;
        }
        let body = answer.body.as_ref();
        let task = body.filter(|body| body["@odata.type"].as_str().is_some_and(|kind| kind.starts_with("#Task.")));
        let link = answer.location.as_deref().or_else(|| {
            let task = task?;
            task["TaskMonitor"].as_str().or_else(|| task["@odata.id"].as_str())
        });
        link.map_or(Effect::Accepted, |link| Effect::Task(self.transport.local_path(link)))
    }

    async fn find_system(&self) -> Result<System, ReadError> {
        let root = self.root().await?;
        let missing = || ReadError::Missing { path: ROOT.to_owned(), member: "Systems" };
        let members = self.member_links(root.link("Systems").ok_or_else(missing)?).await?;
        let mut best: Option<System> = None;
        for link in members {
            let system = System::new(self.get(&link).await?);
            if best.as_ref().is_none_or(|best| system.host_likeness() > best.host_likeness()) {
                best = Some(system);
            }
        }
        best.ok_or_else(missing)
    }

    async fn related_or_all(
        &self,
        system: &System,
        relation: &str,
        collection: &str,
    ) -> Result<Vec<Document>, ReadError> {
        let mut links: Vec<String> = system.document.related(relation).into_iter().map(str::to_owned).collect();
        if links.is_empty() {
            let root = self.root().await?;
            if let Some(link) = root.link(collection) {
                links = self.member_links(link).await?;
            }
        }
        let mut documents = Vec::new();
        for link in links.iter().take(MAX_MEMBERS) {
            documents.push(self.get(link).await?);
        }
        Ok(documents)
    }

    fn known_system(&self) -> Option<String> {
        self.system_path.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember_system(&self, path: Option<String>) {
        *self.system_path.lock().unwrap_or_else(PoisonError::into_inner) = path;
    }
}
