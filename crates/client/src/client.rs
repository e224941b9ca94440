//! One method for each route.

mod deployments;

pub use deployments::{SheetImport, SheetShape};

use crate::ClientError;
use crate::events::{EventQuery, EventStream};
use bytes::Bytes;
use futures_util::stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, IF_MATCH};
use reqwest::{Body, Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use types::event::Event;
use types::object::{Kind, Object, Spec};
use types::{Digest, Name, RunId, Secret};
use url::Url;
use wire::{
    ApplyFile, ApplyReport, ApplyRequest, Create, Export, Health, Image, Machine, MediaList, MediumFile, Page, Pools,
    Problem, RunView, StartRun, Update, Version, Whoami,
};
use workflow::{Command, RunState};

/// A server that is there answers a connection within this, also over a slow link.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that is there answers a plain request within this, also while it is busy.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// A stream that says nothing for so long has lost its server: three of its signs of life.
pub(crate) const STREAM_SILENCE: Duration = Duration::from_secs(50);
/// Read from a file in one go.
const CHUNK_BYTES: usize = 256 << 10;
/// What stays as it is in a path segment (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A server, and the token that it knows us by. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

/// Which runs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunQuery {
    /// Of the machine with this id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// In this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RunState>,
    /// Whether they have not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Older than this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<RunId>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

#[derive(Serialize)]
struct ListQuery<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<&'a str>,
}

type Stored<S> = Object<S, <S as Spec>::Status>;

impl Client {
    /// A client of the server at `base`, which knows us by `token`.
    ///
    /// # Errors
    /// When the token cannot be a token, or TLS cannot be set up.
    pub fn new(base: Url, token: &Secret) -> Result<Self, ClientError> {
        Self::with_options(base, token, reqwest::Client::builder())
    }

