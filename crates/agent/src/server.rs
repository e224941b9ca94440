//! The agent's side of the protocol: JSON over plain HTTP on the boot network, every call with a token.
//!
//! A server may be away for minutes, restarted, or slow. Whatever must arrive is repeated until it is answered;
//! what only informs is tried once.

use crate::clock::{Backoff, Clock};
use crate::journal::Journal;
use artifact::cpio;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::time::Duration;
use types::agent::{
    AgentConfig, AgentLog, CONFIG_PATH, LONG_POLL_SECONDS, ProgressAnswer, Registered, Registration, TaskOrder,
    TaskProgress, TaskResult,
};
use types::chain;
use types::{Digest, MacAddr, Secret, TaskId};
use ureq::http::header::{self, HeaderValue};
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::{AsSendBody, Body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) call: Duration,
    /// Reports that only inform must not hold up what they report on.
    pub(crate) report: Duration,
    /// The server holds a poll this long by agreement; the rest is for a slow network.
    pub(crate) poll: Duration,
    /// How long a download may stand still before the connection is given up.
    pub(crate) stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(20),
            report: Duration::from_secs(5),
            poll: Duration::from_secs(LONG_POLL_SECONDS + 15),
            stall: Duration::from_secs(30),
        }
    }
}
const MAX_DETAIL_CHARS: usize = 300;
/// What an error's answer is read of, for its reason.
const MAX_PROBLEM_BYTES: u64 = 4 << 10;
/// A configuration is some hundred bytes; more is not from our server.
const MAX_CONFIG_BYTES: u64 = 64 << 10;
/// The server takes no more of one message; the rest goes with the next.
const MAX_LINES_A_MESSAGE: usize = 200;
/// Answers are small; more is not from our server.
const MAX_ANSWER_BYTES: u64 = 1 << 20;
/// Short enough that a machine is back within a quarter of a minute after its server is.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server could not be reached or the connection broke.
    #[error("asking the server")]
    Unreachable(#[source] Box<ureq::Error>),
    /// The server answered with an error.
    #[error("the server answered with status {status}{detail}")]
    Status {
        /// Which.
        status: u16,
        /// Its reason, after a colon, where it gave one.
        detail: String,
    },
    /// The answer holds no configuration.
    #[error("the server's answer holds no configuration for this machine")]
    NoConfig,
    /// The answer is not what the protocol says.
    #[error("reading the server's answer")]
    Malformed(#[source] Box<ureq::Error>),
}

impl From<ureq::Error> for CallError {
    fn from(error: ureq::Error) -> Self {
        Self::Unreachable(Box::new(error))
    }
}

/// An order, or what has the place of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// Something to do.
    Order(Box<TaskOrder>),
    /// Something that this agent does not know, from a server of another version.
    NotUnderstood {
        /// Which order.
        id: TaskId,
        /// What is not understood.
        reason: String,
    },
}

/// An order of which only the id must be readable.
#[derive(serde::Deserialize)]
struct GivenOrder {
    id: TaskId,
    work: serde_json::Value,
}

/// What the server said to a progress report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressReply {
    /// Nothing, or to go on.
    GoOn,
    /// To stop.
    Cancelled,
    /// That it does not know the task.
    Gone,
}

/// The server, as one booted machine talks to it.
pub struct Server<'a> {
    base: String,
    http: ureq::Agent,
    pub(crate) timeouts: Timeouts,
    registration_token: RefCell<Secret>,
    registration: Registration,
    registered: RefCell<Option<Registered>>,
    clock: &'a dyn Clock,
    journal: &'a Journal,
}

impl<'a> Server<'a> {
    /// The server that `config` names; nothing is sent yet.
    pub fn new(config: &AgentConfig, registration: Registration, clock: &'a dyn Clock, journal: &'a Journal) -> Self {
        Self {
            base: base_of(&config.server),
            http: http_client(),
            timeouts: Timeouts::default(),
            registration_token: RefCell::new(config.token.clone()),
            registration,
            registered: RefCell::new(None),
            clock,
            journal,
        }
    }

