//! DHCPv6: what clients are answered, over the lives of their leases.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use dhcp::LeaseState;
use dhcp::v6::client::{Answer, ClientMessage, relayed};
use dhcp::v6::{Boot, Decision, Duid, Leases, MessageType, Request, Silence, Subnet, decide};
use dhcproto::v6 as second;
use dhcproto::{Decodable as _, Decoder};
use proptest::prelude::*;
use std::net::Ipv6Addr;
use std::time::Duration;
use types::ipv6::{Ipv6Spec, Pool6};
use types::subnet::{ReservationSpec, SubnetSpec};
use types::{HumanDuration, MacAddr, Timestamp};
use uuid::Uuid;

const XID: [u8; 3] = [1, 2, 3];
const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
const NO_ADDRESSES: u16 = 2;
const NO_BINDING: u16 = 3;
const NOT_ON_LINK: u16 = 4;

fn address(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, last)
}

fn server() -> Duid {
    Duid::of_uuid(Uuid::from_u128(0x5e))
}

fn client(number: u128) -> Duid {
    Duid::of_uuid(Uuid::from_u128(number))
}

fn message(kind: MessageType) -> ClientMessage {
    ClientMessage::new(kind, XID, &client(1))
}

/// A server of fd00:77::/64 with a pool of three.
struct Rig {
    subnet: Subnet,
    leases: Leases,
    boot: Boot,
    now: i64,
}

impl Rig {
    fn new() -> Self {
        Self::with(3, &[])
    }

    fn with(pool: u16, reservations: &[ReservationSpec]) -> Self {
        let mut spec = SubnetSpec::new("10.77.0.0/24".parse().unwrap());
        spec.lease = HumanDuration::from_secs(1000);
        spec.domain = Some("rack.test".into());
        spec.ipv6 = Some(Ipv6Spec {
            cidr: "fd00:77::/64".parse().unwrap(),
            pool: Some(Pool6 { first: address(0x100), last: address(0x100 + pool - 1) }),
            dns: vec![address(0x53)],
        });
        let subnet = Subnet::of("lab".parse().unwrap(), &spec, address(1), reservations).unwrap();
        Self { subnet, leases: Leases::default(), boot: Boot::Nothing, now: 0 }
    }

    fn decide(&mut self, request: &Request) -> Decision {
        let now = Timestamp::from_second(self.now).unwrap();
        let facts = self.leases.facts(request, &self.subnet, now);
        let decision = decide(request, &self.subnet, &server(), &facts, &self.boot, now);
        decision.leases.iter().cloned().for_each(|lease| self.leases.put(lease));
        decision
    }

    fn ask(&mut self, message: &ClientMessage) -> Result<Answer, Silence> {
        self.ask_from(message, "fe80::1".parse().unwrap())
    }

    fn ask_from(&mut self, message: &ClientMessage, source: Ipv6Addr) -> Result<Answer, Silence> {
        let request = Request::parse(&message.encode(), source).unwrap();
        let reply = self.decide(&request).reply?;
        Ok(Answer::parse(&reply.encode(&request, &server())).unwrap())
    }

    /// What a client gets that takes what it is offered.
    fn obtain(&mut self, duid: &Duid) -> Option<Ipv6Addr> {
        let solicit = ClientMessage::new(MessageType::Solicit, XID, duid).addresses(7, &[]);
        let offered = self.ask(&solicit).unwrap().addresses.first()?.0;
        let request = ClientMessage::new(MessageType::Request, XID, duid).server(&server()).addresses(7, &[offered]);
        Some(self.ask(&request).unwrap().addresses.first()?.0)
    }
}

#[test]
fn client_gets_what_it_was_offered_and_gets_it_again() {
    let mut rig = Rig::new();
    let offer = rig.ask(&message(MessageType::Solicit).addresses(7, &[])).unwrap();
    assert_eq!((offer.kind, offer.xid, &offer.server), (2, XID, &server()));
    assert_eq!(rig.leases.iter().count(), 0, "an offer leaves no trace");
    let reply =
        rig.ask(&message(MessageType::Request).server(&server()).addresses(7, &[offer.addresses[0].0])).unwrap();
    assert_eq!((reply.kind, &reply.addresses), (7, &vec![(offer.addresses[0].0, 1000)]));
    assert_eq!(reply.dns, [address(0x53)]);
    rig.now = 5000;
    assert_eq!(rig.ask(&message(MessageType::Solicit).addresses(7, &[])).unwrap().addresses, reply.addresses);
}

