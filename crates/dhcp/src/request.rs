//! A checked view of a client's message.
//!
//! What is here has passed the checks that hold for every message (RFC 2131 §4.3); what remains is policy.
//! Texts from the client are cut down to harmless characters before anyone can store or print them.

use crate::option::{self, find_sub_option, sub_option};
use crate::packet::{Message, ParsePacketError};
use std::net::Ipv4Addr;
use types::MacAddr;
use uuid::Uuid;

/// A client's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it is.
    pub kind: MessageType,
    /// Transaction.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// The flags field as sent; relays want it back unchanged.
    pub flags: u16,
    /// Relays passed.
    pub hops: u8,
    /// The network card.
    pub mac: MacAddr,
    /// The address the client uses already.
    pub ciaddr: Option<Ipv4Addr>,
    /// The relay that passed it on.
    pub giaddr: Option<Ipv4Addr>,
    /// The address it asks for (option 50).
    pub requested: Option<Ipv4Addr>,
    /// The server it speaks to (option 54).
    pub server_id: Option<Ipv4Addr>,
    /// Client identifier (option 61), to be sent back (RFC 6842).
    pub client_id: Option<Vec<u8>>,
    /// How long it wants an address for, in seconds (option 51).
    pub lease_seconds: Option<u32>,
    /// The name it gives itself (option 12), if it is a plain one.
    pub hostname: Option<String>,
    /// Processor and firmware (option 93, RFC 4578 §2.1).
    pub architecture: Option<u16>,
    /// What kind of program speaks (option 60).
    pub vendor: VendorClass,
    /// The program is iPXE (option 77).
    pub ipxe: bool,
    /// The machine's UUID (option 97), read in network byte order. Firmwares disagree on the order, so it is a hint.
    pub machine_uuid: Option<Uuid>,
    /// Option 97 as sent, to be sent back (RFC 4578 §2.3).
    pub uuid_option: Option<Vec<u8>>,
    /// Which of a boot server's programs PXE firmware asks for, and which part of it (PXE 2.1 §2.2.4, PXE_BOOT_ITEM).
    pub boot_item: Option<[u8; 4]>,
    /// The largest message it takes (option 57), with IP and UDP headers.
    pub max_size: Option<u16>,
    /// Options it asks for (option 55).
    pub parameters: Vec<u8>,
    /// The relay's option, to be sent back (RFC 3046 §2.2).
    pub relay_agent: Option<Vec<u8>>,
    /// The network to serve, if the relay or client names one (RFC 3527, RFC 3011).
    pub link_selection: Option<Ipv4Addr>,
    /// The relay wants its answer at its source port (RFC 8357).
    pub relay_source_port: bool,
    /// The relay's address that clients are to know as the server's, so that all they send passes it (RFC 5107).
    pub server_override: Option<Ipv4Addr>,
}

/// What a message is (RFC 2132 §9.6): those that clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Is there a server?
    Discover,
    /// I take, renew or check this address.
    Request,
    /// This address is used by someone else.
    Decline,
    /// I no longer need this address.
    Release,
    /// I have an address; tell me the rest.
    Inform,
}

impl MessageType {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Discover => 1,
            Self::Request => 3,
            Self::Decline => 4,
            Self::Release => 7,
            Self::Inform => 8,
        }
    }

    /// The word for logs and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Request => "request",
            Self::Decline => "decline",
            Self::Release => "release",
            Self::Inform => "inform",
        }
    }
}

/// What kind of program speaks, by its vendor class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VendorClass {
    /// PXE: a boot file by TFTP.
    Pxe,
    /// UEFI HTTP boot: a boot file by URL.
    Http,
    /// An operating system, or anything else.
    Other,
}

/// A packet is not a client's message that can be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseRequestError {
    /// Not DHCP.
    #[error("reading the packet")]
    Packet(#[from] ParsePacketError),
    /// It is a server's.
    #[error("op {0} is not a request")]
    NotARequest(u8),
    /// Not from Ethernet.
    #[error("hardware type {htype} with {hlen} octets is not Ethernet")]
    Hardware {
        /// Hardware type.
        htype: u8,
        /// Address length.
        hlen: u8,
    },
    /// No network card has this address.
    #[error("{0} cannot be a client's address")]
    Mac(MacAddr),
    /// Option 53 is missing, doubled or not a client's.
    #[error("the message type is missing or not a client's")]
    MessageType,
    /// It went round and round.
    #[error("{0} relays are too many")]
    Hops(u8),
    /// An address field holds what no host can have.
    #[error("{0} cannot be a host's address")]
    Address(Ipv4Addr),
}

/// RFC 1542 §4.1.1: relays discard messages with more hops.
const MAX_HOPS: u8 = 16;
/// Longest hostname kept: a DNS label (RFC 1035 §2.3.4).
const MAX_HOSTNAME_LEN: usize = 63;

/// A relay's option longer than this leaves no room for the answer; it is not sent back (RFC 3046 §2.2).
const MAX_RELAY_AGENT_LEN: usize = 512;

