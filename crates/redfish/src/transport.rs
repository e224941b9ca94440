//! Requests with a login, a limit on everything, and retries only where a repeat is harmless.

use crate::answer::{Answer, broken};
use crate::error::{ConnectError, RequestError, Target};
use crate::service::Endpoint;
use crate::session::{Login, Sessions};
use crate::trust::{self, Trust};
use reqwest::header::{ACCEPT, IF_MATCH};
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use types::Digest;
use url::Url;

/// More than one redirect in a row has not been seen; the captured trees need at most one (a trailing slash).
const MAX_REDIRECTS: u32 = 4;

/// How long a connection waits for the next request. The requests of one step follow each other at once; a step later
/// the machine has restarted. A site has thousands of BMCs, and the server one table of descriptors.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);

/// Limits of a client.
#[derive(Debug, Clone)]
pub struct Options {
    /// From sending a request to the last byte of its answer. iDRAC 9 takes up to 20 s for an inventory page.
    pub request_timeout: Duration,
    /// For a TCP and TLS handshake.
    pub connect_timeout: Duration,
    /// How often a read is tried in all.
    pub attempts: u32,
    /// The pause before the second try; it doubles from there and is varied by half of itself either way.
    pub first_backoff: Duration,
    /// No pause is longer, whatever `Retry-After` asks for.
    pub max_backoff: Duration,
    /// The pause between two looks at a task that does not say how long to wait.
    pub task_poll: Duration,
    /// The longest answer. The longest captured resource (a BIOS attribute registry) has 3.4 MB.
    pub max_body_bytes: usize,
    /// Lets the login travel in clear. For emulators on a closed network only.
    pub allow_plain_http: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            attempts: 4,
            first_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            task_poll: Duration::from_secs(1),
            max_body_bytes: 8 * 1024 * 1024,
            allow_plain_http: false,
        }
    }
}

/// A change that is sent once.
pub(crate) struct Write<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) body: Option<&'a Value>,
    pub(crate) if_match: Option<&'a str>,
}

/// One BMC's HTTP side.
pub(crate) struct Transport {
    client: Client,
    base: Url,
    trust: Arc<Trust>,
    sessions: Sessions,
    pub(crate) options: Options,
}

