//! A resource as it was read, with safe ways to look into it.

use crate::answer::Answer;
use serde_json::Value;

/// One resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Where it was read.
    pub path: String,
    /// Its entity tag.
    pub etag: Option<String>,
    /// Its content; JSON `null` when the BMC sent none.
    pub value: Value,
}

impl Document {
    pub(crate) fn new(path: &str, answer: Answer) -> Self {
        let value = answer.body.unwrap_or_default();
        let etag = answer.etag.or_else(|| value["@odata.etag"].as_str().map(str::to_owned));
        Self { path: path.to_owned(), etag, value }
    }

    /// The text of a property. Empty text counts as absent: HPE iLO 5 writes `""` where others write `null`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value[name].as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Where the property `name` links to.
    pub fn link(&self, name: &str) -> Option<&str> {
        self.value[name]["@odata.id"].as_str()
    }

    /// Where the entries of the array `Links.{name}` link to.
    pub fn related(&self, name: &str) -> Vec<&str> {
        links_of(&self.value["Links"][name])
    }

    /// The tag to send as `If-Match`. A weak tag never matches there (RFC 9110 §13.1.1), so it is left out.
    pub(crate) fn if_match(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/"))
    }
}

/// Where the entries of an array of links go.
pub(crate) fn links_of(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|entry| entry["@odata.id"].as_str()).collect()
}

/// The texts in an array.
pub(crate) fn texts_of(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
