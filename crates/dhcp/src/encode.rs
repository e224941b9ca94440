//! Options whose content has a form of its own.

use std::net::Ipv4Addr;
use types::subnet::{Cidr, StaticRoute};

/// Longest label of a domain name (RFC 1035 §2.3.4).
const MAX_LABEL_LEN: usize = 63;

/// Routes as option 121 has them: prefix length, the network's octets that it covers, router (RFC 3442).
pub(crate) fn encode_routes(routes: &[StaticRoute], gateway: Option<Ipv4Addr>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for StaticRoute { to, via } in routes {
        bytes.push(to.prefix());
        bytes.extend_from_slice(&to.network().octets()[..usize::from(to.prefix().div_ceil(8))]);
        bytes.extend_from_slice(&via.octets());
    }
    let has_default = routes.iter().any(|route| route.to.prefix() == 0);
    if let Some(gateway) = gateway.filter(|_| !has_default) {
        bytes.push(0);
        bytes.extend_from_slice(&gateway.octets());
    }
    bytes
}

/// The routes that option 33 can say: those to single hosts and to networks of the old classes, by a router
/// (RFC 2132 §5.8).
pub(crate) fn encode_classful_routes(routes: &[StaticRoute]) -> Vec<u8> {
    let sayable = routes.iter().filter(|route| !route.via.is_unspecified() && is_classful(route.to));
    sayable.flat_map(|route| [route.to.network().octets(), route.via.octets()]).flatten().collect()
}

fn is_classful(network: Cidr) -> bool {
    let class = match network.network().octets()[0] {
        0 => return false,
        1..=127 => 8,
        128..=191 => 16,
        192..=223 => 24,
        224..=255 => return false,
    };
    network.prefix() == 32 || network.prefix() == class
}

/// Domain names as option 119 has them, without compression (RFC 3397). A name that has no such form is left out.
pub(crate) fn encode_domains(domains: &[String]) -> Vec<u8> {
    domains.iter().filter_map(|domain| encode_domain(domain)).flatten().collect()
}

fn encode_domain(domain: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(domain.len() + 2);
    for label in domain.strip_suffix('.').unwrap_or(domain).split('.') {
        let length = u8::try_from(label.len()).ok().filter(|_| (1..=MAX_LABEL_LEN).contains(&label.len()))?;
        bytes.push(length);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(to: &str, via: [u8; 4]) -> StaticRoute {
        StaticRoute { to: to.parse().unwrap(), via: via.into() }
    }

    #[test]
    fn a_route_says_no_more_octets_than_its_prefix_has() {
        let routes = [
            route("10.0.0.0/8", [10, 77, 0, 2]),
            route("10.17.0.0/17", [10, 77, 0, 3]),
            route("10.229.0.128/32", [0, 0, 0, 0]),
        ];
        let expected = [8, 10, 10, 77, 0, 2, 17, 10, 17, 0, 10, 77, 0, 3, 32, 10, 229, 0, 128, 0, 0, 0, 0];
        assert_eq!(encode_routes(&routes, None), expected);
        assert_eq!(encode_routes(&routes, Some([10, 77, 0, 1].into()))[expected.len()..], [0, 10, 77, 0, 1]);
        let default = [route("0.0.0.0/0", [10, 77, 0, 9])];
        assert_eq!(encode_routes(&default, Some([10, 77, 0, 1].into())), [0, 10, 77, 0, 9], "one default is enough");
    }

    #[test]
    fn old_clients_are_told_the_routes_that_they_can_be_told() {
        let routes = [
            route("192.168.7.0/24", [10, 77, 0, 2]),
            route("10.1.0.0/16", [10, 77, 0, 2]),
            route("10.9.8.7/32", [10, 77, 0, 3]),
            route("172.16.0.0/16", [0, 0, 0, 0]),
        ];
        assert_eq!(encode_classful_routes(&routes), [192, 168, 7, 0, 10, 77, 0, 2, 10, 9, 8, 7, 10, 77, 0, 3]);
    }

    #[test]
    fn a_search_list_is_labels() {
        let domains = ["rack.test".to_owned(), "a..b".to_owned(), "test.".to_owned()];
        assert_eq!(encode_domains(&domains), b"\x04rack\x04test\0\x04test\0");
    }
}
