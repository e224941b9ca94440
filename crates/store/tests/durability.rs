//! What was acknowledged is there, whatever happened to the server.

#![expect(clippy::unwrap_used, reason = "what the arrangement of a test cannot do fails it")]

mod rig;

use futures_util::future::join_all;
use rig::{KEY, Rig};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use store::{EncryptionKey, EventFilter, OpenError, Store, StoreOptions};
use types::MachineId;
use types::event::NewEvent;

/// Where the child of the `kill -9` test finds its database.
const CHILD: &str = "STORE_TEST_CHILD";
/// The first number that child writes.
const FIRST: &str = "STORE_TEST_FIRST";
/// Writers of that child.
const WRITERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_writers_share_flushes_and_nothing_is_lost() {
    let rig = Rig::start().await;
    let writer = |store: Store, events: Vec<NewEvent>| async move {
        for event in events {
            store.append(vec![event]).await.unwrap();
        }
    };
    let events = || (0..10).map(|_| rig.event(MachineId::new(), "agent.log")).collect();
    let writers: Vec<_> = (0..200).map(|_| tokio::spawn(writer(rig.store().clone(), events()))).collect();
    for ended in join_all(writers).await {
        ended.unwrap();
    }
    assert_eq!(rig.history().await.len(), 2000);
    let statistics = rig.store().statistics();
    assert_eq!(statistics.writes, 2000);
    assert!(statistics.transactions < 500, "{statistics:?}");
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let mut rig = Rig::start().await;
    let run = rig.run().await;
    let lease = dhcp::Lease {
        address: "10.77.0.9".parse().unwrap(),
        mac: rig::mac(1),
        client_id: Some(vec![0xff, 0, 1]),
        state: dhcp::LeaseState::Bound,
        since: rig.now(),
        expires: rig.after(60),
        hostname: Some("node-1".to_owned()),
    };
    let declined = dhcp::Lease { state: dhcp::LeaseState::Declined, hostname: None, ..lease.clone() };
    rig.store().commit_leases(&[declined.clone(), lease.clone()]).await.unwrap();
    let history = rig.history().await;
    rig.crash().await;
    assert_eq!(rig.store().run(run.id).await.unwrap(), Some(run));
    assert_eq!(rig.history().await, history);
    assert_eq!(rig.store().load_leases().await.unwrap(), [lease]);
    assert_eq!(*rig.store().last_seq().borrow(), history.last().unwrap().seq);
    rig.store().commit_leases(std::slice::from_ref(&declined)).await.unwrap();
    rig.crash().await;
    assert_eq!(rig.store().load_leases().await.unwrap(), [declined], "one row per address, the later counts");
}

#[tokio::test]
async fn ipv6_leases_and_the_servers_name_are_there_after_a_crash() {
    let mut rig = Rig::start().await;
    let duid = rig.store().dhcp6_duid().await.unwrap();
    let lease = dhcp::v6::Lease {
        address: "fd00:77::9".parse().unwrap(),
        binding: dhcp::v6::Binding { client: dhcp::v6::Duid::of_mac(rig::mac(1)), association: u32::MAX },
        mac: Some(rig::mac(1)),
        state: dhcp::LeaseState::Bound,
        since: rig.now(),
        expires: rig.after(60),
    };
    let nameless = dhcp::v6::Lease { mac: None, ..lease.clone() };
    rig.store().commit_ipv6_leases(&[nameless, lease.clone()]).await.unwrap();
    rig.crash().await;
    assert_eq!(rig.store().load_ipv6_leases().await.unwrap(), [lease], "one row per address, the later counts");
    assert_eq!(rig.store().dhcp6_duid().await.unwrap(), duid);
}

/// Not a test of its own: what [`kill_9_loses_no_acknowledged_write`] runs in a process of its own. It writes
/// for ever, and says what was acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_writes_until_it_is_killed() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let (key, clock) = (EncryptionKey::from_bytes(KEY), Arc::new(rig::HandClock::default()));
    let store = Store::open(StoreOptions { path: path.into(), key, clock }).await.unwrap();
    let write = |store: Store, writer: usize| async move {
        for number in first.. {
            let event = NewEvent {
                at: types::Timestamp::UNIX_EPOCH,
                kind: format!("writer.{writer}"),
                machine: None,
                run: None,
                actor: "test".to_owned(),
                data: number.into(),
            };
            let seq = store.append(vec![event.clone(), event]).await.unwrap();
            println!("acknowledged {writer} {number} {seq}");
        }
    };
    join_all((0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), writer)))).await;
}

