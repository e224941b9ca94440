//! The bytes of messages.

use super::option;
use std::net::Ipv6Addr;

/// Options as they are written. What does not fit into an option's length is left out whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// A client's or server's message.
    pub(super) fn message(kind: u8, xid: [u8; 3]) -> Self {
        Self([[kind].as_slice(), &xid].concat())
    }

    /// A relay's message.
    pub(super) fn relayed(kind: u8, hops: u8, link: Ipv6Addr, peer: Ipv6Addr) -> Self {
        Self([[kind, hops].as_slice(), &link.octets(), &peer.octets()].concat())
    }

    pub(super) fn push(&mut self, code: u16, value: &[u8]) {
        if let Ok(length) = u16::try_from(value.len()) {
            self.0.extend_from_slice(&code.to_be_bytes());
            self.0.extend_from_slice(&length.to_be_bytes());
            self.0.extend_from_slice(value);
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// An IA_NA (RFC 8415 §21.4).
pub(super) fn association(id: u32, renew: u32, rebind: u32, options: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes(), &renew.to_be_bytes(), &rebind.to_be_bytes(), options].concat()
}

/// An IA Address (RFC 8415 §21.6).
pub(super) fn address(address: Ipv6Addr, preferred: u32, valid: u32) -> Vec<u8> {
    [address.octets().as_slice(), &preferred.to_be_bytes(), &valid.to_be_bytes()].concat()
}

/// A status code (RFC 8415 §21.13).
pub(super) fn status(code: u16, text: &str) -> Vec<u8> {
    [code.to_be_bytes().as_slice(), text.as_bytes()].concat()
}

/// A vendor class (RFC 8415 §21.16).
pub(super) fn vendor_class(enterprise: u32, class: &[u8]) -> Vec<u8> {
    let length = u16::try_from(class.len()).unwrap_or(u16::MAX);
    [enterprise.to_be_bytes().as_slice(), &length.to_be_bytes(), class].concat()
}

/// Domain names as DNS writes them (RFC 8415 §10); those that it could not write are left out.
pub(super) fn domains<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in names {
        let labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
        if name.len() > 253 || labels.iter().any(|label| label.is_empty() || label.len() > 63) {
            continue;
        }
        for label in labels {
            bytes.push(u8::try_from(label.len()).unwrap_or(0));
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.push(0);
    }
    bytes
}

/// Wraps an answer for the relays that the question came over, the innermost first.
pub(super) fn through_relays(answer: Vec<u8>, relays: &[super::Relay]) -> Vec<u8> {
    const RELAY_REPLY: u8 = 13;
    relays.iter().rev().fold(answer, |inner, relay| {
        let mut writer = Writer::relayed(RELAY_REPLY, relay.hops, relay.link, relay.peer);
        if let Some(interface) = &relay.interface_id {
            writer.push(option::INTERFACE_ID, interface);
        }
        writer.push(option::RELAY_MESSAGE, &inner);
        writer.finish()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_written_as_dns_does() {
        assert_eq!(domains(["rack.test", "a."]), b"\x04rack\x04test\0\x01a\0");
        assert!(domains(["", "a..b", &"x".repeat(64)]).is_empty());
    }
}
