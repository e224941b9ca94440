//! A million mutated messages against one table of leases: whatever comes, the answers are right or there are none.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use dhcp::client::{Answer, ClientMessage};
use dhcp::{
    Boot, BootFile, Client, Decision, LeaseChange, LeaseState, Leases, MessageType, Request, Subnet, decide,
    decide_boot_server, destination,
};
use dhcproto::{Decodable, Decoder, v4};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;
use types::dhcp_option::{DhcpOption, OptionValue};
use types::subnet::{ClientIdentity, DhcpRole, Pool, ReservationSpec, StaticRoute, SubnetSpec};
use types::{MacAddr, Timestamp};

const MESSAGES: u64 = 1_000_000;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const POOL: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(10, 77, 0, 10), Ipv4Addr::new(10, 77, 0, 200));
const RESERVED: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 20);

/// A generator that gives the same every time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.roll().to_be_bytes()[0]
    }
}

fn mac(last: u8) -> MacAddr {
    MacAddr([0x52, 0x54, 0, 0, 0, last])
}

/// Messages as they should be, of some clients that are at different points.
fn good(dice: &mut Dice) -> Vec<u8> {
    let client = mac(dice.byte() % 32);
    let address = Ipv4Addr::new(10, 77, 0, dice.byte());
    let kinds =
        [MessageType::Discover, MessageType::Request, MessageType::Decline, MessageType::Release, MessageType::Inform];
    // The last three now and then, or they are all that happens.
    let kind = kinds[if dice.below(8) == 0 { dice.below(5) } else { dice.below(2) }];
    let message = ClientMessage::new(kind, 7, client);
    let message = match (kind, dice.below(3)) {
        (MessageType::Discover, _) => message,
        (MessageType::Request, 0) | (MessageType::Decline, _) => message.requested(address).server(SERVER),
        (MessageType::Request, 1) => message.requested(address),
        _ => ClientMessage { ciaddr: Some(address), ..message },
    };
    let message = match dice.below(6) {
        0 => message.pxe(7).option(97, &[0; 17]),
        1 => message.pxe(0).ipxe(),
        2 => message.http_boot(0x10),
        3 => ClientMessage { giaddr: Some([10, 77, 0, 5].into()), ..message }
            .option(82, &[1, 2, 0, 7, 11, 4, 10, 77, 0, 5]),
        4 => message.option(61, &[255, 0, 0, dice.byte()]).option(55, &[1, 3, 6, 33, 119, 121, 150, 249]),
        _ => message.option(12, b"node-1").option(57, &[1, 44]).option(51, &[0, 0, dice.byte(), dice.byte()]),
    };
    message.encode()
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(6) {
        let at = dice.below(bytes.len());
        match dice.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.byte()),
            2 => bytes.extend_from_within(at..),
            // Mostly where the options are: the header has few bytes that matter.
            3 if bytes.len() > 240 => {
                let at = 240 + dice.below(bytes.len() - 240);
                bytes[at] = dice.byte();
            }
            4 if bytes.len() > 244 => {
                let at = 240 + dice.below(bytes.len() - 243);
                bytes[at] = [0, 43, 50, 51, 52, 53, 54, 61, 82, 255][dice.below(10)];
            }
            _ if at < bytes.len() => bytes[at] = dice.byte(),
            _ => {}
        }
    }
    bytes.truncate(4096);
}

fn subnet(role: DhcpRole, identify_by: ClientIdentity) -> Subnet {
    let spec = SubnetSpec {
        pool: Some(Pool { first: POOL.0, last: POOL.1 }),
        gateway: Some([10, 77, 0, 254].into()),
        domain: Some("rack.test".into()),
        search: vec!["rack.test".into(), "x".repeat(60) + ".test"],
        routes: vec![StaticRoute { to: "10.0.0.0/8".parse().unwrap(), via: [10, 77, 0, 2].into() }],
        options: vec![DhcpOption { code: 150, value: OptionValue::Text("y".repeat(300)), always: false }],
        dhcp: role,
        identify_by,
        ..SubnetSpec::new("10.77.0.0/24".parse().unwrap())
    };
    let reservation =
        ReservationSpec { mac: mac(3), address: RESERVED, hostname: Some("node-3".parse().unwrap()), ipv6: None };
    Subnet::new("lab".parse().unwrap(), spec, SERVER, [&reservation])
}

/// The table, and who was told that an address is his.
struct World {
    subnet: Subnet,
    leases: Leases,
    held: HashMap<Ipv4Addr, (Client, Timestamp)>,
    answers: u64,
    grants: u64,
}

impl World {
    fn new(role: DhcpRole, identify_by: ClientIdentity) -> Self {
        let (leases, held) = (Leases::default(), HashMap::new());
        Self { subnet: subnet(role, identify_by), leases, held, answers: 0, grants: 0 }
    }

