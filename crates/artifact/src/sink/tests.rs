//! An image is whole or does not boot, however its bytes arrive.

use super::disk_writer::{GRANULE_BYTES, is_zero};
use super::*;
use crate::target::FileTarget;
use proptest::prelude::*;
use std::os::unix::fs::FileExt;

const MIB: u64 = 1 << 20;

/// A disk of `size` bytes that is full of an old system.
fn used_disk(size: u64) -> FileTarget {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&vec![0xaa; usize::try_from(size).unwrap()], 0).unwrap();
    FileTarget::new(file).unwrap()
}

fn content(disk: &mut FileTarget) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(disk.size_bytes()).unwrap()];
    disk.read_at(0, &mut bytes).unwrap();
    bytes
}

/// An image of 5 MiB and a bit with data at both ends and holes between.
fn image() -> Vec<u8> {
    let mut image = vec![0; 5 * MIB as usize + 512];
    image[..512].fill(1);
    image[2 * MIB as usize + 70_000..2 * MIB as usize + 70_010].fill(2);
    image[5 * MIB as usize..].fill(3);
    image
}

fn expected(file: &[u8], compression: Compression, disk: &[u8]) -> Expected {
    Expected {
        digest: Digest::of(file),
        file_size_bytes: file.len() as u64,
        packing: Packing::Stream(compression),
        disk_size_bytes: disk.len() as u64,
    }
}

/// A disk that cannot make holes.
pub(crate) struct NoHoles(pub(crate) FileTarget);

