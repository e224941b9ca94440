//! Where a parameter's value comes from.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use types::Params;

/// Parameters that somebody set, and who.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Who, as an operator would say it: `workflow default`, `subnet lab`, `machine m1`, `run`.
    pub source: &'a str,
    /// What.
    pub params: &'a Params,
}

/// A value and its origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolved {
    /// The value.
    pub value: Value,
    /// The layer that set it.
    pub source: String,
    /// Weaker layers that set it too, weakest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
}

/// Resolves parameters over `layers`, weakest first. A stronger layer replaces a value whole; null is a value.
pub fn resolve_params(layers: &[Layer<'_>]) -> BTreeMap<String, Resolved> {
    let mut resolved: BTreeMap<String, Resolved> = BTreeMap::new();
    for layer in layers {
        for (name, value) in layer.params {
            let overrides = resolved.remove(name).map_or_else(Vec::new, |weaker| {
                let mut sources = weaker.overrides;
                sources.push(weaker.source);
                sources
            });
            let source = layer.source.to_owned();
            resolved.insert(name.clone(), Resolved { value: value.clone(), source, overrides });
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn params(value: Value) -> Params {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_strongest_layer_wins_and_is_named() {
        let workflow = params(json!({"image": "debian", "user": "ops", "disks": {"a": 1}}));
        let subnet = params(json!({"image": "ubuntu", "disks": {"b": 2}}));
        let machine = params(json!({"image": null}));
        let resolved = resolve_params(&[
            Layer { source: "workflow default", params: &workflow },
            Layer { source: "subnet lab", params: &subnet },
            Layer { source: "machine m1", params: &machine },
        ]);
        let expected = Resolved {
            value: Value::Null,
            source: "machine m1".into(),
            overrides: vec!["workflow default".into(), "subnet lab".into()],
        };
        assert_eq!(resolved["image"], expected);
        assert_eq!(resolved["user"].source, "workflow default");
        assert_eq!(resolved["disks"].value, json!({"b": 2}), "values are replaced whole");
    }
}
