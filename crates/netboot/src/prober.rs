//! Asks the network whether something uses an address, by ICMP echo requests (RFC 2131 §2.2).
//!
//! Who wants to know leaves a note of what follows, and nothing waits: neither the thread that hears DHCP nor a task
//! for each address. A host on the link answers within milliseconds; silence is known after [`WINDOW`], which falls
//! into the seconds that firmware waits for further offers.

use crate::dhcp_server::is_peer_error;
use dhcp::Found;
use dhcp::echo::{Echo, after_ipv4_header};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use types::MacAddr;

/// How long an answer is waited for: some hundred times what a host on a link needs. Kea waits 100 ms by default.
const WINDOW: Duration = Duration::from_millis(200);
/// Addresses asked for at a time. Each that nobody has takes a place in the kernel's table of neighbours, of which
/// there are 1024 by default; what is beyond it is offered unasked.
const MOST_AT_A_TIME: usize = 256;
/// Of one client that repeats itself, so many messages are answered.
const MOST_WAITING: usize = 4;
/// Longer than any answer to our requests.
const MAX_PACKET: usize = 256;

/// A socket for echo requests.
#[derive(Debug)]
pub struct ProbeSocket {
    socket: UdpSocket,
    /// Packets come with their IPv4 header, and are everybody's.
    is_raw: bool,
}

impl ProbeSocket {
    /// Opens the socket: as `ping` does without privileges, where the system lets us; else a raw one.
    ///
    /// # Errors
    /// When we may do neither: the process needs CAP_NET_RAW, or a place in `net.ipv4.ping_group_range`.
    pub fn open() -> io::Result<Self> {
        let open = |kind| Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4));
        let (socket, is_raw) = match open(Type::DGRAM) {
            Ok(socket) => (socket, false),
            Err(_) => (open(Type::RAW)?, true),
        };
        socket.set_nonblocking(true)?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, is_raw })
    }

    /// Sends without waiting for room: answers to what was asked before are to be heard meanwhile.
    fn ask(&self, address: Ipv4Addr, echo: Echo) -> io::Result<()> {
        self.socket.try_send_to(&echo.encode(), (address, 0).into()).map(drop)
    }

    /// The next answer: from whom, and to what.
    async fn hear(&self, buffer: &mut [u8]) -> io::Result<Option<(Ipv4Addr, Echo)>> {
        let (length, source) = match self.socket.recv_from(buffer).await {
            Err(error) if is_peer_error(&error) => return Ok(None),
            received => received?,
        };
        let packet = buffer.get(..length).unwrap_or_default();
        let message = if self.is_raw { after_ipv4_header(packet) } else { Some(packet) };
        let echo = message.and_then(Echo::parse_reply);
        Ok(match (source, echo) {
            (SocketAddr::V4(source), Some(echo)) => Some((*source.ip(), echo)),
            _ => None,
        })
    }
}

/// What follows when it is known what is at an address.
pub(crate) type Then = Box<dyn FnOnce(Found) + Send>;

/// Hands addresses to the task that asks for them.
#[derive(Clone)]
pub(crate) struct Prober {
    queue: mpsc::Sender<(Ipv4Addr, Then)>,
}

impl Prober {
    /// One whose questions are asked by [`serve`].
    pub(crate) fn new() -> (Self, mpsc::Receiver<(Ipv4Addr, Then)>) {
        let (queue, questions) = mpsc::channel(MOST_AT_A_TIME);
        (Self { queue }, questions)
    }

    /// Has `address` asked for. What cannot be asked counts as silent.
    pub(crate) fn ask(&self, address: Ipv4Addr, then: Then) {
        if let Err(error) = self.queue.try_send((address, then)) {
            let (_, then) = error.into_inner();
            then(Found::Nobody);
        }
    }
}

/// Asks until `stop`.
pub(crate) async fn serve(
    socket: ProbeSocket,
    mut questions: mpsc::Receiver<(Ipv4Addr, Then)>,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut pending = Pending::default();
    let mut buffer = [0; MAX_PACKET];
    // A socket that is new is not known to have room.
    socket.socket.writable().await?;
    loop {
        let until = pending.next_end().unwrap_or_else(|| Instant::now() + WINDOW);
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            question = questions.recv() => {
                let Some((address, then)) = question else { return Ok(()) };
                if let Some(echo) = pending.add(address, then)
                    && socket.ask(address, echo).is_err()
                {
                    pending.end(address, Found::Nobody);
                }
            }
            heard = socket.hear(&mut buffer) => {
                if let Some((address, echo)) = heard?
                    && pending.is_answered(address, echo, socket.is_raw)
                {
                    pending.end(address, Found::Somebody(neighbour(address)));
                }
            }
            () = tokio::time::sleep_until(until) => pending.end_silent(Instant::now()),
        }
    }
}

/// The card behind an address that has just answered, as the kernel knows it; none for what is behind a router.
fn neighbour(address: Ipv4Addr) -> Option<MacAddr> {
    let table = std::fs::read_to_string("/proc/net/arp").ok()?;
    let address = address.to_string();
    let row = table.lines().find(|line| line.split_whitespace().next() == Some(&address))?;
    row.split_whitespace().nth(3)?.parse().ok().filter(MacAddr::is_unicast)
}

