//! A DHCP client on a computer of the link, by its sockets.

use crate::rig::{PATIENCE, SERVER};
use dhcp::client::{Answer, ClientMessage};
use lab::host::{CARD, Host};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::net::{Ipv4Addr, SocketAddrV4};
use tokio::net::UdpSocket;
use types::MacAddr;

/// A client's socket.
pub(crate) struct DhcpClient {
    socket: UdpSocket,
    pub(crate) mac: MacAddr,
}

impl DhcpClient {
    /// As a client without an address, which hears broadcasts.
    pub(crate) fn without_address(host: &Host, mac: &str) -> Self {
        Self::bind(host, mac, Ipv4Addr::UNSPECIFIED)
    }

    /// As a client that has `address` and hears only what is sent to it.
    pub(crate) fn at(host: &Host, mac: &str, address: Ipv4Addr) -> Self {
        Self::bind(host, mac, address)
    }

    fn bind(host: &Host, mac: &str, address: Ipv4Addr) -> Self {
        let open = || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_nonblocking(true)?;
            socket.set_broadcast(true)?;
            socket.set_reuse_address(true)?;
            socket.bind_device(Some(CARD.as_bytes()))?;
            socket.bind(&SockAddr::from(SocketAddrV4::new(address, dhcp::CLIENT_PORT)))?;
            Ok(socket)
        };
        let socket = host.within(open).unwrap();
        Self { socket: UdpSocket::from_std(socket.into()).unwrap(), mac: mac.parse().unwrap() }
    }

    /// Says something to everybody.
    pub(crate) async fn call(&self, message: &ClientMessage) {
        self.socket.send_to(&message.encode(), (Ipv4Addr::BROADCAST, dhcp::SERVER_PORT)).await.unwrap();
    }

    /// Says something to our server alone.
    pub(crate) async fn tell(&self, message: &ClientMessage, port: u16) {
        self.socket.send_to(&message.encode(), (SERVER, port)).await.unwrap();
    }

    /// The next answer.
    pub(crate) async fn hear(&self) -> Answer {
        let mut buffer = [0; 2048];
        let heard = tokio::time::timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
        let length = heard.expect("nobody answers").unwrap();
        Answer::parse(&buffer[..length]).unwrap()
    }

    /// The next answers from each of two servers.
    pub(crate) async fn hear_both(&self) -> [Answer; 2] {
        let first = self.hear().await;
        loop {
            let second = self.hear().await;
            if second.server != first.server {
                return if first.server == Some(SERVER) { [first, second] } else { [second, first] };
            }
        }
    }
}
