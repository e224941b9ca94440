//! Files: all or nothing, and every mistake with its place.

use crate::rig::{Rig, image_yaml};
use types::machine::MachineSpec;
use types::object::Kind;
use wire::{ApplyFile, Change};

const RACK: &str = "\
kind: Machine
name: m1
macs: ['52:54:00:00:00:01']
bmc: b1
---
kind: Bmc
name: b1
url: https://10.0.0.5
username: root
password: hunter2
---
kind: Subnet
name: lab
cidr: 10.77.0.0/24
pool: {first: 10.77.0.100, last: 10.77.0.200}
unknown: discover
";

fn changes(report: wire::ApplyReport) -> Vec<(Kind, String, Change)> {
    report.changes.into_iter().map(|change| (change.kind, change.name.to_string(), change.change)).collect()
}

#[tokio::test]
async fn applying_twice_changes_nothing_the_second_time() {
    let rig = Rig::start().await;
    let first = changes(rig.apply(RACK).await);
    assert_eq!(
        first,
        [
            (Kind::Subnet, "lab".to_owned(), Change::Created),
            (Kind::Bmc, "b1".to_owned(), Change::Created),
            (Kind::Machine, "m1".to_owned(), Change::Created)
        ]
    );
    let second = changes(rig.apply(RACK).await);
    assert!(second.iter().all(|(_, _, change)| *change == Change::Unchanged), "{second:?}");
    let third = changes(rig.apply(&RACK.replace("10.77.0.200", "10.77.0.150")).await);
    assert_eq!(third[0].2, Change::Updated);
}

#[tokio::test]
async fn a_dry_run_tells_and_does_nothing() {
    let rig = Rig::start().await;
    let file = ApplyFile { file: "rack.yaml".to_owned(), text: RACK.to_owned() };
    let report = rig.client.apply(vec![file], true).await.unwrap();
    assert!(report.dry_run && report.changes.iter().all(|change| change.change == Change::Created));
    assert!(rig.client.list_all::<MachineSpec>().await.unwrap().is_empty());
}

#[tokio::test]
async fn one_wrong_document_stops_all_of_them_and_each_is_told() {
    let rig = Rig::start().await;
    let text = format!(
        "{RACK}---\nkind: Machine\nname: m2\nmacs: [nonsense]\n---\nkind: Workflow\nname: w\nstages:\n  - name: A\n    steps:\n      - use: no.such\n---\nkind: Machine\nname: m1\n"
    );
    let problems: Vec<String> = rig.apply_wrong(&text).await.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(problems.join("\n"), @r#"
    rack.yaml:20:8: /macs/0: "nonsense" is not an Ethernet address such as 52:54:00:12:34:56
    rack.yaml:27:9: /stages/0/steps/0: step 0 of "A": there is no step "no.such"
    rack.yaml:30:7: /name: Machine m1 is declared in rack.yaml:1 too
    "#);
    assert!(rig.client.list_all::<MachineSpec>().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_the_store_refuses_has_its_place_too() {
    let rig = Rig::start().await;
    rig.apply("kind: Machine\nname: m1\nmacs: ['52:54:00:00:00:01']\n").await;
    let taken = "kind: Machine\nname: m2\nmacs:\n  - 52:54:00:00:00:02\n  - 52:54:00:00:00:01\n";
    let problems = rig.apply_wrong(taken).await;
    assert_eq!((problems[0].line, problems[0].pointer.as_str()), (5, "/macs/1"), "{problems:?}");
    let hidden = "kind: Bmc\nname: b9\nurl: https://10.0.0.9\nusername: root\npassword: '[secret]'\n";
    assert_eq!(rig.apply_wrong(hidden).await[0].pointer, "/password");
    api::set_builtin(&rig.app.store).await.unwrap();
    let built_in = "kind: BootEnv\nname: local\ndescription: mine\n";
    assert_eq!(rig.apply_wrong(built_in).await.len(), 1);
}

#[tokio::test]
async fn an_export_can_be_applied_where_it_came_from() {
    let rig = Rig::start().await;
    api::set_builtin(&rig.app.store).await.unwrap();
    rig.apply(RACK).await;
    rig.apply(&image_yaml("debian", b"x")).await;
    let export = rig.client.export().await.unwrap();
    let names: Vec<&str> = export.files.iter().map(|file| file.file.as_str()).collect();
    assert_eq!(names, ["images/debian.yaml", "subnets/lab.yaml", "bmcs/b1.yaml", "machines/m1.yaml"]);
    assert!(export.files.iter().all(|file| !file.text.contains("hunter2")));
    let report = rig.client.apply(export.files, false).await.unwrap();
    assert!(report.changes.iter().all(|change| change.change == Change::Unchanged), "{report:?}");
}

#[tokio::test]
async fn no_address_and_no_card_means_two_things() {
    let rig = Rig::start().await;
    rig.apply("kind: Subnet\nname: a\ncidr: 10.0.0.0/16\n").await;
    rig.apply("kind: Reservation\nname: r1\nmac: '52:54:00:00:00:01'\naddress: 10.0.0.5\n").await;
    let text = "\
kind: Subnet
name: b
cidr: 10.0.1.0/24
---
kind: Reservation
name: r2
mac: '52:54:00:00:00:01'
address: 10.0.0.6
---
kind: Reservation
name: r3
mac: '52:54:00:00:00:03'
address: 10.0.0.5
";
    let problems: Vec<String> = rig.apply_wrong(text).await.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(problems.join("\n"), @r"
    rack.yaml:3:7: /cidr: 10.0.1.0/24 overlaps 10.0.0.0/16 of subnet a
    rack.yaml:7:6: /mac: 52:54:00:00:00:01 has reservation r1 already
    rack.yaml:13:10: /address: 10.0.0.5 is reserved for 52:54:00:00:00:01 by r1
    ");
    let moved = "kind: Subnet\nname: a\ncidr: 10.5.0.0/16\n---\nkind: Subnet\nname: b\ncidr: 10.0.1.0/24\n";
    rig.apply(moved).await;
}
