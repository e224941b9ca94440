//! Images that `qemu-img` made, and images that nobody should have made.

use super::*;
use crate::sink::tests::{NoHoles, feed};
use crate::sink::{Expected, ImageError, ImageSink, Packing};
use crate::target::{BlockTarget, FileTarget};
use proptest::prelude::*;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const MIB: usize = 1 << 20;
const DISK_BYTES: usize = 9 * MIB;

/// A folder in which `qemu-img` works.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn qemu(&self, program: &str, arguments: &[&str]) {
        let ran = Command::new(program).args(arguments).current_dir(self.0.path()).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Converts `disk` with more arguments.
    fn convert(&self, disk: &[u8], arguments: &[&str]) -> Vec<u8> {
        std::fs::write(self.path("disk"), disk).unwrap();
        let arguments = [&["convert", "-f", "raw", "-O", "qcow2"], arguments, &["disk", "image"]].concat();
        self.qemu("qemu-img", &arguments);
        std::fs::read(self.path("image")).unwrap()
    }
}

/// A disk with text that packs, noise that does not, and holes.
fn disk() -> Vec<u8> {
    let mut disk = vec![0; DISK_BYTES];
    for (index, byte) in disk[..MIB].iter_mut().enumerate() {
        *byte = b"slipway "[index % 8];
    }
    let mut noise = 1_u64;
    for word in disk[3 * MIB + 4096..5 * MIB].chunks_exact_mut(8) {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word.copy_from_slice(&noise.to_be_bytes());
    }
    disk[DISK_BYTES - 512..].fill(7);
    disk
}

fn map_of(file: &[u8]) -> Result<Map, MapError<std::io::Error>> {
    let read = |offset: u64, buffer: &mut [u8]| {
        let from = file.get(usize::try_from(offset).unwrap()..).unwrap();
        buffer.copy_from_slice(from.get(..buffer.len()).ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    };
    Map::read(file.len() as u64, read)
}

fn target() -> FileTarget {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&vec![0xaa; DISK_BYTES + 2 * MIB], 0).unwrap();
    FileTarget::new(file).unwrap()
}

fn deploy<T: BlockTarget + Send + 'static>(target: T, file: &[u8], map: Map) -> Result<Vec<u8>, ImageError> {
    let size = map.disk_bytes();
    let expected = Expected {
        digest: Digest::of(file),
        file_size_bytes: file.len() as u64,
        packing: Packing::Qcow2(map.into()),
        disk_size_bytes: size,
    };
    let mut sink = ImageSink::new(target, expected)?;
    feed(&mut sink, file, 50_000)?;
    let (mut target, _) = sink.finish()?;
    let mut bytes = vec![0; usize::try_from(size).unwrap()];
    target.read_at(0, &mut bytes).unwrap();
    Ok(bytes)
}

#[track_caller]
fn assert_deploys(file: &[u8], disk: &[u8]) {
    assert!(deploy(target(), file, map_of(file).unwrap()).unwrap()[..disk.len()] == *disk);
    assert!(deploy(NoHoles(target()), file, map_of(file).unwrap()).unwrap()[..disk.len()] == *disk, "without holes");
}

#[test]
fn what_qemu_img_converts_lands_as_it_was() {
    let bench = Bench::new();
    let disk = disk();
    for arguments in [
        &[][..],
        &["-c"],
        &["-c", "-o", "compression_type=zstd"],
        &["-o", "cluster_size=512"],
        &["-c", "-o", "cluster_size=512"],
        &["-o", "cluster_size=2M"],
        &["-c", "-o", "cluster_size=2M"],
        &["-o", "compat=0.10"],
        &["-o", "preallocation=metadata"],
        &["-o", "preallocation=falloc"],
        &["-W", "-m", "4"],
    ] {
        assert_deploys(&bench.convert(&disk, arguments), &disk);
    }
}

#[test]
fn clusters_may_lie_in_any_order_and_zeroes_may_be_said() {
    let bench = Bench::new();
    bench.qemu("qemu-img", &["create", "-f", "qcow2", "image", "9M"]);
    let writes = ["write -P 3 8M 64k", "write -P 2 0 1M", "write -P 1 4M 100k", "write -z 4M 64k", "write -P 5 1M 3k"];
    let commands: Vec<&str> = writes.iter().flat_map(|write| ["-c", write]).collect();
    bench.qemu("qemu-io", &[&["-f", "qcow2"], &commands[..], &["image"]].concat());
    bench.qemu("qemu-img", &["snapshot", "-c", "before", "image"]);
    bench.qemu("qemu-io", &["-f", "qcow2", "-c", "write -P 9 0 128k", "image"]);
    bench.qemu("qemu-img", &["convert", "-O", "raw", "image", "disk"]);
    let file = std::fs::read(bench.path("image")).unwrap();
    assert_deploys(&file, &std::fs::read(bench.path("disk")).unwrap());
}

