//! Option codes and the options of a message (RFC 8415 §21).

pub(super) const CLIENT_ID: u16 = 1;
pub(super) const SERVER_ID: u16 = 2;
pub(super) const IA_NA: u16 = 3;
pub(super) const IA_TA: u16 = 4;
pub(super) const IA_ADDRESS: u16 = 5;
pub(super) const ASKED: u16 = 6;
pub(super) const RELAY_MESSAGE: u16 = 9;
pub(super) const STATUS: u16 = 13;
pub(super) const RAPID_COMMIT: u16 = 14;
pub(super) const USER_CLASS: u16 = 15;
pub(super) const VENDOR_CLASS: u16 = 16;
pub(super) const INTERFACE_ID: u16 = 18;
pub(super) const DNS_SERVERS: u16 = 23;
pub(super) const DOMAIN_LIST: u16 = 24;
pub(super) const IA_PD: u16 = 25;
/// RFC 5970 §3.1.
pub(super) const BOOT_FILE_URL: u16 = 59;
/// RFC 5970 §3.3.
pub(super) const CLIENT_ARCH: u16 = 61;
/// RFC 6939.
pub(super) const CLIENT_LINK_LAYER: u16 = 79;

/// More than any client sends; parsing stays cheap whatever comes.
const MAX_OPTIONS: usize = 128;

/// The options of a message or of another option, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options<'a>(Vec<(u16, &'a [u8])>);

impl<'a> Options<'a> {
    /// Reads all of `field`; `None` when an option goes past its end, which makes the whole message worthless
    /// (RFC 8415 §16).
    pub fn parse(field: &'a [u8]) -> Option<Self> {
        let mut options = Vec::new();
        let mut rest = field;
        while !rest.is_empty() {
            let (header, tail) = rest.split_first_chunk::<4>()?;
            let [code_high, code_low, length_high, length_low] = *header;
            let (value, after) = tail.split_at_checked(usize::from(u16::from_be_bytes([length_high, length_low])))?;
            if options.len() == MAX_OPTIONS {
                return None;
            }
            options.push((u16::from_be_bytes([code_high, code_low]), value));
            rest = after;
        }
        Some(Self(options))
    }

    /// The first option of a code.
    pub fn find(&self, code: u16) -> Option<&'a [u8]> {
        self.all(code).next()
    }

    /// Every option of a code, in order.
    pub fn all(&self, code: u16) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(found, _)| *found == code).map(|(_, value)| *value)
    }

    /// Every option.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        self.0.iter().copied()
    }

    /// Whether there is an option of a code.
    pub fn has(&self, code: u16) -> bool {
        self.find(code).is_some()
    }
}

/// The items of an option that is a list of texts, each after its length (RFC 8415 §21.15): user classes.
pub(super) fn texts(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = field;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let (text, after) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some(text)
    })
}

/// An option that is a list of 16-bit numbers.
pub(super) fn numbers(field: &[u8]) -> impl Iterator<Item = u16> {
    field.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_order_and_only_whole() {
        let field = [0, 6, 0, 2, 0, 59, 0, 3, 0, 0, 0, 6, 0, 2, 0, 23];
        let options = Options::parse(&field).unwrap();
        assert_eq!(options.all(ASKED).collect::<Vec<_>>(), [[0, 59], [0, 23]]);
        assert_eq!(options.find(IA_NA), Some([].as_slice()));
        for cut in [1, 2, 3, 5, 7, 9, 15] {
            assert_eq!(Options::parse(&field[..cut]), None, "{cut}");
        }
        assert_eq!(Options::parse(&[0; 4 * 129]), None);
    }

    #[test]
    fn list_that_goes_past_its_end_is_read_up_to_there() {
        assert_eq!(texts(&[0, 2, b'a', b'b', 0, 9, b'c']).collect::<Vec<_>>(), [b"ab"]);
        assert_eq!(numbers(&[0, 7, 0, 9, 1]).collect::<Vec<_>>(), [7, 9]);
    }
}
