//! Images as objects.

use crate::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An image's declaration. Its format is declared, never guessed from the bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageSpec {
    /// Digest of the file as stored and sent.
    pub digest: Digest,
    /// How the disk's bytes are packed in the file.
    pub format: ImageFormat,
    /// Size of the unpacked disk; the target must be at least as large.
    pub disk_size_bytes: u64,
}

/// What is known of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageStatus {
    /// Size of the stored file, once it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_size_bytes: Option<u64>,
}

/// How an image is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImageFormat {
    /// The disk's bytes as they are.
    Raw,
    /// The disk's bytes as a Zstandard stream (RFC 8878).
    RawZst,
    /// The disk's bytes as gzip (RFC 1952).
    RawGz,
    /// The disk's bytes as xz.
    RawXz,
    /// QEMU's copy-on-write format, on its own: no backing file, no external data, not encrypted.
    Qcow2,
}
