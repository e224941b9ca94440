//! Messages of the Base registry (DSP8011), those that are used.

use serde_json::{Value, json};

const REGISTRY: &str = "Base.1.18";

/// A message: its key, its text, and the arguments in it.
pub(super) struct Message {
    key: &'static str,
    text: String,
    arguments: Vec<String>,
    property: Option<String>,
}

impl Message {
    fn new(key: &'static str, text: impl Into<String>, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self { key, text: text.into(), arguments, property: None }
    }

    fn about(self, property: &str) -> Self {
        Self { property: Some(format!("#/{property}")), ..self }
    }

    pub(super) fn property_unknown(property: &str) -> Self {
        let text = format!("The property {property} is not in the list of valid properties for the resource.");
        Self::new("PropertyUnknown", text, &[property]).about(property)
    }

    pub(super) fn property_not_writable(property: &str) -> Self {
        let text = format!("The property {property} is a read-only property and cannot be assigned a value.");
        Self::new("PropertyNotWritable", text, &[property]).about(property)
    }

    pub(super) fn value_not_in_list(property: &str) -> Self {
        let text = format!("The value provided for the property {property} is not in the list of acceptable values.");
        Self::new("PropertyValueNotInList", text, &["value", property]).about(property)
    }

    pub(super) fn property_missing(property: &str) -> Self {
        let text = format!("The property {property} is a required property and must be included in the request.");
        Self::new("PropertyMissing", text, &[property]).about(property)
    }

    pub(super) fn no_operation() -> Self {
        Self::new("NoOperation", "The request body submitted contain no data to act upon.", &[])
    }

    pub(super) fn malformed_json() -> Self {
        Self::new("MalformedJSON", "The request body submitted was malformed JSON.", &[])
    }

    pub(super) fn missing(path: &str) -> Self {
        Self::new("ResourceMissingAtURI", format!("The resource at the URI {path} was not found."), &[path])
    }

    pub(super) fn no_session() -> Self {
        Self::new("NoValidSession", "There is no valid session established with the implementation.", &[])
    }

    pub(super) fn insufficient_privilege() -> Self {
        Self::new("InsufficientPrivilege", "There are insufficient privileges for the account to do this.", &[])
    }

    pub(super) fn password_change_required(path: &str) -> Self {
        let text = format!("The password must be changed: PATCH the Password property of the resource at {path}.");
        Self::new("PasswordChangeRequired", text, &[path])
    }

    pub(super) fn precondition_failed() -> Self {
        Self::new("PreconditionFailed", "The ETag supplied did not match the ETag of the resource.", &[])
    }

    pub(super) fn not_allowed() -> Self {
        Self::new("OperationNotAllowed", "The HTTP method is not allowed on this resource.", &[])
    }

    pub(super) fn query_not_supported() -> Self {
        Self::new("QueryNotSupportedOnResource", "Querying is not supported on the requested resource.", &[])
    }

    pub(super) fn session_limit() -> Self {
        Self::new("SessionLimitExceeded", "The session establishment failed due to too many sessions.", &[])
    }

    pub(super) fn parameter_not_in_list(parameter: &str, action: &str) -> Self {
        let text = format!("The value for the parameter {parameter} in the action {action} is not acceptable.");
        Self::new("ActionParameterValueNotInList", text, &["value", parameter, action])
    }

    pub(super) fn parameter_missing(action: &str, parameter: &str) -> Self {
        let text = format!("The action {action} requires the parameter {parameter} to be present.");
        Self::new("ActionParameterMissing", text, &[action, parameter])
    }

    pub(super) fn cannot_connect(url: &str) -> Self {
        Self::new("CouldNotEstablishConnection", "The service failed to establish a connection with the URI.", &[url])
    }

    pub(super) fn already_so() -> Self {
        Self::new("ResourceInUse", "The change to the requested resource failed: it is in that state already.", &[])
    }

    pub(super) fn internal_error() -> Self {
        Self::new("InternalError", "The request failed due to an internal service error.", &[])
    }

    pub(super) fn unavailable() -> Self {
        Self::new("ServiceTemporarilyUnavailable", "The service is temporarily unavailable.", &["1"])
    }

    /// As it stands in `@Message.ExtendedInfo`.
    pub(super) fn to_json(&self) -> Value {
        let mut message = json!({
            "@odata.type": "#Message.v1_1_2.Message",
            "MessageId": format!("{REGISTRY}.{}", self.key),
            "Message": self.text,
            "MessageArgs": self.arguments,
            "MessageSeverity": "Warning",
            "Resolution": "None.",
        });
        if let Some(property) = &self.property {
            message["RelatedProperties"] = json!([property]);
        }
        message
    }

    pub(super) fn id(&self) -> String {
        format!("{REGISTRY}.{}", self.key)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
