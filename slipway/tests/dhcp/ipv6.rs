//! DHCPv6 at its socket: a client's whole life (RFC 8415 §18), and a pool that is used up.

use crate::rig::{PATIENCE, Scene, in_own_network, mac};
use dhcp::v6::client::{Answer, ClientMessage};
use dhcp::v6::{ALL_SERVERS, CLIENT_PORT, Duid, MessageType, SERVER_PORT};
use lab::host::{CARD, Host};
use serde_json::json;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::net::{Ipv6Addr, SocketAddrV6};
use tokio::net::UdpSocket;

/// The address by which clients speak before they have another.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 3);
const NO_ADDRESSES: u16 = 2;
const SUCCESS: u16 = 0;

/// A client's socket.
struct Client6 {
    socket: UdpSocket,
    scope: u32,
}

impl Client6 {
    async fn on(host: &Host) -> Self {
        host.ip(&["-6", "address", "add", &format!("{LINK_LOCAL}/64"), "dev", CARD, "nodad"]).await.unwrap();
        let open = || {
            let scope = nix::net::if_::if_nametoindex(CARD)?;
            let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
            socket.set_nonblocking(true)?;
            socket.bind(&SockAddr::from(SocketAddrV6::new(LINK_LOCAL, CLIENT_PORT, 0, scope)))?;
            Ok((socket, scope))
        };
        let (socket, scope) = host.within(open).unwrap();
        Self { socket: UdpSocket::from_std(socket.into()).unwrap(), scope }
    }

    /// Says something to all servers, and hears what ours says to it.
    async fn ask(&self, message: &ClientMessage) -> Answer {
        let servers = SocketAddrV6::new(ALL_SERVERS, SERVER_PORT, 0, self.scope);
        self.socket.send_to(&message.encode(), servers).await.unwrap();
        let mut buffer = [0; 2048];
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
            let length = heard.expect("nobody answers").unwrap();
            let answer = Answer::parse(&buffer[..length]).unwrap();
            if answer.xid == message.xid {
                return answer;
            }
        }
    }

    /// Solicits and takes what is advertised.
    async fn bind(&self, client: &Duid, number: u8) -> Answer {
        let solicit = ClientMessage::new(MessageType::Solicit, [number, 0, 1], client).addresses(1, &[]);
        let advertised = self.ask(&solicit).await;
        assert_eq!(advertised.kind, 2);
        let request = ClientMessage::new(MessageType::Request, [number, 0, 2], client);
        self.ask(&request.server(&advertised.server).addresses(1, &[advertised.addresses[0].0])).await
    }
}

/// The identifier that is made of a card's address (RFC 8415 §11.4).
fn duid(number: u8) -> Duid {
    Duid::new(&[0, 3, 0, 1, 0x52, 0x54, 0, 0x77, 0, number]).unwrap()
}

#[test]
fn clients_solicit_renew_decline_and_release_until_no_address_is_left() {
    in_own_network("ipv6::clients_solicit_renew_decline_and_release_until_no_address_is_left", async |folder| {
        let ipv6 = json!({"cidr": "fd00:77::/64", "pool": {"first": "fd00:77::1000", "last": "fd00:77::1001"}});
        let mut scene = Scene::set_up(&folder, json!({"ipv6": ipv6, "lease": "10m", "unknown": "discover"})).await;
        let host = scene.host(3, None).await;
        let client = Client6::on(&host).await;

        let bound = client.bind(&duid(3), 1).await;
        let [(first, 600)] = bound.addresses.as_slice() else { panic!("{bound:?}") };
        let server = &bound.server;
        let renew = ClientMessage::new(MessageType::Renew, [1, 0, 3], &duid(3)).server(server).addresses(1, &[*first]);
        assert_eq!(client.ask(&renew).await.addresses, [(*first, 600)]);

        let decline = ClientMessage::new(MessageType::Decline, [1, 0, 4], &duid(3));
        assert_eq!(client.ask(&decline.server(server).addresses(1, &[*first])).await.status, Some(SUCCESS));
        let other = client.bind(&duid(3), 2).await;
        let [(second, 600)] = other.addresses.as_slice() else { panic!("{other:?}") };
        assert_ne!(second, first);
        let pools = scene.until_pools(|_| true).await;
        let pool = pools.items[0].ipv6.unwrap();
        assert_eq!((pool.size, pool.bound, pool.declined, pool.free), (2, 1, 1, 0));
        let [resting] = pools.items[0].quarantined.as_slice() else { panic!("{pools:#?}") };
        assert_eq!((resting.address, resting.declined_by), ((*first).into(), Some(mac(3).parse().unwrap())));

        let late = ClientMessage::new(MessageType::Solicit, [3, 0, 1], &duid(4)).addresses(1, &[]);
        let refused = client.ask(&late).await;
        assert_eq!(
            (refused.kind, refused.addresses.as_slice(), refused.refusals.as_slice()),
            (2, [].as_slice(), [NO_ADDRESSES].as_slice())
        );
        let event = scene.event(|event| event.kind == "dhcp.pool_exhausted").await;
        assert_eq!(event.actor, "dhcp6");
        let pool = json!({"size": 2, "bound": 1, "offered": 0, "declined": 1});
        assert_eq!(event.data, json!({"subnet": "rack", "mac": mac(4), "refused": 1, "pool": pool}));

        let release = ClientMessage::new(MessageType::Release, [2, 0, 3], &duid(3));
        assert_eq!(client.ask(&release.server(server).addresses(1, &[*second])).await.status, Some(SUCCESS));
        assert_eq!(client.bind(&duid(4), 4).await.addresses, [(*second, 600)]);
    });
}

#[test]
fn firmware_that_solicits_is_told_its_url() {
    in_own_network("ipv6::firmware_that_solicits_is_told_its_url", async |folder| {
        let ipv6 = json!({"cidr": "fd00:77::/64", "pool": {"first": "fd00:77::1000", "last": "fd00:77::1fff"}});
        let scene = Scene::set_up(&folder, json!({"ipv6": ipv6, "unknown": "discover"})).await;
        let host = scene.host(3, None).await;
        let client = Client6::on(&host).await;
        let message = |number| ClientMessage::new(MessageType::Solicit, [9, 0, number], &duid(3)).addresses(1, &[]);
        for (message, url) in [
            (message(1).pxe(7), "tftp://[fd00:77::1]/snponly.efi"),
            (message(2).http_boot(16), "http://[fd00:77::1]:8080/boot/files/ipxe.efi"),
            (message(3).pxe(7).ipxe(), "http://[fd00:77::1]:8080/boot/52-54-00-77-00-03/script.ipxe"),
        ] {
            assert_eq!(client.ask(&message).await.boot_url.as_deref(), Some(url));
        }
        let information = ClientMessage::new(MessageType::InformationRequest, [9, 1, 1], &duid(3)).pxe(7);
        let told = client.ask(&information).await;
        assert_eq!((told.kind, told.addresses.len()), (7, 0));
        assert_eq!(told.boot_url.as_deref(), Some("tftp://[fd00:77::1]/snponly.efi"));
    });
}
