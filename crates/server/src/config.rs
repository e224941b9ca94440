//! The server's configuration: a YAML file, read once, checked before anything is opened.

use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use types::HumanDuration;
use url::Url;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    data: PathBuf,
    listen: SocketAddr,
    #[serde(default)]
    public_url: Option<Url>,
    #[serde(default)]
    dhcp: Option<DhcpWire>,
    #[serde(default)]
    dhcp6: Option<Dhcp6Wire>,
    #[serde(default)]
    tftp: Option<SocketAddr>,
    #[serde(default)]
    boot: BootWire,
    #[serde(default)]
    engine: EngineWire,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DhcpWire {
    interface: String,
    address: Ipv4Addr,
    #[serde(default = "dhcp_port")]
    port: u16,
    #[serde(default)]
    no_ipv6_router: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dhcp6Wire {
    interface: String,
    address: Ipv6Addr,
    #[serde(default = "dhcp6_port")]
    port: u16,
    #[serde(default)]
    advertise: bool,
}

/// Where the boot files are, by what Debian's packages and `cargo xtask maintenance-os` make of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BootWire {
    loaders: PathBuf,
    shim: PathBuf,
    grub: PathBuf,
    maintenance_os: PathBuf,
}

impl Default for BootWire {
    fn default() -> Self {
        Self {
            loaders: "/usr/lib/ipxe".into(),
            shim: "/usr/lib/shim/shimx64.efi.signed".into(),
            grub: "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed".into(),
            maintenance_os: "/usr/share/slipway/boot".into(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EngineWire {
    slots: usize,
    lease: HumanDuration,
}

impl Default for EngineWire {
    fn default() -> Self {
        Self { slots: 256, lease: HumanDuration::from_secs(60) }
    }
}

/// The well-known port of DHCP servers (RFC 2131 §4.1).
fn dhcp_port() -> u16 {
    67
}

/// The well-known port of DHCPv6 servers (RFC 8415 §7.2).
fn dhcp6_port() -> u16 {
    547
}

/// What the server runs with.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The folder of the database, the key and the images.
    pub data: PathBuf,
    /// Where HTTP is answered: API, pages, agents and boot files.
    pub listen: SocketAddr,
    /// The server as machines on the boot network reach it.
    pub public_url: Url,
    /// The DHCP service, when there is one.
    pub dhcp: Option<DhcpConfig>,
    /// The DHCPv6 service, when there is one.
    pub dhcp6: Option<Dhcp6Config>,
    /// Where TFTP is answered, when it is.
    pub tftp: Option<SocketAddr>,
    /// The folder of `undionly.kpxe`, `snponly.efi` and `ipxe.efi`.
    pub loaders: PathBuf,
    /// The signed shim, where there is one.
    pub shim: PathBuf,
    /// The signed GRUB for network boot, where there is one.
    pub grub: PathBuf,
    /// The folder of the maintenance OS's `vmlinuz` and `initrd.zst`.
    pub maintenance_os: PathBuf,
    /// Runs at work at the same time.
    pub engine_slots: usize,
    /// How long a run stays with a server that has fallen silent.
    pub engine_lease: HumanDuration,
}

/// The DHCP service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpConfig {
    /// The network interface that it serves.
    pub interface: String,
    /// The server's own address on that network: server identifier and next server.
    pub address: Ipv4Addr,
    /// Port; 67 but in tests.
    pub port: u16,
    /// The network has no IPv6 router, and machines that look for one are told so: iPXE boots 16 s sooner.
    pub no_ipv6_router: bool,
}

/// The DHCPv6 service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp6Config {
    /// The network interface that it serves.
    pub interface: String,
    /// The server's own address on that network, where boot files come from; not a link-local one.
    pub address: Ipv6Addr,
    /// Port; 547 but in tests.
    pub port: u16,
    /// The network has no IPv6 router, and machines that look for one are told that addresses come by DHCPv6.
    pub advertise: bool,
}

/// A configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("reading {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not the YAML that is wanted.
    #[error("{path}: {detail}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what, as the parser says it.
        detail: String,
    },
    /// Machines could not reach the server.
    #[error("public_url is missing, and it cannot be told from listen: {listen}, which is every address")]
    NoPublicUrl {
        /// The listen address.
        listen: SocketAddr,
    },
    /// The agent and iPXE speak HTTP on the boot network.
    #[error("public_url is {url}: machines in the boot phase need http and a host")]
    PublicUrl {
        /// What was given.
        url: Url,
    },
    /// A lease that ends before it can be renewed.
    #[error("engine.lease is {lease}; use 10s or more")]
    ShortLease {
        /// What was given.
        lease: HumanDuration,
    },
    /// Machines could not name the address in a URL.
    #[error("dhcp6.address is {address}: machines need an address that is not link-local")]
    LinkLocal {
        /// What was given.
        address: Ipv6Addr,
    },
    /// One says that there is no router, the other speaks as one.
    #[error("dhcp.no_ipv6_router and dhcp6.advertise cannot both be true on {interface}")]
    TwoAdvertisements {
        /// The interface.
        interface: String,
    },
    /// Nothing could ever run.
    #[error("engine.slots is 0; use 1 or more")]
    NoSlots,
}

