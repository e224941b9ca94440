//! Where a parameter's value comes from.

use crate::declared::Declarations;
use serde_json::Value;
use std::collections::BTreeMap;
use types::Params;
use types::param::Secrets;
use types::secret::SHOWN;

/// Parameters that somebody set, and who.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Who, as an operator would say it: `group compute`, `subnet lab`, `machine m1`, `run`.
    pub source: &'a str,
    /// What everybody may see.
    pub params: &'a Params,
    /// What nobody may see.
    pub secrets: Option<&'a Secrets>,
}

/// A value and its origin. It may be secret, so it has no form in which it travels.
#[derive(Clone, PartialEq)]
pub struct Resolved {
    /// The value.
    pub value: Value,
    /// The layer that set it; of a composed value, the strongest that did.
    pub source: String,
    /// Weaker layers that set it too, weakest first.
    pub overrides: Vec<String>,
    /// Whether it may be shown to nobody.
    pub secret: bool,
    /// Whether it is itself a template.
    pub template: bool,
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value: &dyn std::fmt::Debug = if self.secret { &SHOWN } else { &self.value };
        f.debug_struct("Resolved").field("value", value).field("source", &self.source).finish_non_exhaustive()
    }
}

/// What a value's origin is called when it is the default of its declaration.
pub const DEFAULT: &str = "default";

/// Resolves parameters over `layers`, weakest first. A stronger layer replaces a value whole, unless its declaration
/// says that the values of all layers are composed; null is a value.
pub fn resolve_params(layers: &[Layer<'_>], declarations: &Declarations) -> BTreeMap<String, Resolved> {
    let mut resolved: BTreeMap<String, Resolved> = BTreeMap::new();
    for (key, default) in declarations.defaults() {
        set(&mut resolved, declarations, key, default.clone(), DEFAULT, false);
    }
    for layer in layers {
        for (key, value) in layer.params {
            set(&mut resolved, declarations, key, value.clone(), layer.source, false);
        }
        for (key, value) in layer.secrets.into_iter().flatten() {
            set(&mut resolved, declarations, key, value.expose().clone(), layer.source, true);
        }
    }
    resolved
}

fn set(
    resolved: &mut BTreeMap<String, Resolved>,
    declarations: &Declarations,
    key: &str,
    value: Value,
    source: &str,
    is_secret: bool,
) {
    let declared = declarations.get(key);
    let composes = declared.is_some_and(|declared| declared.compose);
    let template = declared.is_some_and(|declared| declared.template);
    let mut secret = is_secret || declared.is_some_and(|declared| declared.secret);
    let mut overrides = Vec::new();
    let mut composed = value;
    if let Some(weaker) = resolved.remove(key) {
        if composes {
            composed = compose(weaker.value, composed);
            secret |= weaker.secret;
        }
        overrides = weaker.overrides;
        overrides.push(weaker.source);
    }
    let value = Resolved { value: composed, source: source.to_owned(), overrides, secret, template };
    resolved.insert(key.to_owned(), value);
}

/// Maps are merged member by member, lists are joined with the stronger one's items first; of anything else the stronger
/// one stays.
fn compose(weaker: Value, stronger: Value) -> Value {
    match (weaker, stronger) {
        (Value::Object(mut weaker), Value::Object(stronger)) => {
            for (key, value) in stronger {
                let merged = match weaker.remove(&key) {
                    Some(below) => compose(below, value),
                    None => value,
                };
                weaker.insert(key, merged);
            }
            Value::Object(weaker)
        }
        (Value::Array(weaker), Value::Array(mut stronger)) => {
            let further = weaker.into_iter().filter(|item| !stronger.contains(item)).collect::<Vec<_>>();
            stronger.extend(further);
            Value::Array(stronger)
        }
        (_, stronger) => stronger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use types::param::{ParamSpec, SecretValue};

    fn params(value: Value) -> Params {
        serde_json::from_value(value).unwrap()
    }

    fn layer<'a>(source: &'a str, params: &'a Params) -> Layer<'a> {
        Layer { source, params, secrets: None }
    }

    fn declared(key: &str, spec: ParamSpec) -> Declarations {
        Declarations::new([(key.to_owned(), spec)]).unwrap()
    }

    #[test]
    fn the_strongest_layer_wins_and_is_named() {
        let workflow = params(json!({"image": "debian", "user": "ops", "disks": {"a": 1}}));
        let subnet = params(json!({"image": "ubuntu", "disks": {"b": 2}}));
        let machine = params(json!({"image": null}));
        let layers =
            [layer("workflow default", &workflow), layer("subnet lab", &subnet), layer("machine m1", &machine)];
        let resolved = resolve_params(&layers, &Declarations::default());
        assert_eq!((&resolved["image"].value, resolved["image"].source.as_str()), (&Value::Null, "machine m1"));
        assert_eq!(resolved["image"].overrides, ["workflow default", "subnet lab"]);
        assert_eq!(resolved["user"].source, "workflow default");
        assert_eq!(resolved["disks"].value, json!({"b": 2}), "values are replaced whole");
    }

    #[test]
    fn a_composed_parameter_is_merged_over_all_layers() {
        let declarations = declared("disks", ParamSpec { compose: true, ..ParamSpec::default() });
        let group = params(json!({"disks": {"a": {"size": 1, "fs": "xfs"}, "b": 2, "tags": ["x", "y"]}}));
        let machine = params(json!({"disks": {"a": {"size": 3}, "tags": ["z", "x"]}}));
        let layers = [layer("group compute", &group), layer("machine m1", &machine)];
        let resolved = resolve_params(&layers, &declarations);
        let expected = json!({"a": {"size": 3, "fs": "xfs"}, "b": 2, "tags": ["z", "x", "y"]});
        assert_eq!(resolved["disks"].value, expected);
        assert_eq!((resolved["disks"].source.as_str(), resolved["disks"].overrides.len()), ("machine m1", 1));
    }

    #[test]
    fn a_default_is_the_weakest_layer_of_all() {
        let spec = ParamSpec { default: Some(json!("UTC")), ..ParamSpec::default() };
        let resolved = resolve_params(&[], &declared("timezone", spec));
        assert_eq!((&resolved["timezone"].value, resolved["timezone"].source.as_str()), (&json!("UTC"), DEFAULT));
    }

    #[test]
    fn what_is_set_among_secrets_is_secret_and_does_not_print() {
        let none = Params::new();
        let secrets = Secrets::from([("root_password".to_owned(), SecretValue::new("hunter2"))]);
        let layers = [Layer { source: "machine m1", params: &none, secrets: Some(&secrets) }];
        let resolved = resolve_params(&layers, &Declarations::default());
        assert!(resolved["root_password"].secret);
        assert!(!format!("{resolved:?}").contains("hunter2"));
    }
}
