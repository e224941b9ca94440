//! Accounts and sessions: who may do what (DSP0266, "Authentication" and "Authorization").

use super::documents::{ACCOUNTS, ROLES, SESSION_TIMEOUT_SECONDS, SESSIONS, SYSTEM};
use super::messages::Message;
use super::patch;
use super::reply::Reply;
use super::state::{Account, Session, State};
use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};
use types::Secret;

/// The BMC's own limit of sessions: few, as on real ones.
const SESSION_LIMIT: usize = 16;
const ACCOUNT_LIMIT: usize = 16;

/// Who sends a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) account: Account,
    session: Option<String>,
}

impl Caller {
    fn has(&self, privilege: &str) -> bool {
        let role = ROLES.iter().find(|(name, _)| *name == self.account.role);
        role.is_some_and(|(_, privileges)| privileges.contains(&privilege))
    }

    fn path(&self) -> String {
        format!("{ACCOUNTS}/{}", self.account.id)
    }

    /// Refuses what this caller may not do.
    pub(super) fn check(&self, method: &Method, path: &str) -> Result<(), Reply> {
        let own_account = path == self.path();
        let own_session = self.session.as_ref().is_some_and(|id| path == format!("{SESSIONS}/{id}"));
        let reads = *method == Method::GET || *method == Method::HEAD;
        if self.account.password_change_required && !(own_account && *method != Method::DELETE || own_session) {
            let message = Message::password_change_required(&self.path());
            return Err(Reply::error(StatusCode::FORBIDDEN, &message));
        }
        let allowed = match () {
            () if own_session => true,
            () if own_account && *method != Method::DELETE => self.has("ConfigureSelf"),
            () if path.starts_with(&format!("{ACCOUNTS}/")) => self.has("ConfigureUsers"),
            () if reads => self.has("Login"),
            () if path.starts_with(ACCOUNTS) => self.has("ConfigureUsers"),
            () if path.starts_with(SYSTEM) => self.has("ConfigureComponents"),
            () => self.has("ConfigureManager"),
        };
        if allowed { Ok(()) } else { Err(Reply::error(StatusCode::FORBIDDEN, &Message::insufficient_privilege())) }
    }
}

/// Finds out who sends a request, by session token or by name and password.
pub(super) fn authenticate(state: &mut State, headers: &HeaderMap) -> Option<Caller> {
    let timeout = Duration::from_secs(SESSION_TIMEOUT_SECONDS);
    state.sessions.retain(|session| session.used.elapsed() < timeout);
    if let Some(token) = headers.get(HeaderName::from_static("x-auth-token")) {
        let token = token.to_str().ok()?;
        let session = state.sessions.iter_mut().find(|session| session.token.expose() == token)?;
        session.used = Instant::now();
        let (id, name) = (session.id.clone(), session.account.clone());
        let account = state.account(&name)?.clone();
        return Some(Caller { account, session: Some(id) });
    }
    let (username, password) = basic_login(headers)?;
    let account = log_in(state, &username, &password)?.clone();
    Some(Caller { account, session: None })
}

fn basic_login(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}

fn log_in<'a>(state: &'a State, username: &str, password: &str) -> Option<&'a Account> {
    state.account(username).filter(|account| account.enabled && account.password.expose() == password)
}

