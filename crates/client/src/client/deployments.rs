//! Sheets of designs, and deployments.

use super::{Client, dispatch, read};
use crate::ClientError;
use bytes::Bytes;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use std::time::Duration;
use types::Name;
use url::Url;
use wire::{Deployment, DeploymentCommand, DeploymentReport, SheetReport};

/// Ten thousand rows, over a slow link and to a slow disk.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How a sheet is read into a design.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SheetImport {
    /// Only say what the sheet would do.
    pub dry_run: bool,
    /// Whether rows that the sheet does not have stay.
    pub keep_rows: bool,
    /// The group of a design that is not there yet, and is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
}

/// How a design is written as a sheet.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct SheetShape {
    /// As CSV, which has the machines only, instead of a workbook.
    #[serde(rename = "format", serialize_with = "format_word")]
    pub csv: bool,
    /// With the headings of NABP's design sheets instead of ours.
    #[serde(rename = "words", serialize_with = "words_word")]
    pub nabp: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn format_word<S: serde::Serializer>(csv: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *csv { "csv" } else { "xlsx" })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn words_word<S: serde::Serializer>(nabp: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *nabp { "nabp" } else { "slipway" })
}

impl Client {
    /// Makes a design what a sheet says: a workbook or CSV.
    pub async fn import_sheet(
        &self,
        design: &str,
        content: impl Into<Bytes>,
        how: &SheetImport,
    ) -> Result<SheetReport, ClientError> {
        let (url, request) = self.request(Method::POST, &["designs", design, "sheet"]);
        let request = request.query(how).header("content-type", "application/octet-stream").body(content.into());
        let response = dispatch(&url, request.timeout(TIMEOUT)).await?;
        read(&url, response).await
    }

    /// A design as a sheet, without its secrets.
    pub async fn export_sheet(&self, design: &str, shape: SheetShape) -> Result<Bytes, ClientError> {
        let (url, request) = self.request(Method::GET, &["designs", design, "sheet"]);
        fetch(&url, request.query(&shape)).await
    }

    /// A sheet without machines that has the columns of a group.
    pub async fn empty_sheet(&self, group: &str, shape: SheetShape) -> Result<Bytes, ClientError> {
        let (url, request) = self.request(Method::GET, &["groups", group, "sheet"]);
        fetch(&url, request.query(&shape)).await
    }

    /// Gives a command to a deployment.
    pub async fn command_deployment(
        &self,
        deployment: &str,
        command: DeploymentCommand,
    ) -> Result<Deployment, ClientError> {
        self.post(&["deployments", deployment, "commands"], &command).await
    }

    /// What became of a deployment, with the times of its stages.
    pub async fn report(&self, deployment: &str) -> Result<DeploymentReport, ClientError> {
        self.get(&["deployments", deployment, "report"]).await
    }

    /// The same as a page.
    pub async fn report_page(&self, deployment: &str) -> Result<Bytes, ClientError> {
        let (url, request) = self.request(Method::GET, &["deployments", deployment, "report"]);
        fetch(&url, request.query(&[("format", "html")])).await
    }
}

async fn fetch(url: &Url, request: RequestBuilder) -> Result<Bytes, ClientError> {
    let response = dispatch(url, request.timeout(TIMEOUT)).await?;
    let body = response.bytes().await;
    body.map_err(|source| ClientError::Unreachable { url: url.clone(), source: source.without_url() })
}
