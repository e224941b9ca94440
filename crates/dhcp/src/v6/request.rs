//! What a client asks.

use super::option::{self, Options};
use super::{Duid, SERVER_PORT};
use crate::VendorClass;
use std::net::{Ipv6Addr, SocketAddrV6};
use types::MacAddr;

/// A client's message, with the relays that it came over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it is.
    pub kind: MessageType,
    /// Transaction.
    pub xid: [u8; 3],
    /// The client. Only an information request may come without.
    pub client: Option<Duid>,
    /// The server it speaks to.
    pub server: Option<Duid>,
    /// The addresses that it asks for or has.
    pub associations: Vec<Association>,
    /// It takes an answer to its first message.
    pub rapid_commit: bool,
    /// Processor and firmware (option 61), the first of a list.
    pub architecture: Option<u16>,
    /// What kind of program it is.
    pub vendor: VendorClass,
    /// It is iPXE.
    pub ipxe: bool,
    /// The relays, the outermost first.
    pub relays: Vec<Relay>,
    /// Whom the first relay, or we, heard.
    pub peer: Ipv6Addr,
    link_layer: Option<MacAddr>,
}

/// What a client's message is (RFC 8415 §7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Who gives addresses?
    Solicit,
    /// I take what you offer.
    Request,
    /// Are my addresses right on this link?
    Confirm,
    /// I go on with these, from you.
    Renew,
    /// I go on with these, from anybody.
    Rebind,
    /// I have no more need of these.
    Release,
    /// Somebody else has these.
    Decline,
    /// I need no address.
    InformationRequest,
}

/// Addresses under one identifier of the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// Which kind of.
    pub kind: AssociationKind,
    /// The identifier.
    pub id: u32,
    /// The addresses that the client names.
    pub addresses: Vec<Ipv6Addr>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AssociationKind {
    /// Addresses.
    Addresses,
    /// Temporary addresses, which are not given here.
    Temporary,
    /// Prefixes, which are not given here.
    Prefixes,
}

/// A relay that a message came over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Relays before it.
    pub hops: u8,
    /// An address of the link that it heard the message on; may be unspecified.
    pub link: Ipv6Addr,
    /// Whom it heard.
    pub peer: Ipv6Addr,
    /// What it knows its interface by; comes back unchanged.
    pub interface_id: Option<Vec<u8>>,
}

/// A packet is not a client's message that can be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseRequestError {
    /// It ends before it is complete.
    #[error("the message is cut off")]
    Short,
    /// An option goes past the end of what it is in.
    #[error("the options make no sense")]
    Options,
    /// It is a server's, or of no known type.
    #[error("messages of type {0} are not for servers")]
    Kind(u8),
    /// RFC 8415 §7.6 has a limit of 8.
    #[error("the message came over more than {MAX_RELAYS} relays")]
    Relays,
    /// RFC 8415 §16 says which must be there and which must not.
    #[error("a {} with{} is not to be answered", kind.as_str(), fault)]
    Identifiers {
        /// What it is.
        kind: MessageType,
        /// What is wrong: `out the client's identifier`.
        fault: &'static str,
    },
}

/// HOP_COUNT_LIMIT (RFC 8415 §7.6).
const MAX_RELAYS: usize = 8;
/// More than a client has any use for.
const MAX_ASSOCIATIONS: usize = 16;
const RELAY_FORWARD: u8 = 12;

impl MessageType {
    /// The word for logs and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Solicit => "solicit",
            Self::Request => "request",
            Self::Confirm => "confirm",
            Self::Renew => "renew",
            Self::Rebind => "rebind",
            Self::Release => "release",
            Self::Decline => "decline",
            Self::InformationRequest => "information-request",
        }
    }

    /// The number on the wire.
    pub fn code(self) -> u8 {
        match self {
            Self::Solicit => 1,
            Self::Request => 3,
            Self::Confirm => 4,
            Self::Renew => 5,
            Self::Rebind => 6,
            Self::Release => 8,
            Self::Decline => 9,
            Self::InformationRequest => 11,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        let all = [
            Self::Solicit,
            Self::Request,
            Self::Confirm,
            Self::Renew,
            Self::Rebind,
            Self::Release,
            Self::Decline,
            Self::InformationRequest,
        ];
        all.into_iter().find(|kind| kind.code() == code)
    }
}