impl Request {
    /// Reads and checks a datagram's payload.
    ///
    /// # Errors
    /// When it is not a client's message. Faulty options that are not essential are as if they were missing.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseRequestError> {
        let message = Message::parse(bytes)?;
        if message.op != 1 {
            return Err(ParseRequestError::NotARequest(message.op));
        }
        if (message.htype, message.hlen) != (1, 6) {
            return Err(ParseRequestError::Hardware { htype: message.htype, hlen: message.hlen });
        }
        if message.hops > MAX_HOPS {
            return Err(ParseRequestError::Hops(message.hops));
        }
        let [a, b, c, d, e, f, ..] = message.chaddr;
        let mac = MacAddr([a, b, c, d, e, f]);
        if !mac.is_unicast() {
            return Err(ParseRequestError::Mac(mac));
        }
        let options = &message.options;
        let kind = match options.find_byte(option::MESSAGE_TYPE) {
            Some(1) => MessageType::Discover,
            Some(3) => MessageType::Request,
            Some(4) => MessageType::Decline,
            Some(7) => MessageType::Release,
            Some(8) => MessageType::Inform,
            _ => return Err(ParseRequestError::MessageType),
        };
        let relay_agent = options.find(option::RELAY_AGENT);
        let uuid_option = options.find(option::CLIENT_UUID);
        Ok(Self {
            kind,
            xid: message.xid,
            secs: message.secs,
            flags: message.flags,
            hops: message.hops,
            mac,
            ciaddr: host_address(message.ciaddr)?,
            giaddr: host_address(message.giaddr)?,
            requested: options.find_address(option::REQUESTED_ADDRESS),
            server_id: options.find_address(option::SERVER_ID),
            client_id: options.find(option::CLIENT_ID).filter(|id| id.len() <= 255).map(<[u8]>::to_vec),
            lease_seconds: options.find_u32(option::LEASE_TIME),
            hostname: options.find(option::HOSTNAME).and_then(plain_hostname),
            architecture: options.find_u16(option::CLIENT_ARCH),
            vendor: vendor_class(options.find(option::VENDOR_CLASS)),
            ipxe: options.find(option::USER_CLASS).is_some_and(|class| has_user_class(class, b"iPXE")),
            machine_uuid: uuid_option.and_then(machine_uuid),
            boot_item: options
                .find(option::VENDOR_SPECIFIC)
                .and_then(|field| find_sub_option(field, sub_option::PXE_BOOT_ITEM))
                .and_then(|item| item.try_into().ok()),
            uuid_option: uuid_option.filter(|value| value.len() == 17).map(<[u8]>::to_vec),
            max_size: options.find_u16(option::MAX_SIZE),
            parameters: options.find(option::PARAMETER_LIST).unwrap_or_default().to_vec(),
            link_selection: relay_agent
                .and_then(|field| find_address(field, sub_option::LINK_SELECTION))
                .or_else(|| options.find_address(option::SUBNET_SELECTION)),
            relay_source_port: relay_agent
                .is_some_and(|field| find_sub_option(field, sub_option::SOURCE_PORT).is_some()),
            server_override: relay_agent
                .filter(|_| !message.giaddr.is_unspecified())
                .and_then(|field| find_address(field, sub_option::SERVER_OVERRIDE)),
            relay_agent: relay_agent.filter(|field| field.len() <= MAX_RELAY_AGENT_LEN).map(<[u8]>::to_vec),
        })
    }

    /// What the client is to know us by, when our address is `server`.
    pub fn server_identifier(&self, server: Ipv4Addr) -> Ipv4Addr {
        self.server_override.unwrap_or(server)
    }

    /// Whether the client speaks to another server than `server`.
    pub fn is_for_another(&self, server: Ipv4Addr) -> bool {
        self.server_id.is_some_and(|named| named != server && Some(named) != self.server_override)
    }

    /// Whether answers are to be broadcast.
    pub fn wants_broadcast(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// Whether the client asks for option `code`.
    pub fn asks_for(&self, code: u8) -> bool {
        self.parameters.contains(&code)
    }

    /// Whether a boot file means anything to the client.
    pub fn boots_from_network(&self) -> bool {
        self.ipxe || self.vendor != VendorClass::Other
    }

    /// The address that tells which network the client is on, given the one of the interface it was heard on.
    pub fn network_hint(&self, interface: Ipv4Addr) -> Ipv4Addr {
        self.link_selection.or(self.giaddr).or(self.ciaddr).unwrap_or(interface)
    }
}

fn find_address(relay_agent: &[u8], code: u8) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = find_sub_option(relay_agent, code)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets)).filter(|address| !address.is_unspecified())
}

fn host_address(address: Ipv4Addr) -> Result<Option<Ipv4Addr>, ParseRequestError> {
    if address.is_unspecified() {
        return Ok(None);
    }
    if address.is_multicast() || address.is_broadcast() {
        return Err(ParseRequestError::Address(address));
    }
    Ok(Some(address))
}

fn vendor_class(class: Option<&[u8]>) -> VendorClass {
    match class {
        Some(class) if class.starts_with(b"PXEClient") => VendorClass::Pxe,
        Some(class) if class.starts_with(b"HTTPClient") => VendorClass::Http,
        _ => VendorClass::Other,
    }
}

/// Whether a user class option names `wanted`, as one text (iPXE) or as a list of texts with lengths (RFC 3004 §4).
fn has_user_class(option: &[u8], wanted: &[u8]) -> bool {
    if option == wanted {
        return true;
    }
    let mut rest = option;
    while let [length, tail @ ..] = rest {
        let Some((class, after)) = tail.split_at_checked(usize::from(*length)) else {
            return false;
        };
        if class == wanted {
            return true;
        }
        rest = after;
    }
    false
}

fn machine_uuid(option: &[u8]) -> Option<Uuid> {
    match option {
        [0, uuid @ ..] => Uuid::from_slice(uuid).ok().filter(|uuid| !uuid.is_nil() && !uuid.is_max()),
        _ => None,
    }
}

fn plain_hostname(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches('\0');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (!text.is_empty() && text.len() <= MAX_HOSTNAME_LEN && text.bytes().all(plain)).then(|| text.to_owned())
}
