//! DHCP leases: one row per address, as the server's working copy has it.

use crate::column::{from_word, nanos, parse, timestamp, word};
use crate::{Store, StoreError};
use dhcp::Lease;
use std::net::Ipv4Addr;
use types::MachineId;

impl Store {
    /// Every lease, to start from.
    pub async fn load_leases(&self) -> Result<Vec<Lease>, StoreError> {
        let rows: Vec<(String, String, String, i64, i64, Option<String>)> =
            sqlx::query_as("SELECT address, mac, state, since, expires, hostname FROM dhcp_leases")
                .fetch_all(self.reader())
                .await?;
        let read = |(address, mac, state, since, expires, hostname): (String, String, String, i64, i64, _)| {
            let what = || format!("the lease of {address}");
            Ok(Lease {
                address: parse(&address, what)?,
                mac: parse(&mac, what)?,
                state: from_word(&state, what)?,
                since: timestamp(since),
                expires: timestamp(expires),
                hostname,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Keeps leases in place of what their addresses had, all or none; of two for one address the later counts.
    /// Durable when it returns.
    pub async fn commit_leases(&self, leases: Vec<Lease>) -> Result<(), StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                for lease in leases {
                    sqlx::query(
                        "INSERT OR REPLACE INTO dhcp_leases (address, mac, state, since, expires, hostname)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )
                    .bind(lease.address.to_string())
                    .bind(lease.mac.to_string())
                    .bind(word(lease.state))
                    .bind(nanos(lease.since))
                    .bind(nanos(lease.expires))
                    .bind(lease.hostname)
                    .execute(&mut tx.connection)
                    .await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// The address that one of the machine's cards was given last, whether or not it still has it.
    pub async fn last_address(&self, machine: MachineId) -> Result<Option<Ipv4Addr>, StoreError> {
        let address: Option<String> = sqlx::query_scalar(
            "SELECT l.address FROM dhcp_leases l JOIN machine_macs m ON m.mac = l.mac
             WHERE m.machine = ?1 ORDER BY l.since DESC LIMIT 1",
        )
        .bind(machine.to_string())
        .fetch_optional(self.reader())
        .await?;
        address.map(|address| parse(&address, || format!("the address of machine {machine}"))).transpose()
    }
}
