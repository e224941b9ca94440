//! Ethernet addresses (EUI-48).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An Ethernet address. Written `52:54:00:12:34:56`; colons, hyphens or nothing between the octets are read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr(pub [u8; 6]);

/// A text is not an Ethernet address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an Ethernet address such as 52:54:00:12:34:56")]
pub struct ParseMacError(String);

impl MacAddr {
    /// The form used in file names and URLs: `52-54-00-12-34-56`.
    pub fn dashed(&self) -> String {
        self.to_string().replace(':', "-")
    }

    /// Whether the address can belong to one network card: neither all zeroes nor a group address
    /// (IEEE 802-2014 §8.2.2).
    pub fn is_unicast(&self) -> bool {
        self.0 != [0; 6] && self.0[0] & 1 == 0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseMacError(text.chars().take(40).collect());
        let digits: Vec<u8> = match text.len() {
            12 => text.bytes().collect(),
            17 => {
                let separator = text.as_bytes()[2];
                if !matches!(separator, b':' | b'-') {
                    return Err(wrong());
                }
                let octets: Vec<&[u8]> = text.as_bytes().split(|byte| *byte == separator).collect();
                if octets.len() != 6 || octets.iter().any(|octet| octet.len() != 2) {
                    return Err(wrong());
                }
                octets.concat()
            }
            _ => return Err(wrong()),
        };
        let mut mac = [0; 6];
        for (octet, pair) in mac.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16).ok_or_else(wrong)?;
            let low = char::from(pair[1]).to_digit(16).ok_or_else(wrong)?;
            *octet = u8::try_from(high * 16 + low).map_err(|_| wrong())?;
        }
        Ok(Self(mac))
    }
}

impl TryFrom<String> for MacAddr {
    type Error = ParseMacError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

impl utoipa::PartialSchema for MacAddr {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        crate::name::text_schema("An Ethernet address, such as 52:54:00:12:34:56")
    }
}

impl utoipa::ToSchema for MacAddr {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_is_read_and_one_is_written() {
        for text in ["52:54:00:AB:cd:01", "52-54-00-ab-cd-01", "525400abcd01"] {
            assert_eq!(text.parse::<MacAddr>().unwrap().to_string(), "52:54:00:ab:cd:01");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "52:54:00:ab:cd", "52:54:00:ab:cd:0g", "5:254:00:ab:cd:01", "52-54:00-ab:cd-01", "525400abcdé"]
        {
            assert!(text.parse::<MacAddr>().is_err(), "{text:?} was read");
        }
    }

    #[test]
    fn zero_and_group_addresses_are_not_unicast() {
        assert!(!MacAddr([0; 6]).is_unicast());
        assert!(!MacAddr([0xff; 6]).is_unicast());
        assert!(MacAddr([0x52, 0x54, 0, 1, 2, 3]).is_unicast());
    }
}
