//! Answers and their bytes.

use crate::decide::BootFile;
use crate::encode::{encode_classful_routes, encode_domains, encode_routes};
use crate::option::{self, sub_option};
use crate::packet::{Header, MAX_FILE_LEN, Writer, encoded_len};
use crate::{Request, Subnet, VendorClass};
use std::net::Ipv4Addr;
use std::time::Duration;
use types::HumanDuration;
use types::subnet::SubnetSpec;

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
const PXE_USE_THIS_FILE: [u8; 3] = [6, 1, 0b1000];
/// iPXE's encapsulated option 176, "no-pxedhcp": it need not wait 3 s for the offers of a proxyDHCP server.
const IPXE_NO_PROXY_DHCP: [u8; 3] = [176, 1, 1];
/// Servers of a kind that are told; no client tries more.
const MAX_ADDRESSES: usize = 8;
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
        let mut options = Vec::with_capacity(16);
        push_server(&mut options, subnet, request);
        push_times(&mut options, duration, &subnet.spec);
        push_network(&mut options, subnet, request);
        let boot = push_boot(&mut options, request, boot);
        push_extras(&mut options, subnet, request);
        Self { kind, address: Some(address), boot, options }
    }

    pub(crate) fn inform(subnet: &Subnet, request: &Request, boot: Option<&BootFile>) -> Self {
        let mut options = Vec::with_capacity(12);
        push_server(&mut options, subnet, request);
        push_network(&mut options, subnet, request);
        let boot = push_boot(&mut options, request, boot);
        push_extras(&mut options, subnet, request);
        Self { kind: ReplyKind::Ack, address: None, boot, options }
    }

    /// What to boot, for firmware that has its address from another server; `None` when that means nothing to
    /// the client.
    pub(crate) fn boot_only(kind: ReplyKind, subnet: &Subnet, request: &Request, boot: &BootFile) -> Option<Self> {
        let mut options = Vec::with_capacity(8);
        push_server(&mut options, subnet, request);
        let boot = push_boot(&mut options, request, Some(boot))?;
        // iPXE, too, takes an offer without an address only from who says that it speaks PXE.
        if request.ipxe {
            options.push((option::VENDOR_CLASS, b"PXEClient".to_vec()));
        }
        push_client_id(&mut options, request);
        Some(Self { kind, address: None, boot: Some(boot), options })
    }

    pub(crate) fn nak(subnet: &Subnet, request: &Request, reason: &str) -> Self {
        let mut options = Vec::with_capacity(3);
        push_server(&mut options, subnet, request);
        options.push((option::MESSAGE, reason.as_bytes().to_vec()));
        push_client_id(&mut options, request);
        Self { kind: ReplyKind::Nak, address: None, boot: None, options }
    }

    /// The same answer, for a shorter time.
    pub fn lasting(&self, duration: Duration, subnet: &Subnet) -> Self {
        let mut times = Vec::with_capacity(3);
        push_times(&mut times, duration, &subnet.spec);
        let mut reply = self.clone();
        for (code, time) in times {
            reply.options.iter_mut().filter(|option| option.0 == code).for_each(|option| option.1.clone_from(&time));
        }
        reply
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
        let reserved = relay_agent.map_or(0, encoded_len);
        let mut writer = Writer::new(&header, size_limit(request).saturating_sub(reserved));
        // Firmware that reads options from the text fields is rarer than firmware that takes them for texts.
        if request.vendor == VendorClass::Other {
            writer.allow_overload();
        }
        writer.push(option::MESSAGE_TYPE, &[self.kind.code()]);
        for (code, value) in &self.options {
            writer.push(*code, value);
        }
        // RFC 3046 §2.2: the relay's option comes back unchanged, as the last one.
        if let Some(field) = relay_agent {
            // The relay takes it off, so that the client's own limit does not count for it.
            writer.push_reserved(option::RELAY_AGENT, field, MAX_LIMIT);
        }
        writer.finish()
    }
}

fn size_limit(request: &Request) -> usize {
    let asked = request.max_size.map_or(DEFAULT_LIMIT, |size| usize::from(size).saturating_sub(28));
    asked.clamp(DEFAULT_LIMIT, MAX_LIMIT)
}

fn push_server(options: &mut Vec<(u8, Vec<u8>)>, subnet: &Subnet, request: &Request) {
    options.push((option::SERVER_ID, request.server_identifier(subnet.server).octets().to_vec()));
}

fn push_client_id(options: &mut Vec<(u8, Vec<u8>)>, request: &Request) {
    if let Some(id) = &request.client_id {
        options.push((option::CLIENT_ID, id.clone()));
    }
}