impl BlockTarget for NoHoles {
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn punch_hole(&mut self, _: u64, _: u64) -> io::Result<bool> {
        Ok(false)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

/// One that says that it has made a hole, and keeps everything.
struct FalseHoles(NoHoles);

impl BlockTarget for FalseHoles {
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes()
    }
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn punch_hole(&mut self, _: u64, _: u64) -> io::Result<bool> {
        Ok(true)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

pub(crate) fn feed<T: BlockTarget + Send + 'static>(
    sink: &mut ImageSink<T>,
    file: &[u8],
    length: usize,
) -> Result<(), ImageError> {
    file.chunks(length).try_for_each(|bytes| {
        let mut piece = sink.piece();
        piece.space()[..bytes.len()].copy_from_slice(bytes);
        piece.fill(bytes.len());
        sink.feed(piece)
    })
}

fn write(disk: FileTarget, expected: Expected, file: &[u8]) -> (FileTarget, Result<Written, ImageError>) {
    let copy = FileTarget::new(disk.file().try_clone().unwrap()).unwrap();
    let mut sink = ImageSink::new(disk, expected).unwrap();
    let fed = feed(&mut sink, file, 100_000);
    (copy, fed.and_then(|()| sink.finish().map(|(_, written)| written)))
}

fn does_not_boot(disk: &mut FileTarget) -> bool {
    let bytes = content(disk);
    is_zero(&bytes[..MIB as usize]) && is_zero(&bytes[bytes.len() - MIB as usize..])
}

#[test]
fn a_packed_image_lands_as_it_was_and_its_holes_are_not_written() {
    let image = image();
    let file = zstd::encode_all(&image[..], 3).unwrap();
    let (mut disk, written) = write(used_disk(8 * MIB), expected(&file, Compression::Zstd, &image), &file);
    let written = written.unwrap();
    let bytes = content(&mut disk);
    assert!(bytes[..image.len()] == image[..]);
    assert!(is_zero(&bytes[7 * MIB as usize..]), "an old partition table's second copy is still there");
    assert_eq!(written.disk_bytes, image.len() as u64);
    assert_eq!(written.written_bytes, MIB + GRANULE_BYTES as u64 + 512);
}

/// Packs `bytes` with the program that everybody packs with.
fn packed_by(program: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    std::fs::write(&path, bytes).unwrap();
    let packed = std::process::Command::new(program).args(arguments).arg(&path).output().unwrap();
    assert!(packed.status.success());
    packed.stdout
}

#[test]
fn images_that_gzip_and_xz_made_land_as_they_were() {
    let image = image();
    let (left, right) = image.split_at(3_000_000);
    let gzip = |bytes| packed_by("gzip", &["-c"], bytes);
    let xz = |level, bytes| packed_by("xz", &["-c", level], bytes);
    for (compression, file) in [
        (Compression::Gzip, gzip(&image)),
        (Compression::Gzip, [gzip(left), gzip(right)].concat()),
        (Compression::Xz, xz("-6", &image)),
        (Compression::Xz, xz("-9", &image)),
        (Compression::Xz, [xz("-1", left), xz("-1", right)].concat()),
    ] {
        let (mut disk, written) = write(used_disk(8 * MIB), expected(&file, compression, &image), &file);
        written.unwrap();
        assert!(content(&mut disk)[..image.len()] == image[..], "{compression:?}");
        let cut = &file[..file.len() / 2];
        let (mut disk, written) = write(used_disk(8 * MIB), expected(cut, compression, &image), cut);
        let error = written.unwrap_err();
        assert!(matches!(error, ImageError::BrokenOff { .. } | ImageError::Malformed { .. }), "{error}");
        assert!(does_not_boot(&mut disk));
    }
}

#[test]
fn a_stream_that_wants_more_memory_than_there_is_is_refused() {
    let image = image();
    let xz = packed_by("xz", &["-c", "--lzma2=dict=256MiB"], &image);
    let (_, written) = write(used_disk(8 * MIB), expected(&xz, Compression::Xz, &image), &xz);
    assert!(types::chain(&written.unwrap_err()).contains("memory"));
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    std::io::Write::write_all(&mut encoder, &image).unwrap();
    let zst = encoder.finish().unwrap();
    let (_, written) = write(used_disk(8 * MIB), expected(&zst, Compression::Zstd, &image), &zst);
    assert!(types::chain(&written.unwrap_err()).contains("memory"));
}

#[test]
fn an_image_as_large_as_the_disk_keeps_its_last_sectors() {
    let image = image();
    let (mut disk, written) = write(used_disk(image.len() as u64), expected(&image, Compression::None, &image), &image);
    written.unwrap();
    assert!(content(&mut disk) == image);
}

#[test]
fn a_file_of_several_frames_is_one_image() {
    let image = image();
    let (left, right) = image.split_at(1_234_567);
    let file = [zstd::encode_all(left, 3).unwrap(), zstd::encode_all(right, 3).unwrap()].concat();
    let (mut disk, written) = write(used_disk(8 * MIB), expected(&file, Compression::Zstd, &image), &file);
    written.unwrap();
    assert!(content(&mut disk)[..image.len()] == image[..]);
}

fn assert_lands_on<T: BlockTarget + Send + 'static>(disk: T) {
    let image = image();
    let mut sink = ImageSink::new(disk, expected(&image, Compression::None, &image)).unwrap();
    feed(&mut sink, &image, 100_000).unwrap();
    let (mut disk, written) = sink.finish().unwrap();
    let mut bytes = vec![0xff; image.len()];
    disk.read_at(0, &mut bytes).unwrap();
    assert!(bytes == image);
    assert_eq!(written.written_bytes, image.len() as u64);
}

#[test]
fn a_disk_that_cannot_make_holes_or_only_says_so_is_written_in_full() {
    assert_lands_on(NoHoles(used_disk(8 * MIB)));
    assert_lands_on(FalseHoles(NoHoles(used_disk(8 * MIB))));
}

#[test]
fn every_wrong_image_leaves_a_disk_that_does_not_boot() {
    let image = image();
    let file = zstd::encode_all(&image[..], 3).unwrap();
    let good = expected(&file, Compression::Zstd, &image);
    let twice = zstd::encode_all(&file[..], 3).unwrap();
    let bomb = zstd::encode_all(&vec![0; 64 * MIB as usize][..], 3).unwrap();
    let cases: Vec<(Expected, &[u8], &str)> = vec![
        (Expected { digest: Digest::of(b"other"), ..good.clone() }, &file, "has digest"),
        (Expected { file_size_bytes: good.file_size_bytes + 1, ..good.clone() }, &file, "ended after"),
        (Expected { file_size_bytes: good.file_size_bytes - 1, ..good.clone() }, &file, "longer than the declared"),
        (Expected { disk_size_bytes: good.disk_size_bytes - 1, ..good.clone() }, &file, "unpacks to more"),
        (Expected { disk_size_bytes: good.disk_size_bytes + 1, ..good.clone() }, &file, "were declared"),
        (Expected { packing: Packing::Stream(Compression::None), ..good }, &file, "unpacks to a Zstandard stream"),
        (expected(&image, Compression::Zstd, &image), &image, "unpacking the image after 0 bytes"),
        (expected(&file[..file.len() - 3], Compression::Zstd, &image), &file[..file.len() - 3], "breaks off"),
        (expected(&twice, Compression::Zstd, &image), &twice, "unpacks to a Zstandard stream"),
        (expected(&bomb, Compression::Zstd, &image), &bomb, "unpacks to more than the declared 5243392"),
    ];
    for (expected, file, says) in cases {
        let (mut disk, result) = write(used_disk(8 * MIB), expected, file);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(says), "{error:?} does not say {says:?}");
        assert!(does_not_boot(&mut disk), "boots after {error:?}");
    }
}

