//! An IPv6 address for the maintenance OS, whose busybox has no DHCPv6 client.
//!
//! It asks as a machine that has nothing (SOLICIT with rapid commit, RFC 8415 §18.2.1) every time, also to keep what it
//! has: a server gives the same client the same address, and there is nothing to remember. Setting the address is the
//! caller's, who has `ip`.

use crate::host::Host;
use dhcp::v6::client::{Answer, ClientMessage};
use dhcp::v6::{ALL_SERVERS, CLIENT_PORT, Duid, MessageType, SERVER_PORT};
use std::io;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};
use types::MacAddr;
use uuid::Uuid;

/// What a server gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquired {
    /// The address.
    pub address: Ipv6Addr,
    /// How long it is good for.
    pub seconds: u32,
    /// Name servers.
    pub dns: Vec<Ipv6Addr>,
}

/// No address was got.
#[derive(Debug, thiserror::Error)]
pub enum Dhcp6Error {
    /// The port is unknown, has no link or no address of its own yet.
    #[error("{interface} has no link-local address that is ready")]
    NotReady {
        /// The port.
        interface: String,
    },
    /// The socket.
    #[error("asking for an address")]
    Socket(#[from] io::Error),
    /// Silence.
    #[error("no server answered")]
    NoAnswer,
    /// A server that has none.
    #[error("the server has no address left")]
    NoAddress,
}

/// Where to ask from, and whom.
#[derive(Debug, Clone, Copy)]
struct Wire {
    own: SocketAddrV6,
    servers: SocketAddrV6,
}

/// Larger than any answer on Ethernet.
const MAX_MESSAGE: usize = 1500;
/// The first pause, SOL_TIMEOUT and REQ_TIMEOUT (RFC 8415 §7.6); it doubles, and after these the caller has its turn.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Asks for an address on a port.
///
/// # Errors
/// When the port is not ready, or no server gives one within some seconds.
pub fn acquire(host: &Host, interface: &str) -> Result<Acquired, Dhcp6Error> {
    let not_ready = || Dhcp6Error::NotReady { interface: interface.to_owned() };
    let mac = host.text(&format!("sys/class/net/{interface}/address")).and_then(|text| text.parse().ok());
    let own = host.text("proc/net/if_inet6").and_then(|table| find_link_local(&table, interface));
    let (mac, own) = mac.zip(own).ok_or_else(not_ready)?;
    let servers = SocketAddrV6::new(ALL_SERVERS, SERVER_PORT, 0, own.scope_id());
    let random =
        host.text("proc/sys/kernel/random/uuid").and_then(|text| text.parse::<Uuid>().ok()).unwrap_or_default();
    let [a, b, c, ..] = *random.as_bytes();
    ask(Wire { own, servers }, mac, [a, b, c])
}

/// The port's own address in the kernel's table: address, index, prefix length, scope, flags and name, in hexadecimal.
fn find_link_local(table: &str, interface: &str) -> Option<SocketAddrV6> {
    const LINK: &str = "20";
    const TENTATIVE: u32 = 0x40;
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let [address, index, _, LINK, flags, name] = columns[..] else { return None };
        let ready = u32::from_str_radix(flags, 16).ok()? & TENTATIVE == 0;
        let address = Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?);
        let index = u32::from_str_radix(index, 16).ok()?;
        (name == interface && ready).then(|| SocketAddrV6::new(address, CLIENT_PORT, 0, index))
    })
}

fn ask(wire: Wire, mac: MacAddr, xid: [u8; 3]) -> Result<Acquired, Dhcp6Error> {
    let socket = UdpSocket::bind(wire.own)?;
    let client = Duid::of_mac(mac);
    let [_, _, id @ ..] = mac.0;
    let association = u32::from_be_bytes(id);
    let solicit = ClientMessage::new(MessageType::Solicit, xid, &client).rapid().addresses(association, &[]);
    let mut answer = exchange(&socket, wire, &solicit)?;
    if answer.addresses.is_empty() {
        return Err(Dhcp6Error::NoAddress);
    }
    if !answer.rapid {
        let offered: Vec<Ipv6Addr> = answer.addresses.iter().map(|(address, _)| *address).collect();
        let request = ClientMessage::new(MessageType::Request, xid, &client);
        answer = exchange(&socket, wire, &request.server(&answer.server).addresses(association, &offered))?;
    }
    let given = answer.addresses.into_iter().find(|(_, seconds)| *seconds > 0);
    let (address, seconds) = given.ok_or(Dhcp6Error::NoAddress)?;
    Ok(Acquired { address, seconds, dns: answer.dns })
}

