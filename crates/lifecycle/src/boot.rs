//! What a machine boots the next time it asks.

use std::fmt;
use types::machine::{Loader, MachineState};
use types::subnet::UnknownPolicy;
use types::{MachineId, Name};

/// What is known when a network card asks for something to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFacts {
    /// The machine that the card belongs to.
    pub machine: Option<MachineFacts>,
    /// What an unknown machine gets where the card is.
    pub unknown: UnknownPolicy,
    /// The environment in which machines are discovered.
    pub discovery_env: Name,
    /// What UEFI firmware is given to load: the machine's own word, or its subnet's.
    pub loader: Loader,
}

/// What is known of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineFacts {
    /// Which it is.
    pub id: MachineId,
    /// What it is called.
    pub name: Name,
    /// Where in its life it is.
    pub state: MachineState,
    /// What a run or an operator wants it to boot.
    pub wanted_env: Option<Name>,
    /// It was found because it booted, and its agent has not registered yet.
    pub awaits_discovery: bool,
}

/// What to boot, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootDecision {
    /// What.
    pub target: BootTarget,
    /// Why.
    pub reason: BootReason,
    /// By which loader, if it is UEFI firmware that asks.
    pub loader: Loader,
}

/// What to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootTarget {
    /// No answer to anything.
    Deny,
    /// An address, and no word about booting.
    Ignore,
    /// What is on the machine's own disk.
    LocalDisk,
    /// This environment.
    Env(Name),
}

/// Why a machine boots what it boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BootReason {
    /// Unknown machines are not served here.
    UnknownDenied,
    /// Unknown machines get an address only.
    UnknownIgnored,
    /// Unknown machines are discovered here.
    UnknownDiscovered,
    /// Its discovery began and has not come to an end.
    DiscoveryUnfinished,
    /// Its own system is installed.
    Deployed,
    /// A run or an operator wants this environment.
    Wanted,
    /// Nobody wants anything of it.
    NothingWanted,
}

impl fmt::Display for BootReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownDenied => "the machine is unknown and the subnet denies unknown machines",
            Self::UnknownIgnored => "the machine is unknown and the subnet gives unknown machines an address only",
            Self::UnknownDiscovered => "the machine is unknown and the subnet discovers unknown machines",
            Self::DiscoveryUnfinished => "the machine was found here and its agent has not registered yet",
            Self::Deployed => "the machine is deployed",
            Self::Wanted => "this environment is wanted",
            Self::NothingWanted => "nothing is wanted of the machine",
        })
    }
}

/// Decides what to boot from `facts`.
pub fn decide_boot(facts: &BootFacts) -> BootDecision {
    let (target, reason) = match &facts.machine {
        None => unknown(facts),
        Some(machine) => known(machine, facts),
    };
    BootDecision { target, reason, loader: facts.loader }
}

fn unknown(facts: &BootFacts) -> (BootTarget, BootReason) {
    match facts.unknown {
        UnknownPolicy::Deny => (BootTarget::Deny, BootReason::UnknownDenied),
        UnknownPolicy::Ignore => (BootTarget::Ignore, BootReason::UnknownIgnored),
        UnknownPolicy::Discover => (BootTarget::Env(facts.discovery_env.clone()), BootReason::UnknownDiscovered),
    }
}

fn known(machine: &MachineFacts, facts: &BootFacts) -> (BootTarget, BootReason) {
    // A deployed machine's disk comes first whatever was wanted before: nothing may install it again.
    if machine.state == MachineState::Deployed {
        return (BootTarget::LocalDisk, BootReason::Deployed);
    }
    if let Some(env) = &machine.wanted_env {
        return (BootTarget::Env(env.clone()), BootReason::Wanted);
    }
    // Its firmware, its loader and its kernel ask one after the other, and all must get the same.
    if machine.awaits_discovery && facts.unknown == UnknownPolicy::Discover {
        return (BootTarget::Env(facts.discovery_env.clone()), BootReason::DiscoveryUnfinished);
    }
    (BootTarget::LocalDisk, BootReason::NothingWanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn machine(state: MachineState) -> MachineFacts {
        let id = MachineId::from_random([1; 16]);
        MachineFacts { id, name: name("m1"), state, wanted_env: None, awaits_discovery: false }
    }

    fn decide(machine: Option<MachineFacts>, unknown: UnknownPolicy) -> (BootTarget, BootReason) {
        let decision =
            decide_boot(&BootFacts { machine, unknown, discovery_env: name("discovery"), loader: Loader::Ipxe });
        (decision.target, decision.reason)
    }

    #[test]
    fn an_unknown_machine_gets_what_the_subnet_says() {
        assert_eq!(decide(None, UnknownPolicy::Deny).0, BootTarget::Deny);
        assert_eq!(decide(None, UnknownPolicy::Ignore).0, BootTarget::Ignore);
        assert_eq!(decide(None, UnknownPolicy::Discover).0, BootTarget::Env(name("discovery")));
    }

    #[test]
    fn a_machine_with_nothing_wanted_boots_its_disk() {
        for state in [MachineState::Known, MachineState::Provisioning, MachineState::Failed, MachineState::Deployed] {
            for unknown in [UnknownPolicy::Deny, UnknownPolicy::Ignore, UnknownPolicy::Discover] {
                assert_eq!(decide(Some(machine(state)), unknown).0, BootTarget::LocalDisk, "{state:?} {unknown:?}");
            }
        }
    }

    #[test]
    fn what_is_wanted_is_booted_until_the_machine_is_deployed() {
        let wanted = |state| MachineFacts { wanted_env: Some(name("rescue")), ..machine(state) };
        for state in [MachineState::Known, MachineState::Provisioning, MachineState::Failed] {
            assert_eq!(decide(Some(wanted(state)), UnknownPolicy::Deny).0, BootTarget::Env(name("rescue")));
        }
        let deployed = decide(Some(wanted(MachineState::Deployed)), UnknownPolicy::Discover);
        assert_eq!(deployed, (BootTarget::LocalDisk, BootReason::Deployed));
    }

    #[test]
    fn a_discovery_that_began_goes_on_where_discovery_is_allowed() {
        let found = MachineFacts { awaits_discovery: true, ..machine(MachineState::Known) };
        let decided = decide(Some(found.clone()), UnknownPolicy::Discover);
        assert_eq!(decided, (BootTarget::Env(name("discovery")), BootReason::DiscoveryUnfinished));
        assert_eq!(decide(Some(found), UnknownPolicy::Ignore).0, BootTarget::LocalDisk);
    }
}
