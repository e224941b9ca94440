//! Settings of the boot services.

use lifecycle::{BootServer, LoaderFiles};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use types::Timestamp;

/// Settings of the boot services.
#[derive(Debug, Clone)]
pub struct Config {
    /// The port of plain HTTP on the boot networks, where [`crate::Netboot::http_routes`] is served.
    pub http_port: u16,
    /// Names of the loaders among the boot files.
    pub loaders: LoaderFiles,
    /// What TFTP clients may ask for.
    pub tftp_limits: tftp::Limits,
    /// TFTP transfers at a time; a request beyond it is not answered, and the client repeats it.
    pub max_tftp_transfers: usize,
    /// Of them, those to one address.
    pub max_tftp_transfers_per_source: usize,
    /// DHCP messages being answered at a time; one beyond it is dropped, and the client repeats it.
    pub max_dhcp_messages: usize,
    /// The time.
    pub clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http_port: 8080,
            loaders: LoaderFiles::default(),
            tftp_limits: tftp::Limits::default(),
            max_tftp_transfers: 2000,
            // A loader has one file open, GRUB some; a rack behind one translated address, some dozens.
            max_tftp_transfers_per_source: 128,
            max_dhcp_messages: 4096,
            clock: Clock::default(),
        }
    }
}

impl Config {
    /// How clients of the network in which we have `address` find us.
    pub fn boot_server(&self, address: impl Into<IpAddr>) -> BootServer {
        let url = match (address.into(), self.http_port) {
            (IpAddr::V4(address), 80) => format!("http://{address}"),
            (IpAddr::V6(address), 80) => format!("http://[{address}]"),
            (address, port) => format!("http://{}", SocketAddr::new(address, port)),
        };
        BootServer { url, loaders: self.loaders.clone() }
    }
}

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that `now` drives.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(Timestamp::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
