//! What the writing task promises when things go wrong.

use crate::sql::{query, query_scalar};
use crate::{EncryptionKey, Moment, Probe, Store, StoreError, StoreOptions};
use async_trait::async_trait;
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use types::Timestamp;
use types::event::NewEvent;
use workflow::ports::Clock;

struct StoppedClock;

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep_until(&self, _at: Timestamp) {}
}

fn options(folder: &tempfile::TempDir) -> StoreOptions {
    let (path, key) = (folder.path().join("slipway.db"), EncryptionKey::from_bytes([1; 32]));
    StoreOptions { path, key, clock: Arc::new(StoppedClock) }
}

async fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(options(folder)).await.unwrap()
}

/// Counts transactions, and lets entries that nobody waits for gather for as long as they like.
#[derive(Default)]
struct Patient(AtomicUsize);

#[async_trait]
impl Probe for Patient {
    async fn reached(&self, moment: Moment) {
        if moment == Moment::AfterCommit {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn gathering(&self) -> Duration {
        Duration::MAX
    }
}

#[tokio::test]
async fn recorded_events_gather_and_share_the_transaction_of_the_next_write() {
    let (folder, probe) = (tempfile::tempdir().unwrap(), Arc::new(Patient::default()));
    let store = Store::open_probed(options(&folder), Arc::<Patient>::clone(&probe)).await.unwrap();
    let before = probe.0.load(Ordering::SeqCst);
    for _ in 0..10 {
        store.record(event(1));
        tokio::task::yield_now().await;
    }
    store.append(vec![event(1)]).await.unwrap();
    assert_eq!(count(&store).await, 11);
    assert_eq!(probe.0.load(Ordering::SeqCst) - before, 1, "one for all");
}

fn event(size: usize) -> NewEvent {
    let data = "x".repeat(size).into();
    let (at, kind, actor) = (Timestamp::UNIX_EPOCH, "agent.log".to_owned(), "test".to_owned());
    NewEvent { at, kind, machine: None, run: None, actor, data }
}

async fn count(store: &Store) -> usize {
    store.events(&Default::default(), usize::MAX).await.unwrap().len()
}

/// Limits the database to as many pages as it has and `more`, as a full disk does.
async fn limit_pages(store: &Store, more: i64) {
    store
        .write(move |tx| {
            let pages: i64 = query_scalar("PRAGMA page_count").fetch_one(&mut tx.connection)?;
            // Setting it gives the new limit.
            query(format!("PRAGMA max_page_count = {}", pages + more)).fetch_one(&mut tx.connection)?;
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_writes_whole_and_loses_none_that_were_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    limit_pages(&store, 40).await;
    let writes = (0..20).map(|_| store.append(vec![event(10_000), event(10_000)]));
    let results = join_all(writes).await;
    let taken = results.iter().filter(|result| result.is_ok()).count();
    assert!(taken < 20, "the disk is full");
    let refused = results.iter().filter_map(|result| result.as_ref().err());
    assert!(refused.clone().all(StoreError::is_passing), "{results:?}");
    assert_eq!(count(&store).await, taken * 2);

    limit_pages(&store, 1_000_000).await;
    store.append(vec![event(10_000)]).await.unwrap();
    drop(store);
    assert_eq!(count(&open(&folder).await).await, taken * 2 + 1);
}

#[tokio::test]
async fn recorded_events_outlast_a_full_disk_and_block_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    limit_pages(&store, 1).await;
    store.record(event(60_000));
    store.append(vec![event(1)]).await.unwrap();
    assert_eq!(count(&store).await, 1);
    limit_pages(&store, 1_000_000).await;
    store.append(vec![event(1)]).await.unwrap();
    assert_eq!(count(&store).await, 3);
}

#[tokio::test]
async fn a_write_that_fails_half_way_leaves_nothing_and_harms_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let failing = store.write(|tx| {
        tx.append(&event(1))?;
        Err::<(), _>(StoreError::LeaseLost)
    });
    let fine = (0..5).map(|_| store.append(vec![event(1)]));
    let (failed, fine) = tokio::join!(failing, join_all(fine));
    assert_eq!(failed, Err(StoreError::LeaseLost));
    assert!(fine.iter().all(Result::is_ok));
    assert_eq!(count(&store).await, 5);
    assert_eq!(store.statistics().transactions, 1, "they shared a transaction");
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let results = join_all((0..super::QUEUE + 100).map(|_| store.append(vec![event(1)]))).await;
    let refused: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!(refused.len(), 100);
    assert!(matches!(refused[0], StoreError::Unavailable(reason) if reason.contains("waiting")), "{refused:?}");
    assert_eq!(count(&store).await, super::QUEUE);
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_a_whole_write_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    for _ in 0..20 {
        let write = store.append(vec![event(1), event(1)]);
        let _given_up = tokio::time::timeout(std::time::Duration::from_micros(200), write).await;
    }
    store.append(vec![event(1)]).await.unwrap();
    assert_eq!(count(&store).await % 2, 1);
}

#[tokio::test]
async fn a_closed_store_refuses_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let clone = store.clone();
    store.close().await;
    let refused = clone.append(vec![event(1)]).await;
    assert_eq!(refused, Err(StoreError::Unavailable("the store is closed".to_owned())));
    clone.closed().await;
}

#[tokio::test]
async fn the_death_of_the_writing_task_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let write = store.write::<(), StoreError, _>(|_| panic!("a mistake of ours"));
    assert!(matches!(write.await, Err(StoreError::Unavailable(_))));
    store.closed().await;
}
