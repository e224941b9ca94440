//! Request bodies: how large, how slow, and of what shape they may be.

use crate::error::ApiError;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};
use std::time::Duration;

/// The usual limit: an inventory of the largest server we know is 200 kB.
pub(crate) const USUAL_LIMIT: usize = 2 << 20;
/// The limit of `apply`: ten thousand machines at one kilobyte, and half as much again.
pub(crate) const APPLY_LIMIT: usize = 16 << 20;
/// The deepest nesting of a JSON body: an inventory has 4 levels, a workflow 7. What is kept is nested deeper in
/// what is answered, and readers of JSON commonly stop at 128.
const MAX_DEPTH: usize = 32;
/// How long a client may take to send a JSON body.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a JSON body may be called; the second is that of a patch (RFC 6902 §6).
const MEDIA_TYPES: [&str; 2] = ["application/json", "application/json-patch+json"];

/// A JSON body of at most `LIMIT` bytes.
pub(crate) struct Json<T, const LIMIT: usize = USUAL_LIMIT>(pub(crate) T);

impl<T: Serialize, const LIMIT: usize> IntoResponse for Json<T, LIMIT> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: Sync, T: DeserializeOwned, const LIMIT: usize> FromRequest<S> for Json<T, LIMIT> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !MEDIA_TYPES.iter().any(|known| media_type.eq_ignore_ascii_case(known)) {
            return Err(ApiError::MediaType);
        }
        let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if declared.is_some_and(|length: u64| length > LIMIT as u64) {
            return Err(ApiError::BodyTooLarge { limit: LIMIT as u64 });
        }
        let body = tokio::time::timeout(PATIENCE, axum::body::to_bytes(request.into_body(), LIMIT));
        // What `to_bytes` can fail with besides the limit is a connection that broke, which nobody reads about.
        let body =
            body.await.map_err(|_| ApiError::Slow)?.map_err(|_| ApiError::BodyTooLarge { limit: LIMIT as u64 })?;
        parse(&body).map(Self)
    }
}

/// Reads a JSON body as every handler does.
///
/// # Errors
/// As the client is told.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Box<wire::Problem>> {
    parse(body).map_err(|error| Box::new(error.problem()))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if is_too_deep(body) {
        return Err(ApiError::Malformed { detail: format!("it is nested more than {MAX_DEPTH} deep") });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer_of(error.path());
        let detail = error.inner().to_string();
        match error.inner().classify() {
            Category::Data => ApiError::Invalid { pointer, detail },
            Category::Syntax | Category::Eof | Category::Io => ApiError::Malformed { detail },
        }
    })?;
    deserializer.end().map_err(|error| ApiError::Malformed { detail: error.to_string() })?;
    Ok(value)
}

fn is_too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

fn pointer_of(path: &Path) -> String {
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    segments.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn nesting_that_no_reader_would_bear_is_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse::<Value>(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(matches!(parse::<Value>(nested(MAX_DEPTH + 1).as_bytes()), Err(ApiError::Malformed { .. })));
    }

    #[test]
    fn brackets_within_texts_are_no_nesting() {
        let text = serde_json::json!({"text": format!("\"{}\\", "[".repeat(100)), "next": []});
        assert_eq!(parse::<Value>(text.to_string().as_bytes()).unwrap(), text);
    }
}
