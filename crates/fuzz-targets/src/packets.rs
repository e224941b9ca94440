//! Several packets in one input: each with its length, in two bytes, before it.

/// Packets of one input: more would only be slower.
const MOST: usize = 16;

/// The packets; the last may be cut short.
pub(crate) fn packets(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = input.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (packet, rest) = rest.split_at(length);
        input = rest;
        Some(packet)
    })
    .take(MOST)
}