impl Request {
    /// Reads a message that came from `source`.
    ///
    /// # Errors
    /// When it is malformed, or not one that a server answers.
    pub fn parse(bytes: &[u8], source: Ipv6Addr) -> Result<Self, ParseRequestError> {
        let mut relays = Vec::new();
        let mut link_layer = None;
        let mut inner = bytes;
        while let [RELAY_FORWARD, rest @ ..] = inner {
            if relays.len() == MAX_RELAYS {
                return Err(ParseRequestError::Relays);
            }
            let (relay, options) = parse_relay(rest)?;
            relays.push(relay);
            // The innermost relay is the one that saw the card.
            link_layer = options.find(option::CLIENT_LINK_LAYER).and_then(ethernet);
            inner = options.find(option::RELAY_MESSAGE).ok_or(ParseRequestError::Options)?;
        }
        let (header, field) = inner.split_first_chunk::<4>().ok_or(ParseRequestError::Short)?;
        let [code, xid @ ..] = *header;
        let kind = MessageType::from_code(code).ok_or(ParseRequestError::Kind(code))?;
        let options = Options::parse(field).ok_or(ParseRequestError::Options)?;
        let duid = |code| options.find(code).map(Duid::new).transpose().map_err(|_| ParseRequestError::Options);
        let request = Self {
            kind,
            xid,
            client: duid(option::CLIENT_ID)?,
            server: duid(option::SERVER_ID)?,
            associations: associations(&options)?,
            rapid_commit: options.has(option::RAPID_COMMIT),
            architecture: options.find(option::CLIENT_ARCH).and_then(|field| option::numbers(field).next()),
            vendor: vendor(&options),
            ipxe: options
                .find(option::USER_CLASS)
                .is_some_and(|field| option::texts(field).any(|text| text == b"iPXE")),
            peer: relays.last().map_or(source, |relay| relay.peer),
            relays,
            link_layer,
        };
        request.check_identifiers()?;
        Ok(request)
    }

    /// RFC 8415 §16.
    fn check_identifiers(&self) -> Result<(), ParseRequestError> {
        let fault = match self.kind {
            MessageType::InformationRequest if !self.associations.is_empty() => " addresses",
            MessageType::InformationRequest => return Ok(()),
            _ if self.client.is_none() => "out the client's identifier",
            MessageType::Solicit | MessageType::Confirm | MessageType::Rebind if self.server.is_some() => {
                " a server's identifier"
            }
            MessageType::Request | MessageType::Renew | MessageType::Release | MessageType::Decline
                if self.server.is_none() =>
            {
                "out a server's identifier"
            }
            _ => return Ok(()),
        };
        Err(ParseRequestError::Identifiers { kind: self.kind, fault })
    }

    /// An address of the client's network: of the relays, the one nearest to the client that says; without relays,
    /// our `own` on the interface.
    pub fn network_hint(&self, own: Ipv6Addr) -> Ipv6Addr {
        let says = |address: &Ipv6Addr| !address.is_unspecified() && !address.is_unicast_link_local();
        self.relays.iter().rev().map(|relay| relay.link).find(says).unwrap_or(own)
    }

    /// The client's network card: what a relay saw; else what its link-local address was made of, as that of firmware
    /// and loaders is; else the one in its identifier, which may be another of its cards.
    pub fn mac(&self) -> Option<MacAddr> {
        self.link_layer.or_else(|| card_of(self.peer)).or_else(|| self.client.as_ref()?.mac())
    }

