//! Addresses that something uses which was never given them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use dhcp::client::{Answer, ClientMessage};
use dhcp::{
    Boot, Decision, Found, LeaseChange, LeaseState, Leases, MessageType, PoolUsage, Request, Silence, Subnet, Verdict,
    decide,
};
use std::net::Ipv4Addr;
use types::subnet::{Pool, ProbePolicy, ReservationSpec, SubnetSpec};
use types::{HumanDuration, MacAddr, Timestamp};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const CLIENT: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
const SQUATTER: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 9]);

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

/// One server with the pool 10.77.0.10–17, and time.
struct Rig {
    subnet: Subnet,
    leases: Leases,
    now: i64,
}

impl Rig {
    fn new(probe: ProbePolicy, server: Ipv4Addr, reservations: &[ReservationSpec]) -> Self {
        let spec = SubnetSpec {
            pool: Some(Pool { first: address(10), last: address(17) }),
            lease: HumanDuration::from_secs(600),
            probe,
            ..SubnetSpec::new("10.77.0.0/24".parse().unwrap())
        };
        Self {
            subnet: Subnet::new("lab".parse().unwrap(), spec, server, reservations),
            leases: Leases::default(),
            now: 0,
        }
    }

    fn on_link() -> Self {
        Self::new(ProbePolicy::OnLink, SERVER, &[])
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + self.now).unwrap()
    }

    fn decide(&mut self, message: &ClientMessage) -> Decision {
        let request = Request::parse(&message.encode()).unwrap();
        let facts = self.leases.facts(&request, &self.subnet, self.time());
        let decision = decide(&request, &self.subnet, &facts, &Boot::Nothing, self.time());
        if let Some(change) = &decision.change {
            self.leases.apply(change);
        }
        decision
    }

    fn discover(&mut self, mac: MacAddr) -> Decision {
        self.decide(&ClientMessage::new(MessageType::Discover, 1, mac))
    }

    /// The address that is probed before it is offered.
    fn probed(&mut self, mac: MacAddr) -> Option<Ipv4Addr> {
        match self.discover(mac).change {
            Some(LeaseChange::Probe(lease)) => Some(lease.address),
            _ => None,
        }
    }

    fn settle(&mut self, address: Ipv4Addr, found: Found) -> Verdict {
        let client = dhcp::Client { mac: CLIENT, id: None };
        self.leases.settle(&self.subnet, address, &client, found, self.time())
    }

    fn select(&mut self, mac: MacAddr, wanted: Ipv4Addr) -> u8 {
        let message = ClientMessage::new(MessageType::Request, 2, mac).requested(wanted).server(SERVER);
        let request = Request::parse(&message.encode()).unwrap();
        let reply = self.decide(&message).reply.unwrap();
        Answer::parse(&reply.encode(&request)).unwrap().kind
    }

    fn usage(&mut self) -> PoolUsage {
        self.leases.usage(&self.subnet, self.time())
    }
}

#[test]
fn a_client_is_offered_for_the_first_time_what_nobody_answers_at() {
    let mut rig = Rig::on_link();
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
    assert_eq!(rig.probed(CLIENT), Some(address(10)), "it asks again before that is known");
    assert_eq!(rig.usage().offered, 1);
    assert_eq!(rig.settle(address(10), Found::Nobody), Verdict::Offer);
    let again = rig.discover(CLIENT);
    assert!(matches!(again.change, Some(LeaseChange::Remember(_))), "{again:?}");
    assert_eq!(again.reply.unwrap().address, Some(address(10)));
    assert_eq!(rig.select(CLIENT, address(10)), 5);
}

#[test]
fn an_address_that_answers_rests_and_the_client_gets_the_next() {
    let mut rig = Rig::on_link();
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
    assert_eq!(rig.settle(address(10), Found::Somebody(Some(SQUATTER))), Verdict::Quarantine);
    assert_eq!(rig.probed(CLIENT), Some(address(11)));
    assert_eq!((rig.usage().declined, rig.usage().offered), (1, 1));
    let client = dhcp::Client { mac: CLIENT, id: None };
    assert_eq!(rig.leases.declined_by(&client, rig.time()), 0, "the client is not to blame");
    rig.now += 3601;
    assert_eq!(rig.usage().declined, 0);
    let decision = rig.decide(&ClientMessage::new(MessageType::Discover, 1, SQUATTER).requested(address(10)));
    assert!(matches!(decision.change, Some(LeaseChange::Probe(_))), "and is asked for again: {decision:?}");
}

#[test]
fn of_two_messages_that_wait_for_one_answer_neither_gets_the_address() {
    let mut rig = Rig::on_link();
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
    assert_eq!(rig.probed(CLIENT), Some(address(10)), "over another relay");
    let somebody = Found::Somebody(Some(SQUATTER));
    assert_eq!(rig.settle(address(10), somebody), Verdict::Quarantine);
    assert_eq!(rig.settle(address(10), somebody), Verdict::Again);
    assert_eq!(rig.probed(CLIENT), Some(address(11)));
    assert_eq!(rig.settle(address(11), Found::Nobody), Verdict::Offer);
    assert_eq!(rig.settle(address(11), Found::Nobody), Verdict::Offer, "both are told the same");
    assert_eq!((rig.usage().declined, rig.usage().offered), (1, 1));
}

#[test]
fn an_address_that_another_client_took_meanwhile_is_not_offered() {
    let mut rig = Rig::on_link();
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
    rig.now += 31;
    let other = ClientMessage::new(MessageType::Discover, 1, SQUATTER).requested(address(10));
    assert!(matches!(rig.decide(&other).change, Some(LeaseChange::Probe(_))));
    assert_eq!(rig.settle(address(10), Found::Nobody), Verdict::Again);
    assert_eq!(rig.leases.find(address(10)).unwrap().mac, SQUATTER);
}

