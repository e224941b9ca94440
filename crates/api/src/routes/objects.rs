//! The collections of objects: the same five routes for each kind.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::{object, search};
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use std::any::Any;
use store::ObjectKind;
use types::object::{Kind, Object};
use utoipa::IntoParams;
use wire::{Page, View};

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Objects whose names come after this one.
    after: Option<String>,
    /// At most so many; 100 when not given, 1000 at most.
    limit: Option<usize>,
    /// Objects whose names contain this.
    name: Option<String>,
    /// Machines for which this expression holds, such as `state=failed and memory>=64GiB`. Of machines only.
    search: Option<String>,
}

/// An object as it travels, with its version as entity tag.
pub(crate) struct Tagged<T>(pub(crate) T);

/// The same with what it lacks.
pub(crate) struct Viewed<T>(pub(crate) T);

/// An object that was made.
pub(crate) struct Created<T> {
    pub(crate) location: String,
    pub(crate) object: T,
}

fn tag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).expect("a number is ASCII")
}

impl<Spec: Serialize, Status: Serialize> IntoResponse for Tagged<Object<Spec, Status>> {
    fn into_response(self) -> Response {
        let tag = tag(self.0.version);
        ([(ETAG, tag)], axum::Json(self.0)).into_response()
    }
}

impl<Spec: Serialize, Status: Serialize> IntoResponse for Viewed<View<Spec, Status>> {
    fn into_response(self) -> Response {
        let tag = tag(self.0.object.version);
        ([(ETAG, tag)], axum::Json(self.0)).into_response()
    }
}

impl<Spec: Serialize, Status: Serialize> IntoResponse for Created<Object<Spec, Status>> {
    fn into_response(self) -> Response {
        let location = HeaderValue::from_str(&self.location).expect("names and ids are ASCII");
        (StatusCode::CREATED, [(LOCATION, location)], Tagged(self.object)).into_response()
    }
}

/// The version that `If-Match` names.
pub(crate) fn if_match(headers: &HeaderMap) -> ApiResult<Option<u64>> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let version = value.to_str().ok().and_then(|text| text.trim().trim_matches('"').parse().ok());
    let wrong = || ApiError::Query { name: "If-Match", detail: "give one version, in quotes".to_owned() };
    version.map(Some).ok_or_else(wrong)
}

/// The part of a list that is asked for.
async fn page<K: ObjectKind>(app: &App, query: &ListQuery) -> ApiResult<Page<Object<K::Spec, K::Status>>> {
    let ListQuery { after, limit, name, search } = query;
    let limit = object::limit(*limit)?;
    if K::KIND == Kind::Machine {
        let expression = search::of_list(name.as_deref(), search.as_deref())?;
        let page: Box<dyn Any> = Box::new(search::machines(app, &expression, after.as_deref(), limit).await?);
        return Ok(*page.downcast().expect("K is the kind of machines"));
    }
    if search.is_some() {
        let detail = format!("only machines are searched; {} are listed, by `name` too", K::KIND.plural());
        return Err(ApiError::Query { name: "search", detail });
    }
    let named = |text: &str| name.as_deref().is_none_or(|part| text.contains(part));
    object::list::<K>(app, after.as_deref(), limit, |object| named(object.name.as_str())).await
}