    /// The clock it waits by.
    pub fn clock(&self) -> &'a dyn Clock {
        self.clock
    }

    /// The log it sends.
    pub fn journal(&self) -> &'a Journal {
        self.journal
    }

    /// Pauses for this machine.
    pub fn backoff(&self) -> Backoff {
        Backoff::new(self.registration.boot_id.as_u64_pair().1, MAX_PAUSE)
    }

    /// Says what this machine is, until the server answers.
    ///
    /// A refusal is repeated like silence: an operator may be about to allow the machine, and a machine that gave up
    /// would have to be restarted by hand. A token that is no good any more, because the server was away for longer
    /// than it lasts, is fetched anew as the firmware fetched the first (docs/decisions).
    pub fn register(&self) {
        let mut backoff = self.backoff();
        loop {
            match self.try_register() {
                Ok(registered) => {
                    self.journal.info(&format!("registered as machine {} ({})", registered.name, registered.machine));
                    self.registered.replace(Some(registered));
                    return;
                }
                Err(error) => {
                    self.journal.info(&format!("registering, will try again: {}", chain(&error)));
                    if matches!(error, CallError::Status { status: 401 | 410, .. }) {
                        self.renew_registration_token();
                    }
                    self.clock.pause(backoff.next_pause());
                }
            }
        }
    }

    /// Fetches the configuration again. Only its token is taken: what this agent is and whom it asks stays.
    fn renew_registration_token(&self) {
        let nics = self.registration.inventory.nics.iter().filter(|nic| nic.link).map(|nic| nic.mac);
        let macs = self.registration.boot_mac.map_or_else(|| nics.collect(), |mac| vec![mac]);
        for mac in macs {
            match self.fetch_config(mac) {
                Ok(config) => {
                    self.journal.info("the server made a new registration token for this machine");
                    self.registration_token.replace(config.token);
                    return;
                }
                Err(error) => self.journal.info(&format!("asking for a new token: {}", chain(&error))),
            }
        }
    }

    fn fetch_config(&self, mac: MacAddr) -> Result<AgentConfig, CallError> {
        let mut request = Request::new(());
        *request.uri_mut() = self.url(&format!("/boot/{}/agent.cpio", mac.dashed())).parse().unwrap_or_default();
        let mut answer = accepted(self.send(request, self.timeouts.call)?)?;
        let archive = answer.body_mut().with_config().limit(MAX_CONFIG_BYTES).read_to_vec()?;
        let config = cpio::find(&archive, CONFIG_PATH).ok_or(CallError::NoConfig)?;
        serde_json::from_slice(config).map_err(|_| CallError::NoConfig)
    }

    fn try_register(&self) -> Result<Registered, CallError> {
        let body = to_json(&self.registration);
        let request = post(&self.registration_token.borrow(), &self.url("/agent/v1/register"), body);
        read_json(accepted(self.send(request, self.timeouts.call)?)?)
    }

    /// The next order, if there is one before the server tires of waiting.
    ///
    /// # Errors
    /// When the server did not answer as it should.
    pub fn next_task(&self) -> Result<Option<Asked>, CallError> {
        let ask = |token: &Secret| self.send(get(token, &self.url("/agent/v1/tasks/next")), self.timeouts.poll);
        let answer = accepted(self.with_token(ask)?)?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let GivenOrder { id, work } = read_json(answer)?;
        Ok(Some(match serde_json::from_value(work) {
            Ok(work) => Asked::Order(Box::new(TaskOrder { id, work })),
            Err(error) => Asked::NotUnderstood { id, reason: error.to_string() },
        }))
    }

    /// Says how far a task is, once. Silence and nonsense mean to go on.
    pub fn report_progress(&self, id: TaskId, progress: &TaskProgress) -> ProgressReply {
        self.ask_to_go_on(id, progress).unwrap_or(ProgressReply::GoOn)
    }

    /// Says how far a task is, once, and gives the server's word on it.
    ///
    /// # Errors
    /// When it had none.
    pub fn ask_to_go_on(&self, id: TaskId, progress: &TaskProgress) -> Result<ProgressReply, CallError> {
        let path = format!("/agent/v1/tasks/{id}/progress");
        match self.post(&path, &to_json(progress), self.timeouts.report).and_then(accepted) {
            Ok(answer) => match read_json(answer)? {
                ProgressAnswer { cancelled: true } => Ok(ProgressReply::Cancelled),
                ProgressAnswer { cancelled: false } => Ok(ProgressReply::GoOn),
            },
            // Forbidden to a machine that has just registered: it is somebody else's task.
            Err(CallError::Status { status: 403 | 404 | 409 | 410, .. }) => Ok(ProgressReply::Gone),
            Err(error) => Err(error),
        }
    }

    /// Says how a task ended, until the server has it or says that it does not want it.
    pub fn report_result(&self, id: TaskId, result: &TaskResult) {
        let path = format!("/agent/v1/tasks/{id}/result");
        let body = to_json(result);
        let mut backoff = self.backoff();
        loop {
            match self.post(&path, &body, self.timeouts.call).and_then(accepted) {
                Ok(_) => return,
                // Forbidden to a machine that has just registered: it is somebody else's task.
                Err(error @ CallError::Status { status: 400 | 403 | 404 | 409 | 410 | 413 | 422, .. }) => {
                    let error = chain(&error);
                    self.journal.warn(&format!("the server does not take the result of task {id}: {error}"));
                    return;
                }
                Err(error) => {
                    self.journal.info(&format!("reporting task {id}, will try again: {}", chain(&error)));
                    self.clock.pause(backoff.next_pause());
                }
            }
        }
    }

    /// Sends the log lines that wait. When that fails they go on waiting.
    pub fn send_journal(&self) {
        let mut lines = self.journal.waiting();
        lines.truncate(MAX_LINES_A_MESSAGE);
        let Some(last) = lines.last().map(|line| line.seq) else { return };
        if self.registered.borrow().is_none() {
            return;
        }
        let sent = self.post("/agent/v1/log", &to_json(&AgentLog { lines }), self.timeouts.report);
        // A server that has no use for the lines will not have one later either.
        if sent.is_ok_and(|answer| !answer.status().is_server_error()) {
            self.journal.delivered(last);
        }
    }

    /// Asks for a file from `offset` on, provided that it is still the one with this digest.
    ///
    /// # Errors
    /// When the server did not answer.
    pub fn open_file(&self, path: &str, digest: Digest, offset: u64) -> Result<Response<Body>, CallError> {
        self.with_token(|token| {
            let mut request = get(token, &self.url(path));
            if offset > 0 {
                let headers = request.headers_mut();
                headers.insert(header::RANGE, header_value(&format!("bytes={offset}-")));
                headers.insert(header::IF_RANGE, header_value(&format!("\"{digest}\"")));
            }
            let request = self
                .http
                .configure_request(request)
                .timeout_recv_response(Some(self.timeouts.call))
                .timeout_per_read(Some(self.timeouts.stall))
                .build();
            Ok(self.http.run(request)?)
        })
    }

    fn post(&self, path: &str, body: &[u8], timeout: Duration) -> Result<Response<Body>, CallError> {
        self.with_token(|token| self.send(post(token, &self.url(path), body.to_vec()), timeout))
    }

    /// Calls with the machine's token. A server that does not know the token (its records may be older than this
    /// boot) is told once more who this is.
    fn with_token(
        &self,
        call: impl Fn(&Secret) -> Result<Response<Body>, CallError>,
    ) -> Result<Response<Body>, CallError> {
        let token = self.registered.borrow().as_ref().map(|registered| registered.token.clone());
        let answer = match &token {
            Some(token) => call(token)?,
            None => return self.after_registering(call),
        };
        match answer.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.journal.info(&format!(
                    "the server does not know this machine's token (status {}), registering again",
                    answer.status().as_u16()
                ));
                self.after_registering(call)
            }
            _ => Ok(answer),
        }
    }

    fn after_registering(
        &self,
        call: impl Fn(&Secret) -> Result<Response<Body>, CallError>,
    ) -> Result<Response<Body>, CallError> {
        self.register();
        let token = self.registered.borrow().as_ref().map(|registered| registered.token.clone());
        call(&token.expect("registering returns when it has set the token"))
    }

    fn send(&self, request: Request<impl AsSendBody>, timeout: Duration) -> Result<Response<Body>, CallError> {
        let request = self.http.configure_request(request).timeout_global(Some(timeout)).build();
        Ok(self.http.run(request)?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// A client for the boot network: no proxy, no redirects, and answers of any status.
pub(crate) fn http_client() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .user_agent(format!("slipway-agent/{}", crate::VERSION))
        .build()
        .into()
}

pub(crate) fn base_of(server: &url::Url) -> String {
    server.as_str().trim_end_matches('/').to_owned()
}

fn get(token: &Secret, url: &str) -> Request<()> {
    with_head(Request::new(()), Method::GET, token, url)
}

pub(crate) fn post(token: &Secret, url: &str, body: Vec<u8>) -> Request<Vec<u8>> {
    let mut request = with_head(Request::new(body), Method::POST, token, url);
    request.headers_mut().insert(header::CONTENT_TYPE, header_value("application/json"));
    request
}

fn with_head<B>(mut request: Request<B>, method: Method, token: &Secret, url: &str) -> Request<B> {
    *request.method_mut() = method;
    // An address that is none becomes "/", which the client refuses as an address without a host.
    *request.uri_mut() = url.parse().unwrap_or_default();
    let mut bearer = header_value(&format!("Bearer {}", token.expose()));
    bearer.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    request
}

/// A text that cannot be a header's value, such as a token with a line break, becomes an empty one, which the server
/// refuses.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("the protocol's types have text keys and serialise")
}

pub(crate) fn accepted(mut answer: Response<Body>) -> Result<Response<Body>, CallError> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let problem = answer.body_mut().with_config().limit(MAX_PROBLEM_BYTES).read_to_vec().unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap_or_default();
    let detail = problem.get("detail").and_then(serde_json::Value::as_str);
    let detail = detail.map(|detail| format!(": {}", detail.chars().take(MAX_DETAIL_CHARS).collect::<String>()));
    Err(CallError::Status { status: answer.status().as_u16(), detail: detail.unwrap_or_default() })
}

fn read_json<T: DeserializeOwned>(mut answer: Response<Body>) -> Result<T, CallError> {
    let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
    body.read_json().map_err(|error| CallError::Malformed(Box::new(error)))
}