/// POST to the sessions.
pub(super) fn create_session(state: &mut State, body: &Bytes, limit: usize) -> Reply {
    let request = match patch::object(body) {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let (username, password) = match (text("UserName"), text("Password")) {
        (Some(username), Some(password)) => (username, password),
        (None, _) => return Reply::bad_request(&Message::property_missing("UserName")),
        (_, None) => return Reply::bad_request(&Message::property_missing("Password")),
    };
    let Some(account) = log_in(state, username, password).cloned() else { return Reply::unauthorized() };
    let limit = if limit == 0 { SESSION_LIMIT } else { limit };
    if state.sessions.len() >= limit {
        return Reply::error(StatusCode::SERVICE_UNAVAILABLE, &Message::session_limit());
    }
    let token = format!("{:032x}", rand::random::<u128>());
    let id = state.new_id();
    let path = format!("{SESSIONS}/{id}");
    let document = json!({
        "@odata.id": path,
        "@odata.type": "#Session.v1_7_0.Session",
        "Id": id,
        "Name": "User session",
        "UserName": account.username,
        "Password": Value::Null,
        "SessionType": "Redfish",
    });
    let session = Session { id, token: Secret::new(token.as_str()), account: account.username, used: Instant::now() };
    state.sessions.push(session);
    let mut document = document;
    if account.password_change_required {
        let message = Message::password_change_required(&format!("{ACCOUNTS}/{}", account.id));
        document["@Message.ExtendedInfo"] = json!([message.to_json()]);
    }
    Reply::resource(StatusCode::CREATED, document)
        .location(&path)
        .header(HeaderName::from_static("x-auth-token"), token)
}

/// DELETE of a session.
pub(super) fn delete_session(state: &mut State, id: &str) -> Reply {
    state.sessions.retain(|session| session.id != id);
    Reply::no_content()
}

/// POST to the accounts. The path of the new one, or why there is none.
pub(super) fn create_account(state: &mut State, body: &Bytes) -> Result<String, Reply> {
    let request = patch::object(body)?;
    for name in ["UserName", "Password", "RoleId"] {
        if !request.get(name).is_some_and(Value::is_string) {
            return Err(Reply::bad_request(&Message::property_missing(name)));
        }
    }
    if state.accounts.len() >= ACCOUNT_LIMIT {
        return Err(Reply::error(StatusCode::CONFLICT, &Message::already_so()));
    }
    let mut account = Account {
        id: state.new_id(),
        username: String::new(),
        password: Secret::new(""),
        role: String::new(),
        enabled: true,
        password_change_required: false,
    };
    apply(state, &mut account, &request)?;
    let path = format!("{ACCOUNTS}/{}", account.id);
    state.accounts.push(account);
    Ok(path)
}

/// What of an account can be written.
pub(super) const WRITABLE: &[&str] = &["UserName", "Password", "RoleId", "Enabled", "PasswordChangeRequired"];

/// PATCH of an account. Without the right to manage users, only the own password may be changed.
pub(super) fn change_account(
    state: &mut State,
    caller: &Caller,
    id: &str,
    change: &Map<String, Value>,
) -> Result<(), Reply> {
    let only_password = change.keys().all(|name| name == "Password");
    if !caller.has("ConfigureUsers") && !only_password {
        return Err(Reply::error(StatusCode::FORBIDDEN, &Message::insufficient_privilege()));
    }
    let Some(mut account) = state.accounts.iter().find(|account| account.id == id).cloned() else {
        return Err(Reply::error(StatusCode::NOT_FOUND, &Message::missing(&format!("{ACCOUNTS}/{id}"))));
    };
    let old_name = account.username.clone();
    apply(state, &mut account, change)?;
    if account.username != old_name {
        state.sessions.retain(|session| session.account != old_name);
    }
    if let Some(place) = state.accounts.iter_mut().find(|account| account.id == id) {
        *place = account;
    }
    Ok(())
}

/// DELETE of an account. The first one is the BMC's own and stays.
pub(super) fn delete_account(state: &mut State, id: &str) -> Reply {
    if id == "1" {
        return Reply::not_allowed("GET, HEAD, PATCH");
    }
    if let Some(account) = state.accounts.iter().find(|account| account.id == id).cloned() {
        state.sessions.retain(|session| session.account != account.username);
        state.accounts.retain(|account| account.id != id);
    }
    Reply::no_content()
}

fn apply(state: &State, account: &mut Account, change: &Map<String, Value>) -> Result<(), Reply> {
    for (name, value) in change {
        let refused = || Reply::bad_request(&Message::value_not_in_list(name));
        match name.as_str() {
            "UserName" => {
                let username = value.as_str().filter(|name| !name.is_empty()).ok_or_else(refused)?;
                if state.accounts.iter().any(|other| other.id != account.id && other.username == username) {
                    return Err(Reply::error(StatusCode::CONFLICT, &Message::already_so()));
                }
                account.username = username.to_owned();
            }
            "Password" => {
                let password = value.as_str().filter(|text| (8..=64).contains(&text.len())).ok_or_else(refused)?;
                account.password = Secret::new(password);
                account.password_change_required = false;
            }
            "RoleId" => {
                let role = value.as_str().filter(|role| ROLES.iter().any(|(name, _)| name == role));
                account.role = role.ok_or_else(refused)?.to_owned();
            }
            "Enabled" => account.enabled = value.as_bool().ok_or_else(refused)?,
            "PasswordChangeRequired" => account.password_change_required = value.as_bool().ok_or_else(refused)?,
            _ => {}
        }
    }
    Ok(())
}