/// The lease's length and when to ask for more: as the subnet says where that falls into the lease, else as
/// RFC 2131 §4.4.5 has it.
fn push_times(options: &mut Vec<(u8, Vec<u8>)>, duration: Duration, spec: &SubnetSpec) {
    let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX - 1);
    let lease = seconds(duration);
    let chosen = |after: Option<HumanDuration>| after.map(|after| seconds(after.0));
    let rebind = chosen(spec.rebind_after).filter(|after| *after < lease).unwrap_or(lease - lease / 8);
    let renew = chosen(spec.renew_after).filter(|after| *after < rebind).unwrap_or((lease / 2).min(rebind));
    for (code, time) in [(option::LEASE_TIME, lease), (option::RENEWAL_TIME, renew), (option::REBINDING_TIME, rebind)] {
        options.push((code, time.to_be_bytes().to_vec()));
    }
}

fn push_network(options: &mut Vec<(u8, Vec<u8>)>, subnet: &Subnet, request: &Request) {
    let spec = &subnet.spec;
    options.push((option::SUBNET_MASK, spec.cidr.mask().octets().to_vec()));
    if let Some(gateway) = spec.gateway {
        options.push((option::ROUTER, gateway.octets().to_vec()));
    }
    if !spec.dns.is_empty() {
        options.push((option::DNS_SERVERS, addresses(&spec.dns)));
    }
    options.push((option::BROADCAST, spec.cidr.broadcast().octets().to_vec()));
    if let Some(domain) = &spec.domain {
        options.push((option::DOMAIN_NAME, domain.as_bytes().to_vec()));
    }
    if let Some(name) = subnet.reservation(request.mac).and_then(|reservation| reservation.hostname.as_ref()) {
        options.push((option::HOSTNAME, name.as_str().as_bytes().to_vec()));
    }
    push_client_id(options, request);
}

/// Adds what the operator has further to tell, to those who ask for it.
fn push_extras(options: &mut Vec<(u8, Vec<u8>)>, subnet: &Subnet, request: &Request) {
    let spec = &subnet.spec;
    let wants = |code: u8| request.parameters.is_empty() || request.asks_for(code);
    if let Some(mtu) = spec.mtu.filter(|_| wants(option::MTU)) {
        options.push((option::MTU, mtu.to_be_bytes().to_vec()));
    }
    if !spec.ntp.is_empty() && wants(option::TIME_SERVERS) {
        options.push((option::TIME_SERVERS, addresses(&spec.ntp)));
    }
    push_routes(options, spec, request);
    if !spec.search.is_empty() && wants(option::DOMAIN_SEARCH) {
        options.push((option::DOMAIN_SEARCH, encode_domains(&spec.search)));
    }
    for extra in &spec.options {
        let is_said = options.iter().any(|(code, _)| *code == extra.code);
        if !is_said && (extra.always || wants(extra.code)) {
            options.push((extra.code, extra.value.to_bytes()));
        }
    }
}

/// Routes in the newest form that the client asks for. Who reads option 121 ignores the router option, so the
/// default route is among them (RFC 3442).
fn push_routes(options: &mut Vec<(u8, Vec<u8>)>, spec: &SubnetSpec, request: &Request) {
    if spec.routes.is_empty() {
        return;
    }
    let classless = [option::ROUTES, option::MICROSOFT_ROUTES].into_iter().filter(|code| request.asks_for(*code));
    let before = options.len();
    options.extend(classless.map(|code| (code, encode_routes(&spec.routes, spec.gateway))));
    if options.len() == before && request.asks_for(option::CLASSFUL_ROUTES) {
        let routes = encode_classful_routes(&spec.routes);
        options.extend((!routes.is_empty()).then_some((option::CLASSFUL_ROUTES, routes)));
    }
}

fn addresses(addresses: &[Ipv4Addr]) -> Vec<u8> {
    addresses.iter().take(MAX_ADDRESSES).flat_map(Ipv4Addr::octets).collect()
}

/// What PXE is told in its own option. Firmware that asked for an item takes only an answer about it.
fn pxe_options(request: &Request) -> Vec<u8> {
    let mut options = PXE_USE_THIS_FILE.to_vec();
    if let Some(item) = request.boot_item {
        options.extend([sub_option::PXE_BOOT_ITEM, 4]);
        options.extend(item);
    }
    options.push(option::END);
    options
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
            options.push((option::VENDOR_SPECIFIC, pxe_options(request)));
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
