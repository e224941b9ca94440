//! Designs to sheets and back.

use crate::App;
use crate::auth::User;
use crate::error::{ApiError, ApiResult};
use crate::service::{find, object, site};
use axum::body::Bytes;
use render::Site;
use sheet::{Export, Format, Imported, Known, RowChange, Words};
use std::collections::{BTreeMap, BTreeSet};
use store::{Bmcs, Designs, Groups};
use types::Name;
use types::design::DesignSpec;
use types::group::GroupSpec;
use types::object::Object;
use wire::{Create, Design, SheetReport, Update};

/// A sheet, and what is to be done with it.
pub(crate) struct Import {
    pub(crate) content: Bytes,
    pub(crate) dry_run: bool,
    pub(crate) keep_rows: bool,
    pub(crate) group: Option<Name>,
}

/// How a sheet is written.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) format: Format,
    pub(crate) words: Words,
}

/// Makes a design what a sheet says, or says what that would change.
pub(crate) async fn import(app: &App, user: &User, named: &str, import: Import) -> ApiResult<SheetReport> {
    let Import { content, dry_run, keep_rows, group } = import;
    let (name, design, version) = match (find::object::<Designs>(app, named).await, group) {
        (Ok(Object { name, spec, version, .. }), _) => (name, spec, Some(version)),
        (Err(ApiError::NotFound { .. }), Some(group)) => (name_of(named)?, new_design(app, group).await?, None),
        (Err(error), _) => return Err(error),
    };
    let known = known(app).await?;
    let read = on_a_thread(move || {
        let wanted = sheet::Import { content: &content, design: &design, keep_rows, known: &known };
        sheet::import(wanted)
    });
    let Imported { design, changes } = read.await?.map_err(ApiError::Sheet)?;
    let rows = design.rows.len();
    let version = match version {
        _ if dry_run => None,
        Some(version) => {
            let update = Update { version: Some(version), spec: design };
            Some(object::update::<Designs>(app, user, name.as_str(), None, update).await?.version)
        }
        None => Some(object::create::<Designs>(app, user, Create { name: name.clone(), spec: design }).await?.version),
    };
    let of = |wanted: RowChange| {
        let rows = changes.iter().filter(|(_, change)| **change == wanted);
        rows.map(|(name, _)| name.clone()).collect()
    };
    let (added, changed, removed) = (of(RowChange::Added), of(RowChange::Changed), of(RowChange::Removed));
    Ok(SheetReport { design: name, dry_run, version, rows, added, changed, removed })
}

fn name_of(text: &str) -> ApiResult<Name> {
    text.parse().map_err(|error: types::name::ParseNameError| ApiError::Invalid {
        pointer: "/name".to_owned(),
        detail: error.to_string(),
    })
}

async fn new_design(app: &App, group: Name) -> ApiResult<DesignSpec> {
    let group = find::object::<Groups>(app, group.as_str()).await?.name;
    Ok(design_of(group))
}

/// A design of which nothing but its group is said.
fn design_of(group: Name) -> DesignSpec {
    DesignSpec {
        description: None,
        group,
        health_check_group: None,
        subnet: None,
        workflow: None,
        stages: BTreeMap::new(),
        params: BTreeMap::new(),
        secrets: BTreeMap::new(),
        rows: BTreeMap::new(),
    }
}

/// Ten thousand rows take a good part of a second, in which others want to be answered.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> ApiResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::fault("working on a sheet", error))
}

/// A design as a sheet, and its name.
pub(crate) async fn export(app: &App, named: &str, shape: Shape) -> ApiResult<(Name, Vec<u8>)> {
    let Design { name, spec, .. } = find::object::<Designs>(app, named).await?;
    Ok((name, write(app, spec, BTreeSet::new(), shape).await?))
}

/// A sheet without rows, with the columns of a group's parameters.
pub(crate) async fn empty(app: &App, named: &str, shape: Shape) -> ApiResult<(Name, Vec<u8>)> {
    let name = find::object::<Groups>(app, named).await?.name;
    let site = app.sites.current().await?;
    let chain = chain(&site, &name);
    let columns = chain.iter().flat_map(|group| group.params.keys().chain(group.secrets.keys())).cloned().collect();
    let content = write(app, design_of(name.clone()), columns, shape).await?;
    Ok((name, content))
}

async fn write(app: &App, design: DesignSpec, columns: BTreeSet<String>, shape: Shape) -> ApiResult<Vec<u8>> {
    let known = known(app).await?;
    let Shape { format, words } = shape;
    let written =
        on_a_thread(move || sheet::export(Export { design: &design, columns: &columns, words, format, known: &known }));
    written.await?.map_err(|error| match error {
        sheet::WriteError::TooLong { .. } => ApiError::Unavailable { reasons: vec![error.to_string()] },
        error => ApiError::fault("writing a sheet", error),
    })
}

/// The group and those above it, nearest first.
fn chain<'s>(site: &'s Site, name: &Name) -> Vec<&'s GroupSpec> {
    let mut chain: Vec<&GroupSpec> = Vec::new();
    let mut next = Some(name);
    // Circles are refused when groups are declared; one that got in all the same has no more than all groups in it.
    while let Some(group) = next.and_then(|name| site.groups.get(name)).filter(|_| chain.len() < site.groups.len()) {
        chain.push(group);
        next = group.parent.as_ref();
    }
    chain
}

/// What there is that a sheet may name.
async fn known(app: &App) -> ApiResult<Known> {
    let site = app.sites.current().await?;
    let subnet_of = |name: &Name| chain(&site, name).into_iter().find_map(|group| group.subnet.clone());
    let bmcs = object::all::<Bmcs>(app).await?;
    let declarations = site::Site::load(app).await?.declarations();
    Ok(Known {
        subnets: site.subnets.clone(),
        groups: site.groups.keys().map(|name| (name.clone(), subnet_of(name))).collect(),
        hardware_profiles: site.hardware_profiles.keys().cloned().collect(),
        profiles: site.profiles.keys().cloned().collect(),
        bmcs: bmcs.into_iter().map(|bmc| bmc.name).collect(),
        workflows: site.workflows.keys().cloned().collect(),
        declarations,
    })
}
