//! Sheets of designs; commands to deployments, and their reports.

use crate::App;
use crate::auth::User;
use crate::body::Json;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Path, Query};
use crate::service::design_sheet::{self, Import, Shape};
use crate::service::{deployment, report};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use std::time::Duration;
use types::Name;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wire::{Deployment, DeploymentCommand, DeploymentReport, Problem, SheetReport};

/// How long a client may take to send a sheet.
const PATIENCE: Duration = Duration::from_secs(60);
/// A page that is nothing but itself: no script, and its looks within it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(import_sheet, export_sheet))
        .routes(routes!(empty_sheet))
        .routes(routes!(command))
        .routes(routes!(read_report))
}

/// How a sheet is read.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// Only say what the sheet would do.
    #[serde(default)]
    dry_run: bool,
    /// Whether rows that the sheet does not have stay.
    #[serde(default)]
    keep_rows: bool,
    /// The group of a design that is not there yet, and is made.
    #[param(value_type = Option<String>)]
    group: Option<Name>,
}

/// How a sheet is written.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SheetFormat {
    /// A workbook.
    #[default]
    Xlsx,
    /// Values between commas: the machines only.
    Csv,
}

/// Whose words the headings of a sheet are.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SheetWords {
    /// Ours.
    #[default]
    Slipway,
    /// Those of NABP's design sheets.
    Nabp,
}

/// How a sheet is written.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// As a workbook, or as CSV.
    #[serde(default)]
    format: SheetFormat,
    /// Whose words its headings are.
    #[serde(default)]
    words: SheetWords,
}

impl ExportQuery {
    fn shape(&self) -> Shape {
        let format = match self.format {
            SheetFormat::Xlsx => sheet::Format::Xlsx,
            SheetFormat::Csv => sheet::Format::Csv,
        };
        let words = match self.words {
            SheetWords::Slipway => sheet::Words::Slipway,
            SheetWords::Nabp => sheet::Words::Nabp,
        };
        Shape { format, words }
    }
}

/// A file to keep.
struct Attachment {
    name: String,
    content: Vec<u8>,
    format: sheet::Format,
}

impl IntoResponse for Attachment {
    fn into_response(self) -> Response {
        let (media_type, ending) = match self.format {
            sheet::Format::Xlsx => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
            sheet::Format::Csv => ("text/csv; charset=utf-8", "csv"),
        };
        let disposition = format!("attachment; filename=\"{}.{ending}\"", self.name);
        let disposition = HeaderValue::from_str(&disposition).expect("a name is ASCII");
        let headers = [(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CONTENT_DISPOSITION, disposition)];
        (headers, self.content).into_response()
    }
}

async fn read_body(body: Body) -> ApiResult<Bytes> {
    let limit = sheet::MAX_FILE_BYTES;
    let body = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, limit));
    body.await.map_err(|_| ApiError::Slow)?.map_err(|_| ApiError::BodyTooLarge { limit: limit as u64 })
}

/// Makes a design what a sheet says: a workbook (xlsx) or CSV, known by its content. With any mistake nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/designs/{id}/sheet", tag = "designs",
    params(("id" = String, Path, description = "Id or name"), ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = SheetReport), (status = "4XX", body = Problem))
)]
pub(crate) async fn import_sheet(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
    Query(query): Query<ImportQuery>,
    body: Body,
) -> ApiResult<Json<SheetReport>> {
    let ImportQuery { dry_run, keep_rows, group } = query;
    let content = read_body(body).await?;
    Ok(Json(design_sheet::import(&app, &user, &id, Import { content, dry_run, keep_rows, group }).await?))
}

/// A design as a sheet, without its secrets.
#[utoipa::path(
    get, path = "/api/v1/designs/{id}/sheet", tag = "designs",
    params(("id" = String, Path, description = "Id or name"), ExportQuery),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = Problem)
    )
)]
pub(crate) async fn export_sheet(
    State(app): State<App>,
    _: User,
    Path(id): Path<String>,
    Query(query): Query<ExportQuery>,
) -> ApiResult<impl IntoResponse> {
    let shape = query.shape();
    let (name, content) = design_sheet::export(&app, &id, shape).await?;
    Ok(Attachment { name: name.to_string(), content, format: shape.format })
}

/// A sheet without machines that has the columns of a group: its parameters among them.
#[utoipa::path(
    get, path = "/api/v1/groups/{id}/sheet", tag = "designs",
    params(("id" = String, Path, description = "Id or name"), ExportQuery),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = Problem)
    )
)]
pub(crate) async fn empty_sheet(
    State(app): State<App>,
    _: User,
    Path(id): Path<String>,
    Query(query): Query<ExportQuery>,
) -> ApiResult<impl IntoResponse> {
    let shape = query.shape();
    let (name, content) = design_sheet::empty(&app, &id, shape).await?;
    Ok(Attachment { name: name.to_string(), content, format: shape.format })
}

/// Gives a command to a deployment.
#[utoipa::path(
    post, path = "/api/v1/deployments/{id}/commands", tag = "designs", operation_id = "command_deployment",
    params(("id" = String, Path, description = "Id or name")),
    request_body = DeploymentCommand,
    responses((status = 202, body = Deployment), (status = "4XX", body = Problem))
)]
pub(crate) async fn command(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
    Json(command): Json<DeploymentCommand>,
) -> ApiResult<(StatusCode, Json<Deployment>)> {
    Ok((StatusCode::ACCEPTED, Json(deployment::command(&app, &user, &id, command).await?)))
}

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReportFormat {
    /// For programs.
    #[default]
    Json,
    /// For people: one page that needs nothing else.
    Html,
}

/// How a report is written.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// As JSON, or as a page.
    #[serde(default)]
    format: ReportFormat,
}

/// What became of a deployment, with the times of its stages over all machines.
#[utoipa::path(
    get, path = "/api/v1/deployments/{id}/report", tag = "designs", operation_id = "report_deployment",
    params(("id" = String, Path, description = "Id or name"), ReportQuery),
    responses((status = 200, body = DeploymentReport), (status = "4XX", body = Problem))
)]
pub(crate) async fn read_report(
    State(app): State<App>,
    _: User,
    Path(id): Path<String>,
    Query(query): Query<ReportQuery>,
) -> ApiResult<Response> {
    let report = report::of_deployment(&app, &id).await?;
    Ok(match query.format {
        ReportFormat::Json => axum::Json(report).into_response(),
        ReportFormat::Html => {
            let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY)];
            (headers, report::page(&report)?).into_response()
        }
    })
}
