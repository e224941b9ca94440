//! What clients are answered, as they read it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use dhcp::client::{Answer, ClientMessage};
use dhcp::{
    Boot, BootFile, Client, Decision, Destination, Lease, LeaseState, Leases, MessageType, Request, Silence, Subnet,
    decide, destination,
};
use std::net::{Ipv4Addr, SocketAddrV4};
use types::subnet::{Pool, ReservationSpec, SubnetSpec};
use types::{HumanDuration, MacAddr, Timestamp};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const CLIENT: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
const OTHER: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 2]);

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// One server with the pool 10.77.0.10–12, and time.
struct Rig {
    subnet: Subnet,
    leases: Leases,
    boot: Boot,
    now: i64,
}

impl Rig {
    fn new() -> Self {
        Self::with_reservations(&[])
    }

    fn with_reservations(reservations: &[ReservationSpec]) -> Self {
        let spec = SubnetSpec {
            pool: Some(Pool { first: address(10), last: address(12) }),
            gateway: Some(address(254)),
            dns: vec![address(253)],
            domain: Some("rack.test".into()),
            lease: HumanDuration::from_secs(800),
            ..SubnetSpec::new("10.77.0.0/24".parse().unwrap())
        };
        let subnet = Subnet::new("lab".parse().unwrap(), spec, SERVER, reservations);
        Self { subnet, leases: Leases::default(), boot: Boot::Nothing, now: 0 }
    }

    fn boots(mut self, name: &str) -> Self {
        self.boot = Boot::File(BootFile { server: SERVER, name: name.into() });
        self
    }

    fn decide(&mut self, message: &ClientMessage) -> (Request, Decision) {
        let request = Request::parse(&message.encode()).unwrap();
        let facts = self.leases.facts(&request, &self.subnet, at(self.now));
        let decision = decide(&request, &self.subnet, &facts, &self.boot, at(self.now));
        if let Some(change) = &decision.change {
            self.leases.apply(change);
        }
        (request, decision)
    }

    fn ask(&mut self, message: &ClientMessage) -> Result<Answer, Silence> {
        let (request, decision) = self.decide(message);
        decision.reply.map(|reply| Answer::parse(&reply.encode(&request)).unwrap())
    }

    fn bind(&mut self, mac: MacAddr) -> Ipv4Addr {
        let offer = self.ask(&discover(mac)).unwrap();
        let ack = self.ask(&select(mac, offer.address)).unwrap();
        assert_eq!((ack.kind, ack.address), (ACK, offer.address));
        ack.address
    }
}

const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

fn discover(mac: MacAddr) -> ClientMessage {
    ClientMessage::new(MessageType::Discover, 7, mac)
}

fn request(mac: MacAddr) -> ClientMessage {
    ClientMessage::new(MessageType::Request, 8, mac)
}

fn select(mac: MacAddr, wanted: Ipv4Addr) -> ClientMessage {
    request(mac).requested(wanted).server(SERVER)
}

fn renew(mac: MacAddr, held: Ipv4Addr) -> ClientMessage {
    ClientMessage { ciaddr: Some(held), broadcast: false, ..request(mac) }
}

fn release(mac: MacAddr, held: Ipv4Addr) -> ClientMessage {
    ClientMessage { ciaddr: Some(held), ..ClientMessage::new(MessageType::Release, 9, mac) }.server(SERVER)
}

fn decline(mac: MacAddr, held: Ipv4Addr) -> ClientMessage {
    ClientMessage::new(MessageType::Decline, 9, mac).requested(held).server(SERVER)
}

fn mac(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddr([0x52, 0x54, a, b, c, d])
}

