//! An agent came up: which machine it is, and what follows.

use crate::App;
use crate::auth::Registrant;
use crate::error::{ApiError, ApiResult};
use crate::service::refusal::{Refusals, Subject};
use crate::service::start_run::{Wish, id_of, start};
use jiff::SignedDuration;
use serde_json::json;
use std::net::IpAddr;
use store::{Grant, Machine, NewMachine, RunFilter};
use types::agent::{Registered, Registration};
use types::event::NewEvent;
use types::inventory::Inventory;
use types::{MacAddr, MachineId, Name, chain};
use wire::StartRun;

/// An agent's token outlives the longest work of one boot by far, and no forgotten machine.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
const REPLAYED: &str = "the token was used by another boot";

/// Who wants to register.
pub(crate) struct Caller<'a> {
    pub(crate) registrant: Registrant,
    pub(crate) token: &'a str,
    pub(crate) peer: IpAddr,
}

/// Registers an agent. The same agent may say so again and again.
pub(crate) async fn register(
    app: &App,
    refusals: &Refusals,
    caller: Caller<'_>,
    registration: Registration,
) -> ApiResult<Registered> {
    let Caller { registrant, token, peer } = caller;
    let macs: Vec<MacAddr> =
        registration.inventory.nics.iter().map(|nic| nic.mac).filter(MacAddr::is_unicast).collect();
    let refuse = |reason| refusals.record(app, Subject::Card(registrant.mac), reason, Some(peer));
    if !macs.contains(&registrant.mac) {
        const FOREIGN: &str = "the token was made for a network card that this machine does not have";
        refuse(FOREIGN);
        return Err(ApiError::Forbidden { reason: FOREIGN });
    }
    let boot_id = registration.boot_id;
    if registrant.boot_id.is_some_and(|first| first != boot_id) {
        refuse(REPLAYED);
        return Err(ApiError::Forbidden { reason: REPLAYED });
    }
    if let Some(Other { machine, reason }) = find_other(app, &caller, &macs, &registration).await? {
        refusals.record(app, Subject::Twin { machine, mac: registrant.mac }, reason, Some(peer));
        return Err(ApiError::IdentityInUse);
    }
    if !app.store.tie_registration(token, boot_id).await? {
        refuse(REPLAYED);
        return Err(ApiError::Forbidden { reason: REPLAYED });
    }
    let new = NewMachine { macs, uuid: registration.inventory.system.uuid, name: name_of(registrant.mac) };
    let (machine, _) = app.store.discover(new, "agent").await?;
    let id = MachineId::from(machine.id);
    app.store.agent_registered(id, registration).await?;
    let of_earlier_boot = move |grant: &Grant| matches!(grant, Grant::Agent { boot_id: of, .. } if *of != boot_id);
    app.store.revoke_tokens(id, of_earlier_boot).await?;
    let expires = app.now().checked_add(TOKEN_LIFE).ok();
    let token = app.store.issue_token(Grant::Agent { machine: id, boot_id }, expires).await?;
    start_discovery(app, &machine, peer).await?;
    Ok(Registered { machine: id, name: machine.name, token })
}

/// The machine that the one who calls is not, although it says so.
struct Other {
    machine: MachineId,
    reason: &'static str,
}

/// Why the one who calls cannot be the machine that it says it is: another agent is at work as that machine, or it is
/// a copy of it. Of two with one identity the one at work stays, whatever it is at.
async fn find_other(
    app: &App,
    caller: &Caller<'_>,
    macs: &[MacAddr],
    registration: &Registration,
) -> ApiResult<Option<Other>> {
    let (boot_id, uuid) = (registration.boot_id, registration.inventory.system.uuid);
    let by_card = machine_by_cards(app, caller.registrant.mac, macs).await?;
    let by_uuid = match (&by_card, uuid) {
        (None, Some(uuid)) => app.store.machine_by_uuid(uuid).await?,
        (Some(_), _) | (None, None) => None,
    };
    let is_copy = by_uuid.as_ref().is_some_and(|machine| is_another(machine, &registration.inventory));
    let Some(machine) = by_card.or(by_uuid) else { return Ok(None) };
    let other = |reason| Ok(Some(Other { machine: machine.id.into(), reason }));
    if is_copy {
        return other("a machine with another serial number has this machine's SMBIOS UUID");
    }
    if app.store.is_heard_elsewhere(machine.id.into(), boot_id, caller.token) {
        return other("another agent is at work with this machine's identity");
    }
    // A boot whose registration was cut short finds an earlier one's, from before its token was made.
    let issued = app.store.token_issued(caller.token);
    let is_an_earlier_boot = caller.registrant.boot_id.is_some()
        && machine
            .status
            .agent
            .is_some_and(|agent| agent.boot_id != boot_id && issued.is_some_and(|at| agent.since > at));
    if is_an_earlier_boot { other("its boot is over: another has registered since") } else { Ok(None) }
}

/// The machine that one of the cards belongs to, the one that it booted from first.
async fn machine_by_cards(app: &App, boot: MacAddr, macs: &[MacAddr]) -> ApiResult<Option<Machine>> {
    for mac in std::iter::once(&boot).chain(macs) {
        if let Some(machine) = app.store.machine_by_mac(*mac).await? {
            return Ok(Some(machine));
        }
    }
    Ok(None)
}

/// Whether serial numbers say that what has come up is not the machine, though the UUIDs are the same. A machine
/// whose network cards were replaced keeps its serial number.
fn is_another(machine: &Machine, found: &Inventory) -> bool {
    let differ = |one: &Option<String>, other: &Option<String>| match (one, other) {
        (Some(one), Some(other)) => !one.trim().eq_ignore_ascii_case(other.trim()),
        _ => false,
    };
    let Some(known) = &machine.status.inventory else { return false };
    differ(&known.system.serial, &found.system.serial)
}

/// The name of a machine that nobody has named: the card that it booted from.
fn name_of(mac: MacAddr) -> Name {
    let digits = mac.to_string().replace(':', "");
    format!("m-{digits}").parse().expect("hexadecimal digits make a name")
}

/// Starts the subnet's workflow on a machine that never had a run. What stands in the way is put on record; it
/// does not keep the agent from registering.
async fn start_discovery(app: &App, machine: &Machine, peer: IpAddr) -> ApiResult<()> {
    let site = app.sites.current().await?;
    let Some((subnet, spec)) = site.subnet_of(peer.to_canonical()) else { return Ok(()) };
    let Some(workflow) = &spec.discovery_workflow else { return Ok(()) };
    let filter = RunFilter { machine: Some(machine.id.into()), ..RunFilter::default() };
    if !app.store.list_runs(&filter, None, 1).await?.is_empty() {
        return Ok(());
    }
    let wish = Wish {
        // Two registrations at once start one run.
        id: id_of(machine, Some("discovery")),
        machine,
        start: StartRun { workflow: Some(workflow.clone()), ..StartRun::default() },
        address: Some(peer.to_canonical()),
        by: format!("subnet {subnet}"),
    };
    if let Err(error) = start(app, wish).await {
        if error.is_passing() {
            // The agent asks again until it is let in.
            return Err(error);
        }
        let reason = chain(&error);
        tracing::warn!(machine.id = %machine.id, %workflow, %reason, "The workflow of the subnet was not started");
        app.store.record(NewEvent {
            at: app.now(),
            kind: "run.refused".to_owned(),
            machine: Some(machine.id.into()),
            run: None,
            actor: format!("subnet {subnet}"),
            data: json!({"workflow": workflow, "reason": reason}),
        });
    }
    Ok(())
}
