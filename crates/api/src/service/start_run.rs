//! Starting a run: everything that it needs is looked for before it begins.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::check::Check as _;
use crate::service::find;
use render::{Own, Plan, Start};
use serde_json::Value;
use std::net::IpAddr;
use store::{Bmcs, BootEnvs, Images, Machine, ObjectKind, Selector, Templates, Workflows};
use types::template::TemplateKind;
use types::{Name, Params, RunId};
use uuid::Uuid;
use wire::StartRun;
use workflow::{NewRun, Run, StepSpec, WorkflowSpec};

/// What is run where nothing says what.
const DEFAULT_WORKFLOW: &str = "default";

/// Who wants a run, and of what.
pub(crate) struct Wish<'a> {
    /// Its id.
    pub(crate) id: RunId,
    /// On which machine.
    pub(crate) machine: &'a Machine,
    /// Which workflow, with which parameters.
    pub(crate) start: StartRun,
    /// Its address, where the request itself shows it; else the last one that it had from us counts.
    pub(crate) address: Option<IpAddr>,
    /// Who asks, as the history names it.
    pub(crate) by: String,
}

/// The id of the run that a repeated request means: the same for the same machine and key.
pub(crate) fn id_of(machine: &Machine, key: Option<&str>) -> RunId {
    key.map_or_else(RunId::new, |key| RunId(Uuid::new_v5(&machine.id.0, key.as_bytes())))
}

/// Starts a run.
pub(crate) async fn start(app: &App, wish: Wish<'_>) -> ApiResult<Run> {
    let Wish { id, machine, start, address, by } = wish;
    let site = app.sites.current().await?;
    let address = match address {
        Some(address) => Some(address),
        None => app.store.last_address(machine.id.into()).await?,
    };
    let effective = site.effective(&machine.name, &machine.spec, machine.status.inventory.as_ref(), address);
    let workflow = start.workflow.or_else(|| effective.workflow.as_ref().map(|said| said.value.clone()));
    let workflow = workflow.unwrap_or_else(|| DEFAULT_WORKFLOW.parse().expect("it is a name"));
    // A repeated request gets the run as it is, even when what it needs has gone meanwhile.
    if let Some(run) = app.store.run(id).await? {
        let same = run.machine == machine.id.into() && run.workflow == workflow;
        return if same { Ok(run) } else { Err(ApiError::KeyReused { run: id }) };
    }
    let definition = find::object::<Workflows>(app, workflow.as_str()).await?.spec;
    let start = Start { workflow: (&workflow, &definition), params: &start.params, stages: &start.stages };
    let plan = effective.plan(&site, (&machine.name, &machine.spec), start).map_err(|errors| {
        let reasons = errors.iter().map(ToString::to_string).collect();
        ApiError::Unavailable { reasons }
    })?;
    let mut reasons = effective.missing.clone();
    reasons.extend(effective.contradiction());
    reasons.extend(effective.writes_disks(&plan.definition));
    reasons.extend(missing(app, machine, &plan.definition, &plan.params).await?);
    let resolution =
        effective.params(&site, &machine.name, &machine.spec, Own { stage: None, run: Some(&plan.params) });
    let installer =
        render::uses(&plan.definition, "os.install").then(|| effective.os.as_ref()?.value.1.boot_env.clone()).flatten();
    for env in environments(&plan.definition).chain(installer).filter_map(|env| site.boot_envs.get_key_value(&env)) {
        let keys = site.missing_params(env.1, &resolution);
        reasons.extend(keys.iter().map(|key| format!("boot environment {} needs parameter {key}", env.0)));
    }
    if !reasons.is_empty() {
        return Err(ApiError::Unavailable { reasons });
    }
    let Plan { definition, params, .. } = plan;
    let machine = machine.id.into();
    Ok(app.store.start_run(NewRun { id, machine, workflow, definition, params, by, continues: None }).await?)
}