#[test]
fn an_ack_tells_the_network_and_its_times() {
    let mut rig = Rig::new();
    let offer = rig.ask(&discover(CLIENT)).unwrap();
    let ack = rig.ask(&select(CLIENT, offer.address)).unwrap();
    let option = |code| ack.message.options.find(code).unwrap();
    assert_eq!(ack.address, address(10));
    assert_eq!(option(1), [255, 255, 255, 0]);
    assert_eq!(option(3), [10, 77, 0, 254]);
    assert_eq!(option(6), [10, 77, 0, 253]);
    assert_eq!(option(15), b"rack.test");
    assert_eq!(option(51), 800u32.to_be_bytes());
    assert_eq!(option(54), SERVER.octets());
    assert_eq!(option(58), 400u32.to_be_bytes());
    assert_eq!(option(59), 700u32.to_be_bytes());
}

#[test]
fn the_codec_that_others_use_reads_our_answers() {
    use dhcproto::v4::{DhcpOption, Message, MessageType as Kind, OptionCode};
    use dhcproto::{Decodable, Decoder};
    let mut rig = Rig::new().boots("undionly.kpxe");
    let (request, decision) = rig.decide(&discover(CLIENT).pxe(0));
    let bytes = decision.reply.unwrap().encode(&request);
    let message = Message::decode(&mut Decoder::new(&bytes)).unwrap();
    assert_eq!(message.yiaddr(), address(10));
    assert_eq!(message.siaddr(), SERVER);
    assert_eq!(message.fname(), Some(b"undionly.kpxe\0".as_slice()));
    assert_eq!(message.opts().get(OptionCode::MessageType), Some(&DhcpOption::MessageType(Kind::Offer)));
    assert_eq!(message.opts().get(OptionCode::AddressLeaseTime), Some(&DhcpOption::AddressLeaseTime(800)));
    assert_eq!(message.opts().get(OptionCode::SubnetMask), Some(&DhcpOption::SubnetMask([255, 255, 255, 0].into())));
}

#[test]
fn an_address_is_offered_to_one_client_until_the_offer_is_old() {
    let mut rig = Rig::new();
    let first = rig.ask(&discover(CLIENT)).unwrap().address;
    assert_ne!(rig.ask(&discover(OTHER)).unwrap().address, first);
    assert_eq!(rig.ask(&discover(CLIENT)).unwrap().address, first, "the same client is offered the same again");
    rig.now = 31;
    for number in 10..13 {
        assert_eq!(rig.ask(&discover(mac(number))).unwrap().kind, OFFER, "old offers are free again");
    }
}

#[test]
fn a_client_that_returns_finds_its_address() {
    let mut rig = Rig::new();
    let held = rig.bind(CLIENT);
    rig.ask(&release(CLIENT, held)).unwrap_err();
    rig.bind(OTHER);
    rig.now = 5000;
    assert_eq!(rig.bind(CLIENT), held);
}

#[test]
fn a_full_pool_is_said_and_never_shared() {
    let mut rig = Rig::new();
    let mut given: Vec<_> = (1..=3).map(|number| rig.bind(mac(number))).collect();
    given.sort();
    assert_eq!(given, [address(10), address(11), address(12)]);
    assert_eq!(rig.ask(&discover(mac(4))).unwrap_err(), Silence::PoolExhausted);
    rig.ask(&release(mac(2), address(11))).unwrap_err();
    assert_eq!(rig.bind(mac(4)), address(11));
}

#[test]
fn the_address_free_for_longest_goes_first() {
    let mut rig = Rig::new();
    for number in 1..=3 {
        rig.bind(mac(number));
    }
    for (second, number, last) in [(10, 2, 11), (20, 3, 12), (30, 1, 10)] {
        rig.now = second;
        rig.ask(&release(mac(number), address(last))).unwrap_err();
    }
    rig.now = 40;
    assert_eq!(rig.bind(mac(9)), address(11));
}

#[test]
fn renewing_and_rebinding_extend_the_lease() {
    let mut rig = Rig::new();
    let held = rig.bind(CLIENT);
    rig.now = 400;
    let ack = rig.ask(&renew(CLIENT, held)).unwrap();
    assert_eq!((ack.kind, ack.address), (ACK, held));
    rig.now = 1100;
    assert_eq!(rig.ask(&ClientMessage { broadcast: true, ..renew(CLIENT, held) }).unwrap().kind, ACK);
    assert_eq!(rig.leases.find(held).unwrap().expires, at(1900));
}

