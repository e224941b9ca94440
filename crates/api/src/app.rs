//! What the handlers work with.

use artifact::{ImageFolder, MediaFolder};
use render::Sites;
use std::sync::Arc;
use store::Store;
use tokio_util::sync::CancellationToken;
use types::Timestamp;
use url::Url;
use wire::SubnetPools;
use workflow::StepSpec;
use workflow::ports::Clock;

/// The step catalogue's word on one step of a workflow: the reason when it is wrong.
pub type CheckStep = dyn Fn(&StepSpec) -> Result<(), String> + Send + Sync;

/// The boot services' word on how the addresses of each subnet are used.
pub type ListPools = dyn Fn() -> Vec<SubnetPools> + Send + Sync;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// Everything durable.
    pub store: Store,
    /// What is declared, put together for each machine.
    pub sites: Sites,
    /// Images by digest.
    pub images: Arc<ImageFolder>,
    /// Installation media: discs and trees.
    pub media: Arc<MediaFolder>,
    /// The largest image that may be uploaded.
    pub image_limit_bytes: u64,
    /// Checks a step of a workflow that is created or started.
    pub check_step: Arc<CheckStep>,
    /// Says how the addresses of each subnet are used.
    pub pools: Arc<ListPools>,
    /// The server as machines reach it.
    pub machine_url: Url,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ends streams and long polls.
    pub shutdown: CancellationToken,
    /// Session cookies travel over TLS only. False while the server itself speaks plain HTTP.
    pub secure_cookies: bool,
}

impl App {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
