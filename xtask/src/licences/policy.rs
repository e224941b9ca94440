//! The part of cargo-deny's policy file that is about licences.

use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use toml_edit::{Document, Item, TableLike};

/// What licences are allowed.
#[derive(Debug)]
pub(super) struct Policy {
    /// The platforms whose dependencies count.
    pub(super) targets: Vec<String>,
    allow: BTreeSet<String>,
    /// By crate.
    exceptions: BTreeMap<String, BTreeSet<String>>,
}

impl Policy {
    /// Reads `[graph] targets`, `[licenses] allow` and `[[licenses.exceptions]]`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let document = Document::parse(text).context("reading deny.toml")?;
        let licences = table(document.get("licenses"), "[licenses]")?;
        let graph = table(document.get("graph"), "[graph]")?;
        let mut exceptions = BTreeMap::<_, BTreeSet<_>>::new();
        let listed = licences.get("exceptions").and_then(Item::as_array_of_tables);
        for exception in listed.into_iter().flat_map(|listed| listed.iter()) {
            let name =
                exception.get("crate").and_then(Item::as_str).context("an exception in deny.toml names no crate")?;
            let reason =
                exception.decor().prefix().and_then(|prefix| prefix.as_str().or_else(|| text.get(prefix.span()?)));
            ensure!(
                reason.is_some_and(|reason| reason.contains('#')),
                "deny.toml: write the reason for the exception for {name} in a comment above it"
            );
            exceptions
                .entry(name.to_owned())
                .or_default()
                .extend(texts(exception.get("allow"), "an exception's allow")?);
        }
        Ok(Self {
            targets: texts(graph.get("targets"), "graph.targets")?,
            allow: texts(licences.get("allow"), "licenses.allow")?.into_iter().collect(),
            exceptions,
        })
    }

    /// Whether the crate `name` may be under `licence`.
    pub(super) fn allows(&self, name: &str, licence: &str) -> bool {
        self.allow.contains(licence) || self.exceptions.get(name).is_some_and(|allow| allow.contains(licence))
    }
}

fn table<'a>(item: Option<&'a Item>, name: &str) -> Result<&'a dyn TableLike> {
    item.and_then(Item::as_table_like).with_context(|| format!("deny.toml has no {name}"))
}

fn texts(item: Option<&Item>, name: &str) -> Result<Vec<String>> {
    let array = item.and_then(Item::as_array).with_context(|| format!("deny.toml: {name} is no list"))?;
    let text = |value: &toml_edit::Value| value.as_str().map(str::to_owned);
    array.iter().map(|value| text(value).with_context(|| format!("deny.toml: {name} is no list of texts"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "[graph]\ntargets = [\"x86_64-unknown-linux-gnu\"]\n[licenses]\nallow = [\"MIT\"]\n";

    #[test]
    fn exception_is_for_one_crate() {
        let exception = "\n# Data, not code.\n[[licenses.exceptions]]\ncrate = \"roots\"\nallow = [\"CDLA\"]\n";
        let policy = Policy::parse(&format!("{PLAIN}{exception}")).unwrap();
        assert!(policy.allows("roots", "CDLA") && policy.allows("roots", "MIT"));
        assert!(!policy.allows("other", "CDLA"));
    }

    #[test]
    fn exception_without_a_reason_is_refused() {
        let error =
            Policy::parse(&format!("{PLAIN}[[licenses.exceptions]]\ncrate = \"roots\"\nallow = []\n")).unwrap_err();
        assert!(error.to_string().contains("reason"), "{error}");
    }

    #[test]
    fn policy_of_this_repository_is_read() {
        let policy = Policy::parse(include_str!("../../../deny.toml")).unwrap();
        assert!(policy.allows("any", "Apache-2.0"));
        assert!(!policy.allows("any", "GPL-3.0-only"));
    }
}
