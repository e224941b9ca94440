//! Sheets over REST.

use crate::rig::Rig;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SITE: &str = "\
kind: Subnet
name: rack
cidr: 10.0.0.0/24
---
kind: Group
name: compute
subnet: rack
params: {rack: A1}
---
kind: Param
name: units
type: integer
";

async fn post(rig: &Rig, query: &str, content: &str) -> (StatusCode, Value) {
    let path = format!("/api/v1/designs/d/sheet{query}");
    let answer = rig.request(Method::POST, &path).body(content.to_owned()).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn get(rig: &Rig, path: &str) -> Vec<u8> {
    let answer = rig.request(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn a_design_is_made_changed_and_written_by_sheets() {
    let rig = Rig::start().await;
    rig.apply(SITE).await;
    let csv = "name,address,units,redfish_password\na,10.0.0.5,2,hunter2\nb,10.0.0.6,,\n";
    assert_eq!(post(&rig, "", csv).await.0, StatusCode::NOT_FOUND);
    let (_, tried) = post(&rig, "?group=compute&dry_run=true", csv).await;
    assert_eq!((&tried["added"], &tried["version"]), (&json!(["a", "b"]), &json!(null)));
    let (status, made) = post(&rig, "?group=compute", csv).await;
    assert_eq!((status, &made["rows"], &made["version"]), (StatusCode::OK, &json!(2), &json!(1)));

    let written = String::from_utf8(get(&rig, "/api/v1/designs/d/sheet?format=csv").await).unwrap();
    assert!(written.contains("[secret]") && !written.contains("hunter2"), "{written}");
    let book = get(&rig, "/api/v1/designs/d/sheet").await;
    let answer = rig.request(Method::POST, "/api/v1/designs/d/sheet").body(book).send().await.unwrap();
    let again: Value = answer.json().await.unwrap();
    assert_eq!([&again["added"], &again["changed"], &again["removed"]], [&json!([]); 3], "{again}");
    let (_, changed) = post(&rig, "", "name,units\na,3\nc,1\n").await;
    let changes = [&changed["added"], &changed["changed"], &changed["removed"]];
    assert_eq!(changes, [&json!(["c"]), &json!(["a"]), &json!(["b"])]);
}

#[tokio::test]
async fn all_mistakes_of_a_sheet_are_told_and_nothing_is_imported() {
    let rig = Rig::start().await;
    rig.apply(SITE).await;
    post(&rig, "?group=compute", "name\nold\n").await;
    let (status, problem) = post(&rig, "", "name,address,units\na,10.0.1.5,2\nb,10.0.0.6,many\n").await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_sheet")));
    let expected = json!([
        {"sheet": "", "row": 2, "column": "address", "message": "10.0.1.5 is not in subnet rack", "hint": "subnet rack is 10.0.0.0/24"},
        {"sheet": "", "row": 3, "column": "units", "message": "\"many\" is not a whole number"},
    ]);
    assert_eq!(problem["sheet"], expected);
    let design: Value = serde_json::from_slice(&get(&rig, "/api/v1/designs/d").await).unwrap();
    assert_eq!(design["spec"]["rows"], json!({"old": {}}));
}

#[tokio::test]
async fn an_empty_sheet_has_the_groups_parameters_as_columns() {
    let rig = Rig::start().await;
    rig.apply(SITE).await;
    let csv = String::from_utf8(get(&rig, "/api/v1/groups/compute/sheet?format=csv&words=nabp").await).unwrap();
    assert!(csv.starts_with("machine_type,hostname,bmc_mac,bmc_ip,") && csv.ends_with(",rack\r\n"), "{csv}");
}

#[tokio::test]
async fn of_ten_thousand_rows_with_three_hundred_mistakes_all_are_told_and_the_corrected_sheet_is_imported() {
    let rig = Rig::start().await;
    rig.apply(SITE).await;
    let sheet = |is_wrong: &dyn Fn(usize) -> bool| {
        let mut csv = "name,macs,bmc_address,redfish_password,units,rack,role,test\n".to_owned();
        for row in 0..10_000 {
            let mac = if is_wrong(row) { "52:54:00".to_owned() } else { format!("0200{row:08x}") };
            let bmc = std::net::Ipv4Addr::from_bits(0x0a09_0000 + u32::try_from(row).unwrap());
            csv.push_str(&format!("node-{row},{mac},{bmc},secret-{row},{row},A{},compute,x\n", row % 40));
        }
        csv
    };
    let (status, problem) = post(&rig, "?group=compute", &sheet(&|row| row % 33 == 0 && row < 9900)).await;
    assert_eq!((status, problem["sheet"].as_array().unwrap().len()), (StatusCode::UNPROCESSABLE_ENTITY, 300));
    assert_eq!(rig.request(Method::GET, "/api/v1/designs/d").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let sheet = sheet(&|_| false);
    let began = std::time::Instant::now();
    let (_, made) = post(&rig, "?group=compute", &sheet).await;
    let csv_took = began.elapsed();
    assert_eq!(made["rows"], json!(10_000));
    let began = std::time::Instant::now();
    let book = get(&rig, "/api/v1/designs/d/sheet").await;
    let (export_took, size) = (began.elapsed(), book.len());
    let began = std::time::Instant::now();
    let answer = rig.request(Method::POST, "/api/v1/designs/d/sheet").body(book).send().await.unwrap();
    let again: Value = answer.json().await.unwrap();
    assert_eq!((&again["changed"], &again["rows"]), (&json!([]), &json!(10_000)));
    let xlsx_took = began.elapsed();
    println!("10,000 rows: CSV in {csv_took:?}, xlsx of {size} bytes out {export_took:?} and in {xlsx_took:?}");
}
