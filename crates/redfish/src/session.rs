//! The login: a session where the BMC has them, Basic authentication where it has not.

use crate::error::RequestError;
use crate::transport::Transport;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Mutex;
use types::Secret;

/// DSP0266 fixes this one path; everything else is found from it.
pub(crate) const ROOT: &str = "/redfish/v1/";

/// What is sent with each request.
pub(crate) enum Login {
    Session { token: Secret, location: Option<String> },
    Basic { username: String, password: Secret },
}

/// The one login of a client, made when first needed and again when it is no longer accepted.
pub(crate) struct Sessions {
    username: String,
    password: Secret,
    current: Mutex<Option<Arc<Login>>>,
}

impl Sessions {
    pub(crate) fn new(username: String, password: Secret) -> Self {
        Self { username, password, current: Mutex::new(None) }
    }

    /// The login to use. Whoever finds none makes it, and the others wait for that one.
    pub(crate) async fn current(&self, transport: &Transport) -> Result<Arc<Login>, RequestError> {
        let mut current = self.current.lock().await;
        if let Some(login) = current.as_ref() {
            return Ok(login.clone());
        }
        let login = Arc::new(self.log_in(transport).await?);
        *current = Some(login.clone());
        Ok(login)
    }

    /// Drops `refused`, unless somebody else already made a new one.
    pub(crate) async fn forget(&self, refused: &Arc<Login>) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|login| Arc::ptr_eq(login, refused)) {
            *current = None;
        }
    }

    pub(crate) async fn take(&self) -> Option<Arc<Login>> {
        self.current.lock().await.take()
    }

    async fn log_in(&self, transport: &Transport) -> Result<Login, RequestError> {
        let Some(path) = sessions_path(transport).await? else { return Ok(self.basic()) };
        let body = json!({"UserName": self.username, "Password": self.password.expose()});
        let answer = transport.post_login(&path, &body).await?;
        match (answer.status, answer.token) {
            (200..=299, Some(token)) => {
                let location = answer.location.map(|location| transport.local_path(&location));
                Ok(Login::Session { token, location })
            }
            // No session service, none free, or one that gives no token: the same login works without one.
            (200..=299, None) | (404 | 405 | 429 | 500..=599, _) => Ok(self.basic()),
            (status, _) => Err(RequestError::LoginRefused { status }),
        }
    }

    fn basic(&self) -> Login {
        Login::Basic { username: self.username.clone(), password: self.password.clone() }
    }
}

async fn sessions_path(transport: &Transport) -> Result<Option<String>, RequestError> {
    let root = transport.get_open(ROOT).await?;
    let link = root.body.as_ref().and_then(|root| root["Links"]["Sessions"]["@odata.id"].as_str());
    Ok(link.map(|link| transport.local_path(link)))
}
