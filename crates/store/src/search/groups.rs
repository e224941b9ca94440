//! The tree of groups, as far as searches need it: a machine is in its group and in every group above that.

use crate::StoreError;
use crate::sql::{Connection, query_as};
use std::collections::{HashMap, HashSet};
use types::Name;

/// Groups and the groups that they are part of. There are some hundreds of them beside ten thousands of machines.
fn parents(connection: &mut Connection) -> Result<HashMap<String, Option<String>>, StoreError> {
    let rows: Vec<(String, Option<String>)> =
        query_as("SELECT name, spec ->> '$.parent' FROM objects WHERE kind = 'Group'").fetch_all(connection)?;
    Ok(rows.into_iter().collect())
}

/// The group and those above it, nearest first. A circle, which should not be, ends where it began.
fn chain<'g>(parents: &'g HashMap<String, Option<String>>, group: &'g str) -> Vec<&'g str> {
    let (mut chain, mut seen) = (Vec::new(), HashSet::new());
    let mut next = Some(group);
    while let Some(group) = next.filter(|group| seen.insert(*group)) {
        chain.push(group);
        next = parents.get(group).and_then(Option::as_deref);
    }
    chain
}

/// Every group that is, or is below, one as wanted.
pub(super) fn below(connection: &mut Connection, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
    let parents = parents(connection)?;
    let is_below = |group: &&String| chain(&parents, group).into_iter().any(wanted);
    Ok(parents.keys().filter(is_below).cloned().collect())
}

/// The group and those above it, nearest first.
pub(super) fn above(connection: &mut Connection, group: &Name) -> Result<Vec<Name>, StoreError> {
    let parents = parents(connection)?;
    Ok(chain(&parents, group.as_str()).into_iter().filter_map(|name| name.parse().ok()).collect())
}