impl Transport {
    pub(crate) fn new(endpoint: Endpoint, options: Options) -> Result<Self, ConnectError> {
        let Endpoint { url, username, password, certificate } = endpoint;
        match url.scheme() {
            "https" => {}
            "http" if options.allow_plain_http => {}
            scheme => return Err(ConnectError::Scheme { scheme: scheme.to_owned() }),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConnectError::LoginInUrl);
        }
        let (tls, trust) = trust::client_config(certificate).map_err(ConnectError::Tls)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(options.connect_timeout)
            .timeout(options.request_timeout)
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(1)
            .build()
            .map_err(ConnectError::Client)?;
        Ok(Self { client, base: url, trust, sessions: Sessions::new(username, password), options })
    }

    pub(crate) fn certificate(&self) -> Option<Digest> {
        self.trust.pinned()
    }

    /// Reads `path`, again and again while that may help.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, RequestError> {
        let mut patience = Patience::new(&self.options);
        loop {
            let login = self.sessions.current(self).await?;
            let result = self.read_with(path, login).await.and_then(|answer| past_moods(path, answer));
            if !patience.try_again(path, &result).await {
                return result.and_then(|answer| successful(path, answer));
            }
        }
    }

    /// Reads `path` without a login, as DSP0266 allows for the service root.
    pub(crate) async fn get_open(&self, path: &str) -> Result<Answer, RequestError> {
        let mut patience = Patience::new(&self.options);
        loop {
            let result = self.follow_redirects(path, None).await.and_then(|answer| past_moods(path, answer));
            if !patience.try_again(path, &result).await {
                return result.and_then(|answer| successful(path, answer));
            }
        }
    }

    /// Asks for a session. Doing it twice harms nothing, so it is repeated like a read.
    pub(crate) async fn post_login(&self, path: &str, body: &Value) -> Result<Answer, RequestError> {
        let mut patience = Patience::new(&self.options);
        loop {
            let write = Write { method: Method::POST, path, body: Some(body), if_match: None };
            let result = self.exchange(&write, None).await;
            if !patience.try_again(path, &result).await {
                return result;
            }
        }
    }

    /// Sends a change once. Whatever leaves its effect open is [`RequestError::UnknownEffect`].
    ///
    /// A 401 is given before anything is done, so a new login and one repeat are safe.
    pub(crate) async fn write(&self, write: Write<'_>) -> Result<Answer, RequestError> {
        let login = self.sessions.current(self).await?;
        let answer = self.send_change(&write, &login).await?;
        if answer.status != 401 {
            return settled(&write, answer);
        }
        let login = self.renew(&login).await?;
        let answer = self.send_change(&write, &login).await?;
        settled(&write, accepted(&login, answer)?)
    }

    /// Ends the session, so that it does not use up one of the few a BMC has.
    pub(crate) async fn log_out(&self) -> Result<(), RequestError> {
        let Some(login) = self.sessions.take().await else { return Ok(()) };
        let Login::Session { location: Some(location), .. } = login.as_ref() else { return Ok(()) };
        let write = Write { method: Method::DELETE, path: location, body: None, if_match: None };
        self.exchange(&write, Some(&login)).await.map(drop)
    }

    /// Reads with `login`, and once more with a new one when the BMC no longer knows the session.
    async fn read_with(&self, path: &str, login: Arc<Login>) -> Result<Answer, RequestError> {
        let answer = self.follow_redirects(path, Some(&login)).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let login = self.renew(&login).await?;
        accepted(&login, self.follow_redirects(path, Some(&login)).await?)
    }

    async fn renew(&self, refused: &Arc<Login>) -> Result<Arc<Login>, RequestError> {
        self.sessions.forget(refused).await;
        let login = self.sessions.current(self).await?;
        // A BMC has few sessions. One that it refused in a mood would keep its place until it expires.
        if let Login::Session { location: Some(location), .. } = refused.as_ref() {
            let write = Write { method: Method::DELETE, path: location, body: None, if_match: None };
            if let Err(error) = self.exchange(&write, Some(&login)).await {
                tracing::debug!(%error, "refused BMC session could not be ended and is left to expire");
            }
        }
        Ok(login)
    }

    async fn send_change(&self, write: &Write<'_>, login: &Login) -> Result<Answer, RequestError> {
        self.exchange(write, Some(login)).await.map_err(|error| match error {
            RequestError::Unreachable { .. } | RequestError::WrongCertificate { .. } => error,
            lost => unknown_effect(write, lost),
        })
    }

    async fn follow_redirects(&self, path: &str, login: Option<&Login>) -> Result<Answer, RequestError> {
        let mut path = path.to_owned();
        for _ in 0..MAX_REDIRECTS {
            let read = Write { method: Method::GET, path: &path, body: None, if_match: None };
            let answer = self.exchange(&read, login).await?;
            match (answer.status, &answer.location) {
                (301 | 302 | 307 | 308, Some(location)) => path = self.local_path(location),
                _ => return Ok(answer),
            }
        }
        Err(RequestError::RedirectLoop { target: target(&Method::GET, &path) })
    }

    /// One request and its answer, whatever the status.
    pub(crate) async fn exchange(&self, write: &Write<'_>, login: Option<&Login>) -> Result<Answer, RequestError> {
        let target = target(&write.method, write.path);
        let mut request = self.client.request(write.method.clone(), self.url(write.path));
        request = request.header(ACCEPT, "application/json").header("OData-Version", "4.0");
        if let Some(etag) = write.if_match {
            request = request.header(IF_MATCH, etag);
        }
        if let Some(body) = write.body {
            request = request.json(body);
        }
        if let Some(login) = login {
            request = authorized(request, login);
        }
        match request.send().await {
            Ok(response) => Answer::read(response, &target, self.options.max_body_bytes).await,
            Err(source) => Err(self.failed(&target, source)),
        }
    }

    fn failed(&self, target: &Target, source: reqwest::Error) -> RequestError {
        match self.trust.take_refused() {
            Some((expected, found)) => RequestError::WrongCertificate { expected, found },
            None => broken(target, source),
        }
    }

    /// The path of a link, whatever host it names: the login only ever goes to this BMC.
    pub(crate) fn local_path(&self, link: &str) -> String {
        let Ok(url) = self.base.join(link) else { return "/redfish/v1/".to_owned() };
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        url.set_fragment(None);
        url
    }
}