#[test]
fn use_of_a_pool_is_what_its_rows_say_at_any_time_and_after_any_change() {
    let mut rig = Rig::on_link();
    let counted = |rig: &mut Rig| {
        let now = rig.time();
        let live: Vec<LeaseState> = rig.leases.iter().filter(|row| row.expires > now).map(|row| row.state).collect();
        let count = |states: &[LeaseState]| live.iter().filter(|state| states.contains(state)).count();
        let offered = count(&[LeaseState::Probing, LeaseState::Offered]);
        (count(&[LeaseState::Bound]), offered, count(&[LeaseState::Declined]))
    };
    let agree = |rig: &mut Rig| {
        let usage = rig.usage();
        assert_eq!((usage.bound, usage.offered, usage.declined), counted(rig), "at {}", rig.now);
        usage
    };
    agree(&mut rig);
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
    agree(&mut rig);
    rig.settle(address(10), Found::Somebody(None));
    assert_eq!(rig.probed(CLIENT), Some(address(11)));
    rig.settle(address(11), Found::Nobody);
    rig.select(CLIENT, address(11));
    assert_eq!(rig.probed(SQUATTER), Some(address(12)));
    for seconds in [0, 31, 700, 3601, 40, 0, 599] {
        rig.now = seconds;
        agree(&mut rig);
    }
    let owner = ReservationSpec { mac: SQUATTER, address: address(11), ipv6: None, hostname: None };
    rig.subnet = Subnet::new(rig.subnet.name.clone(), rig.subnet.spec.clone(), SERVER, &[owner]);
    assert_eq!((rig.usage().size, rig.usage().bound), (7, 0), "a reserved address is nobody else's");
    let narrow = SubnetSpec { pool: Some(Pool { first: address(12), last: address(17) }), ..rig.subnet.spec.clone() };
    rig.subnet = Subnet::new(rig.subnet.name.clone(), narrow, SERVER, &[]);
    assert_eq!((rig.usage().size, rig.usage().declined), (6, 0), "it is outside of the pool");
}

#[test]
fn a_client_that_answers_itself_is_offered_the_address() {
    let mut rig = Rig::on_link();
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
    assert_eq!(rig.settle(address(10), Found::Somebody(Some(CLIENT))), Verdict::Offer);
    assert_eq!(rig.discover(CLIENT).reply.unwrap().address, Some(address(10)));
}

#[test]
fn what_was_the_clients_before_is_offered_at_once() {
    let mut rig = Rig::on_link();
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
    rig.settle(address(10), Found::Nobody);
    rig.select(CLIENT, address(10));
    assert_eq!(rig.discover(CLIENT).change, None, "it is bound");
    rig.now += 700;
    assert!(matches!(rig.discover(CLIENT).change, Some(LeaseChange::Remember(_))), "it has expired");
    rig.select(CLIENT, address(10));
    let release = ClientMessage { ciaddr: Some(address(10)), ..ClientMessage::new(MessageType::Release, 3, CLIENT) };
    assert_eq!(rig.decide(&release).reply, Err(Silence::NoneDue));
    assert!(matches!(rig.discover(CLIENT).change, Some(LeaseChange::Remember(_))), "it was given back");
}

#[test]
fn an_offer_that_was_not_taken_in_time_is_probed_again() {
    let mut rig = Rig::on_link();
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
    rig.settle(address(10), Found::Nobody);
    rig.now += 31;
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
}

#[test]
fn the_subnet_says_where_is_asked() {
    let away = Ipv4Addr::new(10, 78, 0, 1);
    let probes = |policy, server| Rig::new(policy, server, &[]).probed(CLIENT).is_some();
    assert!(probes(ProbePolicy::OnLink, SERVER));
    assert!(!probes(ProbePolicy::OnLink, away), "behind a relay");
    assert!(probes(ProbePolicy::Always, away));
    assert!(!probes(ProbePolicy::Never, SERVER));
    let reserved = ReservationSpec { mac: CLIENT, address: address(50), ipv6: None, hostname: None };
    assert_eq!(Rig::new(ProbePolicy::Always, SERVER, &[reserved]).probed(CLIENT), None, "an operator has said whose");
}

#[test]
fn a_router_that_answers_for_every_address_costs_half_of_the_pool() {
    let mut rig = Rig::on_link();
    let mut verdicts = Vec::new();
    for _ in 0..5 {
        let address = rig.probed(CLIENT).unwrap();
        verdicts.push(rig.settle(address, Found::Somebody(Some(SQUATTER))));
    }
    let [quarantined @ .., last] = verdicts.as_slice() else { panic!("five") };
    assert_eq!((quarantined, *last), ([Verdict::Quarantine; 4].as_slice(), Verdict::Disbelieve));
    assert_eq!((rig.usage().size, rig.usage().declined), (8, 4));
    assert_eq!(rig.discover(CLIENT).reply.unwrap().address, Some(address(14)));
}

#[test]
fn what_is_found_too_late_changes_nothing() {
    let mut rig = Rig::on_link();
    assert_eq!(rig.probed(CLIENT), Some(address(10)));
    assert_eq!(rig.select(CLIENT, address(10)), 5);
    assert_eq!(rig.settle(address(10), Found::Somebody(Some(SQUATTER))), Verdict::Offer);
    assert_eq!(rig.leases.find(address(10)).unwrap().state, LeaseState::Bound);
}
