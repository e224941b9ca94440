//! Parameters: what is known of each by name, and those that are secret.

use crate::object::reveal_secrets;
use crate::secret::SHOWN;
use crate::{Name, Params};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;
use zeroize::Zeroize;

/// What a parameter is. One that is not declared may have any value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamSpec {
    /// The parameter, where its name is no object's name, such as `network/Data`; without it, the object's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its type; without it, any.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ParamType>,
    /// The JSON Schema (draft 2020-12) that its values satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Value>,
    /// Its value where nothing sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub default: Option<Value>,
    /// Whether it may be set among `secrets` only.
    #[serde(default, skip_serializing_if = "is_false")]
    pub secret: bool,
    /// Whether the values of all layers are merged, objects key by key, instead of the strongest one taken whole.
    #[serde(default, skip_serializing_if = "is_false")]
    pub compose: bool,
    /// Whether its value is itself a template, which is rendered for the machine when it is read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub template: bool,
}

impl ParamSpec {
    /// The parameter that an object of this name declares.
    pub fn key<'a>(&'a self, name: &'a Name) -> &'a str {
        self.key.as_deref().unwrap_or(name.as_str())
    }
}

/// The type of a parameter's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParamType {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Real,
    /// A text.
    String,
    /// A list.
    Array,
    /// A map from texts to values.
    Object,
}

impl ParamType {
    /// Whether `value` is of this type.
    pub fn fits(self, value: &Value) -> bool {
        match self {
            Self::Boolean => value.is_boolean(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Real => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// Parameters that nobody but the machine's own render sees. They are encrypted at rest and shown as `[secret]`, which
/// stands for the stored value when it comes back.
pub type Secrets = BTreeMap<String, SecretValue>;

/// A value that must not be seen. It prints and serialises as `[secret]`, and its texts are wiped when it is dropped.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct SecretValue(Value);

impl SecretValue {
    /// Wraps `value`.
    pub fn new(value: impl Into<Value>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that renders or stores it.
    pub fn expose(&self) -> &Value {
        &self.0
    }
}

impl Serialize for SecretValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(SHOWN)
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl Drop for SecretValue {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Named parameters, attached to machines in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The place of its parameters among all layers, where that is not the place of a profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<ProfileLayer>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    #[schema(value_type = Object)]
    pub params: Params,
    /// Its secret parameters.
    #[serde(default, skip_serializing_if = "Secrets::is_empty")]
    #[schema(value_type = Object)]
    pub secrets: Secrets,
}

/// A layer of parameters that is weaker than a machine's network, operating system and groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProfileLayer {
    /// Every machine has it, without naming it.
    Global,
    /// Of an organisation.
    Organization,
    /// Of a place.
    Location,
    /// Of a DNS domain.
    Domain,
}

impl ProfileSpec {
    pub(crate) fn reveal(&self) -> serde_json::Result<Value> {
        let mut revealed = serde_json::to_value(self)?;
        reveal_secrets(&mut revealed, &self.secrets);
        Ok(revealed)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_value_does_not_print_or_travel() {
        let secret = SecretValue::new(json!({"password": "hunter2"}));
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(serde_json::to_value(&secret).unwrap(), json!("[secret]"));
    }

    #[test]
    fn an_integer_is_a_real_and_no_text_is_a_number() {
        assert!(ParamType::Real.fits(&json!(3)));
        assert!(!ParamType::Integer.fits(&json!(3.5)));
        assert!(!ParamType::Integer.fits(&json!("3")));
    }
}