macro_rules! object_routes {
    ($($(#[$doc:meta])* $name:ident, $module:ident, $words:literal, $kind:ident, $spec:ident, $status:ident;)*) => {
        $(pub(crate) mod $module {
            use super::{Created, ListQuery, Tagged, Viewed, if_match, page};
            use crate::App;
            use crate::auth::User;
            use crate::body::Json;
            use crate::error::ApiResult;
            use crate::service::{availability, change, find, object};
            use crate::extract::{Path, Query};
            use axum::extract::State;
            use axum::response::IntoResponse;
            use http::{HeaderMap, StatusCode};
            use store::{$kind, ObjectKind as _};
            use types::object::Object as Stored;
            use super::schema::{$spec, $status};
            use wire::{Create, Page, Problem, Update, View};

            /// The objects of the kind, in the order of their names.
            #[utoipa::path(
                get, path = concat!("/api/v1/", stringify!($module)), tag = "objects", operation_id = concat!("list_", stringify!($module)),
                params(ListQuery),
                responses((status = 200, body = Page<View<$spec, $status>>), (status = "4XX", body = Problem))
            )]
            pub(crate) async fn list(
                State(app): State<App>, _: User, Query(query): Query<ListQuery>,
            ) -> ApiResult<impl IntoResponse> {
                let Page { items, next } = page::<$kind>(&app, &query).await?;
                let site = app.sites.current().await?;
                let mut views = Vec::with_capacity(items.len());
                for object in items {
                    views.push(availability::view::<$kind>(&app, &site, object).await?);
                }
                Ok(axum::Json(Page { items: views, next }))
            }

            /// Makes an object.
            #[utoipa::path(
                post, path = concat!("/api/v1/", stringify!($module)), tag = "objects", operation_id = concat!("create_", stringify!($module)),
                request_body = Create<$spec>,
                responses(
                    (status = 201, body = Stored<$spec, $status>, headers(("Location"), ("ETag"))),
                    (status = "4XX", body = Problem)
                )
            )]
            pub(crate) async fn create(
                State(app): State<App>, user: User, Json(new): Json<Create<$spec>>,
            ) -> ApiResult<impl IntoResponse> {
                let object = object::create::<$kind>(&app, &user, new).await?;
                let location = format!("/api/v1/{}/{}", $kind::KIND.plural(), object.id);
                Ok(Created { location, object })
            }

            /// An object.
            #[utoipa::path(
                get, path = concat!("/api/v1/", stringify!($module), "/{id}"), tag = "objects", operation_id = concat!("read_", stringify!($module)),
                params(("id" = String, Path, description = "Id or name")),
                responses((status = 200, body = View<$spec, $status>, headers(("ETag"))), (status = "4XX", body = Problem))
            )]
            pub(crate) async fn read(
                State(app): State<App>, _: User, Path(id): Path<String>,
            ) -> ApiResult<impl IntoResponse> {
                let object = find::object::<$kind>(&app, &id).await?;
                let site = app.sites.current().await?;
                Ok(Viewed(availability::view::<$kind>(&app, &site, object).await?))
            }

            /// Replaces what is wanted of an object.
            #[utoipa::path(
                put, path = concat!("/api/v1/", stringify!($module), "/{id}"), tag = "objects", operation_id = concat!("update_", stringify!($module)),
                params(
                    ("id" = String, Path, description = "Id or name"),
                    ("If-Match" = Option<String>, Header, description = "The version that the change is based on")
                ),
                request_body = Update<$spec>,
                responses((status = 200, body = Stored<$spec, $status>, headers(("ETag"))), (status = "4XX", body = Problem))
            )]
            pub(crate) async fn update(
                State(app): State<App>, user: User, Path(id): Path<String>, headers: HeaderMap,
                Json(update): Json<Update<$spec>>,
            ) -> ApiResult<impl IntoResponse> {
                Ok(Tagged(object::update::<$kind>(&app, &user, &id, if_match(&headers)?, update).await?))
            }

            /// Changes parts of what is wanted of an object (JSON Patch, RFC 6902).
            #[utoipa::path(
                patch, path = concat!("/api/v1/", stringify!($module), "/{id}"), tag = "objects",
                operation_id = concat!("patch_", stringify!($module)),
                params(
                    ("id" = String, Path, description = "Id or name"),
                    ("If-Match" = Option<String>, Header, description = "The version that the change is based on")
                ),
                request_body(
                    content = Vec<Object>, content_type = "application/json-patch+json",
                    description = "Operations; paths begin at the object, as it is read: `/spec/params/rack`"
                ),
                responses((status = 200, body = Stored<$spec, $status>, headers(("ETag"))), (status = "4XX", body = Problem))
            )]
            pub(crate) async fn patch(
                State(app): State<App>, user: User, Path(id): Path<String>, headers: HeaderMap,
                Json(patch): Json<json_patch::Patch>,
            ) -> ApiResult<impl IntoResponse> {
                Ok(Tagged(change::patch::<$kind>(&app, &user, &id, if_match(&headers)?, patch).await?))
            }

            /// Removes an object.
            #[utoipa::path(
                delete, path = concat!("/api/v1/", stringify!($module), "/{id}"), tag = "objects", operation_id = concat!("delete_", stringify!($module)),
                params(
                    ("id" = String, Path, description = "Id or name"),
                    ("If-Match" = Option<String>, Header, description = "Delete this version and no newer one")
                ),
                responses((status = 204), (status = "4XX", body = Problem))
            )]
            pub(crate) async fn delete(
                State(app): State<App>, user: User, Path(id): Path<String>, headers: HeaderMap,
            ) -> ApiResult<StatusCode> {
                object::delete::<$kind>(&app, &user, &id, if_match(&headers)?).await?;
                Ok(StatusCode::NO_CONTENT)
            }
        })*
    };
}

/// The types that appear in the OpenAPI document.
mod schema {
    pub(super) use types::bmc::{BmcSpec, BmcStatus};
    pub(super) use types::bootenv::BootEnvSpec;
    pub(super) use types::design::{DeploymentSpec, DeploymentStatus, DesignSpec};
    pub(super) use types::group::GroupSpec;
    pub(super) use types::hardware::HardwareProfileSpec;
    pub(super) use types::image::{ImageSpec, ImageStatus};
    pub(super) use types::machine::{MachineSpec, MachineStatus};
    pub(super) use types::os::{MediumSpec, OperatingSystemSpec, PartitionTableSpec};
    pub(super) use types::param::{ParamSpec, ProfileSpec};
    pub(super) use types::subnet::{ReservationSpec, SubnetSpec};
    pub(super) use types::template::TemplateSpec;
    pub(super) use wire::NoStatus;
    pub(super) use workflow::WorkflowSpec;
}

types::for_each_kind!(object_routes);
