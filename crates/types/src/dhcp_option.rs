//! DHCP options that an operator writes by their codes.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use utoipa::ToSchema;

/// An option that clients are told as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DhcpOption {
    /// Its code.
    pub code: u8,
    /// Its content: `text`, `addresses` or `hex`.
    #[schema(value_type = Object)]
    pub value: OptionValue,
    /// Tell clients that did not ask for it, too.
    #[serde(default)]
    pub always: bool,
}

/// An option's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionValue {
    /// A text, as its bytes.
    Text(String),
    /// Addresses, one after the other.
    Addresses(Vec<Ipv4Addr>),
    /// Bytes in hexadecimal digits, such as `01:04:0a4d0001`.
    Hex(HexBytes),
}

impl OptionValue {
    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Addresses(addresses) => addresses.iter().flat_map(Ipv4Addr::octets).collect(),
            Self::Hex(HexBytes(bytes)) => bytes.clone(),
        }
    }
}

/// Bytes, written in hexadecimal digits with or without colons between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HexBytes(pub Vec<u8>);

/// A text is not hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not pairs of hexadecimal digits")]
pub struct ParseHexError(String);

impl TryFrom<String> for HexBytes {
    type Error = ParseHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = || ParseHexError(text.chars().take(40).collect());
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|digit| *digit != ':')
            .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
            .collect();
        let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or_else(wrong)?;
        Ok(Self(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
    }
}

impl From<HexBytes> for String {
    fn from(HexBytes(bytes): HexBytes) -> Self {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_text_addresses_or_bytes() {
        let read = |json| serde_json::from_str::<DhcpOption>(json).map(|option| option.value.to_bytes());
        assert_eq!(read(r#"{"code": 209, "value": {"text": "menu"}}"#).unwrap(), b"menu");
        assert_eq!(read(r#"{"code": 150, "value": {"addresses": ["10.0.0.1", "10.0.0.2"]}}"#).unwrap().len(), 8);
        assert_eq!(read(r#"{"code": 43, "value": {"hex": "01:04:0a4D0001"}}"#).unwrap(), [1, 4, 10, 77, 0, 1]);
        for wrong in ["0", "0x01", "1:"] {
            let json = format!(r#"{{"code": 43, "value": {{"hex": "{wrong}"}}}}"#);
            assert!(serde_json::from_str::<DhcpOption>(&json).unwrap_err().to_string().contains(wrong), "{wrong}");
        }
    }
}
