//! Asks for boot scripts at a fixed rate, whatever the answers take, and prints how long they took.
//!
//! A request's time counts from when it was due, so that a server that stands still for a moment is not spared the
//! requests that would have come meanwhile. Each is on a connection of its own, as a loader makes it. It never sleeps: a
//! timer's millisecond would count as the server's.

#![expect(clippy::print_stdout, reason = "a measurement prints what it finds")]

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, timeout};

/// Not counted: the server is starting up, as far as its caches go.
const WARM_UP: Duration = Duration::from_secs(1);
/// After this an answer counts as having taken that long.
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, rate, seconds, machines, idle] = &arguments[..] else {
        return Err("usage: script_load SERVER:PORT RATE SECONDS MACHINES IDLE_CONNECTIONS".into());
    };
    let (server, rate): (SocketAddr, f64) = (server.parse()?, rate.parse()?);
    let (seconds, machines): (f64, u32) = (seconds.parse()?, machines.parse()?);
    let mut silent = Vec::new();
    for _ in 0..idle.parse::<usize>()? {
        silent.push(TcpStream::connect(server).await?);
    }
    let start = Instant::now();
    let warm = start + WARM_UP;
    let mut asked = JoinSet::new();
    let count = ((seconds + WARM_UP.as_secs_f64()) * rate) as u32;
    for number in 0..count {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        while Instant::now() < due {
            yield_now().await;
        }
        asked.spawn(async move {
            let answer = timeout(LIMIT, ask(server, number % machines)).await;
            let good = matches!(answer, Ok(Ok(true)));
            (due > warm).then_some((due.elapsed(), good))
        });
    }
    let answers: Vec<(Duration, bool)> = asked.join_all().await.into_iter().flatten().collect();
    let mut times: Vec<Duration> = answers.iter().map(|(time, _)| *time).collect();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let failed = answers.iter().filter(|(_, good)| !good).count();
    println!("{:.3} {:.3} {:.3} {failed}", at(0.99), at(0.5), at(1.0));
    Ok(())
}

/// Whether the answer is a script.
async fn ask(server: SocketAddr, machine: u32) -> std::io::Result<bool> {
    let [_, _, high, low] = machine.to_be_bytes();
    let mut stream = TcpStream::connect(server).await?;
    let path = format!("/boot/52-54-00-00-{high:02x}-{low:02x}/script.ipxe");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200") && answer.windows(6).any(|six| six == b"#!ipxe"))
}