#[test]
fn a_restarted_client_is_told_whether_its_address_still_holds() {
    let mut rig = Rig::new();
    let held = rig.bind(CLIENT);
    assert_eq!(rig.ask(&request(CLIENT).requested(held)).unwrap().kind, ACK);
    assert_eq!(rig.ask(&request(OTHER).requested(held)).unwrap().kind, NAK, "another client has it");
    assert_eq!(rig.ask(&request(CLIENT).requested([192, 168, 0, 9].into())).unwrap().kind, NAK, "another network");
    assert_eq!(
        rig.ask(&request(OTHER).requested(address(99))).unwrap_err(),
        Silence::NotOurs,
        "outside the pool another server may know it"
    );
    assert_eq!(rig.ask(&select(OTHER, address(99))).unwrap().kind, NAK, "unless it chose us");
}

#[test]
fn choosing_another_server_frees_our_offer() {
    let mut rig = Rig::new();
    let offered = rig.ask(&discover(CLIENT)).unwrap().address;
    let elsewhere = request(CLIENT).requested(address(200)).server(address(2));
    assert_eq!(rig.ask(&elsewhere).unwrap_err(), Silence::OtherServer);
    assert_eq!(rig.ask(&discover(OTHER).requested(offered)).unwrap().address, offered);
}

#[test]
fn a_declined_address_rests_and_a_declining_client_is_stopped() {
    let mut rig = Rig::new();
    let held = rig.bind(CLIENT);
    assert_eq!(rig.ask(&decline(OTHER, held)).unwrap_err(), Silence::NotTheirs, "only its holder may decline it");
    assert_eq!(rig.ask(&decline(CLIENT, held)).unwrap_err(), Silence::NoneDue);
    assert_eq!(rig.leases.find(held).unwrap().state, LeaseState::Declined);
    for _ in 0..2 {
        let next = rig.bind(CLIENT);
        assert_ne!(next, held);
        rig.ask(&decline(CLIENT, next)).unwrap_err();
    }
    assert_eq!(rig.ask(&discover(CLIENT)).unwrap_err(), Silence::PoolExhausted);
    rig.now = 3601;
    let again = rig.bind(CLIENT);
    rig.ask(&decline(CLIENT, again)).unwrap_err();
    assert_eq!(rig.leases.declined_by(&Client { mac: CLIENT, id: None }, at(rig.now)), 1);
}

#[test]
fn the_fourth_decline_of_a_client_is_ignored() {
    let mut rig = Rig::new();
    rig.subnet.spec.pool = Some(Pool { first: address(10), last: address(20) });
    for _ in 0..3 {
        let held = rig.bind(CLIENT);
        assert_eq!(rig.ask(&decline(CLIENT, held)).unwrap_err(), Silence::NoneDue);
    }
    let held = rig.bind(CLIENT);
    assert_eq!(rig.ask(&decline(CLIENT, held)).unwrap_err(), Silence::TooManyDeclines);
}

#[test]
fn a_reservation_is_kept_for_its_card() {
    let reserved =
        ReservationSpec { mac: CLIENT, address: address(11), ipv6: None, hostname: Some("node-1".parse().unwrap()) };
    let outside = ReservationSpec { mac: mac(9), address: address(200), ipv6: None, hostname: None };
    let mut rig = Rig::with_reservations(&[reserved, outside]);
    assert_eq!(rig.bind(OTHER), address(10));
    assert_eq!(rig.bind(mac(3)), address(12));
    assert_eq!(rig.ask(&discover(mac(4))).unwrap_err(), Silence::PoolExhausted);
    let offer = rig.ask(&discover(CLIENT).requested(address(10))).unwrap();
    assert_eq!(offer.address, address(11));
    assert_eq!(offer.message.options.find(12), Some(b"node-1".as_slice()));
    assert_eq!(rig.bind(mac(9)), address(200), "a reservation may lie outside the pool");
}

