//! From a request to an answer: levers, login, conditions, and which resource takes which method.

use super::accounts::{self, Caller};
use super::actions;
use super::documents::{self, ACCOUNTS, BIOS_SETTINGS, Documents, MEDIA, MONITORS, ROOT, SESSIONS, SYSTEM, TASKS};
use super::faults::{Hostile, Verdict};
use super::media;
use super::messages::Message;
use super::metadata;
use super::patch;
use super::reply::{Content, Reply};
use super::simulator::Shared;
use super::tls::{Dropped, Handler};
use async_trait::async_trait;
use axum::body::{Body, Bytes};
use http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

const READ_ONLY: &str = "GET, HEAD";

#[async_trait]
impl Handler for Shared {
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Body>, Dropped> {
        let path = normal(request.uri().path());
        let is_login = *request.method() == Method::POST && is_sessions(&path);
        self.count(kind_of(request.method(), &path));
        let verdict = self.faults().judge(request.method(), is_login);
        if !verdict.delay.is_zero() {
            tokio::time::sleep(verdict.delay).await;
        }
        if verdict.drop_before {
            return Err(Dropped);
        }
        let without_body = *request.method() == Method::HEAD;
        let reply = match (verdict.hostile, struck(&verdict)) {
            (Some(hostile), _) => return Ok(harm(hostile, &path)),
            (None, Some(reply)) => reply,
            (None, None) => self.serve(&request, &path).await,
        };
        if verdict.drop_after {
            return Err(Dropped);
        }
        if verdict.truncated
            && let Content::Json(body) = &reply.body
        {
            let text = body.to_string();
            let half = text.get(..text.len() / 2).unwrap_or("{");
            return Ok(Response::new(Body::from(half.to_owned())));
        }
        Ok(reply.into_response(without_body))
    }
}

/// The answer of a BMC that does not get as far as the request.
fn struck(verdict: &Verdict) -> Option<Reply> {
    if verdict.server_error {
        Some(Reply::unavailable())
    } else if verdict.unauthorized {
        Some(Reply::unauthorized())
    } else if verdict.garbage {
        Some(Reply::xml("<html><body>lighttpd</body></html>".to_owned()))
    } else if verdict.forget {
        Some(Reply::status(StatusCode::ACCEPTED))
    } else {
        None
    }
}

fn harm(hostile: Hostile, path: &str) -> Response<Body> {
    match hostile {
        Hostile::HugeBody => Response::new(Body::from(vec![b' '; 64 * 1024 * 1024])),
        Hostile::DeepJson => Response::new(Body::from("[".repeat(100_000))),
        Hostile::RedirectLoop => Reply::status(StatusCode::PERMANENT_REDIRECT).location(path).into_response(false),
        Hostile::WrongTypes => {
            let wrong = json!({
                "Links": 7, "Systems": [], "Members": "none", "UUID": {}, "PowerState": ["On"], "Boot": 1,
                "Actions": "none", "Attributes": [], "Bios": 3, "error": [],
            });
            Reply::json(StatusCode::OK, wrong).into_response(false)
        }
    }
}

impl Shared {
    async fn serve(&self, request: &Request<Bytes>, path: &str) -> Reply {
        let headers = request.headers();
        let method = request.method();
        if ![Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE, Method::PUT, Method::OPTIONS]
            .contains(method)
        {
            return Reply::error(StatusCode::NOT_IMPLEMENTED, &Message::not_allowed());
        }
        let version = headers.get(HeaderName::from_static("odata-version"));
        if version.is_some_and(|version| version != "4.0") {
            return Reply::error(StatusCode::PRECONDITION_FAILED, &Message::precondition_failed());
        }
        let unknown_query = has_unknown_query(request.uri().query());
        if let Some(reply) = self.serve_open(method, path, request.body()) {
            return if unknown_query { query_not_supported() } else { reply };
        }
        let Some(caller) = accounts::authenticate(&mut self.state(), headers) else { return Reply::unauthorized() };
        if unknown_query {
            return query_not_supported();
        }
        match *method {
            Method::GET | Method::HEAD => self.read(&caller, method, path, headers).await,
            _ => self.write(&caller, request, path).await,
        }
    }

