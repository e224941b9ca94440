//! DHCP unique identifiers (RFC 8415 §11).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use types::MacAddr;
use uuid::Uuid;

/// Names a client or a server for ever. Written in hexadecimal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duid(Box<[u8]>);

/// Bytes or a text are no DUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDuidError {
    /// RFC 8415 §11.1: a type of two bytes, and 1 to 128 more.
    #[error("a DUID is 3 to 130 bytes long, not {0}")]
    Length(usize),
    /// Not hexadecimal.
    #[error("{0:?} is not a DUID in hexadecimal")]
    Form(String),
}

const ETHERNET: u8 = 1;

impl Duid {
    /// The DUID with these bytes.
    ///
    /// # Errors
    /// When there are too few or too many.
    pub fn new(bytes: &[u8]) -> Result<Self, ParseDuidError> {
        match bytes.len() {
            3..=130 => Ok(Self(bytes.into())),
            length => Err(ParseDuidError::Length(length)),
        }
    }

    /// A DUID-UUID (RFC 6355).
    pub fn of_uuid(uuid: Uuid) -> Self {
        Self([[0, 4].as_slice(), uuid.as_bytes()].concat().into())
    }

    /// A DUID-LL of an Ethernet card.
    pub fn of_mac(mac: MacAddr) -> Self {
        Self([[0, 3, 0, ETHERNET].as_slice(), &mac.0].concat().into())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The Ethernet address in a DUID-LLT or DUID-LL. It may be that of any card that the client ever had.
    pub fn mac(&self) -> Option<MacAddr> {
        let mac = match self.bytes() {
            [0, 1, 0, ETHERNET, _, _, _, _, mac @ ..] | [0, 3, 0, ETHERNET, mac @ ..] => mac,
            _ => return None,
        };
        Some(MacAddr(mac.try_into().ok()?)).filter(MacAddr::is_unicast)
    }
}

impl fmt::Display for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Duid {
    type Err = ParseDuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseDuidError::Form(text.chars().take(40).collect());
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if !rest.is_empty() {
            return Err(wrong());
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        Self::new(&bytes.ok_or_else(wrong)?)
    }
}

impl TryFrom<String> for Duid {
    type Error = ParseDuidError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Duid> for String {
    fn from(duid: Duid) -> Self {
        duid.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_read_from_both_forms_that_have_one() {
        let mac = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
        assert_eq!(Duid::of_mac(mac).mac(), Some(mac));
        let with_time: Duid = "0001000112345678525400000001".parse().unwrap();
        assert_eq!(with_time.mac(), Some(mac));
        assert_eq!(Duid::of_uuid(Uuid::from_u128(7)).mac(), None);
        for other in ["00030006525400000001", "0003000152540000", "000300015254000000010a", "00030001ffffffffffff"] {
            assert_eq!(other.parse::<Duid>().unwrap().mac(), None, "{other}");
        }
    }

    #[test]
    fn text_is_read_as_it_is_written() {
        let duid = Duid::of_uuid(Uuid::from_u128(0x77));
        assert_eq!(duid.to_string().parse(), Ok(duid));
        assert_eq!("0001".parse::<Duid>(), Err(ParseDuidError::Length(2)));
        assert_eq!(Duid::new(&[0; 131]), Err(ParseDuidError::Length(131)));
        for wrong in ["000", "00030g", "é0é0é0"] {
            assert!(wrong.parse::<Duid>().is_err(), "{wrong}");
        }
    }
}
