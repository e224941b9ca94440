//! What answers without a token on a whole server: the routes with a stated reason, and nothing else.

#![expect(clippy::unwrap_used, reason = "what a rig cannot do fails its test")]

mod rig;

use rig::{Crash, Rig};

/// A path that a route's pattern stands for.
fn example(pattern: &str) -> String {
    pattern.replace("{mac}", "52-54-00-00-00-99").replace("{name}", "vmlinuz")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_routes_with_a_stated_reason_answer_without_a_token() {
    let rig = Rig::start(Crash::Never).await;
    let open: Vec<(&str, &str)> =
        web::OPEN.iter().chain(&api::OPEN).chain(&netboot::OPEN).map(|(method, path, _)| (*method, *path)).collect();
    for (method, pattern) in &open {
        let status = rig.status_without_token(method, &example(pattern)).await;
        assert_ne!(status, 403, "{method} {pattern}");
        assert!(status != 401 || *pattern == "/login", "{method} {pattern} asks for a token");
    }
    let described = rig.client().openapi().await.unwrap();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            if open.iter().any(|(open_method, open_path)| *open_method == method && open_path == path) {
                continue;
            }
            let status = rig.status_without_token(&method, &path.replace(['{', '}'], "")).await;
            assert_eq!(status, 401, "{method} {path} answers without a token");
        }
    }
    for path in ["/boot", "/boot/", "/api/v2/machines", "/metrics", "/debug", "/assets/", "/assets/../secret.key"] {
        let status = rig.status_without_token("GET", path).await;
        assert!([401, 404].contains(&status), "{path} answers {status}");
    }
}