impl Config {
    /// Reads and checks the file. Nothing is opened or created.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Checks the text of a configuration. `path` is named in errors.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let wire: Wire = serde_saphyr::from_str(text)
            .map_err(|error| ConfigError::Parse { path: path.to_owned(), detail: error.to_string() })?;
        wire.try_into()
    }
}

impl TryFrom<Wire> for Config {
    type Error = ConfigError;

    fn try_from(wire: Wire) -> Result<Self, ConfigError> {
        let Wire { data, listen, public_url, dhcp, dhcp6, tftp, boot, engine } = wire;
        check_dhcp6(dhcp.as_ref(), dhcp6.as_ref())?;
        let public_url = match (public_url, address_of(dhcp.as_ref(), dhcp6.as_ref())) {
            (Some(url), _) => url,
            (None, Some(address)) => http_url(SocketAddr::from((address, listen.port()))),
            (None, None) if !listen.ip().is_unspecified() => http_url(listen),
            (None, None) => return Err(ConfigError::NoPublicUrl { listen }),
        };
        if public_url.scheme() != "http" || public_url.host().is_none() {
            return Err(ConfigError::PublicUrl { url: public_url });
        }
        if engine.lease < HumanDuration::from_secs(10) {
            return Err(ConfigError::ShortLease { lease: engine.lease });
        }
        if engine.slots == 0 {
            return Err(ConfigError::NoSlots);
        }
        Ok(Self {
            data,
            listen,
            public_url,
            dhcp: dhcp.map(|DhcpWire { interface, address, port, no_ipv6_router }| DhcpConfig {
                interface,
                address,
                port,
                no_ipv6_router,
            }),
            dhcp6: dhcp6.map(|Dhcp6Wire { interface, address, port, advertise }| Dhcp6Config {
                interface,
                address,
                port,
                advertise,
            }),
            tftp,
            loaders: boot.loaders,
            shim: boot.shim,
            grub: boot.grub,
            maintenance_os: boot.maintenance_os,
            engine_slots: engine.slots,
            engine_lease: engine.lease,
        })
    }
}

/// Our address on the boot network; of two, the one by IPv4.
fn address_of(dhcp: Option<&DhcpWire>, dhcp6: Option<&Dhcp6Wire>) -> Option<IpAddr> {
    dhcp.map(|dhcp| dhcp.address.into()).or(dhcp6.map(|dhcp6| dhcp6.address.into()))
}

fn check_dhcp6(dhcp: Option<&DhcpWire>, dhcp6: Option<&Dhcp6Wire>) -> Result<(), ConfigError> {
    let Some(dhcp6) = dhcp6 else { return Ok(()) };
    if dhcp6.address.is_unicast_link_local() || dhcp6.address.is_unspecified() {
        return Err(ConfigError::LinkLocal { address: dhcp6.address });
    }
    match dhcp {
        Some(dhcp) if dhcp.no_ipv6_router && dhcp6.advertise && dhcp.interface == dhcp6.interface => {
            Err(ConfigError::TwoAdvertisements { interface: dhcp6.interface.clone() })
        }
        _ => Ok(()),
    }
}

fn http_url(address: SocketAddr) -> Url {
    format!("http://{address}/").parse().expect("a socket address makes a URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("slipway.yaml")).map_err(|error| error.to_string())
    }

    #[test]
    fn machines_reach_the_server_on_its_dhcp_address() {
        let text = "data: /d\nlisten: 0.0.0.0:8080\ndhcp:\n  interface: br0\n  address: 10.77.0.1\n";
        let config = parse(text).unwrap();
        assert_eq!(config.public_url.as_str(), "http://10.77.0.1:8080/");
        assert_eq!(config.dhcp.unwrap().port, 67);
    }

    #[test]
    fn server_without_ipv4_is_reached_on_its_ipv6_address() {
        let text = "data: /d\nlisten: '[::]:8080'\ndhcp6: {interface: br0, address: 'fd00:77::1'}\n";
        let config = parse(text).unwrap();
        assert_eq!(config.public_url.as_str(), "http://[fd00:77::1]:8080/");
        assert_eq!(config.dhcp6.unwrap().port, 547);
    }

    #[test]
    fn wrong_configurations_say_what_is_wrong_and_where() {
        for (text, expected) in [
            ("data: /d\nlisten: 0.0.0.0:8080\n", "public_url is missing"),
            ("data: /d\nlisten: 10.0.0.1:80\npublic_url: https://x/\n", "need http and a host"),
            ("data: /d\nlisten: 10.0.0.1:80\nengine: {lease: 1s}\n", "engine.lease is 1s"),
            ("data: /d\nlisten: 10.0.0.1:80\nengine: {slots: 0}\n", "engine.slots is 0"),
            ("data: /d\nlisten: 10.0.0.1:80\nlistne: x\n", "listne"),
            ("data: /d\nlisten: '[::]:80'\ndhcp6: {interface: br0, address: 'fe80::1'}\n", "not link-local"),
            (
                "data: /d\nlisten: '[::]:80'\ndhcp: {interface: br0, address: 10.0.0.1, no_ipv6_router: true}\n\
                 dhcp6: {interface: br0, address: 'fd00::1', advertise: true}\n",
                "cannot both be true on br0",
            ),
            ("data: /d\n", "listen"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text:?} gives {error:?}");
        }
    }
}
