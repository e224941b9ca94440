//! The history over REST, and followed without a loss.

use crate::rig::{Rig, refusal};
use client::{Client, EventQuery};
use reqwest::Method;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::{EventFilter, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use types::Timestamp;
use types::event::NewEvent;

fn event(kind: &str, number: usize) -> NewEvent {
    NewEvent {
        at: Timestamp::now(),
        kind: kind.to_owned(),
        machine: None,
        run: None,
        actor: "test".to_owned(),
        data: json!({"number": number}),
    }
}

/// Stands between client and server, and breaks each connection after so many bytes of answer.
async fn flaky_proxy(server: SocketAddr, break_after: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await.unwrap();
                let (mut far_read, mut far_write) = far.split();
                let (mut near_read, mut near_write) = near.split();
                let upstream = tokio::io::copy(&mut near_read, &mut far_write);
                let downstream = async {
                    let mut limited = (&mut far_read).take(break_after as u64);
                    tokio::io::copy(&mut limited, &mut near_write).await?;
                    near_write.flush().await
                };
                tokio::select! {
                    _ = upstream => {}
                    _ = downstream => {}
                }
            });
        }
    });
    (address, connections)
}

async fn last(store: &Store) -> u64 {
    store.append(vec![event("test.start", 0)]).await.unwrap()
}

#[tokio::test]
async fn nothing_is_lost_over_a_connection_that_keeps_breaking() {
    let rig = Rig::start().await;
    let after = last(&rig.app.store).await;
    let server = rig.base.socket_addrs(|| None).unwrap()[0];
    let (proxy, connections) = flaky_proxy(server, 1500).await;
    let client = Client::new(format!("http://{proxy}").parse().unwrap(), &rig.token).unwrap();
    let kind = Some("test.wanted".to_owned());
    let mut stream = client.follow(EventQuery { kind, after: Some(after), ..EventQuery::default() });
    let store = rig.app.store.clone();
    let writer = tokio::spawn(async move {
        for number in 0..60 {
            store.append(vec![event("test.unwanted", number)]).await.unwrap();
            store.append(vec![event("test.wanted", number)]).await.unwrap();
        }
    });
    let mut numbers = Vec::new();
    while numbers.len() < 60 {
        numbers.push(stream.next().await.unwrap().data["number"].as_u64().unwrap());
    }
    writer.await.unwrap();
    assert_eq!(numbers, (0..60).collect::<Vec<u64>>());
    assert!(connections.load(Ordering::Relaxed) > 3, "the connection did break");
}

#[tokio::test]
async fn a_browser_resumes_by_the_last_id_it_has_seen() {
    let rig = Rig::start().await;
    let first = last(&rig.app.store).await;
    let second = rig.app.store.append(vec![event("test.a", 1), event("test.b", 2)]).await.unwrap();
    let request = rig.request(Method::GET, "/api/v1/events/stream?after=0").header("last-event-id", first);
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while !text.contains(&format!("id: {second}")) {
        text.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(!text.contains(&format!("id: {first}\n")), "{text}");
    let nonsense = rig.request(Method::GET, "/api/v1/events/stream").header("last-event-id", "x");
    assert_eq!(refusal(nonsense).await.0, 400);
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let rig = Rig::start().await;
    let mut answer = rig.request(Method::GET, "/api/v1/events/stream").send().await.unwrap();
    rig.app.shutdown.cancel();
    while answer.chunk().await.unwrap().is_some() {}
}

#[tokio::test]
async fn the_history_is_read_in_parts_by_machine_and_kind() {
    let rig = Rig::start().await;
    let run = rig.run().await;
    let after = last(&rig.app.store).await;
    let events = (0..5).map(|number| NewEvent { machine: Some(run.machine), ..event("test.part", number) });
    rig.app.store.append(events.collect()).await.unwrap();
    let query = EventQuery {
        machine: Some("m1".to_owned()),
        kind: Some("test.,other".to_owned()),
        after: Some(after),
        limit: Some(3),
        ..EventQuery::default()
    };
    let page = rig.client.events(&query).await.unwrap();
    assert_eq!(page.items.len(), 3);
    let rest =
        rig.client.events(&EventQuery { after: Some(page.next.unwrap().parse().unwrap()), ..query }).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (2, None));
    let newest = rig.client.events(&EventQuery { limit: Some(2), ..EventQuery::default() }).await.unwrap().items;
    assert_eq!(newest.iter().map(|event| &event.data["number"]).collect::<Vec<_>>(), [&json!(3), &json!(4)]);
    let all = rig.app.store.events(&EventFilter::default(), 1000).await.unwrap();
    assert!(all.windows(2).all(|pair| pair[0].seq < pair[1].seq));
}
