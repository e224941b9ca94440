//! Bytes as they come: overloaded, split, cut, and wrong.

use dhcp::client::ClientMessage;
use dhcp::{MessageType, ParseRequestError, Request, VendorClass};
use proptest::prelude::*;
use types::MacAddr;

const CLIENT: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);
/// Where the options begin.
const OPTIONS: usize = 240;

fn discover() -> ClientMessage {
    ClientMessage::new(MessageType::Discover, 7, CLIENT)
}

fn with_options(options: &[u8]) -> Vec<u8> {
    let mut bytes = discover().encode();
    bytes.truncate(OPTIONS);
    bytes.extend_from_slice(options);
    bytes
}

#[test]
fn options_in_overloaded_fields_are_read() {
    let mut bytes = with_options(&[53, 1, 1, 52, 1, 3, 255]);
    bytes[108..108 + 6].copy_from_slice(&[60, 3, b'P', b'X', b'E', 60]);
    bytes[108 + 5..108 + 15].copy_from_slice(&[60, 6, b'C', b'l', b'i', b'e', b'n', b't', 255, 0]);
    bytes[44..44 + 7].copy_from_slice(&[93, 2, 0, 9, 255, 52, 1]);
    let request = Request::parse(&bytes).unwrap();
    assert_eq!((request.vendor, request.architecture), (VendorClass::Pxe, Some(9)));
}

#[test]
fn a_user_class_is_found_raw_and_in_a_list() {
    for (class, ipxe) in [
        (b"iPXE".as_slice(), true),
        (b"\x04iPXE", true),
        (b"\x03foo\x04iPXE", true),
        (b"\x05iPXE!", false),
        (b"\x09iPXE", false),
        (b"gPXE", false),
        (b"", false),
    ] {
        let request = Request::parse(&discover().option(77, class).encode()).unwrap();
        assert_eq!(request.ipxe, ipxe, "{class:?}");
    }
}

#[test]
fn what_is_not_a_clients_message_is_refused_with_its_reason() {
    let valid = discover().encode();
    let changed = |at: usize, value: u8| {
        let mut bytes = valid.clone();
        bytes[at] = value;
        Request::parse(&bytes).unwrap_err()
    };
    assert_eq!(changed(0, 2), ParseRequestError::NotARequest(2));
    assert_eq!(changed(1, 6), ParseRequestError::Hardware { htype: 6, hlen: 6 });
    assert_eq!(changed(2, 255), ParseRequestError::Hardware { htype: 1, hlen: 255 });
    assert_eq!(changed(3, 17), ParseRequestError::Hops(17));
    assert!(matches!(changed(28, 0xff), ParseRequestError::Mac(_)));
    assert!(matches!(changed(12, 0xe0), ParseRequestError::Address(_)));
    assert!(matches!(changed(236, 0), ParseRequestError::Packet(_)));
    for cut in [0, 1, 28, 235, 239] {
        assert!(matches!(Request::parse(&valid[..cut]), Err(ParseRequestError::Packet(_))), "{cut} bytes");
    }
    for types in [&[][..], &[53, 1, 0], &[53, 1, 2], &[53, 1, 255], &[53, 0], &[53, 2, 1, 1], &[53, 1, 1, 53, 1, 3]] {
        assert_eq!(Request::parse(&with_options(types)).unwrap_err(), ParseRequestError::MessageType, "{types:?}");
    }
}

#[test]
fn faulty_options_are_as_if_they_were_missing() {
    let options =
        [53, 1, 1, 93, 1, 0, 97, 0, 50, 3, 10, 0, 0, 54, 4, 0, 0, 0, 0, 12, 4, b'a', b'$', b'(', b')', 61, 200];
    let request = Request::parse(&with_options(&options)).unwrap();
    assert_eq!(request.architecture, None);
    assert_eq!(request.machine_uuid, None);
    assert_eq!(request.requested, None);
    assert_eq!(request.server_id, None);
    assert_eq!(request.hostname, None);
    assert_eq!(request.client_id, None);
}

#[test]
fn ten_kilobytes_of_padding_are_read() {
    let mut options = vec![0; 10_000];
    options.extend_from_slice(&[53, 1, 1]);
    assert_eq!(Request::parse(&with_options(&options)).unwrap().kind, MessageType::Discover);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50_000))]

    #[test]
    fn arbitrary_options_do_not_panic(options in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Request::parse(&with_options(&options));
    }

    #[test]
    fn a_mutated_packet_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let message = discover().pxe(7).ipxe().option(97, &[0; 17]).option(82, &[1, 2, 3, 4]).option(61, b"\x01abcdef");
        let mut bytes = message.encode();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(request) = Request::parse(&bytes) {
            prop_assert!(request.mac.is_unicast());
            prop_assert!(request.hostname.is_none_or(|name| name.bytes().all(|byte| byte.is_ascii_graphic())));
        }
    }
}
