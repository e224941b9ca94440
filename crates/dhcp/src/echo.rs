//! ICMP echo requests and their answers (RFC 792).

/// An echo request or reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// Whose it is.
    pub identifier: u16,
    /// Which it is.
    pub sequence: u16,
}

const REPLY: u8 = 0;
const REQUEST: u8 = 8;
const HEADER_LEN: usize = 8;

impl Echo {
    /// The request's bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let ([a, b], [c, d]) = (self.identifier.to_be_bytes(), self.sequence.to_be_bytes());
        let mut bytes = [REQUEST, 0, 0, 0, a, b, c, d];
        [bytes[2], bytes[3]] = checksum(&bytes).to_be_bytes();
        bytes
    }

    /// Reads a reply; `None` when it is none, or broken.
    pub fn parse_reply(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [REPLY, 0, _, _, a, b, c, d, ..] if checksum(bytes) == 0 => {
                Some(Self { identifier: u16::from_be_bytes([*a, *b]), sequence: u16::from_be_bytes([*c, *d]) })
            }
            _ => None,
        }
    }
}

/// What is behind the IPv4 header of a raw packet.
pub fn after_ipv4_header(packet: &[u8]) -> Option<&[u8]> {
    match packet {
        [first, ..] if first >> 4 == 4 => packet.get(usize::from(first & 0xf) * 4..),
        _ => None,
    }
}

/// The one's complement of the one's complement sum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    };
    let sum: u32 = bytes.chunks(2).map(word).fold(0, |sum, word| {
        let sum = sum + word;
        (sum & 0xffff) + (sum >> 16)
    });
    !u16::try_from(sum).expect("folded at each step")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_as_ping_sends_it() {
        let request = Echo { identifier: 0x1234, sequence: 1 }.encode();
        assert_eq!(request, [8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1]);
        assert_eq!(checksum(&request), 0);
    }

    #[test]
    fn only_whole_replies_are_read() {
        let reply = [0, 0, 0xed, 0xca, 0x12, 0x34, 0, 1];
        assert_eq!(Echo::parse_reply(&reply), Some(Echo { identifier: 0x1234, sequence: 1 }));
        for broken in [&reply[..7], &[], &[0, 0, 0xed, 0xcb, 0x12, 0x34, 0, 1], &[8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1]] {
            assert_eq!(Echo::parse_reply(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn raw_packet_is_read_behind_its_header_whatever_that_says() {
        let packet = [&[0x46][..], &[0; 23], &[7, 7]].concat();
        assert_eq!(after_ipv4_header(&packet), Some([7, 7].as_slice()));
        for broken in [&packet[..20], &[0x4f], &[0x65], &[]] {
            assert_eq!(after_ipv4_header(broken), None, "{broken:?}");
        }
    }
}