#[test]
fn nothing_bootable_is_written_before_the_digest_is_right() {
    let image = image();
    let disk = used_disk(image.len() as u64);
    let mut copy = FileTarget::new(disk.file().try_clone().unwrap()).unwrap();
    let mut sink = ImageSink::new(disk, expected(&image, Compression::None, &image)).unwrap();
    feed(&mut sink, &image, 100_000).unwrap();
    assert!(does_not_boot(&mut copy));
    sink.finish().unwrap();
    assert!(!does_not_boot(&mut copy));
}

#[test]
fn a_failed_sink_takes_no_more() {
    let image = image();
    let small = Expected { file_size_bytes: 1, ..expected(&image, Compression::None, &image) };
    let mut sink = ImageSink::new(used_disk(8 * MIB), small).unwrap();
    feed(&mut sink, &image, 100_000).unwrap_err();
    assert!(matches!(feed(&mut sink, &image, 100_000), Err(ImageError::GivenUp)));
    assert!(matches!(sink.finish(), Err(ImageError::GivenUp)));
}

#[test]
fn an_image_for_a_larger_disk_is_refused_before_anything_is_written() {
    let image = image();
    let refused = ImageSink::new(used_disk(2 * MIB), expected(&image, Compression::None, &image));
    assert!(matches!(refused, Err(ImageError::DiskTooSmall { found, .. }) if found == 2 * MIB));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_image_in_any_pieces_reads_back(
        runs in prop::collection::vec((any::<bool>(), 1_usize..700_000), 1..12),
        piece in 1_usize..300_000,
        extra in 0_u64..3 * MIB,
    ) {
        let image: Vec<u8> = runs.iter().flat_map(|(hole, length)| vec![if *hole { 0 } else { 0x5a }; *length]).collect();
        let file = zstd::encode_all(&image[..], 1).unwrap();
        let disk = used_disk(image.len() as u64 + extra);
        let mut sink = ImageSink::new(disk, expected(&file, Compression::Zstd, &image)).unwrap();
        feed(&mut sink, &file, piece.min(200_000)).unwrap();
        let (mut disk, _) = sink.finish().unwrap();
        let bytes = content(&mut disk);
        prop_assert!(bytes[..image.len()] == image[..]);
    }
}
