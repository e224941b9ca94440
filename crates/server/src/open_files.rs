//! How many files and connections the system lets this process have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// Left to all but HTTP: two for each TFTP transfer, of which there are 2000 at most, the store and the BMCs.
const MOST_FOR_OTHERS: u64 = 5000;

/// Raises the limit as far as the system allows; how many HTTP connections there may be at a time.
///
/// The usual limit, 1024, is from a time when programs could not bear more (select(2)).
pub(crate) fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            warn!(%error, "the limit of open files stays as it was");
            current
        }
    };
    let connections = room(limit);
    info!(open_files = limit, connections, "At most {connections} HTTP connections at a time");
    connections
}

/// At most half are left to others. Without a limit there is the kernel's own (fs.nr_open).
fn room(limit: Option<u64>) -> usize {
    let limit = limit.unwrap_or(1 << 20);
    usize::try_from(limit - (limit / 2).min(MOST_FOR_OTHERS)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_rest() {
        assert_eq!([Some(256), Some(1024), Some(20_000), None].map(room), [128, 512, 15_000, 1_043_576]);
    }
}
