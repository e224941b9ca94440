//! How long a part of the list of many machines takes, listed and searched, and what the index costs.
//!
//! `search_load fill FILE MACHINES` makes a site in a new database. `search_load ask FILE MACHINES SECONDS` asks in
//! turn for parts of its list, from two places at once, and makes the answers' JSON. A line for each question: its p99
//! and median in milliseconds, how often it was asked, how many machines its first part has, and the question. Before
//! them the seconds that opening took, and after them the most memory in MiB.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints what it finds or fails")]

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{EncryptionKey, Groups, Machines, Store, StoreOptions};
use types::machine::{MachineSpec, MachineState};
use types::object::Source;
use types::{MacAddr, Name, Timestamp};
use workflow::ports::Clock;

/// Readers at the same time, each with its next question as soon as it has an answer.
const READERS: u64 = 2;
/// A page of the list.
const PAGE: usize = 100;
const QUESTIONS: &[&str] = &[
    "",
    "group=compute and not state=deployed and params.rack=~\"A.*\"",
    "state = failed",
    "params.rack = A17",
    "memory >= 512GiB and vendor ~ example and disks > 2",
    "name ~ 77",
    "name =~ \"9[0-9]$\" and group = europe",
    "SN-00099",
    "52:54:00:01:86",
    "params.role in (web, db) or tag = gpu and not has bmc",
    "seen < 10m ago and state != known",
    "fact.disks.serial = D-0042-1",
    "not (group = europe or group = asia) and params.unit >= 40",
];

struct StoppedClock;

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        "2026-03-10T12:00:00Z".parse().unwrap()
    }

    async fn sleep_until(&self, _at: Timestamp) {}
}

fn spec(number: usize) -> MachineSpec {
    let bytes = u32::try_from(number).unwrap().to_be_bytes();
    let mac = MacAddr([0x52, 0x54, bytes[0], bytes[1], bytes[2], bytes[3]]);
    let groups = ["compute", "storage", "edge", "asia"];
    let roles = ["web", "db", "cache", "batch", "build"];
    serde_json::from_value(json!({
        "macs": [mac],
        "group": groups[number % groups.len()],
        "tags": if number.is_multiple_of(50) { vec!["gpu"] } else { vec![] },
        "params": {
            "rack": format!("{}{}", char::from(b'A' + u8::try_from(number / 40 % 26).unwrap()), number / 40 % 97),
            "unit": number % 40 + 1,
            "role": roles[number % roles.len()],
            "net": {"vlan": number % 200, "mtu": 9000},
        },
    }))
    .unwrap()
}

fn inventory(number: usize) -> types::inventory::Inventory {
    let disk = |index: usize| {
        json!({
            "name": format!("sd{index}"), "size_bytes": 960_197_124_096_u64, "model": "EXAMPLE SSD", "rotational": false,
            "serial": format!("D-{number:04}-{index}"), "wwid": format!("naa.5000c500{number:08x}{index}"),
            "transport": "sata", "path": format!("pci-0000:00:1f.2-ata-{index}"),
        })
    };
    let module = |slot: usize| json!({"slot": format!("A{slot}"), "size_bytes": 68_719_476_736_u64, "serial": format!("M-{number}-{slot}")});
    let nic = |index: u8| {
        let bytes = u32::try_from(number).unwrap().to_be_bytes();
        let mac = MacAddr([0x52 + (index << 4), 0x54, bytes[0], bytes[1], bytes[2], bytes[3]]);
        json!({"name": format!("eth{index}"), "mac": mac, "speed_mbit": 25_000, "link": true, "driver": "mlx5_core"})
    };
    serde_json::from_value(json!({
        "system": {"manufacturer": "Example Corp.", "product": format!("X{}", number % 7), "serial": format!("SN-{number:08}"),
                   "uuid": uuid::Uuid::from_u128(number as u128 + (1 << 100))},
        "board": {"manufacturer": "Example Corp.", "product": "B1", "serial": format!("B-{number:08}"),
                  "firmware_vendor": "Example", "firmware_version": format!("2.{}", number % 9), "secure_boot": number.is_multiple_of(2)},
        "cpu": {"model": "Example 9654", "sockets": 2, "threads": 192},
        "memory": {"total_bytes": (256_u64 << (number % 3)) << 30, "modules": (0..8).map(module).collect::<Vec<_>>()},
        "disks": (0..1 + number % 4).map(disk).collect::<Vec<_>>(),
        "nics": (0..2).map(nic).collect::<Vec<_>>(),
    }))
    .unwrap()
}

