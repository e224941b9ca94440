//! Parameters, and what is the same for every machine of the server.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One resolved parameter.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Param {
    /// The value of the strongest layer.
    pub value: Value,
    /// The layer that it is from, in words such as `group compute`.
    pub source: String,
    /// Whether it is a secret: errors never quote it.
    pub secret: bool,
    /// Whether it was declared to be a template, so that it is rendered when it is read.
    pub template: bool,
    /// The values of all layers merged, where that is something else than the value.
    pub composed: Option<Value>,
}

/// A directory service to join.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Realm {
    /// Its name, such as `EXAMPLE.NET`.
    pub name: String,
    /// Its kind, such as `FreeIPA` or `Active Directory`.
    pub kind: String,
    /// The password that works once.
    pub one_time_password: Option<String>,
}

/// The server itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Its version.
    pub version: String,
    /// Its id.
    pub id: String,
    /// The certificate authority that signed its certificate, as PEM.
    pub ca_certificate: Option<String>,
    /// Settings that templates may read.
    pub settings: BTreeMap<String, Value>,
    /// Names of plugins and abilities that templates may ask for.
    pub plugins: BTreeSet<String>,
    /// Names that the server has looked up for templates, which have no network.
    pub dns: BTreeMap<String, Vec<String>>,
}

/// The value may be a secret.
impl std::fmt::Debug for Param {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Param").field("source", &self.source).field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// A one-time password is a secret.
impl std::fmt::Debug for Realm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Realm").field("name", &self.name).finish_non_exhaustive()
    }
}
