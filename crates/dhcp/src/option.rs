//! Option codes and the bytes of an options field (RFC 2132, RFC 3396).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub(crate) const PAD: u8 = 0;
pub(crate) const SUBNET_MASK: u8 = 1;
pub(crate) const ROUTER: u8 = 3;
pub(crate) const DNS_SERVERS: u8 = 6;
pub(crate) const HOSTNAME: u8 = 12;
pub(crate) const DOMAIN_NAME: u8 = 15;
pub(crate) const MTU: u8 = 26;
pub(crate) const BROADCAST: u8 = 28;
pub(crate) const CLASSFUL_ROUTES: u8 = 33;
pub(crate) const TIME_SERVERS: u8 = 42;
pub(crate) const VENDOR_SPECIFIC: u8 = 43;
pub(crate) const REQUESTED_ADDRESS: u8 = 50;
pub(crate) const LEASE_TIME: u8 = 51;
pub(crate) const OVERLOAD: u8 = 52;
pub(crate) const MESSAGE_TYPE: u8 = 53;
pub(crate) const SERVER_ID: u8 = 54;
pub(crate) const PARAMETER_LIST: u8 = 55;
pub(crate) const MESSAGE: u8 = 56;
pub(crate) const MAX_SIZE: u8 = 57;
pub(crate) const RENEWAL_TIME: u8 = 58;
pub(crate) const REBINDING_TIME: u8 = 59;
pub(crate) const VENDOR_CLASS: u8 = 60;
pub(crate) const CLIENT_ID: u8 = 61;
pub(crate) const TFTP_SERVER: u8 = 66;
pub(crate) const BOOT_FILE: u8 = 67;
pub(crate) const USER_CLASS: u8 = 77;
pub(crate) const RELAY_AGENT: u8 = 82;
pub(crate) const CLIENT_ARCH: u8 = 93;
pub(crate) const CLIENT_UUID: u8 = 97;
pub(crate) const SUBNET_SELECTION: u8 = 118;
pub(crate) const DOMAIN_SEARCH: u8 = 119;
pub(crate) const ROUTES: u8 = 121;
pub(crate) const IPXE: u8 = 175;
pub(crate) const MICROSOFT_ROUTES: u8 = 249;
pub(crate) const END: u8 = 255;

/// Sub-options of a relay agent's option, and of the vendor's where that is PXE.
pub(crate) mod sub_option {
    /// PXE 2.1 §2.1.1.
    pub(crate) const PXE_BOOT_ITEM: u8 = 71;
    /// RFC 3527.
    pub(crate) const LINK_SELECTION: u8 = 5;
    /// RFC 5107.
    pub(crate) const SERVER_OVERRIDE: u8 = 11;
    /// RFC 8357.
    pub(crate) const SOURCE_PORT: u8 = 19;
}

/// Options by code, the parts of a split one joined in the order of their appearance (RFC 3396 §7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<u8, Vec<u8>>);

impl Options {
    /// Adds what one field holds. A length that points past the field's end ends the reading: what came
    /// before it is kept, as other servers do.
    pub(crate) fn read(&mut self, field: &[u8]) {
        let mut rest = field;
        while let [code, tail @ ..] = rest {
            match *code {
                PAD => rest = tail,
                END => return,
                code => {
                    let Some((value, after)) =
                        tail.split_first().and_then(|(length, tail)| tail.split_at_checked(usize::from(*length)))
                    else {
                        return;
                    };
                    self.0.entry(code).or_default().extend_from_slice(value);
                    rest = after;
                }
            }
        }
    }

    /// An option's bytes.
    pub fn find(&self, code: u8) -> Option<&[u8]> {
        self.0.get(&code).map(Vec::as_slice)
    }

    /// An option that is one byte.
    pub(crate) fn find_byte(&self, code: u8) -> Option<u8> {
        match self.find(code) {
            Some([byte]) => Some(*byte),
            _ => None,
        }
    }

    /// An option that is a 16-bit number; of a list of them, the first.
    pub(crate) fn find_u16(&self, code: u8) -> Option<u16> {
        match self.find(code) {
            Some([high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// An option that is a 32-bit number.
    pub(crate) fn find_u32(&self, code: u8) -> Option<u32> {
        Some(u32::from_be_bytes(self.find(code)?.try_into().ok()?))
    }

    /// An option that is one address, other than 0.0.0.0.
    pub(crate) fn find_address(&self, code: u8) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.find(code)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets)).filter(|address| !address.is_unspecified())
    }
}

/// The sub-option `code` of an option that is made of such (RFC 3046 §2.0, RFC 2132 §8.4).
pub(crate) fn find_sub_option(field: &[u8], code: u8) -> Option<&[u8]> {
    let mut rest = field;
    while let [found, length, tail @ ..] = rest {
        let (value, after) = tail.split_at_checked(usize::from(*length))?;
        if *found == code {
            return Some(value);
        }
        rest = after;
    }
    None
}
