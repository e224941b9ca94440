//! An address that a host uses without having been given it.

use crate::client::DhcpClient;
use crate::rig::{SERVER, Scene, in_own_network, mac};
use dhcp::MessageType;
use dhcp::client::ClientMessage;
use lab::host::CARD;
use serde_json::json;
use std::net::Ipv4Addr;
use wire::Pools;

#[test]
fn a_host_that_was_never_given_its_address_keeps_it() {
    in_own_network("in_use::a_host_that_was_never_given_its_address_keeps_it", async |folder| {
        let pool = json!({"first": "10.77.0.100", "last": "10.77.0.109"});
        let mut scene = Scene::set_up(&folder, json!({"pool": pool, "unknown": "discover"})).await;
        let _squatter = scene.host(2, Some("10.77.0.100/24")).await;
        let host = scene.host(3, None).await;
        let client = DhcpClient::without_address(&host, &mac(3));
        client.call(&ClientMessage::new(MessageType::Discover, 1, client.mac).pxe(0)).await;
        let offer = client.hear().await;
        let free = Ipv4Addr::new(10, 77, 0, 101);
        assert_eq!((offer.kind, offer.address, offer.boot_file.as_deref()), (2, free, Some("undionly.kpxe")));
        let request = ClientMessage::new(MessageType::Request, 2, client.mac).requested(free).server(SERVER);
        client.call(&request).await;
        let ack = client.hear().await;
        assert_eq!((ack.kind, ack.address), (5, free));

        let event = scene.event(|event| event.kind == "dhcp.address_in_use").await;
        let expected =
            json!({"subnet": "rack", "address": "10.77.0.100", "card": mac(2), "believed": true, "answers": 1});
        assert_eq!(event.data, expected);

        let pools = scene.until_pools(|pools| pools.items[0].ipv4.unwrap().bound == 1).await;
        let pool = pools.items[0].ipv4.unwrap();
        assert_eq!((pool.size, pool.bound, pool.offered, pool.declined, pool.free), (10, 1, 0, 1, 8));
        let [resting] = pools.items[0].quarantined.as_slice() else { panic!("{pools:#?}") };
        assert_eq!((resting.address, resting.declined_by), (Ipv4Addr::new(10, 77, 0, 100).into(), None));
        let said = scene.says(&["pools"]).await;
        let words = |line: usize| said.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(1), ["rack", "ipv4", "10", "1", "0", "1", "8"], "{said}");
        assert_eq!((words(4)[0], said.trim_end().ends_with("the server")), ("10.77.0.100", true), "{said}");
    });
}

#[test]
fn one_message_costs_four_addresses_where_something_answers_for_all() {
    in_own_network("in_use::one_message_costs_four_addresses_where_something_answers_for_all", async |folder| {
        let pool = json!({"first": "10.77.0.100", "last": "10.77.0.119"});
        let mut scene = Scene::set_up(&folder, json!({"pool": pool, "unknown": "discover"})).await;
        let router = scene.host(2, Some("10.77.0.107/24")).await;
        for last in 100..107 {
            router.ip(&["address", "add", &format!("10.77.0.{last}/24"), "dev", CARD]).await.unwrap();
        }
        let host = scene.host(3, None).await;
        let client = DhcpClient::without_address(&host, &mac(3));
        let discover = ClientMessage::new(MessageType::Discover, 1, client.mac).pxe(0);
        let declined = |count| move |pools: &Pools| pools.items[0].ipv4.unwrap().declined == count;
        for resting in [4, 8] {
            client.call(&discover).await;
            scene.until_pools(declined(resting)).await;
        }
        client.call(&discover).await;
        let offer = client.hear().await;
        assert_eq!((offer.kind, offer.address), (2, Ipv4Addr::new(10, 77, 0, 108)));

        let event = scene.event(|event| event.kind == "dhcp.address_in_use").await;
        assert_eq!((&event.data["address"], &event.data["answers"]), (&json!("10.77.0.100"), &json!(1)));
        let next = scene.event(|event| event.kind.starts_with("dhcp.") || event.kind == "boot.dhcp").await;
        assert_eq!((next.kind.as_str(), &next.data["answer"]), ("boot.dhcp", &json!("offer")));
    });
}
