//! DHCPv6: one row per address, as the server's working copy has it, and the server's own identifier.

use crate::column::{from_word, nanos, parse, timestamp, to_json, word};
use crate::sql::{query, query_as, query_scalar};
use crate::{Store, StoreError};
use dhcp::v6::{Binding, Duid, Lease};
use serde_json::{Value, json};
use types::MacAddr;
use uuid::Uuid;

/// The server's identifier among the facts about the database.
const DUID: &str = "dhcp6_duid";

impl Store {
    /// Every IPv6 lease, to start from.
    pub async fn load_ipv6_leases(&self) -> Result<Vec<Lease>, StoreError> {
        type Row = (String, String, i64, Option<String>, String, i64, i64);
        query_as::<Row>("SELECT address, client, association, mac, state, since, expires FROM dhcp6_leases")
            .fetch_at_length(self.readers(), read)
            .await
    }

    /// Keeps leases in place of what their addresses had, all or none; of two for one address the later counts.
    /// Durable when it returns.
    pub async fn commit_ipv6_leases(&self, leases: &[Lease]) -> Result<(), StoreError> {
        let rows = to_json(&leases.iter().map(row).collect::<Vec<_>>());
        self.write(move |tx| {
                query(
                    "INSERT INTO dhcp6_leases (address, client, association, mac, state, since, expires)
                     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
                     FROM json_each(?1) WHERE true
                     ON CONFLICT (address) DO UPDATE SET client = excluded.client, association = excluded.association,
                         mac = excluded.mac, state = excluded.state, since = excluded.since, expires = excluded.expires",
                )
                .bind(rows)
                .execute(&mut tx.connection)
                ?;
                Ok(())
            })
        .await
    }

    /// The server's own identifier in DHCPv6: made at the first call and the same for ever, since clients renew
    /// their leases with the server that has it.
    pub async fn dhcp6_duid(&self) -> Result<Duid, StoreError> {
        let fresh = Duid::of_uuid(Uuid::new_v4()).to_string();
        let text: String = self
            .write(move |tx| {
                query("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING")
                    .bind(DUID.to_owned())
                    .bind(fresh)
                    .execute(&mut tx.connection)?;
                let found = query_scalar("SELECT value FROM meta WHERE key = ?1").bind(DUID.to_owned());
                Ok::<_, StoreError>(found.fetch_one(&mut tx.connection)?)
            })
            .await?;
        parse(&text, || "the server's DUID".to_owned())
    }
}

fn row(lease: &Lease) -> Value {
    json!([
        lease.address,
        lease.binding.client,
        lease.binding.association,
        lease.mac,
        word(lease.state),
        nanos(lease.since),
        nanos(lease.expires),
    ])
}

fn read(row: (String, String, i64, Option<String>, String, i64, i64)) -> Result<Lease, StoreError> {
    let (address, client, association, mac, state, since, expires) = row;
    let what = || format!("the lease of {address}");
    let association = u32::try_from(association).map_err(|_| StoreError::Corrupt { what: what() })?;
    Ok(Lease {
        address: parse(&address, what)?,
        binding: Binding { client: parse::<Duid>(&client, what)?, association },
        mac: mac.map(|mac| parse::<MacAddr>(&mac, what)).transpose()?,
        state: from_word(&state, what)?,
        since: timestamp(since),
        expires: timestamp(expires),
    })
}
