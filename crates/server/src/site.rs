//! What the boot path needs to know of the site, kept in memory: subnets with their reservations, and boot files.
//!
//! A change of an object is in the history, and every entry of the history wakes the follower here, so what is
//! served is never older than the time it takes to read the objects once.

use dhcp::{Subnet, v6};
use netboot::{BootFiles, FileSource, FolderError};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use store::{EventFilter, ObjectKind, Reservations, Store, StoreError, Subnets};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use types::event;
use types::object::{Kind, Object};
use types::subnet::SubnetSpec;

/// Objects read at a time.
const PAGE: usize = 1000;
/// Entries of the history read at a time.
const HISTORY_PAGE: usize = 1000;
/// Pause before the site is read again when it could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Where boot files are on disk.
#[derive(Debug, Clone)]
pub(crate) struct BootPaths {
    /// Whose plain files are all offered.
    pub(crate) folders: [PathBuf; 2],
    /// Files that are offered under names of ours, where they exist.
    pub(crate) files: Vec<(&'static str, PathBuf)>,
}

/// The site as the boot path sees it.
pub(crate) struct Site {
    store: Store,
    server: Ipv4Addr,
    /// Our own address towards the IPv6 boot networks, where there are any.
    server_ipv6: Option<Ipv6Addr>,
    paths: BootPaths,
    /// The history's last entry before it was read first.
    read_at: u64,
    view: RwLock<View>,
}

#[derive(Clone)]
struct View {
    subnets: Arc<[Subnet]>,
    ipv6_subnets: Arc<[v6::Subnet]>,
    files: Arc<BootFiles>,
}

impl Site {
    /// Reads the site. `server` is our own address towards the boot networks, and `server_ipv6` towards those of IPv6.
    pub(crate) async fn load(
        store: Store,
        server: Ipv4Addr,
        server_ipv6: Option<Ipv6Addr>,
        paths: BootPaths,
    ) -> Result<Self, SiteError> {
        let read_at = *store.last_seq().borrow();
        let (subnets, ipv6_subnets) = read_subnets(&store, server, server_ipv6).await?;
        let files = Arc::new(read_files(&paths)?);
        let view = RwLock::new(View { subnets, ipv6_subnets, files });
        Ok(Self { store, server, server_ipv6, paths, read_at, view })
    }

    /// The subnets with an IPv6 side as they are now; `None` where IPv6 is not served.
    pub(crate) fn ipv6_subnets(&self) -> Option<Arc<[v6::Subnet]>> {
        self.server_ipv6?;
        Some(Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner).ipv6_subnets))
    }

    /// The subnets as they are now.
    pub(crate) fn subnets(&self) -> Arc<[Subnet]> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner).subnets)
    }

    /// The boot files as they are now.
    pub(crate) fn files(&self) -> Arc<BootFiles> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner).files)
    }

    /// Follows the history until `stop`, and reads again what has changed.
    pub(crate) async fn follow(&self, stop: CancellationToken) {
        let mut last_seq = self.store.last_seq();
        let mut seen = self.read_at;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = last_seq.wait_for(|seq| *seq > seen) => if changed.is_err() { return },
            }
            let now = *last_seq.borrow();
            match self.catch_up(seen, now).await {
                Ok(()) => seen = now,
                Err(error) => {
                    warn!(%error, "the site cannot be read again; serving what was read before");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
            }
        }
    }

    async fn catch_up(&self, after: u64, until: u64) -> Result<(), SiteError> {
        if self.changed_between(after, until).await? {
            self.reload().await?;
        }
        Ok(())
    }

    async fn changed_between(&self, after: u64, until: u64) -> Result<bool, StoreError> {
        let mut after = after;
        while after < until {
            let filter = EventFilter {
                kinds: vec![event::kind::OPERATOR.to_owned()],
                after: Some(after),
                ..EventFilter::default()
            };
            let events = self.store.events(&filter, HISTORY_PAGE).await?;
            let concerns_us = |kind: Option<&str>| {
                kind.is_some_and(|kind| kind == Kind::Subnet.as_str() || kind == Kind::Reservation.as_str())
            };
            if events.iter().any(|event| concerns_us(event.data.get("kind").and_then(serde_json::Value::as_str))) {
                return Ok(true);
            }
            match events.last() {
                Some(last) if events.len() == HISTORY_PAGE => after = last.seq,
                Some(_) | None => return Ok(false),
            }
        }
        Ok(false)
    }

    async fn reload(&self) -> Result<(), SiteError> {
        let (subnets, ipv6_subnets) = read_subnets(&self.store, self.server, self.server_ipv6).await?;
        let files = Arc::new(read_files(&self.paths)?);
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = View { subnets, ipv6_subnets, files };
        Ok(())
    }
}

/// The site cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    #[error("reading subnets and reservations")]
    Objects(#[from] StoreError),
    #[error("reading the boot files")]
    Files(#[from] FolderError),
}

fn read_files(paths: &BootPaths) -> Result<BootFiles, FolderError> {
    let mut files = BootFiles::default();
    for folder in &paths.folders {
        files.insert_folder("", folder)?;
    }
    for (name, path) in paths.files.iter().filter(|(_, path)| path.is_file()) {
        files.insert(name, FileSource::Path(path.clone())).expect("our own names can be asked for");
    }
    Ok(files)
}

type BothSides = (Arc<[Subnet]>, Arc<[v6::Subnet]>);

async fn read_subnets(store: &Store, server: Ipv4Addr, server_ipv6: Option<Ipv6Addr>) -> Result<BothSides, StoreError> {
    let reservations: Vec<_> = all::<Reservations>(store).await?.into_iter().map(|object| object.spec).collect();
    let subnets = all::<Subnets>(store).await?;
    let ipv6_side =
        |object: &Object<SubnetSpec, _>| v6::Subnet::of(object.name.clone(), &object.spec, server_ipv6?, &reservations);
    let ipv6_subnets = subnets.iter().filter_map(ipv6_side).collect();
    let subnet = |object: Object<SubnetSpec, _>| Subnet::new(object.name, object.spec, server, &reservations);
    Ok((subnets.into_iter().map(subnet).collect(), ipv6_subnets))
}

async fn all<K: ObjectKind>(store: &Store) -> Result<Vec<Object<K::Spec, K::Status>>, StoreError> {
    let mut objects: Vec<Object<K::Spec, K::Status>> = Vec::new();
    loop {
        let page = store.list::<K>(objects.last().map(|object| &object.name), PAGE).await?;
        let is_last = page.len() < PAGE;
        objects.extend(page);
        if is_last {
            return Ok(objects);
        }
    }
}
