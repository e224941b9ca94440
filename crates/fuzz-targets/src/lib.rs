//! What outside bytes may do: one function for each parser, which takes any bytes and must come back.
//!
//! A target panics when something is found, which a fuzzer and a test both notice. The fuzzer is in `fuzz/`; the
//! test of this crate replays the corpora that are checked in there.

mod agent;
mod dhcpv4;
mod dhcpv6;
mod documents;
mod packets;
mod templates;
mod tftp_transfer;

/// A parser and what holds for it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Takes the bytes; panics when they do what they may not.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "agent", run: agent::run },
    Target { name: "dhcpv4", run: dhcpv4::run },
    Target { name: "dhcpv6", run: dhcpv6::run },
    Target { name: "documents", run: documents::run },
    Target { name: "templates", run: templates::run },
    Target { name: "tftp", run: tftp_transfer::run },
];

/// The target of that name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
