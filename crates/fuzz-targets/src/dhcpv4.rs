//! DHCP for IPv4: a short life of one subnet, from packets that anybody may have sent.
//!
//! Whatever comes, no address is two clients' at once, every answer can be read back, and gives an address of the
//! pool.

use crate::packets::packets;
use dhcp::client::Answer;
use dhcp::{Boot, BootFile, LeaseState, Leases, Request, Subnet, decide, decide_boot_server, destination};
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use types::Timestamp;
use types::subnet::{Pool, SubnetSpec};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Seconds between two packets.
const STEP: i64 = 60;

fn subnet() -> Subnet {
    let (first, last) = (Ipv4Addr::new(10, 77, 0, 10), Ipv4Addr::new(10, 77, 0, 12));
    let spec = SubnetSpec {
        pool: Some(Pool { first, last }),
        gateway: Some(Ipv4Addr::new(10, 77, 0, 254)),
        dns: vec![Ipv4Addr::new(10, 77, 0, 253)],
        domain: Some("rack.test".to_owned()),
        ..SubnetSpec::new("10.77.0.0/24".parse().expect("it is a network"))
    };
    Subnet::new("lab".parse().expect("it is a name"), spec, SERVER, &[])
}

pub(crate) fn run(input: &[u8]) {
    let subnet = subnet();
    let mut leases = Leases::default();
    let boots = [Boot::Nothing, Boot::File(BootFile { server: SERVER, name: "snponly.efi".into() })];
    for (number, packet) in (0..).zip(packets(input)) {
        let Ok(request) = Request::parse(packet) else { continue };
        let now = Timestamp::from_second(1_700_000_000 + number * STEP).expect("it is a time");
        let boot = &boots[usize::from(packet.len() % 2 == 0)];
        let facts = leases.facts(&request, &subnet, now);
        let decision = decide(&request, &subnet, &facts, boot, now);
        if let Some(change) = &decision.change {
            leases.apply(change);
        }
        if let Ok(reply) = &decision.reply {
            let encoded = reply.encode(&request);
            let answer = Answer::parse(&encoded).expect("an answer can be read");
            let given = answer.address;
            let own = Some(given) == request.ciaddr;
            assert!(given.is_unspecified() || own || subnet.in_pool(given), "{given} was given");
            destination(&request, reply, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, dhcp::CLIENT_PORT));
        }
        if let Ok(reply) = decide_boot_server(&request, &subnet, boot) {
            Answer::parse(&reply.encode(&request)).expect("a boot server's answer can be read");
        }
        no_address_twice(&leases, now);
    }
}

fn no_address_twice(leases: &Leases, now: Timestamp) {
    let bound = leases.iter().filter(|lease| lease.state == LeaseState::Bound && lease.expires > now);
    let mut seen = HashSet::new();
    for lease in bound {
        assert!(seen.insert(lease.address), "{} is bound twice", lease.address);
    }
}
