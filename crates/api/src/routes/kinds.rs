//! What can be done with an object of any kind beside reading and writing it: one set of routes for all of them.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use crate::error::{ApiError, ApiResult};
use crate::extract::Path;
use crate::service::change::{self, Shown};
use axum::extract::State;
use http::StatusCode;
use types::object::Kind;
use wire::{CloneObject, Problem, Revert, Uses, VersionView};

/// An object by the collection of its kind, and by id or name.
type Which = (String, String);

fn kind(plural: &str) -> ApiResult<Kind> {
    let known = Kind::ALL.iter().find(|kind| kind.plural() == plural).copied();
    known.ok_or_else(|| ApiError::NoRoute { path: format!("/api/v1/{}", plural.chars().take(80).collect::<String>()) })
}

macro_rules! for_kind_of {
    ($($(#[$doc:meta])* $kind:ident, $plural:ident, $words:literal, $marker:ident, $spec:ident, $status:ident;)*) => {
        async fn versions_of(app: &App, kind: Kind, id: &str) -> ApiResult<Vec<VersionView>> {
            match kind {
                $(Kind::$kind => change::versions::<store::$marker>(app, id).await,)*
            }
        }

        async fn uses_of(app: &App, kind: Kind, id: &str) -> ApiResult<Uses> {
            match kind {
                $(Kind::$kind => change::uses::<store::$marker>(app, id).await,)*
            }
        }

        async fn revert_one(app: &App, user: &User, kind: Kind, id: &str, to: Revert) -> ApiResult<Shown> {
            match kind {
                $(Kind::$kind => change::revert::<store::$marker>(app, user, id, to).await,)*
            }
        }

        async fn clone_one(app: &App, user: &User, kind: Kind, id: &str, wanted: CloneObject) -> ApiResult<Shown> {
            match kind {
                $(Kind::$kind => change::clone::<store::$marker>(app, user, id, wanted).await,)*
            }
        }
    };
}

types::for_each_kind!(for_kind_of);

/// The versions of an object that are kept, newest first: the last hundred, or ten of one larger than 64 KiB.
#[utoipa::path(
    get, path = "/api/v1/{kind}/{id}/versions", tag = "objects", operation_id = "list_versions",
    params(("kind" = String, Path, description = "The collection, such as `templates`"), ("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = Vec<VersionView>), (status = "4XX", body = Problem))
)]
pub(crate) async fn versions(
    State(app): State<App>,
    _: User,
    Path((plural, id)): Path<Which>,
) -> ApiResult<Json<Vec<VersionView>>> {
    Ok(Json(versions_of(&app, kind(&plural)?, &id).await?))
}

/// What names an object, and which machines an edit of it would reach.
#[utoipa::path(
    get, path = "/api/v1/{kind}/{id}/uses", tag = "objects", operation_id = "list_uses",
    params(("kind" = String, Path, description = "The collection, such as `groups`"), ("id" = String, Path, description = "Id or name")),
    responses((status = 200, body = Uses), (status = "4XX", body = Problem))
)]
pub(crate) async fn uses(State(app): State<App>, _: User, Path((plural, id)): Path<Which>) -> ApiResult<Json<Uses>> {
    Ok(Json(uses_of(&app, kind(&plural)?, &id).await?))
}

/// Makes an object what it was at an earlier version. That is a new version of it.
#[utoipa::path(
    post, path = "/api/v1/{kind}/{id}/revert", tag = "objects", operation_id = "revert_object",
    params(("kind" = String, Path, description = "The collection, such as `templates`"), ("id" = String, Path, description = "Id or name")),
    request_body = Revert,
    responses((status = 200, body = Object, description = "The object"), (status = "4XX", body = Problem))
)]
pub(crate) async fn revert(
    State(app): State<App>,
    user: User,
    Path((plural, id)): Path<Which>,
    Json(to): Json<Revert>,
) -> ApiResult<Json<Shown>> {
    Ok(Json(revert_one(&app, &user, kind(&plural)?, &id, to).await?))
}

/// Makes a copy of an object, built-in ones too, which is the user's to change.
#[utoipa::path(
    post, path = "/api/v1/{kind}/{id}/clone", tag = "objects", operation_id = "clone_object",
    params(("kind" = String, Path, description = "The collection, such as `workflows`"), ("id" = String, Path, description = "Id or name")),
    request_body = CloneObject,
    responses((status = 201, body = Object, description = "The copy"), (status = "4XX", body = Problem))
)]
pub(crate) async fn clone(
    State(app): State<App>,
    user: User,
    Path((plural, id)): Path<Which>,
    Json(wanted): Json<CloneObject>,
) -> ApiResult<(StatusCode, Json<Shown>)> {
    Ok((StatusCode::CREATED, Json(clone_one(&app, &user, kind(&plural)?, &id, wanted).await?)))
}
