//! How many machines a second get their boot script: the decision, the script and its record, over HTTP on loopback,
//! each on a connection of its own as a loader makes it. `cargo bench -p netboot`.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints what it finds or fails")]

#[path = "../tests/rig/mod.rs"]
#[expect(dead_code, reason = "the tests' rig, of which a part is needed")]
mod rig;

use rig::Rig;
use std::sync::Arc;
use std::time::{Duration, Instant};
use types::subnet::UnknownPolicy;

/// How long each case is measured.
const MEASURED: Duration = Duration::from_secs(3);

async fn fetch_until(rig: Arc<Rig>, end: Instant) -> u32 {
    let mut count = 0;
    while Instant::now() < end {
        let (status, _, body) = rig.http("GET", "/boot/52-54-00-00-00-01/script.ipxe", &[]).await;
        assert!(status == 200 && body.starts_with(b"#!ipxe"));
        count += 1;
    }
    count
}

#[tokio::main]
async fn main() {
    for machines in [1, 8, 64, 256] {
        let rig = Arc::new(Rig::start(UnknownPolicy::Discover).await);
        let start = Instant::now();
        let fetch = |_| tokio::spawn(fetch_until(Arc::clone(&rig), start + MEASURED));
        let tasks: Vec<_> = (0..machines).map(fetch).collect();
        let mut total = 0;
        for task in tasks {
            total += task.await.unwrap();
        }
        let rate = f64::from(total) / start.elapsed().as_secs_f64();
        println!("{machines:>4} at once: {rate:>7.0} scripts/s, {:>6.2} ms each", 1000.0 * f64::from(machines) / rate);
    }
}
