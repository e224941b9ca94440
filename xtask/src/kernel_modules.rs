//! Chooses a kernel's modules for an initramfs.

use crate::command;
use anyhow::{Context, Result, ensure};
use artifact::cpio;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The static busybox unpacked in `tree`. It runs here too, to make indexes of modules.
pub(crate) fn find_busybox(tree: &Path) -> Result<PathBuf> {
    let places = ["bin/busybox", "usr/bin/busybox"].map(|path| tree.join(path));
    places.into_iter().find(|path| path.exists()).context("busybox-static has no busybox")
}

/// Adds the `wanted` modules of the kernel unpacked in `tree`, with all that they need and an index of just those.
pub(crate) fn add(
    writer: &mut cpio::Writer<Vec<u8>>,
    tree: &Path,
    kernel: &str,
    busybox: &Path,
    wanted: &[&str],
) -> Result<()> {
    let modules = PathBuf::from("lib/modules").join(kernel);
    make_index(busybox, tree, kernel)?;
    let dependencies = fs::read_to_string(tree.join(&modules).join("modules.dep"))?;
    let chosen = choose(&dependencies, wanted)?;

    let scratch = tempfile::tempdir()?;
    for path in chosen {
        let relative = modules.join(path);
        let content = fs::read(tree.join(&relative))?;
        let copy = scratch.path().join(&relative);
        fs::create_dir_all(copy.parent().expect("a module is in a directory"))?;
        fs::write(&copy, &content)?;
        writer.file(&relative.to_string_lossy(), 0o644, &content)?;
    }
    make_index(busybox, scratch.path(), kernel)?;
    for index in ["modules.alias", "modules.dep", "modules.symbols"] {
        let relative = modules.join(index);
        writer.file(&relative.to_string_lossy(), 0o644, &fs::read(scratch.path().join(&relative))?)?;
    }
    Ok(())
}

fn make_index(busybox: &Path, base: &Path, kernel: &str) -> Result<()> {
    command::run(Command::new(busybox).arg("depmod").arg("-b").arg(base).arg(kernel))?;
    Ok(())
}

/// Paths of the modules called `wanted` and of everything they need, by the text of modules.dep.
fn choose<'a>(dependencies: &'a str, wanted: &[&str]) -> Result<BTreeSet<&'a str>> {
    let mut chosen = BTreeSet::new();
    let mut found = BTreeSet::new();
    for line in dependencies.lines() {
        let Some((path, needs)) = line.split_once(':') else { continue };
        if let Some(name) = wanted.iter().find(|name| **name == module_name(path)) {
            found.insert(*name);
            chosen.insert(path);
            chosen.extend(needs.split_whitespace());
        }
    }
    let missing: Vec<_> = wanted.iter().filter(|name| !found.contains(*name)).collect();
    ensure!(missing.is_empty(), "the kernel has no modules {missing:?}");
    Ok(chosen)
}

/// The kernel takes hyphens and underscores in a module's name for the same.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_with_what_they_need() {
        let dependencies = "kernel/a/virtio-rng.ko: kernel/v/virtio.ko\nkernel/v/virtio.ko:\nkernel/b/other.ko:\n";
        let chosen = choose(dependencies, &["virtio_rng"]).unwrap();
        assert_eq!(Vec::from_iter(chosen), ["kernel/a/virtio-rng.ko", "kernel/v/virtio.ko"]);
    }

    #[test]
    fn module_that_the_kernel_lacks_is_an_error() {
        let error = choose("kernel/b/other.ko:\n", &["vfat"]).unwrap_err();
        assert!(error.to_string().contains("vfat"));
    }
}
