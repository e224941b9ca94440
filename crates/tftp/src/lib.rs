//! TFTP, read only (RFC 1350, with the options of RFC 2347–2349 and RFC 7440): packet in, packets out.
//!
//! Opens no socket and no file: a [`Transfer`] says which bytes of the file go into which packet, and the
//! socket's owner reads and sends them. A name is never a path of a filesystem: [`clean_path`] makes it a key
//! of the boot files' own namespace.

mod packet;
mod path;
mod transfer;

pub use packet::{ErrorCode, Packet, ParsePacketError, ReadOptions, ReadRequest, data_header, error_packet};
pub use path::{BadPath, clean_path};
pub use transfer::{Action, Block, Blocks, Limits, Outcome, Transfer};
