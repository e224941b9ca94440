//! Baseboard management controllers as objects.

use crate::Secret;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

/// How to reach a BMC.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BmcSpec {
    /// The Redfish service, such as `https://10.0.0.5`.
    #[schema(value_type = String)]
    pub url: Url,
    /// Login.
    pub username: String,
    /// Password. Write-only: it is stored encrypted and shown as `[secret]`.
    #[schema(value_type = String)]
    #[serde(serialize_with = "Secret::serialize_redacted")]
    pub password: Secret,
    /// SHA-256 of the certificate (DER) that the BMC must present. Without it the first certificate seen is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<crate::Digest>,
}

impl BmcSpec {
    pub(crate) fn reveal(&self) -> serde_json::Result<serde_json::Value> {
        let mut revealed = serde_json::to_value(self)?;
        revealed["password"] = self.password.expose().into();
        Ok(revealed)
    }
}

/// What is known of a BMC.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BmcStatus {
    /// The SMBIOS UUID of the system it manages: this ties it to a discovered machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_uuid: Option<Uuid>,
    /// The system's serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_serial: Option<String>,
    /// The certificate that was pinned at first use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_certificate: Option<crate::Digest>,
}