#[test]
fn a_reservation_made_later_moves_the_client_when_it_renews() {
    let mut rig = Rig::new();
    let held = rig.bind(CLIENT);
    let leases = std::mem::take(&mut rig.leases);
    rig = Rig::with_reservations(&[ReservationSpec { mac: CLIENT, address: address(50), ipv6: None, hostname: None }]);
    rig.leases = leases;
    assert_eq!(rig.ask(&renew(CLIENT, held)).unwrap().kind, NAK);
    assert_eq!(rig.bind(CLIENT), address(50));
}

#[test]
fn a_restart_keeps_every_lease() {
    let mut rig = Rig::new();
    let mut stored: Vec<Lease> = Vec::new();
    for number in 1..=3 {
        let offer = rig.ask(&discover(mac(number))).unwrap();
        let (_, decision) = rig.decide(&select(mac(number), offer.address));
        match decision.change {
            Some(dhcp::LeaseChange::Persist(lease)) => stored.push(lease),
            other => panic!("an ACK without a durable lease: {other:?}"),
        }
    }
    let json = serde_json::to_string(&stored).unwrap();
    rig.leases = Leases::load(serde_json::from_str::<Vec<Lease>>(&json).unwrap());
    assert_eq!(rig.ask(&discover(mac(4))).unwrap_err(), Silence::PoolExhausted);
    assert_eq!(rig.ask(&renew(mac(2), address(11))).unwrap().kind, ACK);
}

#[test]
fn bios_firmware_is_given_the_file_in_the_field_and_no_reason_to_look_further() {
    let mut rig = Rig::new().boots("undionly.kpxe");
    let uuid = [&[0u8][..], &[7; 16]].concat();
    let offer = rig.ask(&discover(CLIENT).pxe(0).option(97, &uuid)).unwrap();
    assert_eq!(offer.message.file, b"undionly.kpxe");
    assert_eq!(offer.message.siaddr, SERVER);
    assert_eq!(offer.message.options.find(60), Some(b"PXEClient".as_slice()));
    assert_eq!(offer.message.options.find(43), Some([6, 1, 8, 255].as_slice()));
    assert_eq!(offer.message.options.find(97), Some(uuid.as_slice()));
    assert_eq!(offer.message.options.find(66), Some(b"10.77.0.1".as_slice()));
}

#[test]
fn uefi_http_boot_is_given_a_url() {
    let url = "http://10.77.0.1/boot/files/ipxe.efi";
    let offer = Rig::new().boots(url).ask(&discover(CLIENT).http_boot(0x10)).unwrap();
    assert_eq!(offer.message.options.find(60), Some(b"HTTPClient".as_slice()));
    assert_eq!(offer.message.options.find(67), Some(url.as_bytes()));
    assert_eq!(offer.message.options.find(43), None);
}

#[test]
fn ipxe_is_given_its_script_without_the_firmware_options() {
    let url = format!("http://10.77.0.1/{}", "x".repeat(150));
    let offer = Rig::new().boots(&url).ask(&discover(CLIENT).pxe(0).ipxe()).unwrap();
    assert_eq!(offer.boot_file, Some(url));
    assert_eq!(offer.message.options.find(175), Some([176, 1, 1].as_slice()), "and waits for no proxyDHCP");
    assert_eq!(offer.message.options.find(60), None);
    assert_eq!(offer.message.options.find(43), None);
}

#[test]
fn firmware_with_nothing_to_boot_gets_a_plain_answer() {
    let offer = Rig::new().ask(&discover(CLIENT).pxe(7)).unwrap();
    assert_eq!((offer.boot_file, offer.message.siaddr), (None, Ipv4Addr::UNSPECIFIED));
    assert_eq!(offer.message.options.find(60), None);
}

#[test]
fn an_operating_system_is_not_told_of_boot_files() {
    assert_eq!(Rig::new().boots("undionly.kpxe").ask(&discover(CLIENT)).unwrap().boot_file, None);
}

