//! Messages as clients send them, for tests, load and simulated machines.

use super::encode::{self, Writer};
use super::option::{self, Options};
use super::{Duid, MessageType};
use std::net::Ipv6Addr;

/// A client's message.
#[derive(Debug, Clone)]
pub struct ClientMessage {
    /// What it is.
    pub kind: MessageType,
    /// Transaction.
    pub xid: [u8; 3],
    options: Writer,
}

impl ClientMessage {
    /// A message with the client's identifier and nothing else.
    pub fn new(kind: MessageType, xid: [u8; 3], client: &Duid) -> Self {
        Self::anonymous(kind, xid).option(option::CLIENT_ID, client.bytes())
    }

    /// A message with nothing in it.
    pub fn anonymous(kind: MessageType, xid: [u8; 3]) -> Self {
        Self { kind, xid, options: Writer::default() }
    }

    /// With an option.
    #[must_use]
    pub fn option(mut self, code: u16, value: &[u8]) -> Self {
        self.options.push(code, value);
        self
    }

    /// Speaking to one server.
    #[must_use]
    pub fn server(self, server: &Duid) -> Self {
        self.option(option::SERVER_ID, server.bytes())
    }

    /// Asking for an address, or naming those that it has.
    #[must_use]
    pub fn addresses(self, association: u32, addresses: &[Ipv6Addr]) -> Self {
        let mut inner = Writer::default();
        for address in addresses {
            inner.push(option::IA_ADDRESS, &encode::address(*address, 0, 0));
        }
        self.option(option::IA_NA, &encode::association(association, 0, 0, &inner.finish()))
    }

    /// Taking a REPLY for an answer to a SOLICIT.
    #[must_use]
    pub fn rapid(self) -> Self {
        self.option(option::RAPID_COMMIT, &[])
    }

    /// As UEFI HTTP boot of an architecture.
    #[must_use]
    pub fn http_boot(self, architecture: u16) -> Self {
        self.firmware("HTTPClient", architecture)
    }

    /// As UEFI PXE of an architecture.
    #[must_use]
    pub fn pxe(self, architecture: u16) -> Self {
        self.firmware("PXEClient", architecture)
    }

    fn firmware(self, program: &str, architecture: u16) -> Self {
        let class = format!("{program}:Arch:{architecture:05}:UNDI:003001");
        self.option(option::ASKED, &[option::BOOT_FILE_URL.to_be_bytes(), option::DNS_SERVERS.to_be_bytes()].concat())
            .option(option::CLIENT_ARCH, &architecture.to_be_bytes())
            .option(option::VENDOR_CLASS, &encode::vendor_class(343, class.as_bytes()))
    }

    /// As iPXE.
    #[must_use]
    pub fn ipxe(self) -> Self {
        self.option(option::USER_CLASS, b"\0\x04iPXE")
    }

    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        [[self.kind.code()].as_slice(), &self.xid, &self.options.clone().finish()].concat()
    }
}

/// A relay's message around another, as the relay that heard it on `link` from `peer` sends it.
pub fn relayed(inner: &[u8], link: Ipv6Addr, peer: Ipv6Addr, options: &[(u16, &[u8])]) -> Vec<u8> {
    const RELAY_FORWARD: u8 = 12;
    let mut writer = Writer::relayed(RELAY_FORWARD, 0, link, peer);
    for (code, value) in options {
        writer.push(*code, value);
    }
    writer.push(option::RELAY_MESSAGE, inner);
    writer.finish()
}

/// What a client reads in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 2 is an ADVERTISE, 7 a REPLY.
    pub kind: u8,
    /// Transaction.
    pub xid: [u8; 3],
    /// The server.
    pub server: Duid,
    /// The message's own status.
    pub status: Option<u16>,
    /// Addresses with their valid lifetimes, of all associations.
    pub addresses: Vec<(Ipv6Addr, u32)>,
    /// The status in each association that has one.
    pub refusals: Vec<u16>,
    /// It answers a SOLICIT for good.
    pub rapid: bool,
    /// What to boot.
    pub boot_url: Option<String>,
    /// The text of the vendor class.
    pub vendor_class: Option<String>,
    /// Name servers.
    pub dns: Vec<Ipv6Addr>,
}

impl Answer {
    /// Reads a server's answer; `None` when it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, field) = bytes.split_first_chunk::<4>()?;
        let [kind @ (2 | 7), xid @ ..] = *header else { return None };
        let options = Options::parse(field)?;
        let status = |options: &Options<'_>| option::numbers(options.find(option::STATUS)?).next();
        let mut addresses = Vec::new();
        let mut refusals = Vec::new();
        for association in options.all(option::IA_NA) {
            let inner = Options::parse(association.get(12..)?)?;
            refusals.extend(status(&inner));
            for address in inner.all(option::IA_ADDRESS) {
                let (octets, lifetimes) = address.split_first_chunk::<16>()?;
                let valid = u32::from_be_bytes(lifetimes.get(4..8)?.try_into().ok()?);
                addresses.push((Ipv6Addr::from(*octets), valid));
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let dns = options.find(option::DNS_SERVERS).unwrap_or_default();
        Some(Self {
            kind,
            xid,
            server: Duid::new(options.find(option::SERVER_ID)?).ok()?,
            status: status(&options),
            addresses,
            refusals,
            rapid: options.has(option::RAPID_COMMIT),
            boot_url: options.find(option::BOOT_FILE_URL).map(text),
            vendor_class: options.find(option::VENDOR_CLASS).and_then(|class| class.get(6..)).map(text),
            dns: dns.as_chunks::<16>().0.iter().map(|octets| Ipv6Addr::from(*octets)).collect(),
        })
    }

    /// Takes the answer out of the relay's message around it, with the relay's peer; `None` when there is none.
    pub fn unwrap_relayed(bytes: &[u8]) -> Option<(Ipv6Addr, Vec<u8>)> {
        let [13, _, rest @ ..] = bytes else { return None };
        let (_, rest) = rest.split_first_chunk::<16>()?;
        let (peer, field) = rest.split_first_chunk::<16>()?;
        Some((Ipv6Addr::from(*peer), Options::parse(field)?.find(option::RELAY_MESSAGE)?.to_vec()))
    }
}
