//! Answers and their bytes.

use super::encode::{self, Writer};
use super::option;
use super::{Association, AssociationKind, Duid, Request, Subnet};
use crate::VendorClass;
use std::net::Ipv6Addr;
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What it is.
    pub kind: ReplyKind,
    /// What the client is told to boot.
    pub boot: Option<String>,
    status: Option<Code>,
    answered: Vec<Answered>,
    options: Vec<(u16, Vec<u8>)>,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplyKind {
    /// You may have these.
    Advertise,
    /// So it is.
    Reply,
    /// So it is, although you only asked who gives addresses.
    RapidReply,
}

/// The answer to one association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answered {
    /// The client has these addresses for a while, and those no more.
    Granted { association: u32, addresses: Vec<Ipv6Addr>, ended: Vec<Ipv6Addr>, seconds: u32 },
    /// It has nothing.
    Status { association: Association, code: Code },
}

/// Status codes (RFC 8415 §21.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Success = 0,
    NoAddresses = 2,
    NoBinding = 3,
    NotOnLink = 4,
    NoPrefixes = 6,
}

impl Code {
    fn option(self) -> Vec<u8> {
        let text = match self {
            Self::Success => "",
            Self::NoAddresses => "no address is left",
            Self::NoBinding => "there is no such lease",
            Self::NotOnLink => "the addresses are of another network",
            Self::NoPrefixes => "no prefixes are given here",
        };
        encode::status(self as u16, text)
    }
}

/// Intel's number, under which UEFI firmware and its HTTP boot speak (RFC 5970 leaves it open; firmware looks at the
/// text behind it).
const ENTERPRISE: u32 = 343;

impl ReplyKind {
    /// The word for logs and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Advertise => "advertise",
            Self::Reply | Self::RapidReply => "reply",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Advertise => 2,
            Self::Reply | Self::RapidReply => 7,
        }
    }
}

impl Reply {
    pub(super) fn status(kind: ReplyKind, code: Code) -> Self {
        Self { kind, boot: None, status: Some(code), answered: Vec::new(), options: Vec::new() }
    }

    pub(super) fn with(self, answered: Vec<Answered>) -> Self {
        Self { answered, ..self }
    }

    pub(super) fn configured(
        kind: ReplyKind,
        answered: Vec<Answered>,
        subnet: &Subnet,
        request: &Request,
        boot: Option<&str>,
    ) -> Self {
        let mut options = Vec::new();
        if !subnet.spec.dns.is_empty() {
            options.push((option::DNS_SERVERS, subnet.spec.dns.iter().flat_map(Ipv6Addr::octets).collect()));
        }
        let domains = encode::domains(subnet.domains.iter().map(String::as_str));
        if !domains.is_empty() {
            options.push((option::DOMAIN_LIST, domains));
        }
        let boot = boot.filter(|_| request.boots_from_network());
        if let Some(url) = boot {
            options.push((option::BOOT_FILE_URL, url.as_bytes().to_vec()));
            // UEFI HTTP boot takes only servers that say the word (UEFI 2.10 §24.7.3).
            if request.vendor == VendorClass::Http && !request.ipxe {
                options.push((option::VENDOR_CLASS, encode::vendor_class(ENTERPRISE, b"HTTPClient")));
            }
        }
        Self { kind, boot: boot.map(str::to_owned), status: None, answered, options }
    }

    /// The addresses that the client is told to use.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv6Addr> {
        let granted = self.answered.iter().filter_map(|answered| match answered {
            Answered::Granted { addresses, .. } => Some(addresses),
            Answered::Status { .. } => None,
        });
        granted.flatten().copied()
    }

    /// Whether the client asked for addresses and gets none.
    pub fn is_refusal(&self) -> bool {
        !self.answered.is_empty() && self.addresses().next().is_none()
    }

    /// The same answer for as long as `remaining` says of its addresses; `None` when it says nothing of one, or none is
    /// given.
    pub fn lasting(&self, remaining: impl Fn(Ipv6Addr) -> Option<Duration>) -> Option<Self> {
        self.addresses().next()?;
        let mut reply = self.clone();
        for answered in &mut reply.answered {
            if let Answered::Granted { addresses, seconds, .. } = answered
                && !addresses.is_empty()
            {
                let shortest = addresses.iter().map(|address| remaining(*address)).min().flatten()?;
                *seconds = u32::try_from(shortest.as_secs()).ok().filter(|seconds| *seconds > 0)?;
            }
        }
        Some(reply)
    }

    /// Whether addresses were asked for of which none is left.
    pub fn found_no_address(&self) -> bool {
        self.answered.iter().any(|answered| match answered {
            Answered::Status { association, code } => {
                association.kind == AssociationKind::Addresses && *code == Code::NoAddresses
            }
            Answered::Granted { .. } => false,
        })
    }

    /// The answer's bytes, for the relays that the question came over.
    pub fn encode(&self, request: &Request, server: &Duid) -> Vec<u8> {
        let mut writer = Writer::message(self.kind.code(), request.xid);
        if let Some(client) = &request.client {
            writer.push(option::CLIENT_ID, client.bytes());
        }
        writer.push(option::SERVER_ID, server.bytes());
        if self.kind == ReplyKind::RapidReply {
            writer.push(option::RAPID_COMMIT, &[]);
        }
        if let Some(code) = self.status {
            writer.push(option::STATUS, &code.option());
        }
        for answered in &self.answered {
            answered.write(&mut writer);
        }
        for (code, value) in &self.options {
            writer.push(*code, value);
        }
        encode::through_relays(writer.finish(), &request.relays)
    }
}

impl Answered {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Granted { association, addresses, ended, seconds } => {
                let mut inner = Writer::default();
                for address in addresses {
                    inner.push(option::IA_ADDRESS, &encode::address(*address, *seconds, *seconds));
                }
                for address in ended {
                    inner.push(option::IA_ADDRESS, &encode::address(*address, 0, 0));
                }
                // RFC 8415 §21.4 recommends half and four fifths of the preferred lifetime.
                let value = encode::association(*association, seconds / 2, seconds - seconds / 5, &inner.finish());
                writer.push(option::IA_NA, &value);
            }
            Self::Status { association, code } => {
                let mut inner = Writer::default();
                inner.push(option::STATUS, &code.option());
                let inner = inner.finish();
                let with_times = || encode::association(association.id, 0, 0, &inner);
                match association.kind {
                    AssociationKind::Addresses => writer.push(option::IA_NA, &with_times()),
                    AssociationKind::Prefixes => writer.push(option::IA_PD, &with_times()),
                    AssociationKind::Temporary => {
                        writer.push(option::IA_TA, &[association.id.to_be_bytes().as_slice(), &inner].concat());
                    }
                }
            }
        }
    }
}
