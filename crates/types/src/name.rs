//! Names of objects.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An object's name: 1 to 63 of `a-z 0-9 - . _`, beginning and ending with a letter or digit.
///
/// It is safe to put into a URL path, a file name, a shell word and a kernel command line as it stands.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// The longest name: a DNS label (RFC 1035 §2.3.4), since machines' names become host names.
pub const MAX_NAME_LEN: usize = 63;

/// A text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name: use 1 to {MAX_NAME_LEN} lower-case letters, digits, '-', '.' and '_', with a letter or digit first and last"
)]
pub struct ParseNameError(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends = bytes.first().is_some_and(plain) && bytes.last().is_some_and(plain);
        let middle = bytes.iter().all(|byte| plain(byte) || matches!(byte, b'-' | b'.' | b'_'));
        if ends && middle && text.len() <= MAX_NAME_LEN && !text.contains("..") {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseNameError(text.chars().take(MAX_NAME_LEN + 1).collect()))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Name {
    type Error = ParseNameError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The OpenAPI schema of a type that travels as text.
pub(crate) fn text_schema(description: &str) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .description(Some(description))
        .into()
}

impl utoipa::PartialSchema for Name {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        text_schema("1 to 63 lower-case letters, digits, '-', '.' and '_'")
    }
}

impl utoipa::ToSchema for Name {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths_and_shells() {
        for good in ["a", "node-1", "rack1.u10", "debian_12"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a b", "a/b", "a..b", ".", "a$(x)", "a\n", &"x".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }
}
