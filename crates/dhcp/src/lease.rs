//! The working copy of one subnet's leases, and the allocator over it.
//!
//! Everything is decided here in memory; the store holds the same rows and is read once, at start. A row is
//! never removed, so that a client which returns finds its old address as long as nobody needed it.
//! Every question costs about the same however many clients there are.

use crate::tally::{Counts, Tally};
use crate::unstored::Unstored;
use crate::{Request, Subnet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::ops::Bound;
use types::subnet::{ClientIdentity, Pool};
use types::{MacAddr, Timestamp};

/// Who has an address, in what way, and until when. There is one per address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// The client it belongs to, or belonged to last; of a declined one, who declined it.
    pub mac: MacAddr,
    /// Its identifier, where the subnet knows clients by theirs and it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Vec<u8>>,
    /// In what way.
    pub state: LeaseState,
    /// When it came to this state.
    pub since: Timestamp,
    /// From then on it may go to another client.
    pub expires: Timestamp,
    /// The name the client gave itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
}

impl Lease {
    /// The client it belongs to.
    pub fn client(&self) -> Client {
        Client { mac: self.mac, id: self.client_id.clone() }
    }

    /// What it is found by; nothing where whoever uses the address was never given it.
    fn key(&self) -> Option<ClientKey> {
        let is_squatted = self.state == LeaseState::Declined && self.mac == SQUATTER && self.client_id.is_none();
        (!is_squatted).then(|| self.client().key())
    }

    /// Whether it is the lease of `client`.
    pub(crate) fn is_of(&self, client: &Client) -> bool {
        match (&self.client_id, &client.id) {
            (None, None) => self.mac == client.mac,
            (own, id) => own == id,
        }
    }
}

/// Who asks: a network card, and the identifier that counts in its place where the subnet wants it so
/// (RFC 2131 §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its network card.
    pub mac: MacAddr,
    /// Its identifier, where it counts.
    pub id: Option<Vec<u8>>,
}

/// Stands for whoever uses an address that it was not given.
pub(crate) const SQUATTER: MacAddr = MacAddr([0; 6]);

/// What the leases of a client are found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum ClientKey {
    Mac(MacAddr),
    Id(Vec<u8>),
}

impl Client {
    /// Who sent `request`, as `subnet` sees it.
    pub fn of(request: &Request, subnet: &Subnet) -> Self {
        let id = match subnet.spec.identify_by {
            ClientIdentity::Mac => None,
            ClientIdentity::ClientId => request.client_id.clone(),
        };
        Self { mac: request.mac, id }
    }

    fn key(&self) -> ClientKey {
        self.id.clone().map_or(ClientKey::Mac(self.mac), ClientKey::Id)
    }
}

/// In what way an address belongs to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseState {
    /// Held back for a client while the network is asked whether something uses it. Never stored.
    Probing,
    /// Held back for a client that was offered it. Never stored.
    Offered,
    /// In use.
    Bound,
    /// Given back.
    Released,
    /// Found in use by something else; quarantined.
    Declined,
}

impl LeaseState {
    /// Whether the address is the client's to take or to keep.
    fn is_held(self) -> bool {
        matches!(self, Self::Probing | Self::Offered | Self::Bound)
    }
}

/// What becomes of the lease table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseChange {
    /// Of no consequence after a restart.
    Remember(Lease),
    /// The answer leaves when nothing answers at the address.
    Probe(Lease),
    /// Must be durable before the answer leaves.
    Persist(Lease),
}

impl LeaseChange {
    /// The new row.
    pub fn lease(&self) -> &Lease {
        match self {
            Self::Remember(lease) | Self::Probe(lease) | Self::Persist(lease) => lease,
        }
    }
}

/// What a client has to do with an address it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is the client's: offered or bound to it, and not expired.
    Own,
    /// Nobody has it, and it may be given to the client.
    Free,
    /// Another client has it, it is reserved for another, or it is quarantined.
    Taken,
    /// On this network, but not ours to give: another server's, perhaps.
    NotOurs,
    /// Not on this network.
    WrongNetwork,
}

/// No address is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolExhausted;

/// How a pool is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolUsage {
    /// Addresses that it can give.
    pub size: usize,
    /// In use.
    pub bound: usize,
    /// Held back for clients that were offered them.
    pub offered: usize,
    /// Quarantined.
    pub declined: usize,
}

