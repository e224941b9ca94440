//! What DSP0266 says about the body of a PATCH, once for every resource.

use super::messages::Message;
use super::reply::Reply;
use axum::body::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

/// The object in a request's body.
pub(super) fn object(body: &Bytes) -> Result<Map<String, Value>, Reply> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(Reply::bad_request(&Message::malformed_json())),
    }
}

/// The properties of a PATCH that can be written, and messages about the others.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) writable: Map<String, Value>,
    pub(super) refused: Vec<Message>,
}

/// Sorts the properties of `body`, given what can be written and what is only shown.
pub(super) fn sort(body: &Bytes, writable: &[&str], current: &Value) -> Result<Sorted, Reply> {
    let mut object = object(body)?;
    // DSP0266, "PATCH": OData annotations are ignored, and alone they are no operation.
    object.retain(|name, _| !name.starts_with("@odata.") && !name.starts_with("@Redfish."));
    if object.is_empty() {
        return Err(Reply::bad_request(&Message::no_operation()));
    }
    let mut sorted = Sorted::default();
    for (name, value) in object {
        if writable.contains(&name.as_str()) {
            sorted.writable.insert(name, value);
        } else if current.get(&name).is_some() {
            sorted.refused.push(Message::property_not_writable(&name));
        } else {
            sorted.refused.push(Message::property_unknown(&name));
        }
    }
    if sorted.writable.is_empty() {
        return Err(Reply::errors(StatusCode::BAD_REQUEST, &sorted.refused));
    }
    Ok(sorted)
}

/// The resource after a PATCH, with what was left out.
pub(super) fn patched(mut document: Value, refused: &[Message]) -> Reply {
    if refused.is_empty() {
        return Reply::resource(StatusCode::OK, document);
    }
    let tag = super::reply::etag(&document);
    document["@odata.etag"] = json!(tag);
    document["@Message.ExtendedInfo"] = refused.iter().map(Message::to_json).collect();
    Reply::json(StatusCode::OK, document).header(http::header::ETAG, tag)
}
