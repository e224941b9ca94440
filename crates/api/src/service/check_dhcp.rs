//! What can be said against the DHCP settings of a subnet.

use crate::service::check::{Wrong, wrong};
use types::HumanDuration;
use types::dhcp_option::DhcpOption;
use types::subnet::{DhcpRole, SubnetSpec};

/// The smallest packet that every IPv4 host takes (RFC 791 §3.1), and option 26's lower bound (RFC 2132 §5.1).
const MIN_MTU: u16 = 68;
/// A lease that is shorter keeps its client renewing.
const MIN_LEASE_SECONDS: u64 = 60;
/// Longest name on the wire, and its longest label (RFC 1035 §2.3.4).
const MAX_DOMAIN_LEN: usize = 253;
const MAX_LABEL_LEN: usize = 63;
/// Options that have a field of their own, are the protocol's, or are the relay's.
const NOT_BY_CODE: &[u8] =
    &[0, 1, 3, 6, 12, 15, 26, 28, 33, 42, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 82, 90, 118, 119, 121, 255];
/// Longer than anything useful: the whole answer has 1472 bytes at most.
const MAX_OPTION_LEN: usize = 1024;

/// Says what is wrong with the DHCP settings of `spec`, if anything is.
pub(super) fn check(spec: &SubnetSpec) -> Vec<Wrong> {
    let mut wrongs = check_times(spec);
    if spec.dhcp == DhcpRole::Proxy && spec.pool.is_some() {
        wrongs.push(wrong("/pool", "with dhcp: proxy another server gives the addresses; a pool is for dhcp: server"));
    }
    if let Some(mtu) = spec.mtu.filter(|mtu| *mtu < MIN_MTU) {
        wrongs.push(wrong("/mtu", format!("an MTU is at least {MIN_MTU}, not {mtu}")));
    }
    if let Some(domain) = spec.domain.as_deref().filter(|domain| !is_domain(domain)) {
        wrongs.push(wrong("/domain", format!("{domain:?} is not a domain name")));
    }
    for (index, domain) in spec.search.iter().enumerate().filter(|(_, domain)| !is_domain(domain)) {
        wrongs.push(wrong(format!("/search/{index}"), format!("{domain:?} is not a domain name")));
    }
    for (index, route) in spec.routes.iter().enumerate() {
        if !route.via.is_unspecified() && !spec.cidr.contains(route.via) {
            let message = format!("the router {} is not in {}", route.via, spec.cidr);
            wrongs.push(wrong(format!("/routes/{index}/via"), message));
        }
    }
    wrongs.extend(check_options(&spec.options));
    wrongs
}

fn check_times(spec: &SubnetSpec) -> Vec<Wrong> {
    let mut wrongs = Vec::new();
    let lease = spec.lease;
    let shortest = spec.lease_min.unwrap_or(lease);
    if spec.lease_min.is_some_and(|min| min.0.as_secs() < MIN_LEASE_SECONDS) {
        wrongs.push(wrong("/lease_min", "a lease is at least 1m: clients renew at half of it"));
    }
    if shortest > lease {
        wrongs.push(wrong(
            "/lease_min",
            format!("the shortest lease, {shortest}, is longer than the usual one, {lease}"),
        ));
    }
    if let Some(longest) = spec.lease_max.filter(|longest| *longest < lease) {
        wrongs
            .push(wrong("/lease_max", format!("the longest lease, {longest}, is shorter than the usual one, {lease}")));
    }
    let rebind = spec.rebind_after.unwrap_or(shortest);
    let mut in_order = |pointer: &str, earlier: Option<HumanDuration>, what: &str, later: HumanDuration| {
        if let Some(earlier) = earlier.filter(|earlier| *earlier >= later) {
            wrongs.push(wrong(pointer, format!("{earlier} is not before {what}, {later}")));
        }
    };
    in_order("/renew_after", spec.renew_after, "the client rebinds or its lease ends", rebind.min(shortest));
    in_order("/rebind_after", spec.rebind_after, "the shortest lease ends", shortest);
    wrongs
}