impl PoolUsage {
    /// Addresses that nobody has.
    pub fn free(&self) -> usize {
        self.size.saturating_sub(self.bound + self.offered + self.declined)
    }
}

/// The leases of one subnet.
#[derive(Debug, Default)]
pub struct Leases {
    by_address: HashMap<Ipv4Addr, Lease>,
    by_client: HashMap<ClientKey, Vec<Ipv4Addr>>,
    by_expiry: BTreeSet<(Timestamp, Ipv4Addr)>,
    /// The declined ones, by their expiry.
    declined: BTreeSet<(Timestamp, Ipv4Addr)>,
    tally: Tally,
    fresh: Fresh,
    /// Leases that are on their way to the disk.
    pub(crate) unstored: Unstored<Ipv4Addr>,
}

/// The addresses of the pool that have no row yet: those from `next` on, and those passed over because they
/// were reserved at the time.
#[derive(Debug, Default)]
struct Fresh {
    pool: Option<Pool>,
    next: u64,
    passed_over: BTreeSet<Ipv4Addr>,
}

impl Leases {
    /// The table as it was stored.
    pub fn load(rows: impl IntoIterator<Item = Lease>) -> Self {
        let mut leases = Self::default();
        for row in rows {
            leases.put(row);
        }
        leases
    }

    /// Carries out a decision in memory.
    pub fn apply(&mut self, change: &LeaseChange) {
        if let LeaseChange::Persist(lease) = change {
            self.await_storage(lease);
        }
        self.put(change.lease().clone());
    }

    /// The row of an address.
    pub fn find(&self, address: Ipv4Addr) -> Option<&Lease> {
        self.by_address.get(&address)
    }

    /// The addresses that rest because something uses them, in order.
    pub fn quarantined(&self, subnet: &Subnet, now: Timestamp) -> Vec<&Lease> {
        let live = self.declined.range((Bound::Excluded((now, Ipv4Addr::BROADCAST)), Bound::Unbounded));
        let rows = live.filter_map(|(_, address)| self.find(*address));
        let mut rows: Vec<_> = rows.filter(|row| subnet.spec.cidr.contains(row.address)).collect();
        rows.sort_by_key(|row| row.address);
        rows
    }

