//! What a file's first bytes say it is, to hold against what it was declared to be.
//!
//! A declaration decides how a file is read, never its bytes: a disk that somebody else may write could otherwise
//! turn itself into a file that refers to others (CVE-2024-44082). Bytes that say something else are refused.

use std::fmt;
use types::image::ImageFormat;

/// How many bytes of a file show what it is.
pub const HEAD_BYTES: usize = 512;

/// Something that is packed, and says so in its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Zstandard.
    Zstd,
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// QEMU's copy-on-write format.
    Qcow2,
    /// QEMU's enhanced disk.
    Qed,
    /// VMware's disk.
    Vmdk,
    /// Microsoft's disk of the first generation.
    Vhd,
    /// Microsoft's disk of the second generation.
    Vhdx,
    /// VirtualBox's disk.
    Vdi,
    /// Parallels' disk.
    Parallels,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zstd => "a Zstandard stream",
            Self::Gzip => "a gzip stream",
            Self::Xz => "an xz stream",
            Self::Bzip2 => "a bzip2 stream",
            Self::Qcow2 => "a qcow2 image",
            Self::Qed => "a QED image",
            Self::Vmdk => "a VMDK image",
            Self::Vhd => "a VHD image",
            Self::Vhdx => "a VHDX image",
            Self::Vdi => "a VDI image",
            Self::Parallels => "a Parallels image",
        })
    }
}

/// What begins how, and where.
const MAGICS: &[(usize, &[u8], Container)] = &[
    (0, &[0x28, 0xb5, 0x2f, 0xfd], Container::Zstd),
    (0, &[0x1f, 0x8b, 0x08], Container::Gzip),
    (0, &[0xfd, b'7', b'z', b'X', b'Z', 0], Container::Xz),
    (0, b"BZh", Container::Bzip2),
    (0, b"QFI\xfb", Container::Qcow2),
    (0, b"QED\0", Container::Qed),
    (0, b"KDMV", Container::Vmdk),
    (0, b"COWD", Container::Vmdk),
    (0, b"# Disk DescriptorFile", Container::Vmdk),
    (0, b"conectix", Container::Vhd),
    (0, b"vhdxfile", Container::Vhdx),
    (0x40, &[0x7f, 0x10, 0xda, 0xbe], Container::Vdi),
    (0, b"WithoutFreeSpace", Container::Parallels),
    (0, b"WithouFreSpacExt", Container::Parallels),
];

/// The bytes are not what was declared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// They are something else.
    #[error("the image is declared {declared}, but it is {found}")]
    Other {
        /// As declared.
        declared: &'static str,
        /// What they are.
        found: Container,
    },
    /// They are not that, whatever they are.
    #[error("the image is declared {declared}, but it does not begin like one")]
    Not {
        /// As declared.
        declared: &'static str,
    },
}

/// What a file that begins with `head` is. None for the bytes of a disk.
pub fn detect(head: &[u8]) -> Option<Container> {
    let has = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    // A frame that decoders skip, with which some tools begin their streams (RFC 8878 §3.1.2).
    let skippable = head.get(1..4) == Some(&[0x2a, 0x4d, 0x18]) && head.first().is_some_and(|byte| byte >> 4 == 5);
    let known = MAGICS.iter().find(|(at, magic, _)| has(*at, magic)).map(|(_, _, container)| *container);
    known.or_else(|| skippable.then_some(Container::Zstd))
}

/// Holds a file's first bytes against its declaration.
///
/// # Errors
/// When they are not the same.
pub fn check(declared: ImageFormat, head: &[u8]) -> Result<(), FormatError> {
    let (wanted, declared) = match declared {
        ImageFormat::Raw => (None, "raw"),
        ImageFormat::RawZst => (Some(Container::Zstd), "raw-zst"),
        ImageFormat::RawGz => (Some(Container::Gzip), "raw-gz"),
        ImageFormat::RawXz => (Some(Container::Xz), "raw-xz"),
        ImageFormat::Qcow2 => (Some(Container::Qcow2), "qcow2"),
    };
    match (detect(head), wanted) {
        (found, wanted) if found == wanted => Ok(()),
        (Some(found), _) => Err(FormatError::Other { declared, found }),
        (None, _) => Err(FormatError::Not { declared }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_must_be_what_it_is_declared() {
        let gzip = [0x1f, 0x8b, 8, 0];
        assert_eq!(check(ImageFormat::RawGz, &gzip), Ok(()));
        let error = check(ImageFormat::Raw, &gzip).unwrap_err().to_string();
        assert_eq!(error, "the image is declared raw, but it is a gzip stream");
        assert!(check(ImageFormat::Raw, b"QFI\xfb\0\0\0\x03").is_err());
        assert_eq!(check(ImageFormat::Raw, &[0; 512]), Ok(()));
        assert_eq!(check(ImageFormat::RawZst, &[0x50, 0x2a, 0x4d, 0x18]), Ok(()));
        let error = check(ImageFormat::Qcow2, &[]).unwrap_err().to_string();
        assert_eq!(error, "the image is declared qcow2, but it does not begin like one");
    }
}
