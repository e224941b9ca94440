//! How the addresses of the subnets are used, as the REST API says it.

use dhcp::PoolUsage;
use netboot::{Netboot, Quarantined, SubnetUse};
use wire::{PoolUse, QuarantinedAddress, SubnetPools};

/// The largest number that every reader of JSON takes (RFC 8259 §6).
const MOST: u64 = (1 << 53) - 1;

/// How the addresses of each subnet are used now.
pub(crate) fn view(netboot: &Netboot) -> Vec<SubnetPools> {
    netboot.pools().into_iter().map(view_of).collect()
}

fn view_of(SubnetUse { subnet, ipv4, ipv6, quarantined }: SubnetUse) -> SubnetPools {
    let quarantined = quarantined.into_iter().map(|row| {
        let Quarantined { address, since, until, declined_by } = row;
        QuarantinedAddress { address, since, until, declined_by }
    });
    SubnetPools { subnet, ipv4: ipv4.map(pool), ipv6: ipv6.map(pool), quarantined: quarantined.collect() }
}

fn pool(usage: PoolUsage) -> PoolUse {
    let number = |count: usize| u64::try_from(count).unwrap_or(MOST).min(MOST);
    let PoolUsage { size, bound, offered, declined } = usage;
    PoolUse {
        size: number(size),
        bound: number(bound),
        offered: number(offered),
        declined: number(declined),
        free: number(usage.free()),
    }
}
