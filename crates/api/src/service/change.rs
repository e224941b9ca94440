//! What can be done with an object of any kind beside writing it: look back, go back, copy it, see who names it.

use crate::App;
use crate::auth::User;
use crate::error::{ApiError, ApiResult};
use crate::service::check::Check;
use crate::service::{find, object};
use std::collections::{BTreeSet, VecDeque};
use store::{ObjectKind, Use};
use types::object::{Kind, Object, Source};
use types::{Name, name::MAX_NAME_LEN};
use wire::{CloneObject, Revert, Update, UseView, Uses, VersionView};

/// Machines that are named in an answer; of more, only their number is told.
const NAMED_MACHINES: usize = 100;
/// Objects that are looked through for those that name others.
const SEARCHED: usize = 100_000;

/// An object as JSON, secrets hidden.
pub(crate) type Shown = serde_json::Value;

fn shown<K: ObjectKind>(object: &Object<K::Spec, K::Status>) -> ApiResult<Shown> {
    serde_json::to_value(object).map_err(|error| ApiError::fault("showing an object", error))
}

/// The versions of an object that are kept, newest first.
pub(crate) async fn versions<K: ObjectKind>(app: &App, named: &str) -> ApiResult<Vec<VersionView>> {
    let object = find::object::<K>(app, named).await?;
    let versions = app.store.versions::<K>(object.id).await?;
    let views = versions.into_iter().map(|version| {
        let spec = serde_json::to_value(&version.spec);
        let spec = spec.map_err(|error| ApiError::fault("showing a version", error))?;
        Ok(VersionView { version: version.version, at: version.at, actor: version.actor, spec })
    });
    views.collect()
}

/// Makes an object what it was at an earlier version.
pub(crate) async fn revert<K>(app: &App, user: &User, named: &str, revert: Revert) -> ApiResult<Shown>
where
    K: ObjectKind<Spec: Check>,
{
    let object = find::object::<K>(app, named).await?;
    let versions = app.store.versions::<K>(object.id).await?;
    let then = versions.into_iter().find(|version| version.version == revert.to);
    let missing = || ApiError::NotFound { what: "version", id: format!("{} of {named}", revert.to) };
    let update =
        Update { version: Some(revert.version.unwrap_or(object.version)), spec: then.ok_or_else(missing)?.spec };
    shown::<K>(&object::update::<K>(app, user, &object.id.to_string(), None, update).await?)
}

/// Makes a copy of an object, which is the user's to change.
pub(crate) async fn clone<K>(app: &App, user: &User, named: &str, wanted: CloneObject) -> ApiResult<Shown>
where
    K: ObjectKind<Spec: Check + Clone>,
{
    let object = find::object::<K>(app, named).await?;
    let name = match wanted.name {
        Some(name) => name,
        None => free_name::<K>(app, &object.name).await?,
    };
    let spec = unlocked::<K>(object.spec)?;
    let copy = app.store.create::<K>(name, spec, Source::Api, &user.actor()).await?;
    shown::<K>(&copy)
}

/// A copy can be changed, whatever it is a copy of.
fn unlocked<K: ObjectKind>(spec: K::Spec) -> ApiResult<K::Spec> {
    use types::object::Spec as _;
    if K::KIND != Kind::Template {
        return Ok(spec);
    }
    let fault = |error| ApiError::fault("copying an object", error);
    let mut open = spec.reveal().map_err(fault)?;
    open["locked"] = false.into();
    serde_json::from_value(open).map_err(fault)
}

/// The first free one of `NAME-clone`, `NAME-clone-2`, …
async fn free_name<K: ObjectKind>(app: &App, name: &Name) -> ApiResult<Name> {
    for number in 1_u32.. {
        let marker = if number == 1 { "-clone".to_owned() } else { format!("-clone-{number}") };
        let kept: String = name.as_str().chars().take(MAX_NAME_LEN - marker.len()).collect();
        let free: Name = format!("{}{marker}", kept.trim_end_matches(['-', '.', '_']))
            .parse()
            .map_err(|error| ApiError::fault("naming a copy", error))?;
        if app.store.find::<K>(&(&free).into()).await?.is_none() {
            return Ok(free);
        }
    }
    unreachable!("there are more numbers than objects")
}

/// Changes parts of an object (RFC 6902), as it was at the version that a `test` of `/version` names, or as it is.
pub(crate) async fn patch<K>(
    app: &App,
    user: &User,
    named: &str,
    if_match: Option<u64>,
    patch: json_patch::Patch,
) -> ApiResult<Object<K::Spec, K::Status>>
where
    K: ObjectKind<Spec: Check>,
{
    let object = find::object::<K>(app, named).await?;
    let before = shown::<K>(&object)?;
    let mut after = before.clone();
    json_patch::patch(&mut after, &patch).map_err(|error| ApiError::Patch {
        pointer: format!("/{}", error.operation),
        detail: format!("operation {} at {:?}: {}", error.operation, error.path.to_string(), error.kind),
    })?;
    let changed =
        before.as_object().into_iter().flatten().find(|(key, value)| *key != "spec" && after.get(*key) != Some(value));
    if let Some((key, _)) = changed {
        let detail = format!("/{key} is not yours to change: only what is below /spec is");
        return Err(ApiError::Patch { pointer: format!("/{key}"), detail });
    }
    let spec = serde_path_to_error::deserialize(after["spec"].take()).map_err(|error| ApiError::Invalid {
        pointer: format!("/spec/{}", error.path().to_string().replace('.', "/")),
        detail: error.inner().to_string(),
    })?;
    let version = if_match.unwrap_or(object.version);
    object::update::<K>(app, user, &object.id.to_string(), None, Update { version: Some(version), spec }).await
}

/// What names an object, and which machines an edit of it would reach.
pub(crate) async fn uses<K: ObjectKind>(app: &App, named: &str) -> ApiResult<Uses> {
    let object = find::object::<K>(app, named).await?;
    let direct = app.store.uses_of(K::KIND, &object.name).await?;
    let mut seen: BTreeSet<(Kind, Name)> = BTreeSet::from([(K::KIND, object.name)]);
    let mut machines: BTreeSet<Name> = BTreeSet::new();
    let mut waiting: VecDeque<Use> = direct.iter().cloned().collect();
    while let Some(next) = waiting.pop_front() {
        if next.kind == Kind::Machine {
            machines.insert(next.name);
        } else if seen.len() < SEARCHED && seen.insert((next.kind, next.name.clone())) {
            waiting.extend(app.store.uses_of(next.kind, &next.name).await?);
        }
    }
    let views = direct.into_iter().map(|found| UseView { kind: found.kind, name: found.name, pointer: found.pointer });
    Ok(Uses {
        uses: views.collect(),
        machines_total: machines.len(),
        machines: machines.into_iter().take(NAMED_MACHINES).collect(),
    })
}