fn authorized(request: RequestBuilder, login: &Login) -> RequestBuilder {
    match login {
        Login::Session { token, .. } => request.header("X-Auth-Token", sensitive(token.expose())),
        Login::Basic { username, password } => request.basic_auth(username, Some(password.expose())),
    }
}

/// A header value that debug output of the HTTP client leaves out.
fn sensitive(text: &str) -> reqwest::header::HeaderValue {
    let mut value = reqwest::header::HeaderValue::from_str(text)
        .unwrap_or_else(|_| reqwest::header::HeaderValue::from_static("unusable"));
    value.set_sensitive(true);
    value
}

fn target(method: &Method, path: &str) -> Target {
    let method = match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "request",
    };
    Target { method, path: path.to_owned() }
}

fn successful(path: &str, answer: Answer) -> Result<Answer, RequestError> {
    if answer.status < 400 { Ok(answer) } else { Err(refused(target(&Method::GET, path), &answer)) }
}

fn refused(target: Target, answer: &Answer) -> RequestError {
    RequestError::Refused { target, status: answer.status, messages: answer.messages() }
}

/// A 401 to a name and password is about those; to a new session it is a mood of the BMC.
fn accepted(login: &Login, answer: Answer) -> Result<Answer, RequestError> {
    match (answer.status, login) {
        (401, Login::Basic { .. }) => Err(RequestError::LoginRefused { status: 401 }),
        _ => Ok(answer),
    }
}

/// A 401 that is not about the login passes like a bad connection does.
fn past_moods(path: &str, answer: Answer) -> Result<Answer, RequestError> {
    if answer.status == 401 { Err(refused(target(&Method::GET, path), &answer)) } else { Ok(answer) }
}

/// Whether a change was made, refused, or is in doubt.
fn settled(write: &Write<'_>, answer: Answer) -> Result<Answer, RequestError> {
    let target = target(&write.method, write.path);
    match answer.status {
        ..400 => Ok(answer),
        // The service may have failed after doing it; only 501 says that it never would.
        500 | 502.. => Err(unknown_effect(write, refused(target, &answer))),
        400..=499 | 501 => Err(refused(target, &answer)),
    }
}

fn unknown_effect(write: &Write<'_>, source: RequestError) -> RequestError {
    RequestError::UnknownEffect { target: target(&write.method, write.path), source: Box::new(source) }
}

/// How often and how long a read is repeated.
struct Patience<'a> {
    options: &'a Options,
    attempts_left: u32,
    backoff: Duration,
}

impl<'a> Patience<'a> {
    fn new(options: &'a Options) -> Self {
        Self { options, attempts_left: options.attempts.saturating_sub(1), backoff: options.first_backoff }
    }

    /// Waits and says yes when `result` may be better next time.
    async fn try_again(&mut self, path: &str, result: &Result<Answer, RequestError>) -> bool {
        let asked_for = match result {
            Ok(answer) if is_busy(answer.status) => answer.retry_after,
            Err(error) if is_passing(error) => None,
            Ok(_) | Err(_) => return false,
        };
        if self.attempts_left == 0 {
            return false;
        }
        self.attempts_left -= 1;
        let wait = asked_for.unwrap_or_else(|| jittered(self.backoff)).min(self.options.max_backoff);
        self.backoff = self.backoff.saturating_mul(2);
        tracing::debug!(path, wait_ms = wait.as_millis(), "BMC will be asked again");
        tokio::time::sleep(wait).await;
        true
    }
}

fn is_busy(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

fn is_passing(error: &RequestError) -> bool {
    matches!(
        error,
        RequestError::Unreachable { .. }
            | RequestError::Broken { .. }
            | RequestError::TimedOut { .. }
            | RequestError::NotJson { .. }
            | RequestError::Refused { status: 401, .. }
    )
}

/// Half to one and a half times `pause`, so that a rack that lost its switch does not come back in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.5))
}
