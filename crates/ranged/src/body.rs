//! A file's bytes on their way to a client.
//!
//! They need not pass through this program: a listener that can have the kernel send them from the page cache
//! (`sendfile`) says so with [`Direct::attach`]. It is then given placeholders, which are as long as what they stand
//! for, and takes what belongs there from its [`Express`]. So everything between the file and the listener that counts,
//! limits or passes on bytes works as it does without.

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

/// How much is read or sent at a time. A reader that is as slow as that has stopped.
const PIECE_LEN: usize = 256 << 10;
/// The same where the bytes stay in the kernel: as much as a connection's buffer takes at once. Less costs the kernel
/// more calls, and more of the client's wake-ups, for the same bytes.
const DIRECT_LEN: usize = 4 << 20;
/// Of those, how much is read from the disk at a time; and at its end is looked whether it has been.
const COLD_LEN: usize = 1 << 20;

/// Never read, so the system never gives it memory.
static PLACEHOLDER: LazyLock<Bytes> = LazyLock::new(|| vec![0; DIRECT_LEN].into());

/// What a connection is to send where it is given placeholders, in order.
#[derive(Debug, Clone, Default)]
pub struct Express(Arc<Mutex<VecDeque<Stretch>>>);

#[derive(Debug)]
struct Stretch {
    file: Arc<File>,
    range: Range<u64>,
}

impl Express {
    /// Whether `bytes` stand for a part of a file.
    pub fn is_placeholder(bytes: &[u8]) -> bool {
        PLACEHOLDER.as_ptr_range().contains(&bytes.as_ptr())
    }

    /// Has `send` send up to `len` bytes of the file that is next, from an offset; it says how many it sent.
    ///
    /// # Errors
    /// As `send`; and when there is nothing left to send, as a file has become shorter.
    pub fn send(&self, len: usize, send: impl FnOnce(&File, u64, usize) -> io::Result<usize>) -> io::Result<usize> {
        let mut queue = self.lock();
        let stretch = queue.front_mut().ok_or_else(|| io::Error::other("a placeholder stands for nothing"))?;
        let len = usize::try_from(stretch.range.end - stretch.range.start).unwrap_or(usize::MAX).min(len);
        let sent = send(&stretch.file, stretch.range.start, len)?;
        if sent == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        stretch.range.start += sent as u64;
        if stretch.range.is_empty() {
            queue.pop_front();
        }
        Ok(sent)
    }

    fn push(&self, stretch: Stretch) {
        self.lock().push_back(stretch);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Stretch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Among a response's extensions: its body is a file, and may be sent without being read.
#[derive(Debug, Clone, Default)]
pub struct Direct(Arc<OnceLock<Express>>);

impl Direct {
    /// From now on the body gives placeholders, and `express` what they stand for.
    pub fn attach(&self, express: Express) {
        // A response has one connection.
        self.0.set(express).ok();
    }
}

/// A part of a file, piece after piece.
pub(crate) struct Pieces {
    file: Arc<File>,
    range: Range<u64>,
    direct: Direct,
}

impl Pieces {
    pub(crate) fn new(file: File, range: Range<u64>, direct: Direct) -> Self {
        Self { file: Arc::new(file), range, direct }
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.range.is_empty() {
            return Ok(None);
        }
        match self.direct.0.get().cloned() {
            Some(express) => self.next_placeholder(&express).await.map(Some),
            None => self.next_read().await.map(Some),
        }
    }

    async fn next_read(&mut self) -> io::Result<Bytes> {
        let (offset, len) = (self.range.start, self.next_len(PIECE_LEN));
        let piece = match read_cached(&self.file, offset, len)? {
            Some(piece) => piece,
            None => self.read_cold(len).await?,
        };
        self.range.start += piece.len() as u64;
        Ok(piece.into())
    }

    async fn next_placeholder(&mut self, express: &Express) -> io::Result<Bytes> {
        let offset = self.range.start;
        let mut len = cached_len(&self.file, offset, self.next_len(DIRECT_LEN));
        // The kernel would wait for the disk where other connections wait for us: that is a thread's to do.
        if len == 0 {
            len = self.next_len(COLD_LEN);
            self.read_cold(len).await?;
        }
        let range = offset..offset + len as u64;
        self.range.start = range.end;
        express.push(Stretch { file: Arc::clone(&self.file), range });
        Ok(PLACEHOLDER.slice(..len))
    }

    fn next_len(&self, most: usize) -> usize {
        usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX).min(most)
    }

    async fn read_cold(&self, len: usize) -> io::Result<Vec<u8>> {
        let (file, offset) = (Arc::clone(&self.file), self.range.start);
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; len];
            file.read_exact_at(&mut piece, offset)?;
            Ok(piece)
        });
        read.await.map_err(io::Error::other)?
    }
}

/// What can be read without waiting for the disk; `None` when that is nothing.
fn read_cached(file: &File, offset: u64, len: usize) -> io::Result<Option<Vec<u8>>> {
    let mut piece = vec![0; len];
    match rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut piece)], offset, ReadWriteFlags::NOWAIT) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(read) => {
            piece.truncate(read);
            Ok(Some(piece))
        }
        // Not in memory, or a file system that cannot say so.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How much of the next `len` bytes is in memory, judged by the ends of its pieces: what is between has been read with
/// them.
fn cached_len(file: &File, offset: u64, len: usize) -> usize {
    let is_cached = |at: usize| {
        let mut byte = [0];
        rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut byte)], offset + at as u64, ReadWriteFlags::NOWAIT).is_ok()
    };
    let ends = (COLD_LEN..len).step_by(COLD_LEN).chain([len]);
    if is_cached(0) { ends.take_while(|end| is_cached(end - 1)).last().unwrap_or(0) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn content() -> Vec<u8> {
        (0..3 * DIRECT_LEN + 5).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[tokio::test]
    async fn what_is_read_is_the_part_that_was_asked_for() {
        let content = content();
        let mut pieces = Pieces::new(file(&content), 7..content.len() as u64 - 3, Direct::default());
        let mut read = Vec::new();
        while let Some(piece) = pieces.next().await.unwrap() {
            assert!(!Express::is_placeholder(&piece));
            read.extend_from_slice(&piece);
        }
        assert!(read == content[7..content.len() - 3]);
    }

    #[tokio::test]
    async fn placeholders_are_as_long_as_what_they_stand_for() {
        let content = content();
        let (direct, express) = (Direct::default(), Express::default());
        let mut pieces = Pieces::new(file(&content), 7..content.len() as u64 - 3, direct.clone());
        direct.attach(express.clone());
        let mut sent = Vec::new();
        while let Some(piece) = pieces.next().await.unwrap() {
            let mut left = &piece[..];
            while !left.is_empty() {
                assert!(Express::is_placeholder(left));
                let copy = |file: &File, offset: u64, len: usize| {
                    let mut bytes = vec![0; len.min(100_000)];
                    file.read_exact_at(&mut bytes, offset)?;
                    sent.extend_from_slice(&bytes);
                    Ok(bytes.len())
                };
                let taken = express.send(left.len(), copy).unwrap();
                left = &left[taken..];
            }
        }
        assert!(sent == content[7..content.len() - 3]);
        assert!(express.lock().is_empty());
    }

    #[tokio::test]
    async fn a_file_that_has_become_shorter_breaks_off() {
        let file = file(&[1; 1000]);
        file.set_len(600).unwrap();
        let mut pieces = Pieces::new(file, 0..1000, Direct::default());
        assert_eq!(pieces.next().await.unwrap().unwrap().len(), 600);
        assert_eq!(pieces.next().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
