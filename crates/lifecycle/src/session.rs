//! Boot sessions: what one power-on of a machine asked for, from its first packet to its last file.
//!
//! Nobody tells us when a machine is switched on. But firmware begins with a DHCPDISCOVER that names its
//! architecture (RFC 4578 §2.1), and does so again only when it begins anew: a new session starts where such a
//! message follows anything that only comes later in a boot.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::Timestamp;
use types::event::{Event, kind};

/// One thing that a booting machine asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootRequest {
    /// When.
    pub at: Timestamp,
    /// `dhcp`, `tftp` or `http`.
    pub by: String,
    /// The message or the file.
    pub request: String,
    /// What it was given.
    pub answer: String,
}

/// How far a session has come, by what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Firmware,
    Loader,
    Script,
    System,
}

/// Groups the boot events of one network card, oldest first, into sessions.
pub fn boot_sessions<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Vec<BootRequest>> {
    let mut sessions: Vec<Vec<BootRequest>> = Vec::new();
    let mut reached = Phase::System;
    // A system that has its lease renews it; one that looks for a server was started again, from its disk.
    let mut has_lease = false;
    for event in events {
        let Some((phase, request)) = read(event) else { continue };
        let begins_anew = matches!(request.request.as_str(), "discover" | "solicit") && (phase < reached || has_lease);
        if sessions.is_empty() || begins_anew {
            sessions.push(Vec::new());
            reached = phase;
            has_lease = false;
        }
        reached = reached.max(phase);
        has_lease |= phase == Phase::System && request.request == "request" && has_got(&request.answer);
        if let Some(session) = sessions.last_mut() {
            session.push(request);
        }
    }
    sessions
}

fn has_got(answer: &str) -> bool {
    answer.starts_with("ack") || answer.starts_with("reply")
}

fn read(event: &Event) -> Option<(Phase, BootRequest)> {
    let text = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let request =
        |by: &str, request: String, answer: String| BootRequest { at: event.at, by: by.to_owned(), request, answer };
    match event.kind.as_str() {
        kind::BOOT_DHCP => {
            let phase = match (event.data.get("arch"), event.data.get("ipxe")) {
                (_, Some(Value::Bool(true))) => Phase::Loader,
                (Some(arch), _) if !arch.is_null() => Phase::Firmware,
                (_, _) => Phase::System,
            };
            let answer = [text("answer"), text("address"), text("filename")].join(" ");
            Some((phase, request("dhcp", text("message"), answer.trim_end().to_owned())))
        }
        kind::BOOT_TFTP => Some((Phase::Firmware, request("tftp", text("path"), text("outcome")))),
        kind::BOOT_HTTP => {
            let status = event.data.get("status").map(Value::to_string).unwrap_or_default();
            // Firmware that boots over HTTP fetches the loader so.
            let phase = if text("path").ends_with(".efi") { Phase::Firmware } else { Phase::Script };
            Some((phase, request("http", text("path"), status)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(seq: u64, kind: &str, data: Value) -> Event {
        let at = Timestamp::from_second(i64::try_from(seq).unwrap()).unwrap();
        Event { seq, at, kind: kind.to_owned(), machine: None, run: None, actor: "test".to_owned(), data }
    }

    fn dhcp(seq: u64, message: &str, arch: Option<u16>, ipxe: bool) -> Event {
        event(seq, kind::BOOT_DHCP, json!({"message": message, "answer": "ack", "arch": arch, "ipxe": ipxe}))
    }

    fn sizes(events: &[Event]) -> Vec<usize> {
        boot_sessions(events).iter().map(Vec::len).collect()
    }

    #[test]
    fn uefi_firmware_loader_and_system_are_one_session() {
        let boot = |from: u64| {
            vec![
                dhcp(from, "discover", Some(7), false),
                dhcp(from + 1, "request", Some(7), false),
                event(from + 2, kind::BOOT_TFTP, json!({"path": "snponly.efi", "outcome": "sent"})),
                dhcp(from + 3, "discover", Some(7), true),
                dhcp(from + 4, "request", Some(7), true),
                event(from + 5, kind::BOOT_HTTP, json!({"path": "/boot/x/script.ipxe", "status": 200})),
                dhcp(from + 6, "discover", None, false),
                dhcp(from + 7, "request", None, false),
            ]
        };
        assert_eq!(sizes(&[boot(0), boot(10), boot(20)].concat()), [8, 8, 8]);
    }

    #[test]
    fn uefi_that_boots_over_http_has_one_session() {
        let events = [
            dhcp(0, "discover", Some(16), false),
            dhcp(1, "request", Some(16), false),
            event(2, kind::BOOT_HTTP, json!({"path": "/boot/files/ipxe.efi", "status": 200})),
            dhcp(3, "discover", Some(7), true),
            dhcp(4, "request", Some(7), true),
            event(5, kind::BOOT_HTTP, json!({"path": "/boot/x/script.ipxe", "status": 200})),
        ];
        assert_eq!(sizes(&events), [6]);
    }

    #[test]
    fn bios_whose_rom_is_ipxe_begins_anew_with_its_first_message() {
        let boot = |from: u64| {
            vec![
                dhcp(from, "discover", Some(0), true),
                dhcp(from + 1, "discover", Some(0), true),
                dhcp(from + 2, "request", Some(0), true),
                event(from + 3, kind::BOOT_HTTP, json!({"path": "/boot/x/script.ipxe", "status": 200})),
            ]
        };
        assert_eq!(sizes(&[boot(0), boot(10)].concat()), [4, 4]);
    }

    #[test]
    fn renewals_of_a_running_system_do_not_begin_a_session() {
        let events = [
            dhcp(0, "discover", Some(0), true),
            event(1, kind::BOOT_HTTP, json!({"path": "/boot/x/script.ipxe", "status": 200})),
            dhcp(2, "request", None, false),
            dhcp(3, "request", None, false),
        ];
        assert_eq!(sizes(&events), [4]);
    }

    #[test]
    fn a_system_that_looks_for_a_server_again_was_started_again() {
        let events = [
            event(0, kind::BOOT_HTTP, json!({"path": "/boot/x/script.ipxe", "status": 200})),
            dhcp(1, "discover", None, false),
            dhcp(2, "discover", None, false),
            dhcp(3, "request", None, false),
            dhcp(4, "discover", None, false),
            dhcp(5, "request", None, false),
        ];
        assert_eq!(sizes(&events), [4, 2]);
    }
}