    /// What needs no login (DSP0266, "Authentication requirements"), and the login itself.
    fn serve_open(&self, method: &Method, path: &str, body: &Bytes) -> Option<Reply> {
        let reads = *method == Method::GET || *method == Method::HEAD;
        match path {
            "/redfish" if reads => Some(Reply::json(StatusCode::OK, json!({"v1": "/redfish/v1/"})).allow(READ_ONLY)),
            "/redfish/v1/$metadata" if reads => Some(Reply::xml(metadata::metadata()).allow(READ_ONLY)),
            "/redfish/v1/odata" if reads => {
                Some(Reply::json(StatusCode::OK, metadata::service_document()).allow(READ_ONLY))
            }
            ROOT if reads => {
                let root =
                    documents::around(ROOT, &self.identity, &self.state(), false).remove(ROOT).unwrap_or_default();
                Some(Reply::resource(StatusCode::OK, root).allow(READ_ONLY))
            }
            _ if *method == Method::POST && is_sessions(path) => {
                let limit = self.faults().session_limit;
                Some(accounts::create_session(&mut self.state(), body, limit))
            }
            _ => None,
        }
    }

    async fn read(&self, caller: &Caller, method: &Method, path: &str, headers: &HeaderMap) -> Reply {
        if let Err(reply) = caller.check(method, path) {
            return reply;
        }
        if let Some(id) = path.strip_prefix(MONITORS).and_then(|rest| rest.strip_prefix('/')) {
            return self.look_at_monitor(id).await;
        }
        let documents = self.documents(path, path == SYSTEM).await;
        let Some(document) = documents.get(path) else { return missing(path) };
        let reply = Reply::resource(StatusCode::OK, document.clone()).allow(allowed(path));
        let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        match (known, reply.etag()) {
            (Some(known), Some(tag)) if matches_tag(known, tag) => {
                let tag = tag.to_owned();
                Reply::status(StatusCode::NOT_MODIFIED).header(http::header::ETAG, tag)
            }
            _ => reply,
        }
    }

    /// 202 while the task works; its end is the answer that the write would have had.
    async fn look_at_monitor(&self, id: &str) -> Reply {
        let due = actions::look_at_task(&mut self.state(), id);
        match due {
            None => missing(&format!("{MONITORS}/{id}")),
            Some(Some(work)) => {
                let _writing = self.writing.lock().await;
                actions::carry_out(self, work).await
            }
            Some(None) => {
                let documents = self.documents(TASKS, false).await;
                let task = documents.get(&format!("{TASKS}/{id}")).cloned().unwrap_or_default();
                if task["TaskState"] == "Completed" {
                    return Reply::no_content();
                }
                let monitor = format!("{MONITORS}/{id}");
                Reply::json(StatusCode::ACCEPTED, task)
                    .location(&monitor)
                    .header(http::header::RETRY_AFTER, "0".to_owned())
            }
        }
    }

    async fn write(&self, caller: &Caller, request: &Request<Bytes>, path: &str) -> Reply {
        let _writing = self.writing.lock().await;
        let method = request.method();
        let documents = self.documents(path, false).await;
        let action = path.split_once("/Actions/");
        if action.is_none() && !documents.contains_key(path) {
            return missing(path);
        }
        let methods = if action.is_some() { "POST" } else { allowed(path) };
        if !methods.split(", ").any(|allowed| allowed == method.as_str()) {
            return Reply::not_allowed(methods);
        }
        if let Err(reply) = caller.check(method, path) {
            return reply;
        }
        let current = documents.get(path).cloned().unwrap_or_default();
        if !may_replace(request.headers(), &current) {
            return Reply::error(StatusCode::PRECONDITION_FAILED, &Message::precondition_failed());
        }
        let body = request.body();
        match (method, action) {
            (_, Some((SYSTEM, "ComputerSystem.Reset"))) => actions::reset(self, body).await,
            (_, Some((resource, action))) => match resource.strip_prefix(MEDIA) {
                Some(number) => media::act(self, number.trim_start_matches('/'), action, body).await,
                None => missing(path),
            },
            (&Method::PATCH, None) => self.patch(caller, path, body, &current).await.unwrap_or_else(|reply| reply),
            (&Method::POST, None) => self.create_account(body).await,
            (&Method::DELETE, None) => self.delete(path),
            _ => Reply::not_allowed(methods),
        }
    }

