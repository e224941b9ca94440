//! Resets, the boot override and BIOS attributes: what moves the machine.

use super::bios;
use super::documents::{BOOT_ENABLED, BOOT_MODES, BOOT_TARGETS, MONITORS, RESET_TYPES};
use super::messages::Message;
use super::patch;
use super::reply::Reply;
use super::simulator::Shared;
use super::state::{BootSetting, State, Task, Work};
use crate::power::{BootPlan, BootSource, PowerError};
use axum::body::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};
use types::{Params, Timestamp};

/// Tasks that are over and still shown.
const TASKS_KEPT: usize = 16;

/// POST to `ComputerSystem.Reset`.
pub(super) async fn reset(shared: &Shared, body: &Bytes) -> Reply {
    let request = match patch::object(body) {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    let kind = match request.get("ResetType").and_then(Value::as_str) {
        Some(kind) if RESET_TYPES.contains(&kind) => kind.to_owned(),
        Some(_) => return Reply::bad_request(&Message::parameter_not_in_list("ResetType", "ComputerSystem.Reset")),
        None => return Reply::bad_request(&Message::parameter_missing("ComputerSystem.Reset", "ResetType")),
    };
    let takes_looks = shared.faults().tasks_take_looks;
    match takes_looks {
        Some(looks) => promise(shared, "Reset", Work::Reset(kind), looks),
        None => carry_out(shared, Work::Reset(kind)).await,
    }
}

/// Does what was promised, or what is done at once.
pub(super) async fn carry_out(shared: &Shared, work: Work) -> Reply {
    match work {
        Work::Reset(kind) => switch_power(shared, &kind).await,
        Work::Bios(attributes) => {
            shared.state().pending.extend(attributes);
            Reply::no_content()
        }
    }
}

async fn switch_power(shared: &Shared, kind: &str) -> Reply {
    let backend = &shared.backend;
    let was_on = backend.is_on().await;
    let result = match (kind, was_on) {
        ("On", true) | ("ForceOff" | "GracefulShutdown", false) => {
            return Reply::error(StatusCode::CONFLICT, &Message::already_so());
        }
        ("On", false) | ("ForceRestart" | "PowerCycle", false) => backend.power_on(next_boot(shared)).await,
        ("ForceOff", true) => backend.power_off().await,
        ("GracefulShutdown", true) => backend.graceful_shutdown().await,
        ("PowerCycle", true) => power_cycle(shared).await,
        (_, true) => backend.reset(next_boot(shared)).await,
        (_, false) => Ok(()),
    };
    let stale_looks = shared.faults().stale_power_looks;
    if stale_looks > 0 {
        shared.state().stale_power = Some((was_on, stale_looks));
    }
    match result {
        Ok(()) => Reply::no_content(),
        Err(error) => failed(&error),
    }
}

async fn power_cycle(shared: &Shared) -> Result<(), PowerError> {
    shared.backend.power_off().await?;
    shared.backend.power_on(next_boot(shared)).await
}

fn failed(error: &PowerError) -> Reply {
    tracing::error!(%error, cause = ?error.source, "Lab machine did not change its power");
    Reply::error(StatusCode::INTERNAL_SERVER_ERROR, &Message::internal_error())
}

/// What the machine boots now: pending BIOS attributes take effect, and an override for once is used up.
pub(super) fn next_boot(shared: &Shared) -> BootPlan {
    let ignores_once = shared.faults().ignores_once_override;
    let mut state = shared.state();
    let pending = std::mem::take(&mut state.pending);
    state.bios.extend(pending);
    state.last_reset = Some(Timestamp::now().to_string());
    if let Some((boot, _)) = state.late_boot.take() {
        state.boot = boot;
    }
    let cd = state.slots.iter().find_map(|slot| slot.file.clone());
    let once = state.boot.enabled == "Once";
    let source = match state.boot.target.as_str() {
        _ if state.boot.enabled == "Disabled" || (once && ignores_once) => BootSource::DefaultOrder,
        "Pxe" | "UefiHttp" => BootSource::Network,
        "Hdd" => BootSource::Disk,
        "Cd" => BootSource::Cd,
        _ => BootSource::DefaultOrder,
    };
    if once {
        state.boot = BootSetting { enabled: "Disabled".to_owned(), target: "None".to_owned(), ..state.boot.clone() };
    }
    BootPlan { source, cd }
}

/// PATCH of the system: its boot override.
pub(super) fn change_boot(shared: &Shared, change: &Value) -> Result<(), Reply> {
    let boot = change.as_object().ok_or_else(|| Reply::bad_request(&Message::value_not_in_list("Boot")))?;
    let late_looks = shared.faults().late_override_looks;
    let mut state = shared.state();
    let mut wanted = state.boot.clone();
    for (name, value) in boot {
        match name.as_str() {
            "BootSourceOverrideEnabled" => wanted.enabled = one_of(name, value, BOOT_ENABLED)?,
            "BootSourceOverrideTarget" => wanted.target = one_of(name, value, BOOT_TARGETS)?,
            "BootSourceOverrideMode" => wanted.mode = one_of(name, value, BOOT_MODES)?,
            _ => return Err(Reply::bad_request(&Message::property_unknown(name))),
        }
    }
    if wanted.enabled == "Disabled" {
        wanted.target = "None".to_owned();
    }
    if late_looks > 0 {
        state.late_boot = Some((wanted, late_looks));
    } else {
        state.boot = wanted;
    }
    Ok(())
}

fn one_of(name: &str, value: &Value, allowed: &[&str]) -> Result<String, Reply> {
    match value.as_str() {
        Some(value) if allowed.contains(&value) => Ok(value.to_owned()),
        Some(_) | None => Err(Reply::bad_request(&Message::value_not_in_list(name))),
    }
}

/// PATCH of the BIOS settings: all attributes are good, or nothing is changed.
pub(super) async fn change_bios(shared: &Shared, attributes: &Map<String, Value>) -> Result<Option<Reply>, Reply> {
    let mut refused = Vec::new();
    for (name, value) in attributes {
        match bios::setting(name) {
            None => refused.push(Message::property_unknown(name)),
            Some(setting) if !setting.takes(value) => refused.push(Message::value_not_in_list(name)),
            Some(_) => {}
        }
    }
    if !refused.is_empty() {
        return Err(Reply::errors(StatusCode::BAD_REQUEST, &refused));
    }
    let work = Work::Bios(attributes.clone().into_iter().collect::<Params>());
    let takes_looks = shared.faults().tasks_take_looks;
    match takes_looks {
        Some(looks) => Ok(Some(promise(shared, "BIOS settings", work, looks))),
        None => {
            carry_out(shared, work).await;
            Ok(None)
        }
    }
}

/// 202 and a task that does `work` when it was looked at often enough.
fn promise(shared: &Shared, name: &'static str, work: Work, looks_left: u32) -> Reply {
    let mut state = shared.state();
    let id = state.new_id();
    let monitor = format!("{MONITORS}/{id}");
    state.tasks.push(Task { id, name, looks_left, work: Some(work) });
    let too_many = state.tasks.len().saturating_sub(TASKS_KEPT);
    state.tasks.drain(..too_many);
    Reply::status(StatusCode::ACCEPTED).location(&monitor).header(http::header::RETRY_AFTER, "0".to_owned())
}

/// One look at a task: whether it is over now, and the work that is due.
pub(super) fn look_at_task(state: &mut State, id: &str) -> Option<Option<Work>> {
    let task = state.tasks.iter_mut().find(|task| task.id == id)?;
    if task.looks_left > 0 {
        task.looks_left -= 1;
        return Some(None);
    }
    Some(task.work.take())
}
