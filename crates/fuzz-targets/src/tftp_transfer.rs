//! TFTP: a request and what its client sends after it.
//!
//! Whatever comes, a name is a key of the boot files' namespace or nothing, and no byte is asked for that the file
//! does not have.

use crate::packets::packets;
use tftp::{Action, Limits, Packet, Transfer, clean_path};

/// The longest file: beyond the 65,535 blocks after which block numbers begin anew.
const MAX_FILE: u64 = 1 << 27;

pub(crate) fn run(input: &[u8]) {
    let Some((size, rest)) = input.split_first_chunk::<4>() else { return };
    let file_len = u64::from(u32::from_be_bytes(*size)) % MAX_FILE;
    let mut packets = packets(rest);
    let Some(first) = packets.next() else { return };
    check_name(first);
    let Ok(Packet::Read(request)) = Packet::parse(first) else { return };
    check_name(&request.name);
    let (mut transfer, action) = Transfer::start(&request.options, file_len, Limits::default());
    check(&transfer, action, file_len);
    for packet in packets {
        let action = if packet.is_empty() { transfer.on_timeout() } else { transfer.on_packet(packet) };
        check(&transfer, action, file_len);
    }
}

fn check_name(name: &[u8]) {
    let Ok(path) = clean_path(name) else { return };
    assert!(!path.split('/').any(|part| part.is_empty() || part == "." || part == ".."), "{path:?}");
    assert!(!path.contains(['\\', '\0']), "{path:?}");
}

fn check(transfer: &Transfer, action: Action, file_len: u64) {
    assert!(transfer.packet_len() <= 65_468);
    assert!(transfer.delivered() <= file_len);
    assert!(transfer.option_ack().len() <= 512);
    if let Action::SendBlocks(blocks) = action {
        let mut count = 0;
        for block in blocks {
            count += 1;
            assert!(block.offset + block.len as u64 <= file_len);
        }
        assert!(count <= transfer.window());
    }
}
