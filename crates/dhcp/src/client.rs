//! Messages as clients send them, for tests, load and simulated machines.

use crate::option;
use crate::packet::{Header, Writer};
use crate::{Message, MessageType};
use std::net::Ipv4Addr;
use types::MacAddr;

/// A client's message. The fields not set here are as a client without an address sends them.
#[derive(Debug, Clone)]
pub struct ClientMessage {
    /// What it is.
    pub kind: MessageType,
    /// Transaction.
    pub xid: u32,
    /// The network card.
    pub mac: MacAddr,
    /// Ask for broadcast answers.
    pub broadcast: bool,
    /// The address in use.
    pub ciaddr: Option<Ipv4Addr>,
    /// The relay.
    pub giaddr: Option<Ipv4Addr>,
    /// Options, without the message type.
    pub options: Vec<(u8, Vec<u8>)>,
}

impl ClientMessage {
    /// A bare message.
    pub fn new(kind: MessageType, xid: u32, mac: MacAddr) -> Self {
        Self { kind, xid, mac, broadcast: true, ciaddr: None, giaddr: None, options: Vec::new() }
    }

    /// With an option.
    #[must_use]
    pub fn option(mut self, code: u8, value: &[u8]) -> Self {
        self.options.push((code, value.to_vec()));
        self
    }

    /// Asking for an address (option 50).
    #[must_use]
    pub fn requested(self, address: Ipv4Addr) -> Self {
        self.option(option::REQUESTED_ADDRESS, &address.octets())
    }

    /// Speaking to one server (option 54).
    #[must_use]
    pub fn server(self, server: Ipv4Addr) -> Self {
        self.option(option::SERVER_ID, &server.octets())
    }

    /// As PXE firmware of an architecture (options 93, 60, 55).
    #[must_use]
    pub fn pxe(self, architecture: u16) -> Self {
        let class = format!("PXEClient:Arch:{architecture:05}:UNDI:003000");
        self.firmware(architecture, &class)
    }

    /// As UEFI HTTP boot of an architecture (options 93, 60, 55).
    #[must_use]
    pub fn http_boot(self, architecture: u16) -> Self {
        let class = format!("HTTPClient:Arch:{architecture:05}:UNDI:003000");
        self.firmware(architecture, &class)
    }

    fn firmware(self, architecture: u16, class: &str) -> Self {
        self.option(option::CLIENT_ARCH, &architecture.to_be_bytes())
            .option(option::VENDOR_CLASS, class.as_bytes())
            .option(option::PARAMETER_LIST, &[1, 3, 6, 15, 43, 60, 66, 67, 97])
    }

    /// As iPXE (option 77).
    #[must_use]
    pub fn ipxe(self) -> Self {
        self.option(option::USER_CLASS, b"iPXE")
    }

    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut chaddr = [0; 16];
        chaddr[..6].copy_from_slice(&self.mac.0);
        let any = Ipv4Addr::UNSPECIFIED;
        let header = Header {
            op: 1,
            hops: u8::from(self.giaddr.is_some()),
            xid: self.xid,
            secs: 0,
            flags: if self.broadcast { 0x8000 } else { 0 },
            ciaddr: self.ciaddr.unwrap_or(any),
            yiaddr: any,
            siaddr: any,
            giaddr: self.giaddr.unwrap_or(any),
            chaddr,
            file: &[],
        };
        let mut writer = Writer::new(&header, usize::from(u16::MAX));
        writer.push(option::MESSAGE_TYPE, &[self.kind.code()]);
        for (code, value) in &self.options {
            writer.push(*code, value);
        }
        writer.finish()
    }
}

/// What a client reads in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Option 53: 2 is an offer, 5 an ACK, 6 a NAK.
    pub kind: u8,
    /// Transaction.
    pub xid: u32,
    /// The address given.
    pub address: Ipv4Addr,
    /// Option 54.
    pub server: Option<Ipv4Addr>,
    /// The boot file, from the option or the field.
    pub boot_file: Option<String>,
    /// The message as it came.
    pub message: Message,
}

impl Answer {
    /// Reads a server's answer; `None` when it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let message = Message::parse(bytes).ok().filter(|message| message.op == 2)?;
        let from_option = message.options.find(option::BOOT_FILE);
        let boot_file = from_option.unwrap_or(&message.file);
        Some(Self {
            kind: message.options.find_byte(option::MESSAGE_TYPE)?,
            xid: message.xid,
            address: message.yiaddr,
            server: message.options.find_address(option::SERVER_ID),
            boot_file: (!boot_file.is_empty()).then(|| String::from_utf8_lossy(boot_file).into_owned()),
            message,
        })
    }
}
