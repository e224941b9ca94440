//! The first start: somebody must be able to log in.

use store::{Grant, Store, StoreError};
use types::{Name, Secret};

/// The administrator's first token, when nobody has one yet. It is shown once and cannot be shown again.
pub(crate) async fn first_token(store: &Store) -> Result<Option<Secret>, StoreError> {
    if store.has_lasting_user_token() {
        return Ok(None);
    }
    let name: Name = "admin".parse().expect("the name is valid");
    store.issue_token(Grant::User { name }, None).await.map(Some)
}
