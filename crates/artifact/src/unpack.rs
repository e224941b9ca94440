//! Turns a stream of packed pieces into pieces of the disk, with bounded memory.

use std::io;
use types::image::ImageFormat;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// The largest Zstandard window accepted, as a power of two: 32 MiB, which is what level 22 needs for most of
/// its gain and leaves a machine with 512 MiB of memory room to work.
const MAX_WINDOW_LOG: u32 = 25;

/// How much is unpacked at a time: ZSTD_DStreamOutSize, one block.
const PIECE_BYTES: usize = 128 << 10;

/// Why a stream could not be unpacked.
#[derive(Debug)]
pub(crate) enum UnpackError<E> {
    /// The packed bytes are not what the format says.
    Malformed(io::Error),
    /// The receiver of the unpacked bytes refused.
    Sink(E),
}

/// The unpacking side of one image.
pub(crate) enum Unpacker {
    Raw,
    Zstd(Box<Zstd>),
}

pub(crate) struct Zstd {
    decoder: Decoder<'static>,
    piece: Vec<u8>,
    between_frames: bool,
}

impl Unpacker {
    pub(crate) fn new(format: ImageFormat) -> io::Result<Self> {
        match format {
            ImageFormat::Raw => Ok(Self::Raw),
            ImageFormat::RawZst => {
                let mut decoder = Decoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
                Ok(Self::Zstd(Box::new(Zstd { decoder, piece: vec![0; PIECE_BYTES], between_frames: true })))
            }
        }
    }

    /// Unpacks `packed` and hands what comes out to `put`, in order.
    pub(crate) fn feed<E>(
        &mut self,
        packed: &[u8],
        mut put: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), UnpackError<E>> {
        match self {
            Self::Raw => put(packed).map_err(UnpackError::Sink),
            Self::Zstd(zstd) => zstd.feed(packed, put),
        }
    }

    /// Whether the stream may end here.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Raw => true,
            Self::Zstd(zstd) => zstd.between_frames,
        }
    }
}

impl Zstd {
    fn feed<E>(&mut self, packed: &[u8], mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), UnpackError<E>> {
        let mut input = InBuffer::around(packed);
        loop {
            let mut output = OutBuffer::around(self.piece.as_mut_slice());
            let hint = self.decoder.run(&mut input, &mut output).map_err(UnpackError::Malformed)?;
            let (unpacked, filled) = (output.pos(), output.pos() == output.capacity());
            put(self.piece.get(..unpacked).unwrap_or_default()).map_err(UnpackError::Sink)?;
            self.between_frames = hint == 0;
            if input.pos() == packed.len() && (!filled || hint == 0) {
                return Ok(());
            }
        }
    }
}