#[tokio::test]
async fn kill_9_loses_no_acknowledged_write_and_leaves_no_half_of_one() {
    let mut rig = Rig::start().await;
    rig.close().await;
    for round in 0..3_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture", "--test-threads=1"])
            .env(CHILD, rig.path())
            .env(FIRST, (round * 1_000_000).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut acknowledged = Vec::new();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["acknowledged", writer, number, _seq] = words[..] {
                acknowledged.push((format!("writer.{writer}"), number.parse::<u64>().unwrap()));
            }
            if acknowledged.len() == 300 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acknowledged.len() >= 300, "round {round}: {}", acknowledged.len());
        rig.crash().await;
        let events = rig.store().events(&EventFilter::default(), usize::MAX).await.unwrap();
        let times_written =
            |kind: &str, number: u64| events.iter().filter(|event| event.kind == kind && event.data == number).count();
        for (kind, number) in &acknowledged {
            assert_eq!(times_written(kind, *number), 2, "{kind} {number} is there once, whole");
        }
        assert_eq!(events.len() % 2, 0, "both events of a write, or none");
        assert!(events.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        rig.close().await;
    }
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let rig = Rig::start().await;
    rig.machine("node-1", 1).await;
    for file in std::fs::read_dir(rig.folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[tokio::test]
async fn a_file_that_others_could_read_is_closed_to_them() {
    let mut rig = Rig::start().await;
    rig.close().await;
    std::fs::set_permissions(rig.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    rig.crash().await;
    assert_eq!(std::fs::metadata(rig.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(start_paused = true)]
async fn a_second_server_on_the_same_file_is_refused() {
    let rig = Rig::start().await;
    let second = rig.open_with(KEY).await;
    assert!(matches!(second.err(), Some(OpenError::InUse { .. })));
    rig.machine("node-1", 1).await;
}

#[tokio::test]
async fn another_key_is_refused_at_the_door() {
    let mut rig = Rig::start().await;
    rig.close().await;
    assert!(matches!(rig.open_with([8; 32]).await.err(), Some(OpenError::WrongKey { .. })));
    rig.crash().await;
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let mut rig = Rig::start().await;
    rig.close().await;
    newer_schema(&rig);
    let before = std::fs::read(rig.path()).unwrap();
    let refused = rig.open_with(KEY).await.err();
    assert!(matches!(refused, Some(OpenError::Newer { version: 99, .. })), "{refused:?}");
    assert_eq!(std::fs::read(rig.path()).unwrap(), before);
}

fn newer_schema(rig: &Rig) {
    rusqlite::Connection::open(rig.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let mut rig = Rig::start().await;
    rig.close().await;
    let text = "this is a shopping list, kept where a database should be".repeat(100);
    std::fs::write(rig.path(), &text).unwrap();
    assert!(rig.open_with(KEY).await.is_err());
    assert_eq!(std::fs::read_to_string(rig.path()).unwrap(), text);
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let mut rig = Rig::start().await;
    rig.store().events(&Default::default(), 1).await.unwrap();
    rig.close().await;
    let mut log = rig.path().into_os_string();
    log.push("-wal");
    assert!(!std::path::Path::new(&log).exists(), "everything is in the database file, which can be copied alone");
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let mut rig = Rig::start().await;
    rig.close().await;
    std::fs::remove_file(rig.path()).unwrap();
    rusqlite::Connection::open(rig.path()).unwrap().execute_batch("CREATE TABLE moz_places (url TEXT)").unwrap();
    let before = std::fs::read(rig.path()).unwrap();
    let refused = rig.open_with(KEY).await.err();
    assert!(matches!(refused, Some(OpenError::Foreign { .. })), "{refused:?}");
    assert_eq!(std::fs::read(rig.path()).unwrap(), before);
}