    fn take(&mut self, bytes: &[u8], now: Timestamp) {
        let Ok(request) = Request::parse(bytes) else { return };
        assert!((bytes[0], bytes[1], bytes[2]) == (1, 1, 6) && request.mac.is_unicast(), "{request:?}");
        let boot = Boot::File(BootFile { server: SERVER, name: "snponly.efi".into() });
        let facts = self.leases.facts(&request, &self.subnet, now);
        let decision = decide(&request, &self.subnet, &facts, &boot, now);
        self.check_answer(&request, &decision);
        if let Some(change) = &decision.change {
            self.check_change(change, &facts.client, now);
            self.leases.apply(change);
        }
        if let Ok(reply) = decide_boot_server(&request, &self.subnet, &boot) {
            assert_eq!(reply.address, None, "the boot server gives no addresses");
        }
    }

    fn check_answer(&mut self, request: &Request, decision: &Decision) {
        let Ok(reply) = &decision.reply else { return };
        let bytes = reply.encode(request);
        assert!((300..=1472).contains(&bytes.len()), "{} bytes", bytes.len());
        let theirs =
            v4::Message::decode(&mut Decoder::new(&bytes)).unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
        assert_eq!(
            (theirs.opcode(), theirs.xid(), theirs.yiaddr()),
            (v4::Opcode::BootReply, request.xid, reply.address.unwrap_or(Ipv4Addr::UNSPECIFIED))
        );
        assert_eq!(theirs.chaddr(), request.mac.0);
        let ours = Answer::parse(&bytes).unwrap();
        let server = request.server_override.unwrap_or(SERVER);
        assert_eq!(ours.server, Some(server));
        if let Some(address) = reply.address {
            let in_pool = (POOL.0..=POOL.1).contains(&address);
            assert!(in_pool && (address != RESERVED || request.mac == mac(3)), "{address} for {}", request.mac);
        }
        destination(request, reply, SocketAddrV4::new([10, 77, 0, 9].into(), 68));
        self.answers += 1;
    }

    fn check_change(&mut self, change: &LeaseChange, client: &Client, now: Timestamp) {
        let lease = change.lease();
        let holder = self.held.get(&lease.address).filter(|(_, until)| *until > now);
        let same = |holder: &Client| holder.id == client.id && (client.id.is_some() || holder.mac == client.mac);
        assert!(holder.is_none_or(|(holder, _)| same(holder)), "{} is another's: {lease:?}", lease.address);
        match lease.state {
            LeaseState::Bound => {
                self.grants += 1;
                self.held.insert(lease.address, (client.clone(), lease.expires));
            }
            LeaseState::Released | LeaseState::Declined => {
                self.held.remove(&lease.address);
            }
            LeaseState::Probing | LeaseState::Offered => {}
        }
    }
}

fn half_a_million(world: &mut World, seed: u64) {
    let mut dice = Dice(seed);
    let mut now = Timestamp::from_second(1_700_000_000).unwrap();
    for _ in 0..MESSAGES / 2 {
        let mut bytes = good(&mut dice);
        if dice.below(8) != 0 {
            mutate(&mut bytes, &mut dice);
        }
        if dice.below(64) == 0 {
            now = now.checked_add(Duration::from_secs(dice.roll() % 120)).unwrap();
        }
        world.take(&bytes, now);
    }
}

#[test]
fn half_a_million_mutated_messages_get_right_answers_or_none() {
    let mut world = World::new(DhcpRole::Server, ClientIdentity::Mac);
    half_a_million(&mut world, 0x5eed_0001);
    assert!(
        world.answers > MESSAGES / 50 && world.grants > 1_000,
        "{} answers, {} grants",
        world.answers,
        world.grants
    );
}

#[test]
fn so_they_do_where_clients_are_known_by_their_identifiers() {
    let mut world = World::new(DhcpRole::Server, ClientIdentity::ClientId);
    half_a_million(&mut world, 0x5eed_0002);
    assert!(
        world.answers > MESSAGES / 50 && world.grants > 1_000,
        "{} answers, {} grants",
        world.answers,
        world.grants
    );
}

#[test]
fn beside_another_server_no_message_is_given_an_address() {
    let mut world = World::new(DhcpRole::Proxy, ClientIdentity::Mac);
    let mut dice = Dice(0x5eed_0003);
    for _ in 0..50_000 {
        let mut bytes = good(&mut dice);
        mutate(&mut bytes, &mut dice);
        world.take(&bytes, Timestamp::from_second(1_700_000_000).unwrap());
    }
    assert!(world.answers > 500, "{} answers", world.answers);
    assert_eq!((world.grants, world.leases.iter().count()), (0, 0));
}
