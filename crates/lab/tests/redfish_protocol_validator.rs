//! DMTF's own validator against the lab's BMC: every assertion it can test passes.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as arranged")]

use lab::power::MemoryMachine;
use lab::redfish::{BmcOptions, BmcSimulator, Firmware};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use types::Secret;
use uuid::Uuid;

/// Pinned, because a new version brings new assertions.
const VALIDATOR: &str = "redfish_protocol_validator==1.3.2";
const PASSWORD: &str = "Lab-password-1";

fn run(command: &mut Command, needs: &str) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not run: {error}; {needs}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed; {needs}\n{text}");
    output
}

/// The validator, installed once below the target folder.
fn validator() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("venv-redfish");
    let stamp = folder.join("installed");
    if std::fs::read_to_string(&stamp).ok().as_deref() != Some(VALIDATOR) {
        let needs = "install the packages python3, python3-venv and python3-pip";
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder), needs);
        let needs = "pip must reach a Python package index";
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", VALIDATOR]), needs);
        std::fs::write(&stamp, VALIDATOR).unwrap();
    }
    folder.join("bin/rf_protocol_validator")
}

/// The rows of the report: assertion, method, status, URI, result, message.
fn report(folder: &Path) -> Vec<Vec<String>> {
    let is_table = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "tsv");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let table = files.into_iter().find(is_table).expect("the validator writes a table");
    let text = std::fs::read_to_string(table).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn with_result<'a>(rows: &'a [Vec<String>], result: &str) -> Vec<&'a Vec<String>> {
    rows.iter().filter(|row| row.get(4).is_some_and(|found| found == result)).collect()
}

#[tokio::test]
async fn the_bmc_passes_every_assertion_it_can_be_tested_for() {
    let command = tokio::task::spawn_blocking(validator).await.unwrap();
    let bmc = BmcSimulator::start(BmcOptions {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        name: "m1".to_owned(),
        uuid: Uuid::from_u128(1),
        serial: "LAB0001".to_owned(),
        model: "Lab machine".to_owned(),
        firmware: Firmware::Uefi,
        username: "admin".to_owned(),
        password: Secret::new(PASSWORD),
        backend: Arc::new(MemoryMachine::default()),
    })
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.ini");
    let address = bmc.url().as_str().trim_end_matches('/').to_owned();
    let text = format!("[Authentication]\nuser = admin\npassword = {PASSWORD}\n[Connection]\nrhost = {address}\n");
    std::fs::write(&config, text).unwrap();
    let mut validation = Command::new(command);
    validation.arg("--config").arg(&config).arg("--report-dir").arg(folder.path());
    validation.args(["--no-cert-check", "--avoid-http-redirect", "--report-type", "tsv"]);

    // requests prefers these over --no-cert-check.
    validation.env_remove("REQUESTS_CA_BUNDLE").env_remove("CURL_CA_BUNDLE");

    // Its exit status counts failures too; the table says which.
    let output = tokio::task::spawn_blocking(move || validation.output().unwrap()).await.unwrap();

    let rows = report(folder.path());
    let failed = with_result(&rows, "FAIL");
    let untested: std::collections::BTreeSet<&str> =
        with_result(&rows, "NOT_TESTED").iter().filter_map(|row| Some(row.first()?.as_str())).collect();
    println!("passed {}, not tested: {untested:?}", with_result(&rows, "PASS").len());
    assert!(failed.is_empty(), "{failed:#?}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(with_result(&rows, "PASS").len() > 300, "{}", String::from_utf8_lossy(&output.stderr));
    bmc.stop().await;
}
