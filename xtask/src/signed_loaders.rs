//! Takes Debian's signed shim and GRUB, which firmware with Secure Boot loads.
//!
//! They are unpacked and not installed: their packages are those of a system that boots itself with them.

use crate::{debian, place};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

const PACKAGES: &[&str] = &["shim-signed", "grub-efi-amd64-signed"];
const FILES: [(&str, &str); 2] = [
    ("usr/lib/shim/shimx64.efi.signed", "shimx64.efi.signed"),
    ("usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed", "grubnetx64.efi.signed"),
];

/// Puts them into `target/signed-loaders`, and returns the folder.
pub(crate) fn fetch() -> Result<PathBuf> {
    let system = debian::Archive::open()?.unpack("signed-loaders", PACKAGES)?;
    let folder = place::target().join("signed-loaders");
    fs::create_dir_all(&folder)?;
    for (path, name) in FILES {
        let file = system.tree.join(path);
        fs::copy(&file, folder.join(name)).with_context(|| format!("copying {}", file.display()))?;
    }
    Ok(folder)
}
