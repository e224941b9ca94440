//! DHCPv6: a short life of one subnet, from packets that anybody may have sent.
//!
//! Whatever comes, no address is two clients' at once, and every answer can be encoded.

use crate::packets::packets;
use dhcp::LeaseState;
use dhcp::v6::client::Answer;
use dhcp::v6::{Boot, Duid, Leases, Request, Subnet, decide};
use std::collections::HashSet;
use std::net::Ipv6Addr;
use types::Timestamp;
use types::ipv6::{Ipv6Spec, Pool6};
use types::subnet::SubnetSpec;
use uuid::Uuid;

/// Seconds between two packets.
const STEP: i64 = 60;

/// The type of what goes to a relay (RFC 8415 §7.3).
const RELAY_REPLY: u8 = 13;

fn address(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, last)
}

fn subnet() -> Subnet {
    let mut spec = SubnetSpec::new("10.77.0.0/24".parse().expect("it is a network"));
    spec.ipv6 = Some(Ipv6Spec {
        cidr: "fd00:77::/64".parse().expect("it is a network"),
        pool: Some(Pool6 { first: address(0x100), last: address(0x102) }),
        dns: vec![address(0x53)],
    });
    Subnet::of("lab".parse().expect("it is a name"), &spec, address(1), &[]).expect("it has IPv6")
}

pub(crate) fn run(input: &[u8]) {
    let (subnet, server) = (subnet(), Duid::of_uuid(Uuid::from_u128(0x5e)));
    let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let mut leases = Leases::default();
    for (number, packet) in (0..).zip(packets(input)) {
        let Ok(request) = Request::parse(packet, source) else { continue };
        let now = Timestamp::from_second(1_700_000_000 + number * STEP).expect("it is a time");
        let facts = leases.facts(&request, &subnet, now);
        let decision = decide(&request, &subnet, &server, &facts, &Boot::Nothing, now);
        decision.leases.iter().cloned().for_each(|lease| leases.put(lease));
        if let Ok(reply) = &decision.reply {
            let encoded = reply.encode(&request, &server);
            // What goes to a relay is wrapped, and the wrapping is the relay's to read.
            if encoded.first() != Some(&RELAY_REPLY) {
                Answer::parse(&encoded).expect("an answer can be read");
            }
        }
        let bound = leases.iter().filter(|lease| lease.state == LeaseState::Bound && lease.expires > now);
        let mut seen = HashSet::new();
        for lease in bound {
            assert!(seen.insert(lease.address), "{} is bound twice", lease.address);
        }
    }
}
