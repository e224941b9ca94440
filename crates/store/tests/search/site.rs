//! Whatever happens at a small site, and whatever is asked: the index and the facts of each machine agree.

use crate::rig::{FIRST, Rig, mac, name, new_run};
use crate::{expression, inventory, lease};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use store::{Groups, Machine, Machines};
use types::ErrorClass;
use types::group::GroupSpec;
use types::machine::{AgentPresence, MachineSpec, MachineState, MachineStatus};
use types::object::Source;
use uuid::Uuid;
use workflow::ports::Then;
use workflow::{Ending, RunEvent};

/// What happens to a machine of a small site.
#[derive(Debug, Clone)]
enum Happening {
    Wanted { machine: usize, spec: Value },
    Known { machine: usize, state: MachineState, env: Option<&'static str>, seen_minutes_ago: i64 },
    Inspected { machine: usize, serial: &'static str, threads: u32 },
    Renamed { machine: usize, to: u8 },
    Gone { machine: usize },
    Leased { card: u8, address: u8 },
    Begun { machine: usize },
    Failed { machine: usize },
}

fn happening() -> impl Strategy<Value = Happening> {
    let spec = (
        proptest::option::of(proptest::sample::select(vec!["A1", "A12", "b1", "12", ""])),
        proptest::option::of(0_i64..3),
        proptest::collection::vec(proptest::sample::select(vec!["web", "db", "cache"]), 0..3),
        proptest::option::of(proptest::sample::select(vec!["compute", "europe", "all", "nowhere"])),
    );
    let spec = spec.prop_map(|(rack, unit, roles, group)| {
        json!({ "params": {"rack": rack, "unit": unit, "net": {"roles": roles}, "token": "x"}, "group": group })
    });
    let machine = || 0_usize..6;
    let states = vec![MachineState::Known, MachineState::Deployed, MachineState::Failed];
    let envs = proptest::option::of(proptest::sample::select(vec!["discovery", "rescue"]));
    prop_oneof![
        4 => (machine(), spec).prop_map(|(machine, spec)| Happening::Wanted { machine, spec }),
        3 => (machine(), proptest::sample::select(states), envs, 0_i64..30).prop_map(
            |(machine, state, env, seen_minutes_ago)| Happening::Known { machine, state, env, seen_minutes_ago }
        ),
        2 => (machine(), proptest::sample::select(vec!["SN-1", "SN-2", "B 77"]), 1_u32..4)
            .prop_map(|(machine, serial, threads)| Happening::Inspected { machine, serial, threads }),
        1 => (machine(), 0_u8..6).prop_map(|(machine, to)| Happening::Renamed { machine, to }),
        1 => machine().prop_map(|machine| Happening::Gone { machine }),
        1 => (0_u8..6, 0_u8..4).prop_map(|(card, address)| Happening::Leased { card, address }),
        2 => machine().prop_map(|machine| Happening::Begun { machine }),
        2 => machine().prop_map(|machine| Happening::Failed { machine }),
    ]
}

/// An expression over what can happen.
fn question() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(vec![
        "params.rack = A1",
        "params.rack != A1",
        "params.rack ~ a",
        "params.rack =~ \"^A\"",
        "params.rack !~ 2$",
        "params.rack = 12",
        "params.rack in (A12, \"\")",
        "has params.rack",
        "has params.net",
        "has params.token",
        "params.token = x",
        "params.unit = 1",
        "params.unit < 2",
        "params.unit >= 1",
        "params.unit !~~ 1",
        "params.net.roles = web",
        "params.net.roles not in (web, db)",
        "group = all",
        "group != europe",
        "group ~ comp",
        "has group",
        "state = known",
        "state != deployed",
        "state in (failed, provisioning)",
        "env = discovery",
        "not has env",
        "seen > 10m ago",
        "seen <= 20m ago",
        "created < now",
        "updated >= today",
        "serial = SN-1",
        "serial ~ sn",
        "cpus = 2",
        "cpus > 1",
        "memory >= 8GiB",
        "fact.cpu.threads < 3",
        "has fact.cpu",
        "fact.system.serial =~ \"[12]\"",
        "sn-",
        "m1",
        "name = m1",
        "name ~ m*",
        "name =~ \"[024]$\"",
        "mac ~ 00:03",
        "ip = 10.0.0.1",
        "ip = 10.0.0.0/31",
        "10.0",
        "has ip",
        "run = failed",
        "run = queued",
        "run != running",
        "stage = ONLY",
        "workflow = test",
        "failure = hardware",
        "has failure",
        "vendor ~ corp",
        "source = api",
        "bmc = x",
        "id ~ 0",
        "uuid != 00000000-0000-0000-0000-000000000000",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not {part}")),
        ]
    })
}

/// The machine that has the card now, whatever it is called.
async fn machine_of(rig: &Rig, card: usize) -> Option<Machine> {
    rig.store()
        .machine_by_mac(mac(u8::try_from(card).expect("as the test means it")))
        .await
        .expect("as the test means it")
}

