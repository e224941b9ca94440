//! Machines searched over REST.

use crate::rig::{Rig, code, mac, refusal};
use client::ClientError;
use reqwest::Method;
use serde_json::{Value, json};
use types::machine::MachineSpec;

/// Machines `m1` to `m6` in racks A1 and B2, in turn.
async fn site() -> Rig {
    let rig = Rig::start().await;
    for number in 1..=6_u8 {
        let rack = if number % 2 == 1 { "A1" } else { "B2" };
        let spec = json!({"macs": [mac(number)], "params": {"rack": rack, "unit": number}});
        let spec: MachineSpec = serde_json::from_value(spec).expect("it is a machine's");
        rig.client.create(format!("m{number}").parse().expect("a name"), spec).await.expect("nothing is in its way");
    }
    rig
}

#[tokio::test]
async fn machines_are_found_by_an_expression_part_by_part() {
    let rig = site().await;
    let first = rig.client.search_machines("params.rack=~\"^A\" and state=known", None, Some(2)).await.unwrap();
    assert_eq!(first.items.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>(), ["m1", "m3"]);
    let next = first.next.as_deref();
    assert_eq!(next, Some("m3"));
    let rest = rig.client.search_machines("params.rack=~\"^A\" and state=known", next, Some(2)).await.unwrap();
    assert_eq!(rest.items.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>(), ["m5"]);
    assert_eq!(rest.next, None);
    assert_eq!(rig.client.search_all_machines("params.unit > 4 or 52:54:00:00:00:01").await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_name_and_an_expression_hold_both() {
    let rig = site().await;
    let answer: Value = rig
        .request(Method::GET, "/api/v1/machines?name=m&search=params.unit%3C3+or+name%3Dm6&limit=2")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["next"], "m2");
    for part in ["m*", "5%25", "\"", "x".repeat(2000).as_str()] {
        let answer = rig.request(Method::GET, &format!("/api/v1/machines?name={part}")).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap()["items"], json!([]), "{part}");
    }
}

#[tokio::test]
async fn a_wrong_expression_is_refused_with_its_column_and_a_hint() {
    let rig = site().await;
    let answer = rig.request(Method::GET, "/api/v1/machines?search=stat%3Dknown").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["pointer"], "/search");
    assert_eq!(problem["column"], 1);
    assert_eq!(problem["hint"], "did you mean `state`?");
    assert_eq!(
        problem["detail"],
        "search is not understood: column 1: there is no field \"stat\" (did you mean `state`?)"
    );
    match rig.client.search_all_machines("state = deploed").await {
        Err(ClientError::Refused(problem)) => assert_eq!(problem.column, Some(9)),
        other => panic!("{other:?}"),
    }
    for hostile in ["(".repeat(3000), "name=~(a{1000}){1000}".to_owned(), "\"".to_owned(), "a ".repeat(2000)] {
        assert_eq!(code(rig.client.search_all_machines(&hostile).await), "malformed", "{hostile}");
    }
}

#[tokio::test]
async fn nothing_but_machines_is_searched() {
    let rig = Rig::start().await;
    let refused = refusal(rig.request(Method::GET, "/api/v1/subnets?search=a")).await;
    assert_eq!(refused, (400, "malformed".to_owned()));
}