#[test]
fn renewal_that_is_not_stored_promises_what_is() {
    let mut rig = Rig::new();
    let held = rig.obtain(&client(1)).unwrap();
    let now = Timestamp::from_second(400).unwrap();
    let renew = message(MessageType::Renew).server(&server()).addresses(7, &[held]);
    let request = Request::parse(&renew.encode(), "fe80::1".parse().unwrap()).unwrap();
    let binding = rig.leases.find(held).unwrap().binding.clone();
    for _ in 0..2 {
        let facts = rig.leases.facts(&request, &rig.subnet, now);
        let decision = decide(&request, &rig.subnet, &server(), &facts, &rig.boot, now);
        let remaining = |address| {
            let until = rig.leases.stored_until(address, &binding, now)?;
            Duration::try_from(until.duration_since(now)).ok()
        };
        let shorter = decision.reply.unwrap().lasting(remaining).unwrap();
        let answer = Answer::parse(&shorter.encode(&request, &server())).unwrap();
        assert_eq!(answer.addresses, [(held, 600)]);
        decision.leases.into_iter().for_each(|lease| rig.leases.put_unstored(lease));
    }
    rig.leases.note_stored(held, Timestamp::from_second(1400).unwrap());
    assert_eq!(rig.leases.stored_until(held, &binding, now), Timestamp::from_second(1400).ok());
}

#[test]
fn new_lease_that_is_not_stored_promises_nothing() {
    let mut rig = Rig::new();
    let solicit = message(MessageType::Solicit).rapid().addresses(7, &[]);
    let request = Request::parse(&solicit.encode(), "fe80::1".parse().unwrap()).unwrap();
    let now = Timestamp::from_second(0).unwrap();
    let facts = rig.leases.facts(&request, &rig.subnet, now);
    let decision = decide(&request, &rig.subnet, &server(), &facts, &rig.boot, now);
    let [lease] = decision.leases.as_slice() else { panic!("{decision:?}") };
    rig.leases.put_unstored(lease.clone());
    let until = |address| rig.leases.stored_until(address, &lease.binding, now);
    assert_eq!(until(lease.address), None);
    assert_eq!(decision.reply.unwrap().lasting(|address| until(address).map(|_| Duration::ZERO)), None);
}

#[test]
fn solicitation_that_takes_a_reply_is_bound_at_once() {
    let mut rig = Rig::new();
    let reply = rig.ask(&message(MessageType::Solicit).rapid().addresses(7, &[])).unwrap();
    assert!(reply.kind == 7 && reply.rapid);
    assert_eq!(rig.leases.find(reply.addresses[0].0).unwrap().state, LeaseState::Bound);
}

#[test]
fn no_address_is_given_twice_and_an_empty_pool_is_said_to_be() {
    let mut rig = Rig::new();
    let mut given: Vec<Ipv6Addr> = (1..=3).map(|number| rig.obtain(&client(number)).unwrap()).collect();
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 3);
    let refused = rig.ask(&ClientMessage::new(MessageType::Solicit, XID, &client(4)).addresses(7, &[])).unwrap();
    assert_eq!((refused.addresses, refused.refusals), (vec![], vec![NO_ADDRESSES]));
    rig.now = 1001;
    assert!(rig.obtain(&client(4)).is_some(), "what has expired is given again");
}

#[test]
fn two_that_were_offered_the_same_get_two_addresses() {
    let mut rig = Rig::with(2, &[]);
    let wish = address(0x100);
    let request =
        |number| ClientMessage::new(MessageType::Request, XID, &client(number)).server(&server()).addresses(7, &[wish]);
    let first = rig.ask(&request(1)).unwrap().addresses[0].0;
    let second = rig.ask(&request(2)).unwrap().addresses[0].0;
    assert_ne!(first, second);
}

#[test]
fn lease_is_renewed_by_its_owner_only() {
    let mut rig = Rig::new();
    let own = rig.obtain(&client(1)).unwrap();
    rig.now = 500;
    let renewed = rig.ask(&message(MessageType::Renew).server(&server()).addresses(7, &[own])).unwrap();
    assert_eq!(renewed.addresses, [(own, 1000)]);
    rig.now = 1400;
    let thief = ClientMessage::new(MessageType::Renew, XID, &client(2)).server(&server()).addresses(7, &[own]);
    let answer = rig.ask(&thief).unwrap();
    assert!(answer.addresses.contains(&(own, 0)), "told to let go: {answer:?}");
    let rebound = rig.ask(&message(MessageType::Rebind).addresses(7, &[own])).unwrap();
    assert_eq!(rebound.addresses, [(own, 1000)]);
}

