//! What the boot services put into the history.

use dhcp::v6;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use types::event::{NewEvent, kind};
use types::{MacAddr, MachineId, Timestamp};

/// A DHCP message and what it was answered with.
pub(crate) struct DhcpEvent<'a> {
    pub(crate) machine: Option<MachineId>,
    pub(crate) request: &'a dhcp::Request,
    pub(crate) reply: Result<&'a dhcp::Reply, dhcp::Silence>,
    pub(crate) subnet: &'a types::Name,
    pub(crate) reason: Option<lifecycle::BootReason>,
}

impl DhcpEvent<'_> {
    pub(crate) fn at(&self, at: Timestamp) -> NewEvent {
        let (answer, address, filename) = match &self.reply {
            Ok(reply) => (reply.kind.as_str(), reply.address, reply.boot.as_ref().map(|boot| boot.name.as_str())),
            Err(silence) => (silence.as_str(), self.request.requested, None),
        };
        let data = json!({
            "message": self.request.kind.as_str(),
            "answer": answer,
            "answered": self.reply.is_ok(),
            "mac": self.request.mac,
            "address": address,
            "arch": self.request.architecture,
            "ipxe": self.request.ipxe,
            "filename": filename,
            "subnet": self.subnet,
            "reason": self.reason.map(|reason| reason.to_string()),
        });
        new(at, kind::BOOT_DHCP, "dhcp", self.machine, data)
    }
}

/// A subnet had no address left for `refused` messages, of which the last came from `mac`.
pub(crate) struct PoolExhausted<'a> {
    pub(crate) actor: &'static str,
    pub(crate) machine: Option<MachineId>,
    pub(crate) subnet: &'a types::Name,
    pub(crate) mac: Option<MacAddr>,
    pub(crate) refused: u64,
    pub(crate) usage: dhcp::PoolUsage,
}

impl PoolExhausted<'_> {
    pub(crate) fn at(&self, at: Timestamp) -> NewEvent {
        let data = json!({"subnet": self.subnet, "mac": self.mac, "refused": self.refused, "pool": self.usage});
        new(at, kind::DHCP_POOL_EXHAUSTED, self.actor, self.machine, data)
    }
}

/// Something answers at an address that nobody was given; it is the last of `answers` in the subnet.
pub(crate) struct AddressInUse<'a> {
    pub(crate) subnet: &'a types::Name,
    pub(crate) address: Ipv4Addr,
    pub(crate) card: Option<MacAddr>,
    pub(crate) believed: bool,
    pub(crate) answers: u64,
}

impl AddressInUse<'_> {
    pub(crate) fn at(&self, at: Timestamp) -> NewEvent {
        let Self { subnet, address, card, believed, answers } = self;
        let data =
            json!({"subnet": subnet, "address": address, "card": card, "believed": believed, "answers": answers});
        new(at, kind::DHCP_ADDRESS_IN_USE, "dhcp", None, data)
    }
}

/// A DHCPv6 message and what it was answered with.
pub(crate) fn dhcp6(
    at: Timestamp,
    machine: Option<MachineId>,
    request: &v6::Request,
    decision: &v6::Decision,
    subnet: &types::Name,
    reason: Option<&str>,
) -> NewEvent {
    let (answer, address, url) = match &decision.reply {
        Ok(reply) if reply.is_refusal() => ("no address", None, None),
        Ok(reply) => (reply.kind.as_str(), reply.addresses().next(), reply.boot.as_deref()),
        Err(silence) => (silence.as_str(), None, None),
    };
    let data = json!({
        "message": request.kind.as_str(),
        "answer": answer,
        "answered": decision.reply.is_ok(),
        "mac": request.mac(),
        "client": request.client,
        "address": address,
        "arch": request.architecture,
        "ipxe": request.ipxe,
        "filename": url,
        "subnet": subnet,
        "reason": reason,
    });
    new(at, kind::BOOT_DHCP, "dhcp6", machine, data)
}

/// A file over TFTP.
pub(crate) fn tftp(
    at: Timestamp,
    path: &str,
    mac: Option<MacAddr>,
    peer: IpAddr,
    bytes: u64,
    outcome: &str,
) -> NewEvent {
    let data = json!({"path": path, "bytes": bytes, "outcome": outcome, "mac": mac, "peer": peer});
    new(at, kind::BOOT_TFTP, "tftp", None, data)
}

/// A file over HTTP.
pub(crate) struct HttpEvent {
    pub(crate) machine: Option<MachineId>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) mac: Option<MacAddr>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) status: u16,
}

impl HttpEvent {
    pub(crate) fn at(&self, at: Timestamp, bytes: u64, complete: bool) -> NewEvent {
        let data = json!({
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "bytes": bytes,
            "complete": complete,
            "mac": self.mac,
            "peer": self.peer,
        });
        new(at, kind::BOOT_HTTP, "http", self.machine, data)
    }
}

fn new(at: Timestamp, kind: &str, actor: &str, machine: Option<MachineId>, data: Value) -> NewEvent {
    NewEvent { at, kind: kind.to_owned(), machine, run: None, actor: actor.to_owned(), data }
}
