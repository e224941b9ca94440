//! Addresses that machines' cards have by leases. Leases come and go on a path that must be quick, so they are not in
//! the index.

use super::set::MachineSet;
use crate::StoreError;
use crate::column::{nanos, parse};
use crate::sql::{Connection, query, query_scalar};
use std::net::IpAddr;
use types::{MachineId, Timestamp};

/// Whether an address, as it is written, can contain the text.
pub(super) fn is_part_of_one(text: &str) -> bool {
    text.chars().all(|char| char.is_ascii_hexdigit() || matches!(char, '.' | ':'))
}

/// Adds the machine that has the address.
pub(super) fn of_one(
    connection: &mut Connection,
    now: Timestamp,
    address: &str,
    set: &mut MachineSet,
) -> Result<(), StoreError> {
    let numbers: Vec<i64> = query_scalar(
        "SELECT number FROM (
             SELECT mac FROM dhcp_leases WHERE address = ?1 AND state = 'bound' AND expires > ?2
             UNION ALL SELECT mac FROM dhcp6_leases WHERE address = ?1 AND state = 'bound' AND expires > ?2
         ) JOIN machine_macs USING (mac) JOIN machine_numbers n ON n.id = machine",
    )
    .bind(address.to_owned())
    .bind(nanos(now))
    .fetch_all(connection)?;
    add(numbers, set);
    Ok(())
}

/// Adds the machines that have an address such as wanted.
pub(super) fn of_some(
    connection: &mut Connection,
    now: Timestamp,
    wanted: &dyn Fn(&str) -> bool,
    set: &mut MachineSet,
) -> Result<(), StoreError> {
    let mut cards: Vec<String> = Vec::new();
    let leases = "SELECT address, mac FROM dhcp_leases WHERE state = 'bound' AND expires > ?1
                  UNION ALL SELECT address, mac FROM dhcp6_leases
                      WHERE state = 'bound' AND expires > ?1 AND mac IS NOT NULL";
    query(leases).bind(nanos(now)).visit(&mut *connection, |row| {
        if wanted(row.get_ref(0)?.as_str()?) {
            cards.push(row.get(1)?);
        }
        Ok(())
    })?;
    for card in cards {
        let of_card = "SELECT number FROM machine_macs JOIN machine_numbers n ON n.id = machine WHERE mac = ?1";
        add(query_scalar(of_card).bind(card).fetch_all(&mut *connection)?, set);
    }
    Ok(())
}

/// Adds the machines that have an address.
pub(super) fn of_all(connection: &mut Connection, now: Timestamp, set: &mut MachineSet) -> Result<(), StoreError> {
    of_some(connection, now, &|_| true, set)
}

fn add(numbers: Vec<i64>, set: &mut MachineSet) {
    numbers.into_iter().filter_map(|number| u32::try_from(number).ok()).for_each(|number| set.insert(number));
}

/// The addresses that the machine's cards have.
pub(super) fn of_machine(
    connection: &mut Connection,
    machine: MachineId,
    now: Timestamp,
) -> Result<Vec<IpAddr>, StoreError> {
    let addresses: Vec<String> = query_scalar(
        "SELECT address FROM machine_macs JOIN dhcp_leases USING (mac)
             WHERE machine = ?1 AND state = 'bound' AND expires > ?2
         UNION ALL SELECT address FROM machine_macs JOIN dhcp6_leases USING (mac)
             WHERE machine = ?1 AND state = 'bound' AND expires > ?2",
    )
    .bind(machine.to_string())
    .bind(nanos(now))
    .fetch_all(connection)?;
    addresses.iter().map(|address| parse(address, || format!("an address of machine {machine}"))).collect()
}
