//! References of applied documents that lead nowhere. They are told and not refused: what a document names may come
//! with the next file, and a run looks for everything that it needs before it starts.

use crate::App;
use crate::error::ApiResult;
use content::Document;
use std::collections::HashSet;
use store::Selector;
use types::object::Kind;
use types::reference::Reference;
use wire::DocumentProblem;

/// Each reference that leads neither to one of the documents nor to what is stored.
pub(crate) async fn find_dangling(app: &App, documents: &[Document]) -> ApiResult<Vec<DocumentProblem>> {
    let declared: HashSet<(Kind, &str)> =
        documents.iter().map(|document| (document.kind(), document.name.as_str())).collect();
    let mut warnings = Vec::new();
    for document in documents {
        for Reference { kind, name, pointer } in document.spec.references() {
            if !declared.contains(&(kind, name.as_str())) && !is_stored(app, kind, &name).await? {
                warnings.push(document.problem(&pointer, format!("there is no {kind} {name} yet")));
            }
        }
    }
    Ok(warnings)
}

macro_rules! define_is_stored {
    ($($(#[$doc:meta])* $kind:ident, $plural:ident, $words:literal, $marker:ident, $spec:ident, $status:ident;)*) => {
        async fn is_stored(app: &App, kind: Kind, name: &str) -> ApiResult<bool> {
            let selector = Selector::Name(name.to_owned());
            match kind {
                $(Kind::$kind => Ok(app.store.find::<store::$marker>(&selector).await?.is_some()),)*
            }
        }
    };
}

types::for_each_kind!(define_is_stored);