fn made(bench: &Bench, arguments: &[&str]) -> String {
    bench.qemu("qemu-img", arguments);
    map_of(&std::fs::read(bench.path("image")).unwrap()).unwrap_err().to_string()
}

#[test]
fn an_image_that_does_not_stand_alone_is_refused() {
    let bench = Bench::new();
    std::fs::write(bench.path("base"), vec![1; MIB]).unwrap();
    let backed = made(&bench, &["create", "-f", "qcow2", "-b", "base", "-F", "raw", "image"]);
    assert!(backed.contains("backing file"), "{backed}");
    let external = made(&bench, &["create", "-f", "qcow2", "-o", "data_file=data", "image", "1M"]);
    assert!(external.contains("external file"), "{external}");
    let mut file = bench.convert(&disk(), &[]);
    // The field that says how, which is LUKS.
    file[35] = 2;
    assert_eq!(map_of(&file).unwrap_err().to_string(), "the qcow2 image is encrypted");
    let extended = made(&bench, &["create", "-f", "qcow2", "-o", "extended_l2=on", "image", "1M"]);
    assert!(extended.contains("features 0x10"), "{extended}");
}

/// Changes the entry of the second level that leads to the first cluster.
fn with_entry(file: &[u8], change: impl Fn(u64) -> u64) -> Vec<u8> {
    let mut file = file.to_vec();
    let long = |file: &[u8], at: usize| u64::from_be_bytes(file[at..at + 8].try_into().unwrap());
    let l1 = usize::try_from(long(&file, 40)).unwrap();
    let l2 = usize::try_from(long(&file, l1) & 0x00ff_ffff_ffff_fe00).unwrap();
    let entry = change(long(&file, l2));
    file[l2..l2 + 8].copy_from_slice(&entry.to_be_bytes());
    file
}

#[test]
fn tables_that_lead_astray_are_refused() {
    let file = Bench::new().convert(&disk(), &[]);
    let refused = |change: &dyn Fn(u64) -> u64| map_of(&with_entry(&file, change)).unwrap_err().to_string();
    assert!(refused(&|entry| entry + (1 << 40)).contains("where none can be"));
    assert!(refused(&|entry| entry + 512).contains("where none can be"));
    assert!(refused(&|entry| entry + 65536).contains("twice"));
    assert!(map_of(&file[..60]).unwrap_err().to_string().contains("header"));
    assert!(map_of(&[]).unwrap_err().to_string().contains("header"));
}

#[test]
fn tables_that_differ_from_those_read_before_are_refused() {
    let file = Bench::new().convert(&disk(), &[]);
    let map = map_of(&file).unwrap();
    let other = with_entry(&file, |_| 0);
    let error = deploy(target(), &other, map).unwrap_err().to_string();
    assert!(error.contains("is not the one that was read before"), "{error}");
}

#[test]
fn a_disk_larger_than_there_is_memory_for_is_refused() {
    let mut file = Bench::new().convert(&disk(), &["-o", "cluster_size=512"]);
    file[24..32].copy_from_slice(&(120_u64 << 30).to_be_bytes());
    assert!(map_of(&file).unwrap_err().to_string().contains("more clusters than are supported"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_damaged_image_is_refused_or_deployed_and_nothing_else(
        damage in prop::collection::vec((0_usize..400_000, any::<u8>()), 1..6),
        packed in any::<bool>(),
    ) {
        use std::sync::OnceLock;
        static FILES: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
        let files = FILES.get_or_init(|| [Bench::new().convert(&disk(), &[]), Bench::new().convert(&disk(), &["-c"])]);
        let mut file = files[usize::from(packed)].clone();
        for (at, byte) in damage {
            // Half of the damage goes where the header and the tables are.
            let at = if at % 2 == 0 { at % 700 } else { at % file.len() };
            file[at] = byte;
        }
        if let Ok(map) = map_of(&file)
            && map.disk_bytes() <= (DISK_BYTES + MIB) as u64
        {
            deploy(target(), &file, map).ok();
        }
    }
}
