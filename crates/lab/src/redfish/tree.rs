//! A BMC that only shows what a real one once served: a captured tree, read-only.

use super::reply::Reply;
use super::simulator::StartError;
use super::tls::{Dropped, Handler, Listener};
use async_trait::async_trait;
use axum::body::{Body, Bytes};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use types::Digest;
use url::Url;

/// A captured tree, served over TLS on loopback. Every login is good, and there are no sessions.
pub struct TreeServer {
    listener: Listener,
}

struct Tree(BTreeMap<String, Value>);

impl TreeServer {
    /// Serves the resources in `archive`: a zstd-compressed tar of one `index.json` per resource path.
    pub async fn start(archive: &Path) -> Result<Self, StartError> {
        let tree = Tree(load(archive).map_err(StartError::Tree)?);
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(Self { listener: Listener::start(listen, Arc::new(tree)).await? })
    }

    /// Where it answers.
    pub fn url(&self) -> Url {
        format!("https://{}/", self.listener.address).parse().expect("an address makes a URL")
    }

    /// SHA-256 of its certificate.
    pub fn certificate_digest(&self) -> Digest {
        self.listener.certificate
    }

    /// Stops listening.
    pub async fn stop(self) {
        self.listener.stop().await;
    }
}

/// Resources by path, without a trailing slash. What is not JSON (schemas in XML) is left out.
fn load(archive: &Path) -> std::io::Result<BTreeMap<String, Value>> {
    let mut tar = tar::Archive::new(zstd::Decoder::new(std::fs::File::open(archive)?)?);
    let mut resources = BTreeMap::new();
    for entry in tar.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let Some(start) = path.find("/redfish") else { continue };
        let Some(resource) = path.get(start..).and_then(|path| path.strip_suffix("/index.json")) else { continue };
        let mut text = Vec::new();
        entry.read_to_end(&mut text)?;
        if let Ok(value) = serde_json::from_slice(&text) {
            resources.insert(resource.to_owned(), value);
        }
    }
    Ok(resources)
}

#[async_trait]
impl Handler for Tree {
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Body>, Dropped> {
        let path = request.uri().path().trim_end_matches('/');
        let reply = match (request.method(), self.0.get(path)) {
            (&Method::GET, Some(resource)) => Reply::json(StatusCode::OK, resource.clone()),
            (_, Some(_)) => Reply::not_allowed("GET"),
            (_, None) => Reply::status(StatusCode::NOT_FOUND),
        };
        Ok(reply.into_response(false))
    }
}
