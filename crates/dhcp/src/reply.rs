//! Answers and their bytes.

use crate::decide::BootFile;
use crate::option;
use crate::packet::{Header, MAX_FILE_LEN, Writer};
use crate::{Request, Subnet, VendorClass};
use std::net::Ipv4Addr;
use std::time::Duration;

/// An answer. Its options stand in order of importance, for clients that take only short messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What it is.
    pub kind: ReplyKind,
    /// The address that is offered or given; none in a NAK and in the answer to an INFORM.
    pub address: Option<Ipv4Addr>,
    /// What the client is told to boot.
    pub boot: Option<BootFile>,
    options: Vec<(u8, Vec<u8>)>,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplyKind {
    /// You may have this address.
    Offer,
    /// You have it.
    Ack,
    /// You do not have it.
    Nak,
}

impl ReplyKind {
    /// The word for logs and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Ack => "ack",
            Self::Nak => "nak",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Offer => 2,
            Self::Ack => 5,
            Self::Nak => 6,
        }
    }
}

/// PXE_DISCOVERY_CONTROL (PXE 2.1 §2.1.1) with bit 3: do not look for boot servers, load the file named here.
/// Without it firmware asks on port 4011 and waits.
const PXE_USE_THIS_FILE: [u8; 4] = [6, 1, 0b1000, 255];
/// iPXE's encapsulated option 176, "no-pxedhcp": it need not wait 3 s for the offers of a proxyDHCP server.
const IPXE_NO_PROXY_DHCP: [u8; 3] = [176, 1, 1];
/// Every host takes this much (RFC 2131 §2), less the IP and UDP headers.
const DEFAULT_LIMIT: usize = 576 - 28;
/// What fits into an Ethernet frame, less the IP and UDP headers.
const MAX_LIMIT: usize = 1500 - 28;

impl Reply {
    pub(crate) fn grant(
        kind: ReplyKind,
        address: Ipv4Addr,
        duration: Duration,
        subnet: &Subnet,
        request: &Request,
        boot: Option<&BootFile>,
    ) -> Self {
        let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX - 1);
        let mut options = Vec::with_capacity(16);
        options.push((option::LEASE_TIME, seconds.to_be_bytes().to_vec()));
        options.push((option::RENEWAL_TIME, (seconds / 2).to_be_bytes().to_vec()));
        options.push((option::REBINDING_TIME, (seconds - seconds / 8).to_be_bytes().to_vec()));
        push_network(&mut options, subnet, request);
        let boot = push_boot(&mut options, request, boot);
        Self { kind, address: Some(address), boot, options }
    }

    pub(crate) fn inform(subnet: &Subnet, request: &Request, boot: Option<&BootFile>) -> Self {
        let mut options = Vec::with_capacity(12);
        push_network(&mut options, subnet, request);
        let boot = push_boot(&mut options, request, boot);
        Self { kind: ReplyKind::Ack, address: None, boot, options }
    }

    pub(crate) fn nak(subnet: &Subnet, reason: &str) -> Self {
        let options =
            vec![(option::SERVER_ID, subnet.server.octets().to_vec()), (option::MESSAGE, reason.as_bytes().to_vec())];
        Self { kind: ReplyKind::Nak, address: None, boot: None, options }
    }

    /// The answer's bytes, no longer than the client takes.
    pub fn encode(&self, request: &Request) -> Vec<u8> {
        let is_nak = self.kind == ReplyKind::Nak;
        // A relay passes a NAK on to a client without a usable address only by broadcast (RFC 2131 §4.3.2).
        let flags = if is_nak && request.giaddr.is_some() { request.flags | 0x8000 } else { request.flags };
        let mut chaddr = [0; 16];
        chaddr[..6].copy_from_slice(&request.mac.0);
        let any = Ipv4Addr::UNSPECIFIED;
        let file = self.boot.as_ref().map(|boot| boot.name.as_bytes()).filter(|name| name.len() <= MAX_FILE_LEN);
        let header = Header {
            op: 2,
            hops: 0,
            xid: request.xid,
            secs: 0,
            flags,
            ciaddr: if is_nak { any } else { request.ciaddr.unwrap_or(any) },
            yiaddr: self.address.unwrap_or(any),
            siaddr: self.boot.as_ref().map_or(any, |boot| boot.server),
            giaddr: request.giaddr.unwrap_or(any),
            chaddr,
            file: file.unwrap_or_default(),
        };
        let relay_agent = request.relay_agent.as_deref();
        let reserved = relay_agent.map_or(0, |field| field.len() + 2);
        let mut writer = Writer::new(&header, size_limit(request).saturating_sub(reserved));
        writer.push(option::MESSAGE_TYPE, &[self.kind.code()]);
        for (code, value) in &self.options {
            writer.push(*code, value);
        }
        // RFC 3046 §2.2: the relay's option comes back unchanged, as the last one.
        if let Some(field) = relay_agent {
            writer.push_reserved(option::RELAY_AGENT, field, size_limit(request));
        }
        writer.finish()
    }
}

