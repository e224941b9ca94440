//! Builds a small bootable Debian disk image.

use std::path::PathBuf;

pub(crate) struct Image {
    pub(crate) file: PathBuf,
}

pub(crate) fn build() -> anyhow::Result<Image> {
    anyhow::bail!("not yet")
}
