//! What may be promised to a client while leases are on their way to the disk.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use dhcp::{Client, Lease, LeaseChange, LeaseState, Leases};
use std::net::Ipv4Addr;
use types::{MacAddr, Timestamp};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn client(number: u8) -> Client {
    Client { mac: MacAddr([0x52, 0x54, 0, 0, 0, number]), id: None }
}

fn lease(number: u8, state: LeaseState, since: i64, expires: i64) -> Lease {
    let (mac, client_id, hostname) = (client(number).mac, None, None);
    Lease { address: ADDRESS, mac, client_id, state, since: at(since), expires: at(expires), hostname }
}

fn persist(leases: &mut Leases, number: u8, since: i64, expires: i64) {
    leases.apply(&LeaseChange::Persist(lease(number, LeaseState::Bound, since, expires)));
}

#[test]
fn what_was_loaded_is_on_the_disk() {
    let leases = Leases::load([lease(1, LeaseState::Bound, 0, 100)]);
    assert_eq!(leases.stored_until(ADDRESS, &client(1), at(50)), Some(at(100)));
    assert_eq!(leases.stored_until(ADDRESS, &client(1), at(100)), None, "it has expired");
    assert_eq!(leases.stored_until(ADDRESS, &client(2), at(50)), None, "it is another's");
    assert_eq!(leases.stored_until(Ipv4Addr::LOCALHOST, &client(1), at(50)), None);
}

#[test]
fn new_lease_is_on_the_disk_only_when_it_is_said_to_be() {
    let mut leases = Leases::default();
    persist(&mut leases, 1, 0, 100);
    assert_eq!(leases.stored_until(ADDRESS, &client(1), at(1)), None);
    leases.note_stored(ADDRESS, at(100));
    assert_eq!(leases.stored_until(ADDRESS, &client(1), at(1)), Some(at(100)));
}

#[test]
fn renewals_that_are_not_stored_add_nothing_however_many_they_are() {
    let mut leases = Leases::load([lease(1, LeaseState::Bound, 0, 100)]);
    persist(&mut leases, 1, 50, 150);
    persist(&mut leases, 1, 60, 160);
    assert_eq!(leases.stored_until(ADDRESS, &client(1), at(61)), Some(at(100)));
    leases.note_stored(ADDRESS, at(150));
    assert_eq!(leases.stored_until(ADDRESS, &client(1), at(61)), Some(at(150)), "the later one is on its way");
    leases.note_stored(ADDRESS, at(160));
    assert_eq!(leases.stored_until(ADDRESS, &client(1), at(61)), Some(at(160)));
}

#[test]
fn the_lease_of_another_client_before_promises_nothing() {
    let mut leases = Leases::load([lease(1, LeaseState::Bound, 0, 100)]);
    persist(&mut leases, 2, 110, 210);
    assert_eq!(leases.stored_until(ADDRESS, &client(2), at(120)), None);
    persist(&mut leases, 2, 120, 220);
    assert_eq!(leases.stored_until(ADDRESS, &client(2), at(130)), None, "asked again, it is still not there");
    leases.apply(&LeaseChange::Persist(lease(2, LeaseState::Released, 140, 140)));
    persist(&mut leases, 2, 150, 250);
    assert_eq!(leases.stored_until(ADDRESS, &client(2), at(151)), None, "it gave the address back");
}
