//! The agent's side of the protocol: JSON over plain HTTP on the boot network, every call with a token.
//!
//! A server may be away for minutes, restarted, or slow. Whatever must arrive is repeated until it is answered;
//! what only informs is tried once.

use crate::clock::{Backoff, Clock};
use crate::journal::Journal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::time::Duration;
use types::agent::{
    AgentConfig, AgentLog, LONG_POLL_SECONDS, ProgressAnswer, Registered, Registration, TaskOrder, TaskProgress,
    TaskResult,
};
use types::chain;
use types::{Digest, Secret, TaskId};
use ureq::http::header::{self, HeaderValue};
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::{AsSendBody, Body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Reports that only inform must not hold up what they report on.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server holds a poll this long by agreement; the rest is for a slow network.
const POLL_TIMEOUT: Duration = Duration::from_secs(LONG_POLL_SECONDS + 15);
/// How long a download may stand still before the connection is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
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
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The answer is not what the protocol says.
    #[error("reading the server's answer")]
    Malformed(#[source] Box<ureq::Error>),
}

impl From<ureq::Error> for CallError {
    fn from(error: ureq::Error) -> Self {
        Self::Unreachable(Box::new(error))
    }
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
    registration_token: Secret,
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
            registration_token: config.token.clone(),
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
    /// would have to be restarted by hand.
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
                    self.clock.pause(backoff.next_pause());
                }
            }
        }
    }

    fn try_register(&self) -> Result<Registered, CallError> {
        let body = to_json(&self.registration);
        let request = post(&self.registration_token, &self.url("/agent/v1/register"), body);
        read_json(accepted(self.send(request, CALL_TIMEOUT)?)?)
    }

    /// The next order, if there is one before the server tires of waiting.
    ///
    /// # Errors
    /// When the server did not answer as it should.
    pub fn next_task(&self) -> Result<Option<TaskOrder>, CallError> {
        let answer =
            accepted(self.with_token(|token| self.send(get(token, &self.url("/agent/v1/tasks/next")), POLL_TIMEOUT))?)?;
        if answer.status() == StatusCode::NO_CONTENT { Ok(None) } else { read_json(answer).map(Some) }
    }

    /// Says how far a task is, once.
    pub fn report_progress(&self, id: TaskId, progress: &TaskProgress) -> ProgressReply {
        let path = format!("/agent/v1/tasks/{id}/progress");
        let Ok(answer) = self.post(&path, &to_json(progress), REPORT_TIMEOUT) else {
            return ProgressReply::GoOn;
        };
        match answer.status() {
            // Forbidden to a machine that has just registered: it is somebody else's task.
            StatusCode::GONE | StatusCode::FORBIDDEN => ProgressReply::Gone,
            status if status.is_success() => match read_json(answer) {
                Ok(ProgressAnswer { cancelled: true }) => ProgressReply::Cancelled,
                Ok(ProgressAnswer { cancelled: false }) | Err(_) => ProgressReply::GoOn,
            },
            _ => ProgressReply::GoOn,
        }
    }

    /// Says how a task ended, until the server has it or says that it does not want it.
    pub fn report_result(&self, id: TaskId, result: &TaskResult) {
        let path = format!("/agent/v1/tasks/{id}/result");
        let body = to_json(result);
        let mut backoff = self.backoff();
        loop {
            match self.post(&path, &body, CALL_TIMEOUT).and_then(accepted) {
                Ok(_) => return,
                // Forbidden to a machine that has just registered: it is somebody else's task.
                Err(CallError::Status(status @ (400 | 403 | 404 | 409 | 410 | 413 | 422))) => {
                    self.journal.warn(&format!("the server refuses the result of task {id} with status {status}"));
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
        let sent = self.post("/agent/v1/log", &to_json(&AgentLog { lines }), REPORT_TIMEOUT);
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
                .timeout_recv_response(Some(CALL_TIMEOUT))
                .timeout_per_read(Some(STALL_TIMEOUT))
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

pub(crate) fn accepted(answer: Response<Body>) -> Result<Response<Body>, CallError> {
    if answer.status().is_success() { Ok(answer) } else { Err(CallError::Status(answer.status().as_u16())) }
}

fn read_json<T: DeserializeOwned>(mut answer: Response<Body>) -> Result<T, CallError> {
    let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
    body.read_json().map_err(|error| CallError::Malformed(Box::new(error)))
}
