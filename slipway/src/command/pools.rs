//! `slipway pools`.

use crate::connection::Connection;
use crate::exit::Exit;
use crate::output::{Table, print};
use wire::{PoolUse, Pools};

/// Which server.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<Exit> {
    let pools = options.connection.client()?.pools().await?;
    print(options.connection.output, &pools, text)?;
    Ok(Exit::Done)
}

fn text(pools: &Pools) -> String {
    let mut table = Table::new(&["SUBNET", "FAMILY", "SIZE", "IN USE", "OFFERED", "QUARANTINED", "FREE"]);
    let mut resting = Table::new(&["QUARANTINED", "SUBNET", "SINCE", "UNTIL", "FOUND BY"]);
    for subnet in &pools.items {
        for (family, pool) in [("ipv4", subnet.ipv4), ("ipv6", subnet.ipv6)] {
            let Some(PoolUse { size, bound, offered, declined, free }) = pool else { continue };
            let numbers = [size, bound, offered, declined, free].map(|number| number.to_string());
            table.row([subnet.subnet.to_string(), family.to_owned()].into_iter().chain(numbers));
        }
        for row in &subnet.quarantined {
            let finder = row.declined_by.map_or_else(|| "the server".to_owned(), |mac| mac.to_string());
            let times = [row.since, row.until].map(|time| format!("{time:.0}"));
            let [since, until] = times;
            resting.row([row.address.to_string(), subnet.subnet.to_string(), since, until, finder]);
        }
    }
    match pools.items.iter().any(|subnet| !subnet.quarantined.is_empty()) {
        true => format!("{table}\n{resting}"),
        false => table.to_string(),
    }
}