/// Sends until an answer of this transaction comes: to a request only a REPLY, to a solicitation an ADVERTISE too.
fn exchange(socket: &UdpSocket, wire: Wire, message: &ClientMessage) -> Result<Answer, Dhcp6Error> {
    const REPLY: u8 = 7;
    let mut buffer = [0; MAX_MESSAGE];
    for pause in PAUSES {
        socket.send_to(&message.encode(), wire.servers)?;
        let until = Instant::now() + pause;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            socket.set_read_timeout(Some(left))?;
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
                Err(error) => return Err(error.into()),
            };
            let answer = buffer.get(..length).and_then(Answer::parse).filter(|answer| answer.xid == message.xid);
            match answer {
                Some(answer) if answer.kind == REPLY || message.kind == MessageType::Solicit => return Ok(answer),
                _ => {}
            }
        }
    }
    Err(Dhcp6Error::NoAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhcp::v6::{Boot, Leases, Request, Subnet, decide};
    use types::Timestamp;
    use types::ipv6::{Ipv6Spec, Pool6};
    use types::subnet::SubnetSpec;

    const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);

    /// A server that gives one address and serves so many messages, and loses the first.
    fn serve(messages: usize, takes_rapid: bool) -> SocketAddrV6 {
        let socket = UdpSocket::bind("[::1]:0").unwrap();
        let std::net::SocketAddr::V6(address) = socket.local_addr().unwrap() else { panic!("not IPv6") };
        let mut spec = SubnetSpec::new("10.77.0.0/24".parse().unwrap());
        let only: Ipv6Addr = "fd00:77::9".parse().unwrap();
        let pool = Some(Pool6 { first: only, last: only });
        spec.ipv6 = Some(Ipv6Spec { cidr: "fd00:77::/64".parse().unwrap(), pool, dns: vec![Ipv6Addr::LOCALHOST] });
        let subnet = Subnet::of("lab".parse().unwrap(), &spec, "fd00:77::1".parse().unwrap(), []).unwrap();
        std::thread::spawn(move || {
            let (mut leases, server) = (Leases::default(), Duid::of_uuid(Uuid::from_u128(1)));
            let mut buffer = [0; MAX_MESSAGE];
            socket.recv_from(&mut buffer).unwrap();
            for _ in 0..messages {
                let (length, peer) = socket.recv_from(&mut buffer).unwrap();
                let mut request = Request::parse(&buffer[..length], Ipv6Addr::LOCALHOST).unwrap();
                request.rapid_commit &= takes_rapid;
                let facts = leases.facts(&request, &subnet, Timestamp::UNIX_EPOCH);
                let decision = decide(&request, &subnet, &server, &facts, &Boot::Nothing, Timestamp::UNIX_EPOCH);
                decision.leases.into_iter().for_each(|lease| leases.put(lease));
                socket.send_to(b"noise", peer).unwrap();
                socket.send_to(&decision.reply.unwrap().encode(&request, &server), peer).unwrap();
            }
        });
        address
    }

    #[test]
    fn an_address_is_got_from_a_server_in_two_messages_or_four() {
        for (messages, takes_rapid) in [(1, true), (2, false)] {
            let wire = Wire { own: "[::1]:0".parse().unwrap(), servers: serve(messages, takes_rapid) };
            let acquired = ask(wire, MAC, [1, 2, 3]).unwrap();
            assert_eq!((acquired.address, acquired.seconds), ("fd00:77::9".parse().unwrap(), 3600));
            assert_eq!(acquired.dns.len(), 1);
        }
    }

    #[test]
    fn port_is_asked_from_once_its_own_address_is_sure() {
        let table = "\
fe80000000000000505400fffe000001 02 40 20 80     eth0
fe80000000000000505400fffe000002 03 40 20 c0     eth1
fd000077000000000000000000000009 02 40 00 80     eth0
";
        let found = find_link_local(table, "eth0").unwrap();
        assert_eq!((found.ip().to_string().as_str(), found.scope_id()), ("fe80::5054:ff:fe00:1", 2));
        assert_eq!(find_link_local(table, "eth1"), None);
    }
}
