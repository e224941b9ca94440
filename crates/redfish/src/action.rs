//! Actions: where to post, and what may be posted.

use crate::document::{Document, texts_of};
use crate::error::{ReadError, WriteError};
use crate::service::Service;
use serde_json::Value;

/// An action that a resource advertises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Where it is posted to.
    pub target: String,
    info: Option<String>,
    annotated: Vec<(String, Vec<String>)>,
}

impl Action {
    /// The action `name` (such as `#ComputerSystem.Reset`) of `document`.
    pub fn find(document: &Document, name: &str) -> Option<Self> {
        let action = &document.value["Actions"][name];
        let target = action["target"].as_str()?.to_owned();
        let info = &action["@Redfish.ActionInfo"];
        // DSP0266 says a URI; a link object has been seen in the wild.
        let info = info.as_str().or_else(|| info["@odata.id"].as_str()).map(str::to_owned);
        let annotated = action.as_object().into_iter().flatten().filter_map(|(key, value)| {
            Some((key.strip_suffix("@Redfish.AllowableValues")?.to_owned(), texts_of(value)))
        });
        Some(Self { target, info, annotated: annotated.collect() })
    }

    /// What `parameter` may be, if the BMC says so: beside the action, or in its ActionInfo.
    pub async fn allowable(&self, service: &Service, parameter: &str) -> Result<Option<Vec<String>>, ReadError> {
        if let Some((_, values)) = self.annotated.iter().find(|(name, _)| name == parameter) {
            return Ok(Some(values.clone()));
        }
        let Some(info) = &self.info else { return Ok(None) };
        let info = service.get(info).await?;
        let parameters = info.value["Parameters"].as_array().into_iter().flatten();
        let found = parameters.into_iter().find(|entry| entry["Name"] == parameter);
        Ok(found.map(|entry| &entry["AllowableValues"]).filter(|values| values.is_array()).map(texts_of))
    }
}

/// Refuses `wanted` when the BMC lists what it takes and this is not in the list.
pub(crate) fn check_offered(
    path: &str,
    member: &'static str,
    wanted: &str,
    offered: Option<&Value>,
) -> Result<(), WriteError> {
    let Some(offered) = offered.filter(|offered| offered.is_array()).map(texts_of) else { return Ok(()) };
    if offered.iter().any(|value| value == wanted) {
        return Ok(());
    }
    Err(WriteError::NotOffered { path: path.to_owned(), member, wanted: wanted.to_owned(), offered })
}
