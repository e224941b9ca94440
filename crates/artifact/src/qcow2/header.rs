//! The header, as far as a reader needs it.

use super::{ClusterCompression, Qcow2Error};

/// How much of the file is read for it: the smallest cluster.
pub(super) const READ_BYTES: u64 = 512;
/// The header of version 2; version 3 says how long its own is.
const V2_BYTES: usize = 72;

/// Clusters of 512 bytes to 2 MiB, as QEMU has it.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;

const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const EXTERNAL_DATA: u64 = 1 << 2;
const COMPRESSION_TYPE: u64 = 1 << 3;

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) cluster_bits: u32,
    pub(super) disk_bytes: u64,
    pub(super) l1_offset: u64,
    pub(super) l1_entries: u32,
    pub(super) compression: ClusterCompression,
    /// Whether an entry's lowest bit says "reads as zeroes", which version 2 does not know.
    pub(super) has_zero_flag: bool,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Qcow2Error> {
        if bytes.get(..4) != Some(b"QFI\xfb") || bytes.len() < V2_BYTES {
            return Err(Qcow2Error::Header);
        }
        let version = word(bytes, 4)?;
        let cluster_bits = word(bytes, 20)?;
        if !(2..=3).contains(&version) || !CLUSTER_BITS.contains(&cluster_bits) {
            return Err(Qcow2Error::Header);
        }
        if long(bytes, 8)? != 0 {
            return Err(Qcow2Error::BackingFile);
        }
        if word(bytes, 32)? != 0 {
            return Err(Qcow2Error::Encrypted);
        }
        Ok(Self {
            cluster_bits,
            disk_bytes: long(bytes, 24)?,
            l1_entries: word(bytes, 36)?,
            l1_offset: long(bytes, 40)?,
            compression: if version == 3 { check_features(bytes)? } else { ClusterCompression::Deflate },
            has_zero_flag: version == 3,
        })
    }
}

fn check_features(bytes: &[u8]) -> Result<ClusterCompression, Qcow2Error> {
    let features = long(bytes, 72)?;
    if features & CORRUPT != 0 {
        return Err(Qcow2Error::Corrupt);
    }
    if features & EXTERNAL_DATA != 0 {
        return Err(Qcow2Error::ExternalData);
    }
    // An image that was not closed properly may count its clusters' uses wrongly; which cluster is where stands.
    let unknown = features & !(DIRTY | COMPRESSION_TYPE);
    if unknown != 0 {
        return Err(Qcow2Error::Feature(unknown));
    }
    let has_type = word(bytes, 100)? > 104;
    match (features & COMPRESSION_TYPE != 0, bytes.get(104)) {
        (true, Some(1)) if has_type => Ok(ClusterCompression::Zstd),
        (true, _) => Err(Qcow2Error::Feature(COMPRESSION_TYPE)),
        (false, Some(0) | None) => Ok(ClusterCompression::Deflate),
        (false, Some(_)) if has_type => Err(Qcow2Error::Header),
        (false, Some(_)) => Ok(ClusterCompression::Deflate),
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Qcow2Error> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Qcow2Error::Header)?;
    Ok(u32::from_be_bytes(*field))
}

fn long(bytes: &[u8], at: usize) -> Result<u64, Qcow2Error> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Qcow2Error::Header)?;
    Ok(u64::from_be_bytes(*field))
}
