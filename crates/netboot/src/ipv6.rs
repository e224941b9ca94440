//! The leases of all IPv6 subnets, in memory and on their way to the disk.

use crate::committer::{Afterwards, Committer, Keeper, Outcome, Place};
use crate::once_a_minute::OnceAMinute;
use crate::{BackendError, BootBackend, Inner};
use async_trait::async_trait;
use dhcp::v6::{Boot, Decision, Duid, Lease, Leases, Reply, Request, Subnet, decide};
use dhcp::{LeaseState, PoolUsage};
use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use types::ipv6::Cidr6;
use types::{MacAddr, Timestamp};

/// The IPv6 side of the boot services.
pub(crate) struct Ipv6 {
    pub(crate) duid: Duid,
    /// Its lock is held for one decision, never over a wait.
    tables: Mutex<Tables>,
    /// All that one message changes is one row of the queue.
    pub(crate) committer: Committer<Vec<Lease>>,
    pub(crate) exhaustion: OnceAMinute,
}

/// A message, the subnet that it is answered from, and what its sender boots.
pub(crate) struct Question<'a> {
    pub(crate) request: &'a Request,
    pub(crate) subnet: &'a Subnet,
    pub(crate) boot: &'a Boot,
}

#[derive(Debug, Default)]
struct Tables {
    by_subnet: HashMap<Cidr6, Leases>,
    /// Rows whose subnet is gone: it may come back while they are good.
    stray: Vec<Lease>,
}

#[async_trait]
impl Keeper<Vec<Lease>> for Arc<dyn BootBackend> {
    async fn keep(&self, rows: &[Vec<Lease>]) -> Result<(), BackendError> {
        let Some(ipv6) = self.ipv6() else {
            return Err(BackendError::new("storing IPv6 leases", "the site has no IPv6 side any more"));
        };
        ipv6.commit_leases(&rows.concat()).await
    }
}

impl Ipv6 {
    /// Reads the leases, where the site has an IPv6 side.
    pub(crate) async fn start(backend: &Arc<dyn BootBackend>) -> Result<Option<Self>, BackendError> {
        let Some(ipv6) = backend.ipv6() else { return Ok(None) };
        let tables = Mutex::new(Tables::sort(&ipv6.subnets(), ipv6.load_leases().await?));
        let committer = Committer::start_paced(Arc::clone(backend));
        Ok(Some(Self { duid: ipv6.duid().await?, tables, committer, exhaustion: OnceAMinute::default() }))
    }

    /// Decides on a message and carries the decision out in memory. What must be durable takes `place` under the same
    /// lock, so that the store gets the rows of an address in the order of the decisions about it; `afterwards` is
    /// called when it is or cannot be made so, and at once where nothing must be. It is made of the decision and of the
    /// answer for as long as what is on the disk already is good.
    pub(crate) fn decide(
        &self,
        question: &Question<'_>,
        subnets: &[Subnet],
        now: Timestamp,
        place: Place<'_, Vec<Lease>>,
        afterwards: impl FnOnce(Decision, Option<Reply>) -> Afterwards,
    ) {
        let mut tables = self.lock();
        let Question { request, subnet, boot } = question;
        let leases = tables.of(subnet, subnets);
        let facts = leases.facts(request, subnet, now);
        let decision = decide(request, subnet, &self.duid, &facts, boot, now);
        let rows = decision.leases.clone();
        let remaining = |address: Ipv6Addr| {
            let row = rows.iter().find(|row| row.address == address)?;
            let until = leases.stored_until(address, &row.binding, now)?;
            Duration::try_from(until.duration_since(now)).ok()
        };
        let shorter = decision.reply.as_ref().ok().and_then(|reply| reply.lasting(remaining));
        rows.iter().cloned().for_each(|lease| leases.put_unstored(lease));
        let afterwards = afterwards(decision, shorter);
        if rows.is_empty() {
            drop(tables);
            afterwards(Outcome::Stored);
        } else {
            place.fill(rows, afterwards);
        }
    }

    /// Notes that leases are on the disk.
    pub(crate) fn note_stored(&self, network: Cidr6, rows: &[(Ipv6Addr, Timestamp)]) {
        // A network that has changed meanwhile has taken its rows along.
        if let Some(leases) = self.lock().by_subnet.get_mut(&network) {
            rows.iter().for_each(|(address, expires)| leases.note_stored(*address, *expires));
        }
    }

    /// How the pool of `subnet` is used.
    pub(crate) fn usage(&self, subnet: &Subnet, subnets: &[Subnet], now: Timestamp) -> PoolUsage {
        self.lock().of(subnet, subnets).usage(subnet, now)
    }

    /// The addresses of `subnet` that rest because something uses them, in order.
    pub(crate) fn quarantined(&self, subnet: &Subnet, subnets: &[Subnet], now: Timestamp) -> Vec<Lease> {
        self.lock().of(subnet, subnets).quarantined(now).cloned().collect()
    }

    /// The card that has `address` now.
    pub(crate) fn find_mac(&self, address: Ipv6Addr, now: Timestamp) -> Option<MacAddr> {
        let tables = self.lock();
        let mut rows = tables.by_subnet.values().filter_map(|leases| leases.find(address));
        rows.find(|row| row.state == LeaseState::Bound && row.expires > now).and_then(|row| row.mac)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The networks of our own links.
    pub(crate) fn on_link_networks(&self) -> Vec<Cidr6> {
        let subnets = self.backend.ipv6().map(|ipv6| ipv6.subnets());
        let subnets = subnets.iter().flat_map(|subnets| subnets.iter());
        subnets.filter(|subnet| subnet.spec.cidr.contains(subnet.server)).map(|subnet| subnet.spec.cidr).collect()
    }
}

impl Tables {
    fn sort(subnets: &[Subnet], rows: Vec<Lease>) -> Self {
        let mut sorted: HashMap<Cidr6, Vec<Lease>> = HashMap::new();
        let mut stray = Vec::new();
        for row in rows {
            match find_subnet(subnets, row.address) {
                Some(subnet) => sorted.entry(subnet.spec.cidr).or_default().push(row),
                None => stray.push(row),
            }
        }
        let by_subnet = sorted.into_iter().map(|(cidr, rows)| (cidr, Leases::load(rows))).collect();
        Self { by_subnet, stray }
    }

    /// The leases of `subnet`. One that is heard of for the first time takes over what was given in its addresses.
    fn of(&mut self, subnet: &Subnet, subnets: &[Subnet]) -> &mut Leases {
        let cidr = subnet.spec.cidr;
        if !self.by_subnet.contains_key(&cidr) {
            let mut rows = std::mem::take(&mut self.stray);
            rows.extend(self.by_subnet.values().flat_map(Leases::iter).cloned());
            *self = Self::sort(subnets, rows);
        }
        self.by_subnet.entry(cidr).or_default()
    }
}

/// The subnet that holds `address`; of several, the narrowest.
pub(crate) fn find_subnet(subnets: &[Subnet], address: Ipv6Addr) -> Option<&Subnet> {
    let holding = subnets.iter().filter(|subnet| subnet.spec.cidr.contains(address));
    holding.max_by_key(|subnet| subnet.spec.cidr.prefix())
}