/// The addresses that are being asked for.
#[derive(Default)]
struct Pending {
    addresses: HashMap<Ipv4Addr, Asked>,
    /// All wait equally long, so that the first is always the next to end.
    ends: VecDeque<(Instant, Ipv4Addr)>,
}

struct Asked {
    echo: Echo,
    ends: Instant,
    waiting: Vec<Then>,
}

impl Pending {
    /// Notes a question; says what is to be sent, if it is new.
    fn add(&mut self, address: Ipv4Addr, then: Then) -> Option<Echo> {
        if let Some(asked) = self.addresses.get_mut(&address) {
            if asked.waiting.len() < MOST_WAITING {
                asked.waiting.push(then);
            }
            return None;
        }
        if self.addresses.len() >= MOST_AT_A_TIME {
            then(Found::Nobody);
            return None;
        }
        // Nobody is to answer what he has not heard.
        let echo = Echo { identifier: rand::random(), sequence: rand::random() };
        let ends = Instant::now() + WINDOW;
        self.ends.push_back((ends, address));
        self.addresses.insert(address, Asked { echo, ends, waiting: vec![then] });
        Some(echo)
    }

    /// Whether `echo` from `address` answers what it was asked. Without a raw socket the kernel chooses the
    /// identifier, and gives us only what is ours.
    fn is_answered(&self, address: Ipv4Addr, echo: Echo, is_raw: bool) -> bool {
        let ours = |asked: &Asked| {
            asked.echo.sequence == echo.sequence && (!is_raw || asked.echo.identifier == echo.identifier)
        };
        self.addresses.get(&address).is_some_and(ours)
    }

    fn end(&mut self, address: Ipv4Addr, found: Found) {
        let asked = self.addresses.remove(&address);
        asked.into_iter().flat_map(|asked| asked.waiting).for_each(|then| then(found));
    }

    fn next_end(&self) -> Option<Instant> {
        self.ends.front().map(|(ends, _)| *ends)
    }

    fn end_silent(&mut self, now: Instant) {
        while let Some((ends, address)) = self.ends.pop_front_if(|(ends, _)| *ends <= now) {
            // It may have answered, and have been asked again since.
            if self.addresses.get(&address).is_some_and(|asked| asked.ends == ends) {
                self.end(address, Found::Nobody);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Arc;
    use std::sync::Mutex;

    /// What was found, in order.
    type Log = Arc<Mutex<Vec<Found>>>;

    fn note(log: &Log) -> Then {
        let log = Arc::clone(log);
        Box::new(move |found| log.lock().unwrap().push(found))
    }

    fn address(number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(0x0a4d_0000 + number)
    }

    #[tokio::test(start_paused = true)]
    async fn each_address_is_asked_for_once_and_all_who_wait_are_told() {
        let (log, mut pending) = (Log::default(), Pending::default());
        let echo = pending.add(address(1), note(&log)).unwrap();
        assert_eq!(pending.add(address(1), note(&log)), None);
        let other = pending.add(address(2), note(&log)).unwrap();
        assert_ne!(echo, other);
        assert!(!pending.is_answered(address(2), echo, true), "an answer to another question");
        assert!(pending.is_answered(address(1), echo, true));
        pending.end(address(1), Found::Somebody(None));
        assert_eq!(*log.lock().unwrap(), [Found::Somebody(None); 2]);
        pending.end_silent(Instant::now());
        assert_eq!(log.lock().unwrap().len(), 2, "the other has time yet");
        tokio::time::advance(WINDOW).await;
        pending.end_silent(Instant::now());
        assert_eq!(log.lock().unwrap().last(), Some(&Found::Nobody));
        assert!(pending.addresses.is_empty() && pending.ends.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_asked_for_again_has_its_whole_time() {
        let (log, mut pending) = (Log::default(), Pending::default());
        pending.add(address(1), note(&log)).unwrap();
        pending.end(address(1), Found::Somebody(None));
        tokio::time::advance(WINDOW / 2).await;
        pending.add(address(1), note(&log)).unwrap();
        tokio::time::advance(WINDOW / 2).await;
        pending.end_silent(Instant::now());
        assert_eq!(log.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn questions_cannot_be_guessed_from_those_before() {
        let (log, mut pending) = (Log::default(), Pending::default());
        let echoes: Vec<Echo> = (0..8).filter_map(|number| pending.add(address(number), note(&log))).collect();
        let steps = |of: fn(&Echo) -> u16| -> HashSet<u16> {
            echoes.windows(2).map(|pair| of(&pair[1]).wrapping_sub(of(&pair[0]))).collect()
        };
        assert!(steps(|echo| echo.identifier).len() > 1, "{echoes:?}");
        assert!(steps(|echo| echo.sequence).len() > 1, "{echoes:?}");
    }

    #[tokio::test]
    async fn when_nobody_asks_any_more_every_address_counts_as_silent() {
        let (log, (prober, questions)) = (Log::default(), Prober::new());
        drop(questions);
        prober.ask(address(1), note(&log));
        assert_eq!(*log.lock().unwrap(), [Found::Nobody]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_much_at_a_time_counts_as_silent() {
        let (log, mut pending) = (Log::default(), Pending::default());
        let most = u32::try_from(MOST_AT_A_TIME).unwrap();
        for number in 0..most {
            assert!(pending.add(address(number), note(&log)).is_some());
        }
        assert_eq!(pending.add(address(most), note(&log)), None);
        assert_eq!(*log.lock().unwrap(), [Found::Nobody]);
    }
}
