//! Making the store match files: all of their documents, or none.

use crate::App;
use crate::app::CheckStep;
use crate::auth::User;
use crate::error::{ApiError, ApiResult};
use crate::service::check::{Check as _, check_params};
use crate::service::dangling::find_dangling;
use crate::service::site::Site;
use crate::service::{image, object};
use content::{AnySpec, Document};
use std::collections::BTreeMap;
use store::{ApplyError, Images, StoreError};
use types::object::{Kind, Source};
use types::{Name, chain};
use wire::{Applied, ApplyFile, ApplyReport, ApplyRequest, Change, DocumentProblem};

/// Applies every document of the request.
pub(crate) async fn apply(app: &App, user: &User, request: ApplyRequest) -> ApiResult<ApplyReport> {
    let ApplyRequest { files, dry_run } = request;
    let mut site = Site::load(app).await?;
    let documents = read_in_order(app, &mut site, &files)?;
    let stored = documents.iter().map(|document| store::Document {
        kind: document.kind(),
        name: document.name.clone(),
        spec: document.spec.to_stored(),
    });
    let applied = app.store.apply(stored.collect(), Source::File, &user.actor(), dry_run).await;
    let applied = applied.map_err(|error| refusal(&documents, error))?;
    if !dry_run {
        refresh_images(app, &documents).await?;
    }
    let changes = applied.into_iter().map(|applied| Applied {
        kind: applied.kind,
        name: applied.name,
        change: match applied.change {
            store::Change::Created => Change::Created,
            store::Change::Updated => Change::Updated,
            store::Change::Unchanged => Change::Unchanged,
        },
    });
    let changes = changes.collect();
    Ok(ApplyReport { dry_run, changes, warnings: find_dangling(app, &documents).await? })
}

/// Reads and checks the documents, and puts what is referred to before what refers to it.
///
/// `site` is what is stored; it becomes what would be.
fn read_in_order(app: &App, site: &mut Site, files: &[ApplyFile]) -> ApiResult<Vec<Document>> {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for ApplyFile { file, text } in files {
        for read in content::read(file, text) {
            match read {
                Ok(document) => documents.push(document),
                Err(problem) => problems.push(problem),
            }
        }
    }
    for document in &documents {
        document.spec.put(&document.name, site);
    }
    let declarations = site.declarations();
    for document in &documents {
        problems.extend(problems_of(document, &*app.check_step));
        let of_params = check_params(&document.spec, &declarations).into_iter();
        problems.extend(of_params.map(|wrong| document.problem(&wrong.pointer, wrong.message)));
        let contradiction = document.spec.contradiction(&document.name, site);
        problems.extend(contradiction.map(|wrong| document.problem(&wrong.pointer, wrong.message)));
    }
    problems.extend(repeated(&documents));
    if !problems.is_empty() {
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        return Err(ApiError::Documents(problems));
    }
    documents.sort_by_key(|document| Kind::ALL.iter().position(|kind| *kind == document.kind()));
    Ok(documents)
}

/// What is wrong with a document by itself, with its place.
pub fn problems_of(document: &Document, check_step: &CheckStep) -> Vec<DocumentProblem> {
    let wrongs = document.spec.check(check_step).into_iter();
    wrongs.map(|wrong| document.problem(&wrong.pointer, wrong.message)).collect()
}

/// Objects that are declared twice, of which it cannot be said which is meant.
fn repeated(documents: &[Document]) -> Vec<DocumentProblem> {
    let mut seen: BTreeMap<(Kind, &Name), &Document> = BTreeMap::new();
    let mut problems = Vec::new();
    for document in documents {
        if let Some(first) = seen.insert((document.kind(), &document.name), document) {
            let first = first.problem("", "");
            let message =
                format!("{} {} is declared in {}:{} too", document.kind(), document.name, first.file, first.line);
            problems.push(document.problem("/name", message));
        }
    }
    problems
}

/// What the store has against a document, with the document's place.
fn refusal(documents: &[Document], error: ApplyError) -> ApiError {
    let ApplyError::Document { document, source } = error else { return error.into() };
    let is_about_the_document = matches!(
        source,
        StoreError::NameTaken { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::MacTaken { .. }
            | StoreError::SecretNotGiven { .. }
            | StoreError::Malformed { .. }
            | StoreError::TooLarge { .. }
    );
    match documents.get(document) {
        Some(at_fault) if is_about_the_document => {
            let pointer = match &source {
                StoreError::MacTaken { mac, .. } => place_of_mac(&at_fault.spec, *mac),
                StoreError::SecretNotGiven { path } => path.clone(),
                StoreError::NameTaken { .. } | StoreError::ReadOnly { .. } => "/name".to_owned(),
                _ => String::new(),
            };
            ApiError::Documents(vec![at_fault.problem(&pointer, chain(&source))])
        }
        _ => ApiError::Store(source),
    }
}

fn place_of_mac(spec: &AnySpec, mac: types::MacAddr) -> String {
    let index = match spec {
        AnySpec::Machine(spec) => spec.macs.iter().position(|own| *own == mac),
        _ => None,
    };
    index.map_or_else(String::new, |index| format!("/macs/{index}"))
}

async fn refresh_images(app: &App, documents: &[Document]) -> ApiResult<()> {
    if !documents.iter().any(|document| document.kind() == Kind::Image) {
        return Ok(());
    }
    for stored in object::all::<Images>(app).await? {
        image::refresh_status(app, stored.id).await?;
    }
    Ok(())
}