#[test]
fn a_denied_client_hears_nothing_whatever_it_says() {
    let mut rig = Rig::new();
    rig.boot = Boot::Denied;
    for message in [discover(CLIENT), select(CLIENT, address(10)), request(CLIENT).requested([1, 2, 3, 4].into())] {
        assert_eq!(rig.ask(&message).unwrap_err(), Silence::Denied);
    }
    assert_eq!(rig.leases.iter().count(), 0);
}

#[test]
fn an_inform_is_told_the_network_and_given_nothing() {
    let mut rig = Rig::new();
    let inform = ClientMessage { ciaddr: Some(address(99)), ..ClientMessage::new(MessageType::Inform, 3, CLIENT) };
    let ack = rig.ask(&inform).unwrap();
    assert_eq!((ack.kind, ack.address), (ACK, Ipv4Addr::UNSPECIFIED));
    assert_eq!(ack.message.options.find(51), None);
    assert_eq!(ack.message.options.find(3), Some([10, 77, 0, 254].as_slice()));
}

#[test]
fn a_relays_option_comes_back_unchanged_and_last() {
    let mut rig = Rig::new();
    let circuit = [1, 4, b'p', b'o', b'r', b't'];
    let message = ClientMessage { giaddr: Some(address(5)), ..discover(CLIENT) }.option(82, &circuit);
    let (request, decision) = rig.decide(&message);
    let bytes = decision.reply.unwrap().encode(&request);
    let answer = Answer::parse(&bytes).unwrap();
    assert_eq!(answer.message.options.find(82), Some(circuit.as_slice()));
    assert_eq!(answer.message.giaddr, address(5));
    let end = bytes.iter().rposition(|byte| *byte == 255).unwrap();
    assert_eq!(&bytes[end - circuit.len()..end], circuit);
}

#[test]
fn answers_go_where_the_client_can_hear_them() {
    let from = SocketAddrV4::new(address(5), 3067);
    let mut rig = Rig::new();
    let mut goes = |message: ClientMessage| {
        let (request, decision) = rig.decide(&message);
        destination(&request, &decision.reply.unwrap(), from)
    };
    let relayed = ClientMessage { giaddr: Some(address(5)), ..discover(CLIENT) };
    assert_eq!(goes(relayed.clone()), Destination::Unicast(SocketAddrV4::new(address(5), 67)));
    assert_eq!(goes(relayed.option(82, &[19, 0])), Destination::Unicast(SocketAddrV4::new(address(5), 3067)));
    assert_eq!(goes(discover(CLIENT)), Destination::Broadcast(68));
    let quiet = ClientMessage { broadcast: false, ..discover(CLIENT) };
    assert_eq!(goes(quiet), Destination::Hardware { address: SocketAddrV4::new(address(10), 68), mac: CLIENT });
    assert_eq!(goes(renew(CLIENT, address(10))), Destination::Unicast(SocketAddrV4::new(address(10), 68)));
    assert_eq!(goes(request(OTHER).requested([9, 9, 9, 9].into())), Destination::Broadcast(68));
}

#[test]
fn an_answer_is_never_longer_than_the_client_takes() {
    let url = format!("http://10.77.0.1/{}", "x".repeat(200));
    let mut rig = Rig::new().boots(&url);
    rig.subnet.spec.domain = Some("d".repeat(250));
    let small = discover(CLIENT).http_boot(0x10).option(82, &[7; 200]).option(57, &300u16.to_be_bytes());
    let (request, decision) = rig.decide(&ClientMessage { giaddr: Some(address(5)), ..small });
    let bytes = decision.reply.unwrap().encode(&request);
    assert!(bytes.len() <= 548, "{} bytes", bytes.len());
    assert_eq!(Answer::parse(&bytes).unwrap().message.options.find(82).unwrap().len(), 200);
    let large = discover(CLIENT).http_boot(0x10).option(57, &1500u16.to_be_bytes());
    assert_eq!(rig.ask(&large).unwrap().boot_file, Some(url));
}
