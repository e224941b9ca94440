//! References of applied documents that lead nowhere. They are told and not refused: what a document names may come
//! with the next file, and a run looks for everything that it needs before it starts.

use crate::App;
use crate::error::ApiResult;
use content::{AnySpec, Document};
use std::collections::HashSet;
use store::{Bmcs, BootEnvs, Images, ObjectKind, Selector, Templates, Workflows};
use types::Name;
use types::object::Kind;
use wire::DocumentProblem;

/// What a document names, and where.
struct Reference {
    kind: Kind,
    name: String,
    pointer: String,
}

/// Each reference that leads neither to one of the documents nor to what is stored.
pub(crate) async fn find_dangling(app: &App, documents: &[Document]) -> ApiResult<Vec<DocumentProblem>> {
    let declared: HashSet<(Kind, &str)> =
        documents.iter().map(|document| (document.kind(), document.name.as_str())).collect();
    let mut warnings = Vec::new();
    for document in documents {
        for Reference { kind, name, pointer } in references(&document.spec) {
            if !declared.contains(&(kind, name.as_str())) && !is_stored(app, kind, &name).await? {
                warnings.push(document.problem(&pointer, format!("there is no {kind} {name} yet")));
            }
        }
    }
    Ok(warnings)
}

fn references(spec: &AnySpec) -> Vec<Reference> {
    let one = |kind, name: Option<&Name>, pointer: &str| {
        let name = name.map(Name::to_string);
        name.map(|name| Reference { kind, name, pointer: pointer.to_owned() }).into_iter().collect()
    };
    match spec {
        AnySpec::Machine(spec) => one(Kind::Bmc, spec.bmc.as_ref(), "/bmc"),
        AnySpec::Subnet(spec) => one(Kind::Workflow, spec.discovery_workflow.as_ref(), "/discovery_workflow"),
        AnySpec::Workflow(spec) => {
            let stages = spec.stages.iter().enumerate();
            let steps = stages.flat_map(|(number, stage)| {
                let of_stage = stage.steps.iter().enumerate();
                of_stage.map(move |(step, spec)| (format!("/stages/{number}/steps/{step}/with"), spec))
            });
            steps.flat_map(|(pointer, step)| arguments(&pointer, step)).collect()
        }
        _ => Vec::new(),
    }
}

/// What a step names.
fn arguments(pointer: &str, step: &workflow::StepSpec) -> Vec<Reference> {
    let kinds = [("image", Kind::Image), ("template", Kind::Template), ("env", Kind::BootEnv)];
    let named = kinds.into_iter().filter_map(|(argument, kind)| {
        let name = step.with.get(argument)?.as_str()?.to_owned();
        Some(Reference { kind, name, pointer: format!("{pointer}/{argument}") })
    });
    named.collect()
}

async fn is_stored(app: &App, kind: Kind, name: &str) -> ApiResult<bool> {
    match kind {
        Kind::Bmc => find::<Bmcs>(app, name).await,
        Kind::BootEnv => find::<BootEnvs>(app, name).await,
        Kind::Image => find::<Images>(app, name).await,
        Kind::Template => find::<Templates>(app, name).await,
        Kind::Workflow => find::<Workflows>(app, name).await,
        // Nothing names these.
        Kind::Machine | Kind::Subnet | Kind::Reservation => Ok(true),
    }
}

async fn find<K: ObjectKind>(app: &App, name: &str) -> ApiResult<bool> {
    Ok(app.store.find::<K>(&Selector::Name(name.to_owned())).await?.is_some())
}