    /// Whether it is a program that boots a machine.
    pub fn boots_from_network(&self) -> bool {
        self.ipxe || self.vendor != VendorClass::Other
    }

    /// Where the answer goes. Clients and relays listen on ports of their own, whichever they send from
    /// (RFC 8415 §7.2).
    pub fn destination(&self, source: SocketAddrV6, client_port: u16) -> SocketAddrV6 {
        let port = if self.relays.is_empty() { client_port } else { SERVER_PORT };
        SocketAddrV6::new(*source.ip(), port, 0, source.scope_id())
    }
}

fn parse_relay(rest: &[u8]) -> Result<(Relay, Options<'_>), ParseRequestError> {
    let (header, field) = rest.split_first_chunk::<33>().ok_or(ParseRequestError::Short)?;
    let [hops, addresses @ ..] = *header;
    let (link, peer) = addresses.split_at(16);
    let octets = |part: &[u8]| <[u8; 16]>::try_from(part).map(Ipv6Addr::from).map_err(|_| ParseRequestError::Short);
    let options = Options::parse(field).ok_or(ParseRequestError::Options)?;
    let interface_id = options.find(option::INTERFACE_ID).map(<[u8]>::to_vec);
    Ok((Relay { hops, link: octets(link)?, peer: octets(peer)?, interface_id }, options))
}

fn associations(options: &Options<'_>) -> Result<Vec<Association>, ParseRequestError> {
    let mut associations = Vec::new();
    for (code, value) in options.iter() {
        let (kind, header_length) = match code {
            option::IA_NA => (AssociationKind::Addresses, 12),
            option::IA_PD => (AssociationKind::Prefixes, 12),
            option::IA_TA => (AssociationKind::Temporary, 4),
            _ => continue,
        };
        let (header, field) = value.split_at_checked(header_length).ok_or(ParseRequestError::Options)?;
        let (id, _) = header.split_first_chunk::<4>().ok_or(ParseRequestError::Options)?;
        let inner = Options::parse(field).ok_or(ParseRequestError::Options)?;
        let address = |value: &[u8]| {
            let (octets, lifetimes) = value.split_first_chunk::<16>()?;
            (lifetimes.len() >= 8).then(|| Ipv6Addr::from(*octets))
        };
        let addresses: Option<Vec<Ipv6Addr>> = inner.all(option::IA_ADDRESS).map(address).collect();
        let addresses = addresses.ok_or(ParseRequestError::Options)?;
        if associations.len() == MAX_ASSOCIATIONS || addresses.len() > MAX_ASSOCIATIONS {
            return Err(ParseRequestError::Options);
        }
        associations.push(Association { kind, id: u32::from_be_bytes(*id), addresses });
    }
    Ok(associations)
}

/// The vendor class names the program, after an enterprise number that each firmware chooses differently.
fn vendor(options: &Options<'_>) -> VendorClass {
    let texts =
        |field: &'_ [u8]| field.get(4..).map(|field| option::texts(field).map(<[u8]>::to_vec).collect::<Vec<_>>());
    for class in options.all(option::VENDOR_CLASS).filter_map(texts).flatten() {
        if class.starts_with(b"HTTPClient") {
            return VendorClass::Http;
        }
        if class.starts_with(b"PXEClient") {
            return VendorClass::Pxe;
        }
    }
    VendorClass::Other
}

/// RFC 6939 §4: a hardware type and the address.
fn ethernet(field: &[u8]) -> Option<MacAddr> {
    match field {
        [0, 1, mac @ ..] => Some(MacAddr(mac.try_into().ok()?)).filter(MacAddr::is_unicast),
        _ => None,
    }
}

/// The card that a link-local address was made of (RFC 4291, appendix A).
fn card_of(address: Ipv6Addr) -> Option<MacAddr> {
    match address.octets() {
        [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, 0xff, 0xfe, d, e, f] => {
            Some(MacAddr([a ^ 2, b, c, d, e, f])).filter(MacAddr::is_unicast)
        }
        _ => None,
    }
}