    /// The same, with options of the HTTP client such as a certificate to trust.
    ///
    /// # Errors
    /// When the token cannot be a token, or the options do not go together.
    pub fn with_options(base: Url, token: &Secret, http: reqwest::ClientBuilder) -> Result<Self, ClientError> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
        if let Ok(value) = &mut authorization {
            value.set_sensitive(true);
        }
        let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization.map_err(|_| ClientError::BadToken)?)]);
        let http = http.default_headers(headers).connect_timeout(CONNECT_TIMEOUT).build();
        Ok(Self { http: http.map_err(ClientError::SetUp)?, base })
    }

    /// The server's address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut path = self.base.path().trim_end_matches('/').to_owned();
        for segment in segments {
            path.push('/');
            path.push_str(&utf8_percent_encode(segment, SEGMENT).to_string());
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        url
    }

    fn request(&self, method: Method, segments: &[&str]) -> (Url, RequestBuilder) {
        let mut full = vec!["api", "v1"];
        full.extend(segments);
        let url = self.url(&full);
        (url.clone(), self.http.request(method, url))
    }

    async fn send<T: DeserializeOwned>(&self, request: (Url, RequestBuilder)) -> Result<T, ClientError> {
        let (url, request) = request;
        let response = dispatch(&url, request.timeout(REQUEST_TIMEOUT)).await?;
        read(&url, response).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, ClientError> {
        self.send(self.request(Method::GET, segments)).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let (url, request) = self.request(Method::POST, segments);
        self.send((url, request.json(body))).await
    }

    /// Who the server takes us for.
    pub async fn whoami(&self) -> Result<Whoami, ClientError> {
        self.get(&["whoami"]).await
    }

    /// The server's version and clock.
    pub async fn version(&self) -> Result<Version, ClientError> {
        self.get(&["version"]).await
    }

    /// Whether the server does all that it is there for.
    pub async fn health(&self) -> Result<Health, ClientError> {
        self.get(&["health"]).await
    }

    /// How the addresses of the subnets are used.
    pub async fn pools(&self) -> Result<Pools, ClientError> {
        self.get(&["pools"]).await
    }

    /// A part of the objects of a kind, in the order of their names.
    pub async fn list<S: Spec>(
        &self,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<Stored<S>>, ClientError> {
        let (url, request) = self.request(Method::GET, &[S::KIND.plural()]);
        self.send((url, request.query(&ListQuery { after, limit, search: None }))).await
    }

    /// A part of the machines for which the expression holds, in the order of their names.
    pub async fn search_machines(
        &self,
        search: &str,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<Machine>, ClientError> {
        let (url, request) = self.request(Method::GET, &[Kind::Machine.plural()]);
        self.send((url, request.query(&ListQuery { after, limit, search: Some(search) }))).await
    }

    /// Every machine for which the expression holds, in the order of their names.
    pub async fn search_all_machines(&self, search: &str) -> Result<Vec<Machine>, ClientError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.search_machines(search, after.as_deref(), Some(1000)).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// The largest part of the objects of a kind after one.
    pub(crate) async fn part<T: DeserializeOwned>(
        &self,
        kind: Kind,
        after: Option<&str>,
    ) -> Result<Page<T>, ClientError> {
        let (url, request) = self.request(Method::GET, &[kind.plural()]);
        self.send((url, request.query(&ListQuery { after, limit: Some(1000), search: None }))).await
    }

    /// Every object of a kind, in the order of their names.
    pub async fn list_all<S: Spec>(&self) -> Result<Vec<Stored<S>>, ClientError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.list::<S>(after.as_deref(), Some(1000)).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// An object, by id or name.
    pub async fn find<S: Spec>(&self, named: &str) -> Result<Stored<S>, ClientError> {
        self.get(&[S::KIND.plural(), named]).await
    }

    /// Makes an object. A secret in `spec` is sent as it serialises; use [`Client::apply`] for objects with secrets.
    pub async fn create<S: Spec>(&self, name: Name, spec: S) -> Result<Stored<S>, ClientError> {
        self.post(&[S::KIND.plural()], &Create { name, spec }).await
    }

    /// Replaces the spec of the object as it was at `version`.
    pub async fn update<S: Spec>(&self, named: &str, version: u64, spec: S) -> Result<Stored<S>, ClientError> {
        let (url, request) = self.request(Method::PUT, &[S::KIND.plural(), named]);
        self.send((url, request.json(&Update { version: Some(version), spec }))).await
    }

    /// Removes an object: as it is, or only as it was at `version`.
    pub async fn delete<S: Spec>(&self, named: &str, version: Option<u64>) -> Result<(), ClientError> {
        self.remove(S::KIND, named, version).await
    }

    pub(crate) async fn remove(&self, kind: Kind, named: &str, version: Option<u64>) -> Result<(), ClientError> {
        let (url, mut request) = self.request(Method::DELETE, &[kind.plural(), named]);
        if let Some(version) = version {
            request = request.header(IF_MATCH, format!("\"{version}\""));
        }
        dispatch(&url, request.timeout(REQUEST_TIMEOUT)).await.map(drop)
    }

    /// Makes the server match files: all of their documents, or none.
    pub async fn apply(&self, files: Vec<ApplyFile>, dry_run: bool) -> Result<ApplyReport, ClientError> {
        self.post(&["apply"], &ApplyRequest { files, dry_run }).await
    }

    /// Every object that is not built in, as files.
    pub async fn export(&self) -> Result<Export, ClientError> {
        self.get(&["export"]).await
    }

    /// Starts a run. The same `key` again is the same run.
    pub async fn start_run(&self, machine: &str, start: &StartRun, key: Option<&str>) -> Result<RunView, ClientError> {
        let (url, request) = self.request(Method::POST, &["machines", machine, "runs"]);
        self.send((url, with_key(request.json(start), key))).await
    }

    /// A part of the runs, newest first.
    pub async fn list_runs(&self, query: &RunQuery) -> Result<Page<RunView>, ClientError> {
        let (url, request) = self.request(Method::GET, &["runs"]);
        self.send((url, request.query(query))).await
    }

    /// A run.
    pub async fn run(&self, id: RunId) -> Result<RunView, ClientError> {
        self.get(&["runs", &id.to_string()]).await
    }

    /// Gives a command to a run.
    pub async fn command(&self, id: RunId, command: &Command) -> Result<RunView, ClientError> {
        self.post(&["runs", &id.to_string(), "commands"], command).await
    }

    /// Starts a run that goes on from the step in which `failed` failed.
    pub async fn continue_run(&self, failed: RunId, key: Option<&str>) -> Result<RunView, ClientError> {
        let (url, request) = self.request(Method::POST, &["runs", &failed.to_string(), "continue"]);
        self.send((url, with_key(request, key))).await
    }

    /// Waits until a run has ended, and gives it.
    pub async fn wait_for_run(&self, id: RunId) -> Result<RunView, ClientError> {
        // The stream begins before the run is looked at, so that its end is in one or the other.
        let newest = EventQuery { limit: Some(1), ..EventQuery::default() };
        let after = self.events(&newest).await?.items.last().map_or(0, |event| event.seq);
        let query = EventQuery { run: Some(id), after: Some(after), ..EventQuery::default() };
        let mut events = self.follow(query);
        loop {
            let run = self.run(id).await?;
            if run.is_over() {
                return Ok(run);
            }
            events.next().await?;
        }
    }

    /// A part of the history.
    pub async fn events(&self, query: &EventQuery) -> Result<Page<Event>, ClientError> {
        let (url, request) = self.request(Method::GET, &["events"]);
        self.send((url, request.query(query))).await
    }

    /// The history as it grows. Without `after` it begins now.
    pub fn follow(&self, query: EventQuery) -> EventStream {
        EventStream::new(self.clone(), query)
    }

    pub(crate) async fn open_stream(&self, query: &EventQuery) -> Result<Response, ClientError> {
        let (url, request) = self.request(Method::GET, &["events", "stream"]);
        dispatch(&url, request.query(query).header("accept", "text/event-stream")).await
    }

    /// The discs and trees that operating systems are installed from.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn isos(&self) -> Result<MediaList, ClientError> {
        self.get(&["isos"]).await
    }

    /// Removes a disc.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn delete_iso(&self, name: &str) -> Result<(), ClientError> {
        let (url, request) = self.request(Method::DELETE, &["isos", name]);
        dispatch(&url, request).await.map(drop)
    }

    /// Sends a disc; `sent` hears how many bytes are gone.
    ///
    /// # Errors
    /// When the file cannot be read, or the server cannot be reached or refuses.
    pub async fn upload_iso(
        &self,
        name: &str,
        digest: Digest,
        file: &Path,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<MediumFile, ClientError> {
        let (url, request) = self.request(Method::PUT, &["isos", name]);
        self.send_file(url, request.query(&[("digest", digest.to_string())]), file, sent).await
    }

    /// Sends an image's content. `sent` is told how many bytes have been handed to the connection so far.
    pub async fn upload_image(
        &self,
        named: &str,
        file: &Path,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<Image, ClientError> {
        let (url, request) = self.request(Method::PUT, &["images", named, "content"]);
        self.send_file(url, request, file, sent).await
    }

    async fn send_file<T: DeserializeOwned>(
        &self,
        url: Url,
        request: RequestBuilder,
        file: &Path,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<T, ClientError> {
        let unreadable = |source| ClientError::ReadFile { path: file.to_owned(), source };
        let opened = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let size = opened.metadata().await.map_err(unreadable)?.len();
        let pieces = stream::try_unfold((opened, 0_u64, sent), |(mut opened, done, sent)| async move {
            let mut piece = Vec::with_capacity(CHUNK_BYTES);
            let read = (&mut opened).take(CHUNK_BYTES as u64).read_to_end(&mut piece).await?;
            let done = done + read as u64;
            sent(done);
            Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), (opened, done, sent))))
        });
        let request = request
            .header("content-type", "application/octet-stream")
            .header("content-length", size)
            .body(Body::wrap_stream(pieces));
        // No limit of time: an image takes what it takes, and the server ends an upload that has fallen silent.
        let response = dispatch(&url, request).await?;
        read(&url, response).await
    }

    /// The OpenAPI document.
    pub async fn openapi(&self) -> Result<serde_json::Value, ClientError> {
        self.get(&["openapi.json"]).await
    }
}

fn with_key(request: RequestBuilder, key: Option<&str>) -> RequestBuilder {
    match key {
        Some(key) => request.header(HeaderName::from_static("idempotency-key"), key),
        None => request,
    }
}

/// Sends a request, and turns a refusal into an error.
async fn dispatch(url: &Url, request: RequestBuilder) -> Result<Response, ClientError> {
    let unreachable =
        |source: reqwest::Error| ClientError::Unreachable { url: url.clone(), source: source.without_url() };
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.bytes().await.map_err(unreachable)?;
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
        Err(_) => Err(ClientError::NotUnderstood { url: url.clone(), status: status.as_u16() }),
    }
}

async fn read<T: DeserializeOwned>(url: &Url, response: Response) -> Result<T, ClientError> {
    let status = response.status().as_u16();
    let body = response.bytes().await;
    let body = body.map_err(|source| ClientError::Unreachable { url: url.clone(), source: source.without_url() })?;
    serde_json::from_slice(&body).map_err(|_| ClientError::NotUnderstood { url: url.clone(), status })
}