    /// Every row, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.by_address.values()
    }

    /// The client's rows.
    pub fn of(&self, client: &Client) -> impl Iterator<Item = &Lease> + use<'_> {
        self.by_client.get(&client.key()).into_iter().flatten().filter_map(|address| self.by_address.get(address))
    }

    /// How many addresses are quarantined because of the client.
    pub fn declined_by(&self, client: &Client, now: Timestamp) -> usize {
        self.of(client).filter(|lease| lease.state == LeaseState::Declined && lease.expires > now).count()
    }

    /// What the client has to do with `address`.
    pub fn claim(&self, subnet: &Subnet, address: Ipv4Addr, client: &Client, now: Timestamp) -> Claim {
        if !subnet.spec.cidr.contains(address) {
            return Claim::WrongNetwork;
        }
        let row = self.find(address).filter(|row| row.expires > now);
        match row {
            Some(row) if row.is_of(client) && row.state.is_held() => {
                if subnet.allots(address, client.mac) {
                    Claim::Own
                } else {
                    Claim::Taken
                }
            }
            Some(_) => Claim::Taken,
            None if subnet.allots(address, client.mac) => Claim::Free,
            None if subnet.in_pool(address) => Claim::Taken,
            None => Claim::NotOurs,
        }
    }

    /// The address that the client ought to have: its reservation, else the one it had last.
    pub fn record_of(&self, subnet: &Subnet, client: &Client) -> Option<Ipv4Addr> {
        if let Some(reservation) = subnet.reservation(client.mac) {
            return Some(reservation.address);
        }
        self.last_of(client)
    }

    fn last_of(&self, client: &Client) -> Option<Ipv4Addr> {
        let had = self.of(client).filter(|row| row.state != LeaseState::Declined);
        had.max_by_key(|row| (row.since, row.address)).map(|row| row.address)
    }

    /// The address that the client would get now: the one on record for it, else the one it asks for, else one
    /// that was never used, else the one that has been free for longest.
    ///
    /// # Errors
    /// When none is left.
    pub fn choose(
        &mut self,
        subnet: &Subnet,
        client: &Client,
        requested: Option<Ipv4Addr>,
        now: Timestamp,
    ) -> Result<Ipv4Addr, PoolExhausted> {
        let reserved = subnet.reservation(client.mac).map(|reservation| reservation.address);
        let usable = |address: &Ipv4Addr| matches!(self.claim(subnet, *address, client, now), Claim::Own | Claim::Free);
        if let Some(address) = [reserved, self.last_of(client), requested].into_iter().flatten().find(usable) {
            return Ok(address);
        }
        self.next_fresh(subnet, client.mac).or_else(|| self.longest_free(subnet, client.mac, now)).ok_or(PoolExhausted)
    }

    /// How the pool is used. The rows are counted as they come and go; here only the addresses are looked at that
    /// are kept from the pool.
    pub fn usage(&mut self, subnet: &Subnet, now: Timestamp) -> PoolUsage {
        let Some(pool) = subnet.spec.pool else { return PoolUsage::default() };
        let mut counts = self.counts(pool, now);
        let kept = subnet.kept_from(pool).filter_map(|address| self.find(address));
        kept.filter(|row| row.expires > now).for_each(|row| counts.remove(row.state));
        PoolUsage {
            size: subnet.size_for_all(),
            bound: counts.bound,
            offered: counts.offered,
            declined: counts.declined,
        }
    }

    /// How many addresses of `pool` are quarantined, those included that are kept from it meanwhile.
    pub(crate) fn count_declined(&mut self, pool: Pool, now: Timestamp) -> usize {
        self.counts(pool, now).declined
    }

    fn counts(&mut self, pool: Pool, now: Timestamp) -> Counts {
        self.tally.count(pool, now, &self.by_expiry, &self.by_address)
    }

    fn next_fresh(&mut self, subnet: &Subnet, mac: MacAddr) -> Option<Ipv4Addr> {
        let pool = subnet.spec.pool?;
        if self.fresh.pool != Some(pool) {
            self.fresh =
                Fresh { pool: Some(pool), next: u64::from(pool.first.to_bits()), passed_over: BTreeSet::new() };
        }
        while self.fresh.next <= u64::from(pool.last.to_bits()) {
            let address = Ipv4Addr::from_bits(u32::try_from(self.fresh.next).expect("at most the pool's last address"));
            self.fresh.next += 1;
            if self.by_address.contains_key(&address) {
                continue;
            }
            // Whether or not it is given now, it has no row: it comes back as passed over until it has one.
            self.fresh.passed_over.insert(address);
            if subnet.allots(address, mac) {
                return Some(address);
            }
        }
        self.fresh.passed_over.iter().copied().find(|address| subnet.allots(*address, mac))
    }

    fn longest_free(&self, subnet: &Subnet, mac: MacAddr, now: Timestamp) -> Option<Ipv4Addr> {
        let expired = self.by_expiry.iter().take_while(|(expires, _)| *expires <= now);
        expired.map(|(_, address)| *address).find(|address| subnet.allots(*address, mac))
    }

    pub(crate) fn put(&mut self, lease: Lease) {
        self.fresh.passed_over.remove(&lease.address);
        let key = lease.key();
        if let Some(old) = self.by_address.remove(&lease.address) {
            self.tally.remove(&old);
            self.by_expiry.remove(&(old.expires, old.address));
            self.declined.remove(&(old.expires, old.address));
            if old.key() != key {
                self.leave_client(&old);
            }
        }
        self.tally.add(&lease);
        if let Some(key) = key {
            let addresses = self.by_client.entry(key).or_default();
            if !addresses.contains(&lease.address) {
                addresses.push(lease.address);
            }
        }
        self.by_expiry.insert((lease.expires, lease.address));
        if lease.state == LeaseState::Declined {
            self.declined.insert((lease.expires, lease.address));
        }
        self.by_address.insert(lease.address, lease);
    }

    fn leave_client(&mut self, old: &Lease) {
        let Some(key) = old.key() else { return };
        let Some(addresses) = self.by_client.get_mut(&key) else { return };
        addresses.retain(|address| *address != old.address);
        if addresses.is_empty() {
            self.by_client.remove(&key);
        }
    }
}
