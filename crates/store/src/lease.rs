//! DHCP leases: one row per address, as the server's working copy has it.

use crate::column::{from_word, nanos, parse, timestamp, word};
use crate::sql::{Value, execute_each, query_as, query_scalar};
use crate::{Store, StoreError};
use dhcp::Lease;
use std::net::IpAddr;
use types::MachineId;
use types::dhcp_option::HexBytes;

/// Address, card, client identifier, state, since, expires, hostname.
type Row = (String, String, Option<String>, String, i64, i64, Option<String>);

impl Store {
    /// Every lease, to start from.
    pub async fn load_leases(&self) -> Result<Vec<Lease>, StoreError> {
        query_as::<Row>("SELECT address, mac, client_id, state, since, expires, hostname FROM dhcp_leases")
            .fetch_at_length(self.readers(), read)
            .await
    }

    /// Keeps leases in place of what their addresses had, all or none; of two for one address the later counts.
    /// Durable when it returns.
    pub async fn commit_leases(&self, leases: &[Lease]) -> Result<(), StoreError> {
        let rows: Vec<_> = leases.iter().map(row).collect();
        self.write(move |tx| {
            execute_each(
                "INSERT INTO dhcp_leases (address, mac, client_id, state, since, expires, hostname)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (address) DO UPDATE SET mac = excluded.mac, client_id = excluded.client_id,
                     state = excluded.state, since = excluded.since, expires = excluded.expires,
                     hostname = excluded.hostname",
                rows,
                &mut tx.connection,
            )?;
            Ok(())
        })
        .await
    }

    /// The address that one of the machine's cards was given last, whether or not it still has it.
    pub async fn last_address(&self, machine: MachineId) -> Result<Option<IpAddr>, StoreError> {
        let address: Option<String> = query_scalar(
            "SELECT address FROM (
                 SELECT address, since FROM machine_macs JOIN dhcp_leases USING (mac) WHERE machine = ?1
                 UNION ALL SELECT address, since FROM machine_macs JOIN dhcp6_leases USING (mac) WHERE machine = ?1
             ) ORDER BY since DESC LIMIT 1",
        )
        .bind(machine.to_string())
        .fetch_optional(self.reader())?;
        address.map(|address| parse(&address, || format!("the address of machine {machine}"))).transpose()
    }
}

/// A lease's columns in their order.
fn row(lease: &Lease) -> [Value; 7] {
    let Lease { address, mac, client_id, state, since, expires, hostname } = lease;
    let client_id = client_id.clone().map(|bytes| String::from(HexBytes(bytes)));
    [
        address.to_string().into(),
        mac.to_string().into(),
        client_id.into(),
        word(state).into(),
        nanos(*since).into(),
        nanos(*expires).into(),
        hostname.clone().into(),
    ]
}

fn read((address, mac, client_id, state, since, expires, hostname): Row) -> Result<Lease, StoreError> {
    let what = || format!("the lease of {address}");
    Ok(Lease {
        address: parse(&address, what)?,
        mac: parse(&mac, what)?,
        client_id: read_client_id(client_id, what)?,
        state: from_word(&state, what)?,
        since: timestamp(since),
        expires: timestamp(expires),
        hostname,
    })
}

fn read_client_id(text: Option<String>, what: impl Fn() -> String) -> Result<Option<Vec<u8>>, StoreError> {
    let read = |text| {
        let bytes = HexBytes::try_from(text);
        bytes.map(|HexBytes(bytes)| bytes).map_err(|_| StoreError::Corrupt { what: what() })
    };
    text.map(read).transpose()
}