fn check_options(options: &[DhcpOption]) -> Vec<Wrong> {
    let mut wrongs = Vec::new();
    for (index, option) in options.iter().enumerate() {
        let code = option.code;
        if NOT_BY_CODE.contains(&code) {
            let message = format!("option {code} has a field of its own or is part of the protocol");
            wrongs.push(wrong(format!("/options/{index}/code"), message));
        }
        if options[..index].iter().any(|other| other.code == code) {
            wrongs.push(wrong(format!("/options/{index}/code"), format!("option {code} is there twice")));
        }
        let length = option.value.to_bytes().len();
        if length > MAX_OPTION_LEN {
            let message = format!("{length} bytes are too many for an answer: {MAX_OPTION_LEN} at most");
            wrongs.push(wrong(format!("/options/{index}/value"), message));
        }
    }
    wrongs
}

fn is_domain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| !label.is_empty() && label.len() <= MAX_LABEL_LEN && label.bytes().all(plain);
    text.len() <= MAX_DOMAIN_LEN && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(fields: &str) -> Vec<String> {
        let yaml = format!("kind: Subnet\nname: s\ncidr: 10.0.0.0/24\n{fields}");
        let document = content::read("x.yaml", &yaml).pop().unwrap().unwrap();
        let content::AnySpec::Subnet(spec) = document.spec else { panic!("a subnet") };
        check(&spec).into_iter().map(|wrong| format!("{} {}", wrong.pointer, wrong.message)).collect()
    }

    #[test]
    fn settings_that_fit_together_are_accepted() {
        let fields = "lease: 1h\nlease_min: 10m\nlease_max: 1d\nrenew_after: 3m\nrebind_after: 8m\nmtu: 9000\n\
                      domain: rack.test\nsearch: [rack.test, test.]\nntp: [10.0.0.5]\nidentify_by: client-id\n\
                      routes: [{to: 10.9.0.0/16, via: 10.0.0.254}]\n\
                      options: [{code: 150, value: {addresses: [10.0.0.9]}, always: true}]\n";
        assert_eq!(wrongs(fields), Vec::<String>::new());
        assert_eq!(wrongs("dhcp: proxy\n"), Vec::<String>::new());
    }

    #[test]
    fn each_setting_that_cannot_be_is_named() {
        for (fields, wrong) in [
            ("lease_min: 2h\n", "/lease_min the shortest lease, 2h, is longer"),
            ("lease_min: 30s\n", "/lease_min a lease is at least 1m"),
            ("lease_max: 5m\n", "/lease_max the longest lease, 5m, is shorter"),
            ("renew_after: 2h\n", "/renew_after 2h is not before"),
            ("renew_after: 9m\nrebind_after: 9m\n", "/renew_after 9m is not before"),
            ("lease_min: 10m\nrebind_after: 11m\n", "/rebind_after 11m is not before the shortest lease ends, 10m"),
            ("dhcp: proxy\npool: {first: 10.0.0.5, last: 10.0.0.9}\n", "/pool with dhcp: proxy"),
            ("mtu: 60\n", "/mtu an MTU is at least 68"),
            ("domain: 'a b'\n", "/domain \"a b\" is not"),
            ("search: [ok.test, 'a..b']\n", "/search/1 \"a..b\" is not"),
            ("routes: [{to: 10.9.0.0/16, via: 10.9.0.1}]\n", "/routes/0/via the router 10.9.0.1 is not in"),
            ("options: [{code: 53, value: {hex: '01'}}]\n", "/options/0/code option 53 has a field"),
            ("options: [{code: 150, value: {text: a}}, {code: 150, value: {text: b}}]\n", "/options/1/code option 150"),
        ] {
            let found = wrongs(fields);
            assert!(found.len() == 1 && found[0].starts_with(wrong), "{fields}: {found:?}");
        }
    }
}
