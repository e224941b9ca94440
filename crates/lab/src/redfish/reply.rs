//! An answer before it is sent.

use super::messages::Message;
use axum::body::Body;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use types::Digest;

/// Status, headers and JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    pub(super) body: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    None,
    Json(Value),
    Xml(String),
}

impl Reply {
    pub(super) fn status(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Content::None }
    }

    pub(super) fn no_content() -> Self {
        Self::status(StatusCode::NO_CONTENT)
    }

    pub(super) fn json(status: StatusCode, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Content::Json(body) }
    }

    pub(super) fn xml(body: String) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), body: Content::Xml(body) }
    }

    /// A resource, with its tag and the schema that describes it.
    pub(super) fn resource(status: StatusCode, document: Value) -> Self {
        let tag = etag(&document);
        let schema = schema_of(&document).map(str::to_owned);
        let mut reply = Self::json(status, with_tag(document, &tag)).header(ETAG, tag);
        if let Some(schema) = schema {
            reply = reply.header(LINK, format!("<http://redfish.dmtf.org/schemas/v1/{schema}.json>; rel=describedby"));
        }
        reply
    }

    /// An error of one message.
    pub(super) fn error(status: StatusCode, message: &Message) -> Self {
        Self::errors(status, std::slice::from_ref(message))
    }

    /// An error of several messages.
    pub(super) fn errors(status: StatusCode, messages: &[Message]) -> Self {
        let (code, text) = match messages {
            [only] => (only.id(), only.text().to_owned()),
            _ => ("Base.1.18.GeneralError".to_owned(), "See ExtendedInfo.".to_owned()),
        };
        let list: Vec<Value> = messages.iter().map(Message::to_json).collect();
        Self::json(status, json!({"error": {"code": code, "message": text, "@Message.ExtendedInfo": list}}))
    }

    pub(super) fn bad_request(message: &Message) -> Self {
        Self::error(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn unauthorized() -> Self {
        let challenge = "Basic realm=\"Slipway lab BMC\"".to_owned();
        Self::error(StatusCode::UNAUTHORIZED, &Message::no_session()).header(WWW_AUTHENTICATE, challenge)
    }

    pub(super) fn not_allowed(allowed: &str) -> Self {
        Self::error(StatusCode::METHOD_NOT_ALLOWED, &Message::not_allowed()).allow(allowed)
    }

    pub(super) fn unavailable() -> Self {
        Self::error(StatusCode::SERVICE_UNAVAILABLE, &Message::unavailable()).header(RETRY_AFTER, "0".to_owned())
    }

    pub(super) fn allow(self, methods: &str) -> Self {
        self.header(ALLOW, methods.to_owned())
    }

    pub(super) fn location(self, path: &str) -> Self {
        self.header(LOCATION, path.to_owned())
    }

    pub(super) fn header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn etag(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == ETAG).map(|(_, value)| value.as_str())
    }

    /// As bytes on the wire. HEAD has the headers of GET and no body.
    pub(super) fn into_response(self, without_body: bool) -> Response<Body> {
        let (kind, bytes) = match self.body {
            Content::None => (None, Vec::new()),
            Content::Json(value) => (Some("application/json; charset=utf-8"), value.to_string().into_bytes()),
            Content::Xml(text) => (Some("application/xml; charset=utf-8"), text.into_bytes()),
        };
        let mut response = Response::new(if without_body { Body::empty() } else { Body::from(bytes) });
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("odata-version"), HeaderValue::from_static("4.0"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// The tag of a resource: a digest of what it shows.
pub(super) fn etag(document: &Value) -> String {
    format!("\"{:.16}\"", Digest::of(document.to_string().as_bytes()).hex())
}

fn with_tag(mut document: Value, tag: &str) -> Value {
    document["@odata.etag"] = json!(tag);
    document
}

/// `ComputerSystem.v1_20_0` of `#ComputerSystem.v1_20_0.ComputerSystem`.
fn schema_of(document: &Value) -> Option<&str> {
    let kind = document["@odata.type"].as_str()?.strip_prefix('#')?;
    kind.rsplit_once('.').map(|(schema, _)| schema)
}
