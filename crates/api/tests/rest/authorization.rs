//! Nothing answers without a token that is good for it.

use crate::rig::{Rig, mac, nobody, refusal};
use api::{Access, access};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use store::Grant;
use types::{MachineId, Secret, Timestamp};
use utoipa::openapi::PathItem;

/// Every route of the OpenAPI document, with something in the place of its parameters.
fn routes() -> Vec<(Method, String)> {
    let mut routes = Vec::new();
    for (path, item) in api::openapi_document().paths.paths {
        let filled = path
            .replace("{digest}", &types::Digest::of(b"").to_string())
            .replace("{id}", &nobody().to_string())
            .replace("{kind}", "templates")
            .replace("{name}", "debian-12.iso");
        assert!(!filled.contains('{'), "{path} has a parameter that this test does not know");
        routes.extend(methods(&item).into_iter().map(|method| (method, filled.clone())));
    }
    assert!(routes.len() > 60, "{}", routes.len());
    routes
}

fn methods(item: &PathItem) -> Vec<Method> {
    let all = [
        (Method::GET, &item.get),
        (Method::PUT, &item.put),
        (Method::POST, &item.post),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ];
    all.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method).collect()
}

async fn tokens(rig: &Rig) -> Vec<(Access, Secret)> {
    let machine = MachineId::new();
    vec![
        (Access::User, rig.token.clone()),
        (Access::Registration, rig.token_for(Grant::Registration { mac: mac(9) }).await),
        (Access::Agent, rig.token_for(Grant::Agent { machine, boot_id: uuid::Uuid::nil() }).await),
        (Access::CallHome, rig.token_for(Grant::CallHome { machine, run: nobody() }).await),
        (Access::Installer, rig.token_for(Grant::Installer { machine, run: nobody() }).await),
    ]
}

#[tokio::test]
async fn every_route_refuses_who_has_no_token() {
    let rig = Rig::start().await;
    let past = Timestamp::now().checked_sub(SignedDuration::from_secs(1)).unwrap();
    let admin = Grant::User { name: "admin".parse().unwrap() };
    let expired = rig.app.store.issue_token(admin, Some(past)).await.unwrap();
    for (method, path) in routes() {
        if access(&method, &path) == Access::Open {
            continue;
        }
        let none = rig.bare(method.clone(), &path);
        let wrong = rig.bare(method.clone(), &path).bearer_auth("wrong");
        let old = rig.bare(method.clone(), &path).bearer_auth(expired.expose());
        let basic = rig.bare(method.clone(), &path).basic_auth("admin", Some(rig.token.expose()));
        for request in [none, wrong, old, basic] {
            assert_eq!(refusal(request).await, (401, "unauthenticated".to_owned()), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_route_refuses_a_token_that_is_for_something_else() {
    let rig = Rig::start().await;
    let tokens = tokens(&rig).await;
    for (method, path) in routes() {
        let needed = access(&method, &path);
        for (access, token) in tokens.iter().filter(|(access, _)| needed != Access::Open && *access != needed) {
            let request = rig.bare(method.clone(), &path).bearer_auth(token.expose());
            assert_eq!(refusal(request).await, (403, "forbidden".to_owned()), "{access:?} {method} {path}");
        }
    }
}

#[tokio::test]
async fn only_the_listed_routes_are_open_and_each_says_why() {
    let open: Vec<(Method, String)> =
        routes().into_iter().filter(|(method, path)| access(method, path) == Access::Open).collect();
    let listed: Vec<(Method, String)> =
        api::OPEN.iter().map(|(method, path, _)| (method.parse().unwrap(), (*path).to_owned())).collect();
    assert_eq!(open, listed);
    assert!(api::OPEN.iter().all(|(_, _, reason)| reason.len() > 20));
}

#[tokio::test]
async fn what_is_not_there_is_not_told_to_strangers() {
    let rig = Rig::start().await;
    for path in ["/api/v1/nothing", "/api/v2/machines", "/agent/v1/nothing", "/.env", "//login"] {
        assert_eq!(refusal(rig.bare(Method::GET, path)).await.0, 401, "{path}");
    }
    assert_eq!(refusal(rig.request(Method::GET, "/api/v1/nothing")).await, (404, "not_found".to_owned()));
    let wrong_method = rig.request(Method::PATCH, "/api/v1/machines");
    assert_eq!(refusal(wrong_method).await, (405, "method_not_allowed".to_owned()));
}

#[tokio::test]
async fn a_login_gives_a_session_that_ends_with_the_logout() {
    let rig = Rig::start().await;
    let wrong = rig.bare(Method::POST, "/login").json(&json!({"token": "wrong"}));
    assert_eq!(refusal(wrong).await.0, 401);

    let answer = rig.bare(Method::POST, "/login").json(&json!({"token": rig.token.expose()})).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Max-Age="),
        "{cookie}"
    );
    assert!(!cookie.contains(rig.token.expose()), "the session is a token of its own");
    let cookie = cookie.split(';').next().unwrap().to_owned();

    let with_cookie = |method, path| rig.bare(method, path).header("cookie", &cookie);
    assert_eq!(with_cookie(Method::GET, "/api/v1/whoami").send().await.unwrap().status(), 200);
    let foreign = with_cookie(Method::POST, "/logout").header("sec-fetch-site", "cross-site");
    assert_eq!(refusal(foreign).await, (403, "forbidden".to_owned()));
    let own = with_cookie(Method::POST, "/logout").header("sec-fetch-site", "same-origin");
    assert_eq!(own.send().await.unwrap().status(), 204);
    assert_eq!(with_cookie(Method::GET, "/api/v1/whoami").send().await.unwrap().status(), 401);
    assert_eq!(rig.client.whoami().await.unwrap().name, "admin", "the token itself stays good");
}

#[tokio::test]
async fn answers_tell_browsers_to_trust_nothing() {
    let rig = Rig::start().await;
    let answer = rig.request(Method::GET, "/api/v1/version").send().await.unwrap();
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
}