#[test]
fn client_that_moved_here_is_told_so() {
    let mut rig = Rig::new();
    let elsewhere: Ipv6Addr = "fd00:88::5".parse().unwrap();
    let confirm = rig.ask(&message(MessageType::Confirm).addresses(7, &[elsewhere])).unwrap();
    assert_eq!(confirm.status, Some(NOT_ON_LINK));
    assert_eq!(rig.ask(&message(MessageType::Confirm).addresses(7, &[address(9)])).unwrap().status, Some(0));
    assert_eq!(rig.ask(&message(MessageType::Confirm)), Err(Silence::Incomplete));
    let request = rig.ask(&message(MessageType::Request).server(&server()).addresses(7, &[elsewhere])).unwrap();
    assert_eq!(request.refusals, [NOT_ON_LINK]);
    let rebind = rig.ask(&message(MessageType::Rebind).addresses(7, &[elsewhere])).unwrap();
    assert!(rebind.addresses.contains(&(elsewhere, 0)), "{rebind:?}");
}

#[test]
fn address_of_another_server_is_not_ours_to_extend() {
    let mut rig = Rig::new();
    assert_eq!(rig.ask(&message(MessageType::Rebind).addresses(7, &[address(0x999)])), Err(Silence::NotOurs));
    let to_other = message(MessageType::Renew).server(&client(9)).addresses(7, &[address(0x100)]);
    assert_eq!(rig.ask(&to_other), Err(Silence::OtherServer));
}

#[test]
fn released_address_is_free_and_declined_one_rests() {
    let mut rig = Rig::with(1, &[]);
    let only = rig.obtain(&client(1)).unwrap();
    let release = message(MessageType::Release).server(&server()).addresses(7, &[only]);
    assert_eq!(rig.ask(&release).unwrap().status, Some(0));
    assert_eq!(rig.obtain(&client(2)), Some(only));
    let foreign = rig.ask(&release).unwrap();
    assert_eq!((foreign.status, foreign.refusals), (Some(0), vec![NO_BINDING]));

    let decline = ClientMessage::new(MessageType::Decline, XID, &client(2)).server(&server()).addresses(7, &[only]);
    assert_eq!(rig.ask(&decline).unwrap().status, Some(0));
    assert_eq!(rig.obtain(&client(2)), None);
    rig.now = 3601;
    assert_eq!(rig.obtain(&client(3)), Some(only));
}

#[test]
fn client_that_declines_without_end_does_not_empty_the_pool() {
    let mut rig = Rig::with(9, &[]);
    for round in 0..4 {
        let given = rig.obtain(&client(1)).unwrap();
        let answer = rig.ask(&message(MessageType::Decline).server(&server()).addresses(7, &[given]));
        assert_eq!(answer.is_ok(), round < 3, "{answer:?}");
    }
}

#[test]
fn reserved_address_is_the_cards_whatever_program_asks() {
    let reserved = ReservationSpec { mac: MAC, address: [10, 77, 0, 9].into(), ipv6: Some(address(9)), hostname: None };
    let mut rig = Rig::with(3, &[reserved]);
    // The firmware has a UUID for a name, and a link-local address made of its card's.
    let card: Ipv6Addr = "fe80::5054:ff:fe00:1".parse().unwrap();
    let firmware = message(MessageType::Solicit).rapid().addresses(7, &[]);
    assert_eq!(rig.ask_from(&firmware, card).unwrap().addresses[0].0, address(9));
    let system = ClientMessage::new(MessageType::Solicit, XID, &Duid::of_mac(MAC)).rapid().addresses(3, &[]);
    assert_eq!(rig.ask(&system).unwrap().addresses[0].0, address(9));
    let other = ClientMessage::new(MessageType::Request, XID, &client(5)).server(&server()).addresses(7, &[address(9)]);
    assert_ne!(rig.ask(&other).unwrap().addresses[0].0, address(9));
}

