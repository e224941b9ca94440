//! Creating, changing and deleting one object of any kind.

use crate::App;
use crate::auth::User;
use crate::error::{ApiError, ApiResult};
use crate::service::check::{Check, check_params, sets_params};
use crate::service::site::Site;
use crate::service::{find, image, in_use};
use store::{Images, ObjectKind, StoreError};
use types::object::{Kind, Object, Source};
use types::{MachineId, Name};
use wire::{Create, Page, Update};

type Found<K> = Object<<K as ObjectKind>::Spec, <K as ObjectKind>::Status>;

/// The usual and the largest length of a part of a list.
const USUAL_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// How long a part of a list may be.
pub(crate) fn limit(asked: Option<usize>) -> ApiResult<usize> {
    match asked.unwrap_or(USUAL_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(ApiError::Query { name: "limit", detail: format!("give a number from 1 to {MAX_LIMIT}") }),
    }
}

/// A part of the objects of a kind for which `wanted` holds.
pub(crate) async fn list<K: ObjectKind>(
    app: &App,
    after: Option<&str>,
    limit: usize,
    wanted: impl Fn(&Found<K>) -> bool,
) -> ApiResult<Page<Found<K>>> {
    let mut after: Option<Name> = after
        .map(|after| after.parse())
        .transpose()
        .map_err(|error: types::name::ParseNameError| ApiError::Query { name: "after", detail: error.to_string() })?;
    let mut items = Vec::new();
    loop {
        let batch = app.store.list::<K>(after.as_ref(), MAX_LIMIT.min(limit + 1)).await?;
        let Some(last) = batch.last() else { return Ok(Page { items, next: None }) };
        after = Some(last.name.clone());
        for object in batch.into_iter().filter(|object| wanted(object)) {
            if items.len() == limit {
                let next = items.last().map(|last: &Found<K>| last.name.to_string());
                return Ok(Page { items, next });
            }
            items.push(object);
        }
    }
}

/// Every object of a kind.
pub(crate) async fn all<K: ObjectKind>(app: &App) -> ApiResult<Vec<Found<K>>> {
    let mut all: Vec<Found<K>> = Vec::new();
    loop {
        let after = all.last().map(|last| last.name.clone());
        let batch = app.store.list::<K>(after.as_ref(), MAX_LIMIT).await?;
        if batch.is_empty() {
            return Ok(all);
        }
        all.extend(batch);
    }
}

/// Refuses a spec that is wrong in itself, or that contradicts others.
async fn check<K>(app: &App, name: &Name, spec: &K::Spec) -> ApiResult<()>
where
    K: ObjectKind<Spec: Check>,
{
    let mut wrong = spec.check(&*app.check_step).into_iter().next();
    if wrong.is_none() && (Site::holds(K::KIND) || sets_params(spec)) {
        let site = Site::load(app).await?;
        wrong = spec.contradiction(name, &site);
        wrong = wrong.or_else(|| check_params(spec, &site.declarations()).into_iter().next());
    }
    match wrong {
        None => Ok(()),
        Some(wrong) => Err(ApiError::Invalid { pointer: format!("/spec{}", wrong.pointer), detail: wrong.message }),
    }
}

/// Makes an object.
pub(crate) async fn create<K>(app: &App, user: &User, new: Create<K::Spec>) -> ApiResult<Found<K>>
where
    K: ObjectKind<Spec: Check>,
{
    check::<K>(app, &new.name, &new.spec).await?;
    let created = app.store.create::<K>(new.name, new.spec, Source::Api, &user.actor()).await?;
    settled::<K>(app, created).await
}

/// Replaces an object's spec.
pub(crate) async fn update<K>(
    app: &App,
    user: &User,
    named: &str,
    if_match: Option<u64>,
    update: Update<K::Spec>,
) -> ApiResult<Found<K>>
where
    K: ObjectKind<Spec: Check>,
{
    let version = update.version.or(if_match).ok_or(ApiError::VersionRequired)?;
    let object = find::object::<K>(app, named).await?;
    if let Some(reason) = object.spec.refusal(Some(&update.spec)) {
        return Err(ApiError::Locked { what: K::KIND.words(), name: object.name, reason });
    }
    check::<K>(app, &object.name, &update.spec).await?;
    let updated = app.store.update::<K>(object.id, version, update.spec, &user.actor()).await?;
    settled::<K>(app, updated).await
}

/// Removes an object: as it is now, or as it was at the version that the caller saw.
pub(crate) async fn delete<K>(app: &App, user: &User, named: &str, if_match: Option<u64>) -> ApiResult<()>
where
    K: ObjectKind<Spec: Check>,
{
    let object = find::object::<K>(app, named).await?;
    let version = if_match.unwrap_or(object.version);
    if let Some(reason) = object.spec.refusal(None) {
        return Err(ApiError::Locked { what: K::KIND.words(), name: object.name, reason });
    }
    if object.source == Source::Builtin {
        return Err(ApiError::Store(StoreError::ReadOnly { kind: K::KIND, name: object.name }));
    }
    in_use::refuse_while_in_use(app, K::KIND, &object.name).await?;
    in_use::refuse_while_named(app, K::KIND, &object.name).await?;
    if K::KIND != Kind::Image {
        app.store.delete::<K>(object.id, version, &user.actor()).await?;
        return if K::KIND == Kind::Machine { disown(app, object.id.into()).await } else { Ok(()) };
    }
    let digest = find::object::<Images>(app, &object.id.to_string()).await?.spec.digest;
    app.store.delete::<K>(object.id, version, &user.actor()).await?;
    image::remove_unused_content(app, digest).await
}

/// Makes the tokens of a machine that is gone void.
async fn disown(app: &App, gone: MachineId) -> ApiResult<()> {
    app.store.revoke_tokens(gone, |_| true).await?;
    Ok(())
}

/// Brings what is known of an object in line with its new spec.
async fn settled<K: ObjectKind>(app: &App, object: Found<K>) -> ApiResult<Found<K>> {
    if K::KIND != Kind::Image {
        return Ok(object);
    }
    image::refresh_status(app, object.id).await?;
    find::object::<K>(app, &object.id.to_string()).await
}