async fn fill(store: &Store, count: usize) {
    for (group, parent) in
        [("world", None), ("europe", Some("world")), ("asia", Some("world")), ("compute", Some("europe"))]
    {
        let spec = serde_json::from_value(json!({ "parent": parent })).unwrap();
        store.create::<Groups>(group.parse().unwrap(), spec, Source::Api, "bench").await.unwrap();
    }
    let numbers: Vec<usize> = (0..count).collect();
    for batch in numbers.chunks(256) {
        let made = batch.iter().map(|number| async move {
            let name: Name = format!("node-{number:06}").parse().unwrap();
            let machine = store.create::<Machines>(name, spec(*number), Source::Api, "bench").await.unwrap();
            let seen = inventory(*number);
            let state = match number % 10 {
                0 => MachineState::Known,
                1 if number % 100 == 1 => MachineState::Failed,
                _ => MachineState::Deployed,
            };
            let change = move |status: &mut types::machine::MachineStatus| {
                status.inventory = Some(seen);
                status.state = state;
            };
            store.update_status::<Machines>(machine.id, change).await.unwrap();
        });
        join_all(made).await;
    }
}

/// Asks again and again for parts that begin anywhere; how long each took, and the size of the first.
async fn ask(store: &Store, question: &str, count: usize, end: Instant, seed: u64) -> Vec<Duration> {
    let expression: search::Expression = question.parse().unwrap();
    let (mut taken, mut place) = (Vec::new(), seed);
    while Instant::now() < end {
        place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let from = usize::try_from(place >> 33).unwrap() % count;
        let after: Option<Name> = (!from.is_multiple_of(3)).then(|| format!("node-{from:06}").parse().unwrap());
        let begin = Instant::now();
        let machines = store.search_machines(&expression, after.as_ref(), PAGE).await.unwrap();
        serde_json::to_vec(&machines).unwrap();
        taken.push(begin.elapsed());
    }
    taken
}

fn milliseconds(sorted: &[Duration], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len() - 1)).map_or(f64::NAN, |taken| taken.as_secs_f64() * 1e3)
}

async fn open(path: &str) -> Store {
    let key = EncryptionKey::from_bytes([7; 32]);
    Store::open(StoreOptions { path: path.into(), key, clock: Arc::new(StoppedClock) }).await.unwrap()
}

async fn measure(store: &Store, count: usize, seconds: u64) {
    for question in QUESTIONS {
        let first = store.search_machines(&question.parse().unwrap(), None, PAGE).await.unwrap().len();
        let end = Instant::now() + Duration::from_secs(seconds);
        let asked = (0..READERS).map(|seed| {
            let store = store.clone();
            tokio::spawn(async move { ask(&store, question, count, end, seed).await })
        });
        let mut taken: Vec<Duration> = join_all(asked).await.into_iter().flat_map(Result::unwrap).collect();
        taken.sort_unstable();
        let (p99, median) = (milliseconds(&taken, 99), milliseconds(&taken, 50));
        println!("{p99:.2}\t{median:.2}\t{}\t{first}\t{question}", taken.len());
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, count) = (&arguments[1], arguments[2].parse().unwrap());
    let begin = Instant::now();
    let store = open(path).await;
    if arguments[0] == "fill" {
        fill(&store, count).await;
        store.close().await;
        println!("{:.1}", begin.elapsed().as_secs_f64());
        return;
    }
    println!("{:.3}", begin.elapsed().as_secs_f64());
    measure(&store, count, arguments[3].parse().unwrap()).await;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok()).unwrap();
    println!("{}", peak >> 10);
}
