//! The status page: a shell without data, which its script fills from the API with the session's cookie.
//!
//! The page and its two assets are open, because they say nothing that the source code does not; everything they
//! show comes through the API and its guard.

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};

/// The routes that need no token, and why.
pub const OPEN: [(&str, &str, &str); 3] = [
    ("GET", "/", "the page's shell, which holds no data"),
    ("GET", "/assets/status.css", "its looks"),
    ("GET", "/assets/status.js", "its script"),
];

/// Nothing from elsewhere, and no script or style within the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The page and its assets.
pub fn router() -> Router {
    Router::new()
        .route("/", get(page))
        .route(
            "/assets/status.css",
            get(async || asset("text/css; charset=utf-8", include_str!("../assets/status.css"))),
        )
        .route(
            "/assets/status.js",
            get(async || asset("text/javascript; charset=utf-8", include_str!("../assets/status.js"))),
        )
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    version: &'static str,
}

async fn page() -> Response {
    match (StatusPage { version: wire::VERSION }).render() {
        Ok(text) => asset("text/html; charset=utf-8", text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn asset(media_type: &'static str, text: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        // Small, and never older than the server that sends it.
        (CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt as _;

    async fn get(path: &str) -> (Response<()>, String) {
        let response = router().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        (http::Response::from_parts(parts, ()), text)
    }

    use http::Response;

    #[tokio::test]
    async fn the_open_routes_are_there_and_carry_the_policy() {
        for (method, path, _) in OPEN {
            assert_eq!(method, "GET");
            let (response, text) = get(path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], POLICY, "{path}");
            assert!(!text.is_empty());
        }
    }

    #[tokio::test]
    async fn the_page_has_no_script_or_style_within_and_nothing_from_elsewhere() {
        let (_, page) = get("/").await;
        for forbidden in ["<style", " style=", " onclick=", "<script>", "http://", "https://"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        for asset in ["/assets/status.css", "/assets/status.js"] {
            assert!(page.contains(asset), "{asset}");
        }
    }

    #[test]
    fn the_script_writes_text_and_never_markup() {
        let script = include_str!("../assets/status.js");
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage"] {
            assert!(!script.contains(forbidden), "{forbidden}");
        }
    }
}