#[test]
fn uefi_http_boot_is_given_a_url_and_the_word_it_waits_for() {
    let mut rig = Rig::new();
    rig.boot = Boot::Url("http://[fd00:77::1]:8080/boot/files/ipxe.efi".into());
    let http = rig.ask(&message(MessageType::Solicit).http_boot(0x10).addresses(7, &[])).unwrap();
    assert_eq!(http.boot_url.as_deref(), Some("http://[fd00:77::1]:8080/boot/files/ipxe.efi"));
    assert_eq!(http.vendor_class.as_deref(), Some("HTTPClient"));
    let pxe = rig.ask(&message(MessageType::Solicit).pxe(7).addresses(7, &[])).unwrap();
    assert!(pxe.boot_url.is_some() && pxe.vendor_class.is_none());
    let system = rig.ask(&message(MessageType::Solicit).addresses(7, &[])).unwrap();
    assert_eq!((system.boot_url, system.vendor_class), (None, None));
    rig.boot = Boot::Denied;
    assert_eq!(rig.ask(&message(MessageType::Solicit).addresses(7, &[])), Err(Silence::Denied));
}

#[test]
fn who_needs_no_address_is_told_the_rest() {
    let mut rig = Rig::new();
    let answer = rig.ask(&ClientMessage::anonymous(MessageType::InformationRequest, XID)).unwrap();
    assert_eq!((answer.kind, answer.addresses, answer.dns), (7, vec![], vec![address(0x53)]));
}

#[test]
fn answer_goes_back_through_every_relay() {
    let mut rig = Rig::new();
    let solicit = message(MessageType::Solicit).addresses(7, &[]).encode();
    let link = address(0xfe);
    let (peer, near): (Ipv6Addr, Ipv6Addr) = ("fe80::5054:ff:fe00:1".parse().unwrap(), "fe80::2".parse().unwrap());
    let inner = relayed(&solicit, link, peer, &[(18, b"port-7"), (79, &[0, 1, 0x52, 0x54, 0, 0, 0, 9])]);
    let outer = relayed(&inner, Ipv6Addr::UNSPECIFIED, near, &[]);
    let request = Request::parse(&outer, "fd00::5".parse().unwrap()).unwrap();
    assert_eq!(request.network_hint(address(1)), link);
    assert_eq!(request.mac(), Some(MacAddr([0x52, 0x54, 0, 0, 0, 9])), "the relay saw the card");
    let bytes = rig.decide(&request).reply.unwrap().encode(&request, &server());
    let (to, middle) = Answer::unwrap_relayed(&bytes).unwrap();
    assert_eq!(to, near);
    let (to, last) = Answer::unwrap_relayed(&middle).unwrap();
    assert_eq!(to, peer);
    assert!(middle.windows(6).any(|window| window == b"port-7"), "the interface comes back");
    assert_eq!(Answer::parse(&last).unwrap().kind, 2);
}

#[test]
fn relays_have_a_limit() {
    let mut bytes = message(MessageType::Solicit).encode();
    for _ in 0..9 {
        bytes = relayed(&bytes, address(2), address(3), &[]);
    }
    assert!(Request::parse(&bytes, address(4)).is_err());
}

#[test]
fn messages_without_what_they_must_have_are_not_answered() {
    let bytes = |message: ClientMessage| message.encode();
    let anonymous = |kind| bytes(ClientMessage::anonymous(kind, XID));
    for wrong in [
        anonymous(MessageType::Solicit),
        anonymous(MessageType::Confirm),
        bytes(message(MessageType::Solicit).server(&server())),
        bytes(message(MessageType::Rebind).server(&server())),
        bytes(message(MessageType::Request).addresses(7, &[])),
        bytes(message(MessageType::Release)),
        bytes(message(MessageType::InformationRequest).addresses(7, &[])),
        bytes(message(MessageType::Solicit).option(3, &[0; 11])),
        bytes(ClientMessage::anonymous(MessageType::Solicit, XID).option(1, &[0, 1])),
        vec![1, 2, 3],
        vec![2, 1, 2, 3],
        vec![13, 0],
        vec![12; 30],
    ] {
        assert!(Request::parse(&wrong, address(4)).is_err(), "{wrong:02x?}");
    }
}

#[test]
fn prefixes_and_temporary_addresses_are_refused_by_status() {
    let mut rig = Rig::new();
    let solicit = message(MessageType::Solicit).option(25, &[0; 12]).option(4, &[0; 4]);
    let request = Request::parse(&solicit.encode(), address(4)).unwrap();
    let bytes = rig.decide(&request).reply.unwrap().encode(&request, &server());
    let read = second::Message::decode(&mut Decoder::new(&bytes)).unwrap();
    let options = read.opts();
    let Some(second::DhcpOption::IAPD(prefixes)) = options.get(second::OptionCode::IAPD) else { panic!("{read:?}") };
    assert!(matches!(
        prefixes.opts.get(second::OptionCode::StatusCode),
        Some(second::DhcpOption::StatusCode(code)) if code.status == second::Status::NoPrefixAvail
    ));
}

