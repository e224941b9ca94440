//! The objects that are part of the program.

use content::BuiltinError;
use store::{ApplyError, Document, Store};
use types::Name;
use types::object::Kind;

/// The built-in objects could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum SetBuiltinError {
    /// One of them is wrong, which a test excludes.
    #[error("reading the built-in objects")]
    Read(#[source] BuiltinError),
    /// The store refused.
    #[error("storing the built-in objects")]
    Store(#[source] ApplyError),
}

/// Makes the store's built-in objects those of this program. Gives the objects of users that have the name of one,
/// and stay.
///
/// # Errors
/// When the store refuses.
pub async fn set_builtin(store: &Store) -> Result<Vec<(Kind, Name)>, SetBuiltinError> {
    let objects = content::built_in().map_err(SetBuiltinError::Read)?;
    let documents = objects.into_iter().map(|object| Document {
        kind: object.kind(),
        spec: object.spec.to_stored(),
        name: object.name,
    });
    store.set_builtin(documents.collect()).await.map_err(SetBuiltinError::Store)
}