/// Starts a run that goes on from where `failed` failed.
pub(crate) async fn resume_failed(app: &App, failed: &Run, id: RunId, by: String) -> ApiResult<Run> {
    if let Some(run) = app.store.run(id).await? {
        return if run.continues == Some(failed.id) { Ok(run) } else { Err(ApiError::KeyReused { run: id }) };
    }
    let continued = failed.continuation().ok_or(ApiError::NothingToContinue { run: failed.id })?;
    let machine = find::machine(app, &failed.machine.to_string()).await?;
    let reasons = missing(app, &machine, &failed.definition, &failed.params).await?;
    if !reasons.is_empty() {
        return Err(ApiError::Unavailable { reasons });
    }
    let new = NewRun {
        id,
        machine: failed.machine,
        workflow: failed.workflow.clone(),
        definition: failed.definition.clone(),
        params: failed.params.clone(),
        by,
        continues: Some(continued),
    };
    Ok(app.store.start_run(new).await?)
}

/// The boot environments that the run's stages name.
fn environments(workflow: &WorkflowSpec) -> impl Iterator<Item = Name> {
    let stages = workflow.stages.iter().filter(|stage| stage.enabled && stage.when.is_none());
    let steps = stages.flat_map(|stage| &stage.steps).filter(|step| step.uses == "boot.into");
    let named = steps.filter_map(|step| step.with.get("env").and_then(Value::as_str)?.parse().ok());
    named.collect::<std::collections::BTreeSet<Name>>().into_iter()
}

/// What the run would need and is not there, in the operator's words.
async fn missing(app: &App, machine: &Machine, workflow: &WorkflowSpec, params: &Params) -> ApiResult<Vec<String>> {
    let mut reasons: Vec<String> =
        workflow.check(&*app.check_step).into_iter().map(|wrong| format!("workflow: {}", wrong.message)).collect();
    if let Some(bmc) = &machine.spec.bmc
        && !is_there::<Bmcs>(app, bmc).await?
    {
        reasons.push(format!("machine {} names BMC {bmc}, which is not there", machine.name));
    }
    // A stage with a condition may be skipped; its needs are looked for when it comes.
    let stages = workflow.stages.iter().filter(|stage| stage.enabled && stage.when.is_none());
    for step in stages.flat_map(|stage| &stage.steps) {
        let reason = missing_for(app, step, params).await?;
        reasons.extend(reason.filter(|reason| !reasons.contains(reason)));
    }
    Ok(reasons)
}

async fn missing_for(app: &App, step: &StepSpec, params: &Params) -> ApiResult<Option<String>> {
    let argument = |name: &str| step.with.get(name).and_then(Value::as_str);
    match step.uses.as_str() {
        "agent.write_image" => match argument("image").or_else(|| params.get("image").and_then(Value::as_str)) {
            None => Ok(Some("no image is named: set parameter \"image\"".to_owned())),
            Some(image) => missing_image(app, image).await,
        },
        "agent.configure" => match argument("template") {
            None => Ok(None),
            Some(template) => missing_template(app, template).await,
        },
        "boot.into" => match argument("env") {
            None => Ok(None),
            Some(env) if app.store.find::<BootEnvs>(&Selector::Name(env.to_owned())).await?.is_some() => Ok(None),
            Some(env) => Ok(Some(format!("there is no boot environment {env}"))),
        },
        _ => Ok(None),
    }
}

async fn missing_image(app: &App, name: &str) -> ApiResult<Option<String>> {
    let Some(image) = app.store.find::<Images>(&Selector::Name(name.to_owned())).await? else {
        return Ok(Some(format!("there is no image {name}")));
    };
    let here = app.images.find(image.spec.digest).is_some();
    Ok((!here).then(|| format!("image {name} is declared, but its content was not uploaded")))
}

async fn missing_template(app: &App, name: &str) -> ApiResult<Option<String>> {
    let Some(template) = app.store.find::<Templates>(&Selector::Name(name.to_owned())).await? else {
        return Ok(Some(format!("there is no template {name}")));
    };
    let fits = template.spec.kind == TemplateKind::Platform;
    Ok((!fits).then(|| format!("template {name} gives a {}, not a platform setup", template.spec.kind)))
}

async fn is_there<K: ObjectKind>(app: &App, name: &Name) -> ApiResult<bool> {
    Ok(app.store.find::<K>(&Selector::from(name)).await?.is_some())
}