    async fn patch(&self, caller: &Caller, path: &str, body: &Bytes, current: &Value) -> Result<Reply, Reply> {
        let (writable, account): (&[&str], _) = match path {
            SYSTEM => (&["Boot"], None),
            BIOS_SETTINGS => (&["Attributes"], None),
            _ => (accounts::WRITABLE, path.strip_prefix(ACCOUNTS).map(|rest| rest.trim_start_matches('/'))),
        };
        let change = patch::sort(body, writable, current)?;
        if let Some(id) = account {
            accounts::change_account(&mut self.state(), caller, id, &change.writable)?;
        }
        if let Some(boot) = change.writable.get("Boot") {
            actions::change_boot(self, boot)?;
        }
        if let Some(Value::Object(attributes)) = change.writable.get("Attributes")
            && let Some(promise) = actions::change_bios(self, attributes).await?
        {
            return Ok(promise);
        }
        let document = self.documents(path, false).await.remove(path).unwrap_or_default();
        Ok(patch::patched(document, &change.refused))
    }

    async fn create_account(&self, body: &Bytes) -> Reply {
        let created = accounts::create_account(&mut self.state(), body);
        match created {
            Ok(path) => {
                let document = self.documents(&path, false).await.remove(&path).unwrap_or_default();
                Reply::resource(StatusCode::CREATED, document).location(&path)
            }
            Err(reply) => reply,
        }
    }

    fn delete(&self, path: &str) -> Reply {
        let mut state = self.state();
        let id = path.rsplit('/').next().unwrap_or_default();
        if path.starts_with(SESSIONS) {
            accounts::delete_session(&mut state, id)
        } else {
            accounts::delete_account(&mut state, id)
        }
    }

    /// `path` and the resources around it as they show now. A look at the system brings late changes nearer.
    async fn documents(&self, path: &str, looks_at_system: bool) -> Documents {
        let on = self.backend.is_on().await;
        let mut state = self.state();
        let shown_on = state.stale_power.map_or(on, |(stale, _)| stale);
        let documents = documents::around(path, &self.identity, &state, shown_on);
        if looks_at_system {
            state.stale_power = state.stale_power.and_then(|(stale, looks)| Some((stale, looks.checked_sub(1)?)));
            if let Some((boot, looks)) = state.late_boot.take() {
                match looks.checked_sub(1) {
                    Some(looks) => state.late_boot = Some((boot, looks)),
                    None => state.boot = boot,
                }
            }
        }
        documents
    }
}

fn query_not_supported() -> Reply {
    Reply::error(StatusCode::NOT_IMPLEMENTED, &Message::query_not_supported())
}

fn missing(path: &str) -> Reply {
    Reply::error(StatusCode::NOT_FOUND, &Message::missing(path))
}

fn allowed(path: &str) -> &'static str {
    let is_member_of = |collection: &str| path.strip_prefix(collection).is_some_and(|rest| rest.starts_with('/'));
    match path {
        SYSTEM | BIOS_SETTINGS => "GET, HEAD, PATCH",
        SESSIONS | ACCOUNTS => "GET, HEAD, POST",
        _ if is_member_of(SESSIONS) => "GET, HEAD, DELETE",
        _ if is_member_of(ACCOUNTS) => "GET, HEAD, PATCH, DELETE",
        _ => READ_ONLY,
    }
}

/// A path without the slash at its end.
fn normal(path: &str) -> String {
    path.trim_end_matches('/').to_owned()
}

fn is_sessions(path: &str) -> bool {
    path == SESSIONS || path.strip_suffix("/Members") == Some(SESSIONS)
}

/// DSP0266, "Query parameters": unknown ones are ignored, but for those that begin with `$`.
fn has_unknown_query(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with('$') || pair.starts_with("%24")))
}

fn may_replace(headers: &HeaderMap, current: &Value) -> bool {
    let Some(tags) = headers.get(IF_MATCH).and_then(|tags| tags.to_str().ok()) else { return true };
    !current.is_null() && matches_tag(tags, &super::reply::etag(current))
}

fn matches_tag(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|candidate| candidate == "*" || candidate.trim_start_matches("W/") == tag)
}

/// A request without its ids, for counting.
fn kind_of(method: &Method, path: &str) -> String {
    let rest = path.strip_prefix(ROOT).unwrap_or(path).trim_start_matches('/');
    let class: Vec<&str> = rest
        .split('/')
        .map(|segment| if segment.bytes().all(|byte| byte.is_ascii_digit()) { "{id}" } else { segment })
        .collect();
    let class = class.join("/");
    format!("{method} {}", if rest.is_empty() { "/" } else { &class })
}