async fn happen(rig: &Rig, happening: Happening) {
    match happening {
        Happening::Wanted { machine, mut spec } => {
            spec["macs"] = json!([mac(u8::try_from(machine).expect("as the test means it"))]);
            let spec: MachineSpec = serde_json::from_value(spec).expect("as the test means it");
            if let Some(known) = machine_of(rig, machine).await {
                rig.store()
                    .update::<Machines>(known.id, known.version, spec, "user:ada")
                    .await
                    .expect("as the test means it");
            } else {
                let named = name(&format!("m{machine}"));
                // The name may have gone to another.
                let _taken = rig.store().create::<Machines>(named, spec, Source::Api, "user:ada").await;
            }
        }
        Happening::Known { machine, state, env, seen_minutes_ago } => {
            let Some(known) = machine_of(rig, machine).await.filter(|known| known.status.active_run.is_none()) else {
                return;
            };
            let since = rig.now()
                - std::time::Duration::from_secs(u64::try_from(seen_minutes_ago).expect("as the test means it") * 60);
            let change = move |status: &mut MachineStatus| {
                status.state = state;
                status.agent = env.map(|env| AgentPresence { boot_id: Uuid::nil(), env: name(env), since });
            };
            rig.store().update_status::<Machines>(known.id, change).await.expect("as the test means it");
        }
        Happening::Inspected { machine, serial, threads } => {
            let Some(known) = machine_of(rig, machine).await else { return };
            let seen = inventory(serial, threads);
            rig.store()
                .update_status::<Machines>(known.id, |status| status.inventory = Some(seen))
                .await
                .expect("as the test means it");
        }
        Happening::Renamed { machine, to } => {
            let Some(known) = machine_of(rig, machine).await else { return };
            let to = name(&format!("m{to}"));
            let _taken = rig.store().rename::<Machines>(known.id, known.version, to, "user:ada").await;
        }
        Happening::Gone { machine } => {
            let Some(known) = machine_of(rig, machine).await else { return };
            // One that a run works on stays.
            let _busy = rig.store().delete::<Machines>(known.id, known.version, "user:ada").await;
        }
        Happening::Leased { card, address } => {
            rig.store()
                .commit_leases(&[lease(rig, &format!("10.0.0.{address}"), card)])
                .await
                .expect("as the test means it");
        }
        Happening::Begun { machine } => {
            let Some(known) = machine_of(rig, machine).await else { return };
            let _busy = rig.store().start_run(new_run(known.id.into())).await;
        }
        Happening::Failed { machine } => fail(rig, machine).await,
    }
}

/// Lets the machine's run fail, and gives back those of others.
async fn fail(rig: &Rig, machine: usize) {
    let Some(known) = machine_of(rig, machine).await else { return };
    for mut claimed in rig.claim_all().await {
        let mut events = vec![
            RunEvent::StageStarted { stage: 0, attempt: 1, deadline: rig.after(600) },
            RunEvent::StepStarted { at: FIRST, attempt: 1, deadline: rig.after(600) },
        ];
        let mut then = Then::Release { at: Some(rig.now()), on: Vec::new(), seen: claimed.seen };
        if Some(claimed.run.id) == known.status.active_run {
            let (class, reason) = (ErrorClass::Hardware, "a disk is gone".to_owned());
            events.push(RunEvent::StepFailed { at: FIRST, class, reason, evidence: Value::Null });
            events.push(RunEvent::StageFailed { stage: 0 });
            events.push(RunEvent::Ended { ending: Ending::Failed });
            then = rig.keep();
        }
        rig.commit(claimed.lease, &mut claimed.run, &events, then).await.expect("as the test means it");
    }
}

async fn check(rig: &Rig, questions: &[String]) -> Result<(), TestCaseError> {
    let all = rig.store().list::<Machines>(None, 100).await.expect("as the test means it");
    for question in questions {
        let expression = expression(question);
        let mut expected = Vec::new();
        for machine in &all {
            if expression.matches(&rig.store().machine_facts(machine).await.expect("as the test means it"), rig.now()) {
                expected.push(machine.clone());
            }
        }
        let first = rig.store().search_machines(&expression, None, 2).await.expect("as the test means it");
        let after = first.last().map(|machine| machine.name.clone());
        let rest = rig.store().search_machines(&expression, after.as_ref(), 100).await.expect("as the test means it");
        let found: Vec<Machine> = if first.len() < 2 { first } else { first.into_iter().chain(rest).collect() };
        prop_assert_eq!(found, expected, "{}", question);
    }
    Ok(())
}

/// The one oracle for all of the index: the expression on each machine's own facts, in the order of names.
#[test]
fn the_index_finds_what_the_facts_of_each_machine_say() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 24, ..ProptestConfig::default() };
    let happenings = proptest::collection::vec(happening(), 1..40);
    let questions = proptest::collection::vec(question(), 40);
    let checked = TestRunner::new(config).run(&(happenings, questions), |(happenings, questions)| {
        runtime.block_on(async {
            let mut rig = Rig::start().await;
            for (group, parent) in [("all", None), ("europe", Some("all")), ("compute", Some("europe"))] {
                let spec: GroupSpec = serde_json::from_value(json!({ "parent": parent })).unwrap();
                rig.store().create::<Groups>(name(group), spec, Source::Api, "user:ada").await.unwrap();
            }
            for happening in happenings {
                happen(&rig, happening).await;
                rig.advance(1);
            }
            check(&rig, &questions).await?;
            rig.meddle("DELETE FROM meta WHERE key = 'search_rules'").await;
            check(&rig, &questions).await
        })
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}