#[test]
fn another_decoder_reads_the_same() {
    let mut rig = Rig::new();
    rig.boot = Boot::Url("http://[fd00:77::1]/x".into());
    let solicit = message(MessageType::Solicit).http_boot(0x10).addresses(7, &[]);
    let request = Request::parse(&solicit.encode(), address(4)).unwrap();
    let bytes = rig.decide(&request).reply.unwrap().encode(&request, &server());
    let own = Answer::parse(&bytes).unwrap();
    let read = second::Message::decode(&mut Decoder::new(&bytes)).unwrap();
    assert_eq!((read.msg_type(), read.xid()), (second::MessageType::Advertise, XID));
    let Some(second::DhcpOption::IANA(granted)) = read.opts().get(second::OptionCode::IANA) else { panic!("{read:?}") };
    assert_eq!((granted.id, granted.t1, granted.t2), (7, 500, 800));
    let Some(second::DhcpOption::IAAddr(lease)) = granted.opts.get(second::OptionCode::IAAddr) else {
        panic!("{read:?}")
    };
    assert_eq!((lease.addr, lease.valid_life), own.addresses[0]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        Request::parse(&bytes, address(4)).ok();
        Answer::parse(&bytes);
        Answer::unwrap_relayed(&bytes);
    }

    #[test]
    fn mutated_messages_are_answered_only_with_what_a_decoder_can_read(
        at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<prop::sample::Index>(), kind in 0usize..8,
    ) {
        let kinds = [
            MessageType::Solicit, MessageType::Request, MessageType::Confirm, MessageType::Renew, MessageType::Rebind,
            MessageType::Release, MessageType::Decline, MessageType::InformationRequest,
        ];
        let plain = message(kinds[kind]).server(&server()).http_boot(0x10).ipxe().addresses(7, &[address(0x100)]);
        let mut bytes = relayed(&plain.encode(), address(0xfe), address(4), &[(18, b"p")]);
        let length = bytes.len();
        bytes[at.index(length)] = to;
        bytes.truncate(length - cut.index(length) / 4);
        let mut rig = Rig::new();
        rig.boot = Boot::Url("tftp://[fd00:77::1]/snponly.efi".into());
        if let Ok(request) = Request::parse(&bytes, address(4)) && let Ok(reply) = rig.decide(&request).reply {
            let answer = reply.encode(&request, &server());
            prop_assert!(second::RelayMessage::decode(&mut Decoder::new(&answer)).is_ok()
                || second::Message::decode(&mut Decoder::new(&answer)).is_ok());
        }
    }

    #[test]
    fn no_address_is_leased_twice_over_any_history(
        acts in prop::collection::vec((1u128..6, 0usize..7, 0i64..700, 0u16..5), 1..60),
    ) {
        let mut rig = Rig::with(4, &[]);
        let kinds = [
            MessageType::Solicit, MessageType::Request, MessageType::Renew, MessageType::Rebind, MessageType::Release,
            MessageType::Decline, MessageType::Request,
        ];
        let mut held: Vec<(u128, Ipv6Addr, i64)> = Vec::new();
        for (number, kind, wait, wish) in acts {
            rig.now += wait;
            let mut ask = ClientMessage::new(kinds[kind], XID, &client(number)).addresses(7, &[address(0x100 + wish)]);
            if !matches!(kinds[kind], MessageType::Solicit | MessageType::Rebind) {
                ask = ask.server(&server());
            }
            let Ok(answer) = rig.ask(&ask) else { continue };
            if matches!(kinds[kind], MessageType::Release | MessageType::Decline) {
                held.retain(|(owner, at, _)| (*owner, *at) != (number, address(0x100 + wish)));
            }
            for (given, valid) in answer.addresses.iter().filter(|_| answer.kind == 7) {
                held.retain(|(owner, at, _)| (*owner, *at) != (number, *given));
                if *valid > 0 {
                    let other = held.iter().find(|(_, at, until)| at == given && *until > rig.now);
                    prop_assert_eq!(other, None, "given to {} as well", number);
                    held.push((number, *given, rig.now + i64::from(*valid)));
                }
            }
        }
    }
}
