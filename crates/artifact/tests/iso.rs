//! Discs as xorriso makes them, read in place and compared with what was put on them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use artifact::iso::{Iso, IsoError, IsoNode};
use artifact::media::{MediaError, MediaFolder};
use proptest::prelude::*;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use types::Digest;

const DEEP: &str = "a/b/c/d/e/f/g/h/i/j/k";

/// A tree with long names, links, many files and depth.
fn make_tree(folder: &Path) {
    fs::create_dir_all(folder.join(DEEP)).unwrap();
    fs::create_dir_all(folder.join("dists/bookworm")).unwrap();
    fs::create_dir_all(folder.join("many")).unwrap();
    fs::write(folder.join(DEEP).join("deep.txt"), "deep").unwrap();
    fs::write(folder.join("dists/bookworm/Release"), "Suite: stable\n").unwrap();
    fs::write(folder.join("A file with a Long name and größe.txt"), vec![7; 5000]).unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    symlink("bookworm", folder.join("dists/stable")).unwrap();
    symlink("../dists/stable/Release", folder.join("many/link")).unwrap();
    symlink(".", folder.join("debian")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    for number in 0..300 {
        fs::write(folder.join(format!("many/{number:03}-{}", "n".repeat(120))), number.to_string()).unwrap();
    }
}

fn make_disc(tree: &Path, disc: &Path, options: &[&str]) {
    // Rock Ridge is always there unless it is switched off before anything else.
    let before: &[&str] = if options.contains(&"-R") { &[] } else { &["-rockridge", "off"] };
    let output = Command::new("xorriso")
        .args(before)
        .args(["-as", "mkisofs", "-quiet", "-V", "SLIPWAY"])
        .args(options)
        .arg("-o")
        .args([disc, tree])
        .output()
        .expect("xorriso is installed: run cargo xtask setup-packages");
    assert!(output.status.success(), "{output:?}");
}

fn disc(options: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (tree, disc) = (dir.path().join("tree"), dir.path().join("disc.iso"));
    make_tree(&tree);
    make_disc(&tree, &disc, options);
    (dir, disc)
}

fn open(disc: &Path) -> Iso<File> {
    let file = File::open(disc).unwrap();
    let size = file.metadata().unwrap().len();
    Iso::open(file, size).unwrap()
}

fn content(iso: &Iso<File>, disc: &Path, path: &str) -> Option<Vec<u8>> {
    let Some(IsoNode::File(range)) = iso.find(path).unwrap() else { return None };
    let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
    File::open(disc).unwrap().read_exact_at(&mut bytes, range.start).unwrap();
    Some(bytes)
}

#[test]
fn every_file_of_a_tree_is_read_back_with_rock_ridge() {
    let (dir, disc) = disc(&["-R", "-J"]);
    let iso = open(&disc);
    assert_eq!(iso.label(), "SLIPWAY");
    let tree = dir.path().join("tree");
    let mut files = 0;
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = iso.list(folder.to_str().unwrap()).unwrap().unwrap();
        let there: Vec<_> = fs::read_dir(tree.join(&folder)).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(entries.len(), there.len(), "{folder:?}");
        for entry in there {
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let read = content(&iso, &disc, path.to_str().unwrap());
                assert_eq!(read, Some(fs::read(tree.join(&path)).unwrap()), "{path:?}");
                files += 1;
            }
        }
    }
    assert_eq!(files, 304);
}

#[test]
fn links_lead_within_the_disc_and_come_to_an_end() {
    let (_dir, disc) = disc(&["-R"]);
    let iso = open(&disc);
    let release = Some(b"Suite: stable\n".to_vec());
    for path in
        ["dists/stable/Release", "many/link", "debian/debian/dists/bookworm/Release", "/dists//stable/./Release"]
    {
        assert_eq!(content(&iso, &disc, path), release, "{path}");
    }
    assert_eq!(content(&iso, &disc, "../../dists/bookworm/Release"), release);
    assert!(matches!(iso.find("loop"), Err(IsoError::Links)));
    assert_eq!(iso.find("dists/stable").unwrap(), Some(IsoNode::Directory));
    for path in ["nothing", "empty/x", "DISTS/bookworm/Release"] {
        assert_eq!(iso.find(path).unwrap(), None, "{path}");
    }
}

#[test]
fn names_of_joliet_and_of_plain_discs_are_found_in_any_case() {
    let (_dir, joliet) = disc(&["-J", "-joliet-long"]);
    let iso = open(&joliet);
    assert_eq!(content(&iso, &joliet, "DISTS/Bookworm/release"), Some(b"Suite: stable\n".to_vec()));
    assert!(content(&iso, &joliet, "A file with a Long name and größe.txt").is_some());
    let (_dir, plain) = disc(&["-iso-level", "3"]);
    let iso = open(&plain);
    assert_eq!(content(&iso, &plain, "dists/bookworm/release"), Some(b"Suite: stable\n".to_vec()));
}

#[test]
fn a_disc_that_is_uploaded_is_served_in_place_and_one_that_is_cut_off_is_not_kept() {
    let (dir, disc) = disc(&["-R", "-J"]);
    let folder = MediaFolder::open(dir.path().join("media")).unwrap();
    let bytes = fs::read(&disc).unwrap();
    let mut upload = folder.begin("debian.iso", u64::MAX).unwrap();
    bytes.chunks(70_000).for_each(|piece| upload.write(piece).unwrap());
    let listed = upload.commit(Some(Digest::of(&bytes))).unwrap();
    assert_eq!((listed.label.as_deref(), listed.size_bytes), (Some("SLIPWAY"), Some(bytes.len() as u64)));
    assert_eq!(folder.list().unwrap(), [listed]);
    let place = folder.find("debian.iso/dists/stable/Release").unwrap().unwrap();
    let range = place.range.unwrap();
    assert_eq!(&bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()], b"Suite: stable\n");
    assert_eq!(folder.find("debian.iso/dists").unwrap(), None);
    let mut cut = folder.begin("cut.iso", u64::MAX).unwrap();
    cut.write(&bytes[..bytes.len() - 200_000]).unwrap();
    assert!(matches!(cut.commit(None), Err(MediaError::Disc { source: IsoError::OutOfBounds { .. }, .. })));
    assert!(folder.remove("debian.iso").unwrap() && !folder.remove("debian.iso").unwrap());
    assert!(folder.list().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_broken_disc_is_an_error_or_nothing_and_never_reaches_beyond_itself(
        breaks in prop::collection::vec((16 * 2048..80_usize * 2048, any::<u8>()), 1..40), cut in 0..200_usize * 2048,
    ) {
        let path = &disc_once().1;
        let mut bytes = fs::read(path).unwrap();
        for (at, byte) in breaks {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        let size = bytes.len() as u64;
        if let Ok(iso) = Iso::open(&bytes[..], size) {
            for path in ["dists/stable/Release", DEEP, "many/link", "loop", "debian/many"] {
                if let Ok(Some(IsoNode::File(range))) = iso.find(path) {
                    prop_assert!(range.start <= range.end && range.end <= size);
                }
                drop(iso.list(path));
            }
        }
    }
}

/// The disc that is broken again and again.
fn disc_once() -> &'static (tempfile::TempDir, PathBuf) {
    static MADE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| disc(&["-R", "-J"]));
    &MADE
}
