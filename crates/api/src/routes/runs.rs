//! Runs: started, looked at, commanded.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Path, Query};
use crate::service::start_run::{self, Wish};
use crate::service::{find, object, run_view};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use store::RunFilter;
use types::RunId;
use utoipa::IntoParams;
use uuid::Uuid;
use wire::{Page, Problem, RunView, StartRun};
use workflow::{Command, RunState};

/// Which runs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunQuery {
    /// Of the machine with this id or name.
    machine: Option<String>,
    /// In this state.
    #[param(value_type = Option<String>)]
    state: Option<RunState>,
    /// Whether they have not ended.
    active: Option<bool>,
    /// Runs older than this one.
    #[param(value_type = Option<String>)]
    after: Option<RunId>,
    /// At most so many; 100 when not given, 1000 at most.
    limit: Option<usize>,
}

/// A run that was accepted and goes on by itself.
pub(crate) struct Accepted(RunView);

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let location = HeaderValue::from_str(&format!("/api/v1/runs/{}", self.0.id)).expect("an id is ASCII");
        (StatusCode::ACCEPTED, [(LOCATION, location)], axum::Json(self.0)).into_response()
    }
}

/// The longest idempotency key.
const MAX_KEY_LEN: usize = 200;

fn idempotency_key(headers: &HeaderMap) -> ApiResult<Option<&str>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=MAX_KEY_LEN).contains(&key.len()));
    let wrong = || ApiError::Query { name: "Idempotency-Key", detail: "use 1 to 200 ASCII characters".to_owned() };
    key.map(Some).ok_or_else(wrong)
}

/// Starts a run of a workflow on a machine.
#[utoipa::path(
    post, path = "/api/v1/machines/{id}/runs", tag = "runs", operation_id = "start_run",
    params(
        ("id" = String, Path, description = "Id or name of the machine"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key for the same machine is the same run")
    ),
    request_body = StartRun,
    responses((status = 202, body = RunView, headers(("Location"))), (status = "4XX", body = Problem))
)]
pub(crate) async fn start(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(start): Json<StartRun>,
) -> ApiResult<Accepted> {
    let key = idempotency_key(&headers)?;
    let machine = find::machine(&app, &id).await?;
    let id = start_run::id_of(&machine, key);
    let wish = Wish { id, machine: &machine, start, address: None, by: user.actor() };
    let run = start_run::start(&app, wish).await?;
    Ok(Accepted(run_view::view(&app, &run).await?))
}

/// Runs, newest first.
#[utoipa::path(
    get, path = "/api/v1/runs", tag = "runs", operation_id = "list_runs",
    params(RunQuery),
    responses((status = 200, body = Page<RunView>), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(app): State<App>,
    _: User,
    Query(query): Query<RunQuery>,
) -> ApiResult<Json<Page<RunView>>> {
    let machine = match &query.machine {
        Some(machine) => Some(find::machine(&app, machine).await?.id.into()),
        None => None,
    };
    let filter = RunFilter { machine, active: query.active, state: query.state };
    Ok(Json(run_view::list(&app, &filter, query.after, object::limit(query.limit)?).await?))
}

/// A run.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}", tag = "runs", operation_id = "read_run",
    params(("id" = String, Path, description = "Id")),
    responses((status = 200, body = RunView), (status = "4XX", body = Problem))
)]
pub(crate) async fn read(State(app): State<App>, _: User, Path(id): Path<String>) -> ApiResult<Json<RunView>> {
    let run = find::run(&app, &id).await?;
    Ok(Json(run_view::view(&app, &run).await?))
}

/// Gives a command to a run. It is carried out as soon as the run is looked at.
#[utoipa::path(
    post, path = "/api/v1/runs/{id}/commands", tag = "runs", operation_id = "command_run",
    params(("id" = String, Path, description = "Id")),
    request_body = Command,
    responses((status = 202, body = RunView), (status = "4XX", body = Problem))
)]
pub(crate) async fn command(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
    Json(command): Json<Command>,
) -> ApiResult<Accepted> {
    let run = find::run(&app, &id).await?;
    app.store.push_command(run.id, command, &user.actor()).await?;
    let run = find::run(&app, &id).await?;
    Ok(Accepted(run_view::view(&app, &run).await?))
}

/// Starts a run that goes on from the step in which this one failed.
#[utoipa::path(
    post, path = "/api/v1/runs/{id}/continue", tag = "runs", operation_id = "continue_run",
    params(
        ("id" = String, Path, description = "Id of the failed run"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key for the same run is the same run")
    ),
    responses((status = 202, body = RunView, headers(("Location"))), (status = "4XX", body = Problem))
)]
pub(crate) async fn resume_failed(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Accepted> {
    let failed = find::run(&app, &id).await?;
    let key = idempotency_key(&headers)?;
    let id = key.map_or_else(RunId::new, |key| RunId(Uuid::new_v5(&failed.id.0, key.as_bytes())));
    let run = start_run::resume_failed(&app, &failed, id, user.actor()).await?;
    Ok(Accepted(run_view::view(&app, &run).await?))
}
