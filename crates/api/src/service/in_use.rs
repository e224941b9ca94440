//! What runs under way still need, and so must stay: the machine's BMC and subnet, and what the steps name.
//!
//! A run keeps the workflow that it began with, but whoever looks at it, or goes on from its failure, wants to find
//! it.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::find;
use store::RunFilter;
use types::Name;
use types::object::Kind;
use workflow::Run;

/// Runs that are looked at in one go.
const BATCH: usize = 500;

/// Refuses to remove an object that another names.
pub(crate) async fn refuse_while_named(app: &App, kind: Kind, name: &Name) -> ApiResult<()> {
    let uses = app.store.uses_of(kind, name).await?;
    let Some(first) = uses.first() else { return Ok(()) };
    let more = if uses.len() > 1 { format!(", and {} more places do", uses.len() - 1) } else { String::new() };
    let by = format!("{} {} names it at {}{more}", first.kind.words(), first.name, first.pointer);
    Err(ApiError::InUse { what: kind.words(), name: name.clone(), by })
}

/// Refuses to remove an object that an active run needs.
pub(crate) async fn refuse_while_in_use(app: &App, kind: Kind, name: &Name) -> ApiResult<()> {
    let filter = RunFilter { active: Some(true), ..RunFilter::default() };
    let mut after = None;
    loop {
        let batch = app.store.list_runs(&filter, after, BATCH).await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = Some(last.id);
        for run in &batch {
            if let Some(what) = find_need(app, run, kind, name).await? {
                let by = format!("run {} {what}", run.id);
                return Err(ApiError::InUse { what: kind.words(), name: name.clone(), by });
            }
        }
    }
}

/// What the run needs the object for.
async fn find_need(app: &App, run: &Run, kind: Kind, name: &Name) -> ApiResult<Option<&'static str>> {
    Ok(match kind {
        Kind::Image => named(run, "image", name).then_some("installs it"),
        Kind::Template => named(run, "template", name).then_some("renders it"),
        Kind::BootEnv => named(run, "env", name).then_some("boots it"),
        Kind::Workflow => (run.workflow == *name).then_some("follows it"),
        Kind::Bmc => {
            let machine = find::machine(app, &run.machine.to_string()).await?;
            (machine.spec.bmc.as_ref() == Some(name)).then_some("controls its machine by it")
        }
        Kind::Subnet => {
            let machine = find::machine(app, &run.machine.to_string()).await?;
            let address = app.store.last_address(machine.id.into()).await?;
            let site = app.sites.current().await?;
            let subnet = address.and_then(|address| site.subnet_of(address));
            subnet.is_some_and(|(subnet, _)| subnet == name).then_some("has its machine in it")
        }
        // The store itself refuses to remove a machine under its run. Of what else a run was put together from, it has its
        // own copy.
        _ => None,
    })
}

/// Whether the run's parameters or a step of it name the object by `argument`.
fn named(run: &Run, argument: &str, name: &Name) -> bool {
    let is_meant = |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()) == Some(name.as_str());
    let stages = run.definition.stages.iter().flat_map(|stage| &stage.steps);
    let mut steps = stages.chain(&run.definition.finally);
    is_meant(run.params.get(argument)) || steps.any(|step| is_meant(step.with.get(argument)))
}