fn size_limit(request: &Request) -> usize {
    let asked = request.max_size.map_or(DEFAULT_LIMIT, |size| usize::from(size).saturating_sub(28));
    asked.clamp(DEFAULT_LIMIT, MAX_LIMIT)
}

fn push_network(options: &mut Vec<(u8, Vec<u8>)>, subnet: &Subnet, request: &Request) {
    let spec = &subnet.spec;
    options.push((option::SERVER_ID, subnet.server.octets().to_vec()));
    options.push((option::SUBNET_MASK, spec.cidr.mask().octets().to_vec()));
    if let Some(gateway) = spec.gateway {
        options.push((option::ROUTER, gateway.octets().to_vec()));
    }
    if !spec.dns.is_empty() {
        options.push((option::DNS_SERVERS, spec.dns.iter().take(8).flat_map(Ipv4Addr::octets).collect()));
    }
    options.push((option::BROADCAST, spec.cidr.broadcast().octets().to_vec()));
    if let Some(domain) = &spec.domain {
        options.push((option::DOMAIN_NAME, domain.as_bytes().to_vec()));
    }
    if let Some(name) = subnet.reservation(request.mac).and_then(|reservation| reservation.hostname.as_ref()) {
        options.push((option::HOSTNAME, name.as_str().as_bytes().to_vec()));
    }
    if let Some(id) = &request.client_id {
        options.push((option::CLIENT_ID, id.clone()));
    }
}

/// Adds what makes each kind of program load the file, and nothing for those that would not.
///
/// Firmware that is given no file gets a plain DHCP answer without the PXE options, so that it finds no boot
/// server and goes on to its next boot device.
fn push_boot(options: &mut Vec<(u8, Vec<u8>)>, request: &Request, boot: Option<&BootFile>) -> Option<BootFile> {
    let boot = boot.filter(|_| request.boots_from_network())?;
    let long = boot.name.len() > MAX_FILE_LEN;
    match request.vendor {
        _ if request.ipxe => options.push((option::IPXE, IPXE_NO_PROXY_DHCP.to_vec())),
        VendorClass::Pxe => {
            options.push((option::VENDOR_CLASS, b"PXEClient".to_vec()));
            options.push((option::VENDOR_SPECIFIC, PXE_USE_THIS_FILE.to_vec()));
            options.extend(request.uuid_option.clone().map(|uuid| (option::CLIENT_UUID, uuid)));
        }
        VendorClass::Http => options.push((option::VENDOR_CLASS, b"HTTPClient".to_vec())),
        VendorClass::Other => {}
    }
    // Old ROMs read only the file field, UEFI HTTP boot only the option; who asks for the option gets both.
    if long || request.vendor == VendorClass::Http || request.asks_for(option::BOOT_FILE) {
        options.push((option::BOOT_FILE, boot.name.as_bytes().to_vec()));
    }
    if request.asks_for(option::TFTP_SERVER) {
        options.push((option::TFTP_SERVER, boot.server.to_string().into_bytes()));
    }
    Some(boot.clone())
}
