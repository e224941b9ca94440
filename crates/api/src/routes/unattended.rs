//! What installers and the systems that they installed report, with the token that their answers came with.
//!
//! Installers have no better client than `wget`: the token may be in the URL, a report is plain text or nothing at all,
//! and a GET will do where nothing can be posted. The token is good for these reports alone, of one machine and run.

use crate::App;
use crate::auth::Installing;
use crate::error::ApiResult;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use types::agent::CallHome;
use types::machine::InstallOutcome;
use uuid::Uuid;
use wire::Problem;

/// The longest report that is kept: the end of a log.
const REPORT_LIMIT: usize = 65_535;

/// The operating system is on the disk.
#[utoipa::path(
    post, path = "/unattended/built", tag = "agent", operation_id = "installer_built",
    params(("token" = Option<String>, Query, description = "The installer's token, where it is in no header")),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 201), (status = "4XX", body = Problem))
)]
pub(crate) async fn built(State(app): State<App>, by: Installing, report: Bytes) -> ApiResult<StatusCode> {
    keep(&app, by, InstallOutcome::Built, &report).await
}

/// The operating system is on the disk, said by who can only ask.
#[utoipa::path(
    get, path = "/unattended/built", tag = "agent", operation_id = "installer_asked_built",
    params(("token" = Option<String>, Query, description = "The installer's token, where it is in no header")),
    responses((status = 201), (status = "4XX", body = Problem))
)]
pub(crate) async fn asked_built(State(app): State<App>, by: Installing) -> ApiResult<StatusCode> {
    keep(&app, by, InstallOutcome::Built, &[]).await
}

/// The installation failed.
#[utoipa::path(
    post, path = "/unattended/failed", tag = "agent", operation_id = "installer_failed",
    params(("token" = Option<String>, Query, description = "The installer's token, where it is in no header")),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 201), (status = "4XX", body = Problem))
)]
pub(crate) async fn failed(State(app): State<App>, by: Installing, report: Bytes) -> ApiResult<StatusCode> {
    keep(&app, by, InstallOutcome::Failed, &report).await
}

/// The installation failed, said by who can only ask.
#[utoipa::path(
    get, path = "/unattended/failed", tag = "agent", operation_id = "installer_asked_failed",
    params(("token" = Option<String>, Query, description = "The installer's token, where it is in no header")),
    responses((status = 201), (status = "4XX", body = Problem))
)]
pub(crate) async fn asked_failed(State(app): State<App>, by: Installing) -> ApiResult<StatusCode> {
    keep(&app, by, InstallOutcome::Failed, &[]).await
}

/// The installed system is up.
#[utoipa::path(
    post, path = "/unattended/started", tag = "agent", operation_id = "installed_started",
    params(("token" = Option<String>, Query, description = "The installer's token, where it is in no header")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 201), (status = "4XX", body = Problem))
)]
pub(crate) async fn started(State(app): State<App>, by: Installing, form: Bytes) -> ApiResult<StatusCode> {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&form).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let boot_id = field("boot_id").and_then(|id| id.parse().ok()).unwrap_or(Uuid::nil());
    let hostname = field("hostname").unwrap_or_default().chars().filter(|c| !c.is_control()).take(253).collect();
    app.store.called_home(by.machine, by.run, CallHome { boot_id, hostname }).await?;
    Ok(StatusCode::CREATED)
}

/// The installed system is up, said by who can only ask.
#[utoipa::path(
    get, path = "/unattended/started", tag = "agent", operation_id = "installed_asked_started",
    params(("token" = Option<String>, Query, description = "The installer's token, where it is in no header")),
    responses((status = 201), (status = "4XX", body = Problem))
)]
pub(crate) async fn asked_started(State(app): State<App>, by: Installing) -> ApiResult<StatusCode> {
    let call = CallHome { boot_id: Uuid::nil(), hostname: String::new() };
    app.store.called_home(by.machine, by.run, call).await?;
    Ok(StatusCode::CREATED)
}

async fn keep(app: &App, by: Installing, outcome: InstallOutcome, report: &[u8]) -> ApiResult<StatusCode> {
    // The end of a log says more than its beginning.
    let tail = &report[report.len().saturating_sub(REPORT_LIMIT)..];
    let plain = |character: &char| !character.is_control() || matches!(character, '\n' | '\t');
    let report = String::from_utf8_lossy(tail).trim().chars().filter(plain).collect();
    app.store.installer_reported(by.machine, by.run, outcome, report).await?;
    Ok(StatusCode::CREATED)
}
