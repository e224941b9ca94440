//! What can be said against the IPv6 side of a subnet.

use crate::service::check::{Wrong, wrong};
use std::net::Ipv6Addr;
use types::ipv6::Ipv6Spec;

/// Says what is wrong with `spec`, if anything is. Pointers are within the subnet.
pub(super) fn check(spec: &Ipv6Spec) -> Vec<Wrong> {
    let mut wrongs = Vec::new();
    if not_for_hosts(spec.cidr.network()) {
        wrongs.push(wrong("/ipv6/cidr", format!("{} is no network whose addresses hosts are given", spec.cidr)));
    }
    let Some(pool) = spec.pool else { return wrongs };
    for (pointer, address) in [("/ipv6/pool/first", pool.first), ("/ipv6/pool/last", pool.last)] {
        if !spec.cidr.contains(address) {
            wrongs.push(wrong(pointer, format!("address {address} is not in {}", spec.cidr)));
        }
    }
    if pool.first > pool.last {
        let message = format!("the pool ends at {} before it begins at {}", pool.last, pool.first);
        wrongs.push(wrong("/ipv6/pool", message));
    }
    wrongs
}

fn not_for_hosts(network: Ipv6Addr) -> bool {
    network.is_multicast() || network.is_unicast_link_local() || network.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::ipv6::Pool6;

    fn pointers(cidr: &str, first: &str, last: &str) -> Vec<String> {
        let pool = Pool6 { first: first.parse().unwrap(), last: last.parse().unwrap() };
        let spec = Ipv6Spec { cidr: cidr.parse().unwrap(), pool: Some(pool), dns: Vec::new() };
        check(&spec).into_iter().map(|wrong| wrong.pointer).collect()
    }

    #[test]
    fn addresses_that_could_not_be_given_are_named() {
        assert!(pointers("fd00:77::/64", "fd00:77::10", "fd00:77::ffff").is_empty());
        assert_eq!(pointers("fd00:77::/64", "fd00:78::10", "fd00:78::20"), ["/ipv6/pool/first", "/ipv6/pool/last"]);
        assert_eq!(pointers("fd00:77::/64", "fd00:77::20", "fd00:77::10"), ["/ipv6/pool"]);
        for network in ["fe80::/64", "ff00::/8"] {
            assert!(pointers(network, "::", "::").contains(&"/ipv6/cidr".to_owned()), "{network}");
        }
    }
}
