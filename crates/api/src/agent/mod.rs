//! The routes for machines' agents and installed systems. The protocol is `types::agent`.
//!
//! A message that comes twice is answered as the first time. A report on a task that is somebody else's is
//! refused; one that came too late is taken and changes nothing.

use crate::App;
use crate::auth::{Agent, Installed, Peer, Registrant, bearer};
use crate::body::Json;
use crate::error::{ApiError, ApiResult};
use crate::extract::Path;
use crate::service::agent_log;
use crate::service::equip;
use crate::service::image_content;
use crate::service::refusal::{Refusals, Subject};
use crate::service::register_agent;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use store::TaskState;
use types::agent::{
    AgentLog, CallHome, LONG_POLL_SECONDS, ProgressAnswer, Registered, Registration, TaskOrder, TaskProgress,
    TaskResult,
};
use types::{Digest, TaskId};
use wire::Problem;

/// An agent came up.
#[utoipa::path(
    post, path = "/agent/v1/register", tag = "agent", operation_id = "agent_register",
    request_body = Registration,
    responses((status = 200, body = Registered), (status = "4XX", body = Problem))
)]
pub(crate) async fn register(
    State(app): State<App>,
    registrant: Registrant,
    Extension(refusals): Extension<Arc<Refusals>>,
    axum::extract::ConnectInfo(peer): Peer,
    headers: HeaderMap,
    Json(registration): Json<Registration>,
) -> ApiResult<Json<Registered>> {
    let caller = register_agent::Caller { registrant, token: bearer(&headers), peer: peer.ip() };
    Ok(Json(register_agent::register(&app, &refusals, caller, registration).await?))
}

/// What the agent is to do now. Waits for it a while; 204 when there is nothing.
#[utoipa::path(
    get, path = "/agent/v1/tasks/next", tag = "agent", operation_id = "agent_next_task",
    responses((status = 200, body = TaskOrder), (status = 204), (status = "4XX", body = Problem))
)]
pub(crate) async fn next_task(State(app): State<App>, agent: Agent) -> ApiResult<Response> {
    let waiting = tokio::time::timeout(Duration::from_secs(LONG_POLL_SECONDS), wait_for_task(&app, agent));
    match waiting.await {
        Ok(order) => {
            Ok(order?.map_or_else(|| StatusCode::NO_CONTENT.into_response(), |order| axum::Json(order).into_response()))
        }
        Err(_) => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// The agent's order, once there is one. None when the server stops first.
async fn wait_for_task(app: &App, agent: Agent) -> ApiResult<Option<TaskOrder>> {
    let mut changed = app.store.task_changed(agent.machine);
    loop {
        changed.borrow_and_update();
        if let Some(order) = app.store.next_task(agent.machine, agent.boot_id).await? {
            return equip::equip(app, agent.machine, order).await.map(Some);
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return Ok(None),
            change = changed.changed() => if change.is_err() { return Ok(None) },
        }
    }
}

/// How far the agent is.
#[utoipa::path(
    post, path = "/agent/v1/tasks/{id}/progress", tag = "agent", operation_id = "agent_progress",
    params(("id" = String, Path, description = "Id of the order")),
    request_body = TaskProgress,
    responses((status = 200, body = ProgressAnswer), (status = "4XX", body = Problem))
)]
pub(crate) async fn progress(
    State(app): State<App>,
    agent: Agent,
    Extension(refusals): Extension<Arc<Refusals>>,
    axum::extract::ConnectInfo(peer): Peer,
    Path(id): Path<TaskId>,
    Json(progress): Json<TaskProgress>,
) -> ApiResult<Json<ProgressAnswer>> {
    own_task(&app, &refusals, agent, id, peer.ip()).await?;
    let cancelled = app.store.report_progress(id, agent.boot_id, progress).await?;
    Ok(Json(ProgressAnswer { cancelled }))
}

/// How the task ended.
#[utoipa::path(
    post, path = "/agent/v1/tasks/{id}/result", tag = "agent", operation_id = "agent_result",
    params(("id" = String, Path, description = "Id of the order")),
    request_body = TaskResult,
    responses((status = 204), (status = "4XX", body = Problem))
)]
pub(crate) async fn result(
    State(app): State<App>,
    agent: Agent,
    Extension(refusals): Extension<Arc<Refusals>>,
    axum::extract::ConnectInfo(peer): Peer,
    Path(id): Path<TaskId>,
    Json(result): Json<TaskResult>,
) -> ApiResult<StatusCode> {
    own_task(&app, &refusals, agent, id, peer.ip()).await?;
    app.store.finish_task(id, agent.boot_id, result).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses what is about another machine's task, whether or not there is such a task.
async fn own_task(app: &App, refusals: &Refusals, agent: Agent, id: TaskId, peer: IpAddr) -> ApiResult<()> {
    const FOREIGN: &str = "the task is not this machine's";
    const EARLIER: &str = "the task is another boot's";
    let subject = Subject::Machine(agent.machine);
    let Some(task) = app.store.task(id).await?.filter(|task| task.machine == agent.machine) else {
        refusals.record(app, subject, FOREIGN, Some(peer));
        return Err(ApiError::Forbidden { reason: FOREIGN });
    };
    // It is taken and changes nothing.
    if matches!(task.state, TaskState::Started { boot_id } if boot_id != agent.boot_id) {
        refusals.record(app, subject, EARLIER, Some(peer));
    }
    Ok(())
}

/// Lines of the agent's log, for the history.
#[utoipa::path(
    post, path = "/agent/v1/log", tag = "agent", operation_id = "agent_log",
    request_body = AgentLog,
    responses((status = 204), (status = "4XX", body = Problem))
)]
pub(crate) async fn log(State(app): State<App>, agent: Agent, Json(log): Json<AgentLog>) -> ApiResult<StatusCode> {
    agent_log::keep(&app, agent, log).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An image, or a part of it.
#[utoipa::path(
    get, path = "/agent/v1/images/{digest}", tag = "agent", operation_id = "agent_image",
    params(
        ("digest" = String, Path, description = "Digest of the image"),
        ("Range" = Option<String>, Header, description = "One part, in bytes"),
        ("If-Range" = Option<String>, Header, description = "The digest in quotes")
    ),
    responses(
        (status = 200, content_type = "application/octet-stream", headers(("ETag"))),
        (status = 206, content_type = "application/octet-stream", headers(("ETag"), ("Content-Range"))),
        (status = "4XX", body = Problem)
    )
)]
pub(crate) async fn image(
    State(app): State<App>,
    _: Agent,
    method: Method,
    Path(digest): Path<Digest>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    image_content::send(&app, &method, digest, &headers).await
}

/// The installed system is up.
#[utoipa::path(
    post, path = "/agent/v1/call-home", tag = "agent", operation_id = "agent_call_home",
    request_body = CallHome,
    responses((status = 204), (status = "4XX", body = Problem))
)]
pub(crate) async fn call_home(
    State(app): State<App>,
    installed: Installed,
    Json(call): Json<CallHome>,
) -> ApiResult<StatusCode> {
    app.store.called_home(installed.machine, installed.run, call).await?;
    Ok(StatusCode::NO_CONTENT)
}
