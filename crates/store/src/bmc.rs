//! What is particular to BMCs: they are found by the system that they manage.

use crate::kinds::Bmcs;
use crate::object::Found;
use crate::object_row::ObjectRow;
use crate::sql::{query, query_scalar};
use crate::{Store, StoreError};
use std::sync::Arc;
use types::Name;
use uuid::Uuid;

impl Store {
    /// The BMC that is known to manage the system; of several, the first by name.
    pub async fn bmc_of_system(&self, system: Uuid) -> Result<Option<Name>, StoreError> {
        let query = "SELECT name FROM objects
                     WHERE kind = 'Bmc' AND json_extract(status, '$.system_uuid') = ?1 ORDER BY name LIMIT 1";
        let name: Option<String> = query_scalar(query).bind(system.to_string()).fetch_optional(self.reader())?;
        name.map(|name| crate::column::parse(&name, || format!("the BMC of {system}"))).transpose()
    }

    /// BMCs of which it is not known what they manage, in the order of their names, after the one named `after`.
    pub async fn unidentified_bmcs(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Found<Bmcs>>, StoreError> {
        let sql = "SELECT * FROM objects
                     WHERE kind = 'Bmc' AND json_extract(status, '$.system_uuid') IS NULL AND name > ?1
                     ORDER BY name LIMIT ?2";
        let sealer = Arc::clone(&self.inner.sealer);
        query(sql)
            .bind(after.map_or(String::new(), Name::to_string))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_at_length(self.readers(), move |row| ObjectRow::read(&row)?.into_object::<Bmcs>(&sealer))
            .await
    }
}
