//! What is known of parameters: their types, schemas and defaults.

use jsonschema::Validator;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use types::Params;
use types::param::{ParamSpec, Secrets};
use types::secret::SHOWN;

/// The declared parameters, by key.
#[derive(Default)]
pub struct Declarations {
    by_key: BTreeMap<String, Declared>,
}

struct Declared {
    spec: ParamSpec,
    schema: Option<Validator>,
}

/// Something wrong with a parameter that an object sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongParam {
    /// Where, as a JSON pointer within the object that holds `params` and `secrets`.
    pub pointer: String,
    /// What.
    pub message: String,
}

/// A schema is no JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema is no JSON Schema: {0}")]
pub struct SchemaError(pub String);

impl Declarations {
    /// The declarations, by the key of each.
    ///
    /// # Errors
    /// When a schema is none.
    pub fn new(declared: impl IntoIterator<Item = (String, ParamSpec)>) -> Result<Self, SchemaError> {
        let compiled = declared.into_iter().map(|(key, spec)| {
            let schema = spec.schema.as_ref().map(compile).transpose()?;
            Ok((key, Declared { spec, schema }))
        });
        Ok(Self { by_key: compiled.collect::<Result<_, SchemaError>>()? })
    }

    /// What is declared of a parameter.
    pub fn get(&self, key: &str) -> Option<&ParamSpec> {
        self.by_key.get(key).map(|declared| &declared.spec)
    }

    /// Each parameter with a default.
    pub fn defaults(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.by_key.iter().filter_map(|(key, declared)| Some((key.as_str(), declared.spec.default.as_ref()?)))
    }

    /// What is wrong with parameters that an object sets.
    pub fn check(&self, params: &Params, secrets: &Secrets) -> Vec<WrongParam> {
        let plain = params.iter().flat_map(|(key, value)| self.check_plain(key, value, secrets.contains_key(key)));
        let secret = secrets.iter().flat_map(|(key, value)| {
            // A secret that is shown is not sent back; what it is was checked when it was given.
            let value = Some(value.expose()).filter(|value| *value != SHOWN);
            let pointer = pointer("secrets", key);
            value.into_iter().flat_map(move |value| self.check_value(key, value, &pointer, true))
        });
        plain.chain(secret).collect()
    }

    /// What is wrong with a resolved value.
    pub fn check_resolved(&self, key: &str, value: &Value, is_secret: bool) -> Vec<WrongParam> {
        self.check_value(key, value, "", is_secret)
    }

    fn check_plain(&self, key: &str, value: &Value, is_twice: bool) -> Vec<WrongParam> {
        let pointer = pointer("params", key);
        if is_twice {
            return vec![WrongParam { pointer, message: format!("{key} is set among secrets too") }];
        }
        if self.get(key).is_some_and(|declared| declared.secret) {
            let message = format!("{key} is a secret: set it under `secrets`, which is encrypted");
            return vec![WrongParam { pointer, message }];
        }
        self.check_value(key, value, &pointer, false)
    }

    fn check_value(&self, key: &str, value: &Value, pointer: &str, is_secret: bool) -> Vec<WrongParam> {
        let Some(declared) = self.by_key.get(key) else { return Vec::new() };
        // A template becomes what its schema wants only when it is rendered.
        if declared.spec.template && value.is_string() {
            return Vec::new();
        }
        check(&declared.spec, declared.schema.as_ref(), value, pointer, is_secret)
    }
}

impl fmt::Debug for Declarations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_key.keys()).finish()
    }
}

/// What is wrong with a declaration itself.
pub fn check_declaration(spec: &ParamSpec) -> Vec<WrongParam> {
    let wrong = |pointer: &str, message: String| WrongParam { pointer: pointer.to_owned(), message };
    let mut wrongs = Vec::new();
    if spec.key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 200) {
        wrongs.push(wrong("/key", "a key is 1 to 200 characters".to_owned()));
    }
    let schema = match spec.schema.as_ref().map(compile).transpose() {
        Ok(schema) => schema,
        Err(error) => {
            wrongs.push(wrong("/schema", error.to_string()));
            None
        }
    };
    if let Some(default) = &spec.default {
        if spec.secret {
            wrongs.push(wrong("/default", "a secret has no default: everybody could read it".to_owned()));
        } else if !(spec.template && default.is_string()) {
            wrongs.extend(check(spec, schema.as_ref(), default, "/default", false));
        }
    }
    wrongs
}

fn compile(schema: &Value) -> Result<Validator, SchemaError> {
    jsonschema::draft202012::new(schema).map_err(|error| SchemaError(error.to_string()))
}

fn check(
    spec: &ParamSpec,
    schema: Option<&Validator>,
    value: &Value,
    pointer: &str,
    is_secret: bool,
) -> Vec<WrongParam> {
    if let Some(kind) = spec.kind.filter(|kind| !kind.fits(value)) {
        let message = format!("expected {}, got {}", kind.as_str(), type_of(value));
        return vec![WrongParam { pointer: pointer.to_owned(), message }];
    }
    let errors = schema.into_iter().flat_map(|schema| schema.iter_errors(value));
    let wrongs = errors.map(|error| WrongParam {
        pointer: format!("{pointer}{}", error.instance_path()),
        // What the schema says of a value quotes it.
        message: if is_secret { "the value does not fit its schema".to_owned() } else { error.to_string() },
    });
    wrongs.take(20).collect()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn pointer(place: &str, key: &str) -> String {
    format!("/{place}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use types::param::{ParamType, SecretValue};

    fn wrongs(spec: ParamSpec, value: Value) -> Vec<(String, String)> {
        let declarations = Declarations::new([("size/gb".to_owned(), spec)]).unwrap();
        let found = declarations.check(&Params::from([("size/gb".to_owned(), value)]), &Secrets::new());
        found.into_iter().map(|wrong| (wrong.pointer, wrong.message)).collect()
    }

    fn one(pointer: &str, message: &str) -> Vec<(String, String)> {
        vec![(pointer.to_owned(), message.to_owned())]
    }

    #[test]
    fn a_value_of_another_type_is_named_with_its_place() {
        let spec = ParamSpec { kind: Some(ParamType::Integer), ..ParamSpec::default() };
        assert_eq!(wrongs(spec, json!("5")), one("/params/size~1gb", "expected integer, got a text"));
    }

    #[test]
    fn what_a_schema_refuses_is_named_within_the_value() {
        let schema = json!({"items": {"minimum": 10}});
        let spec = ParamSpec { schema: Some(schema), ..ParamSpec::default() };
        let expected = one("/params/size~1gb/1", "5 is less than the minimum of 10");
        assert_eq!(wrongs(spec, json!([20, 5])), expected);
    }

    #[test]
    fn a_secret_is_refused_among_what_everybody_sees_and_never_quoted() {
        let spec = ParamSpec { secret: true, kind: Some(ParamType::String), ..ParamSpec::default() };
        let message = "size/gb is a secret: set it under `secrets`, which is encrypted";
        assert_eq!(wrongs(spec, json!("hunter2")), one("/params/size~1gb", message));

        let schema = json!({"minLength": 10});
        let spec = ParamSpec { secret: true, schema: Some(schema), ..ParamSpec::default() };
        let declarations = Declarations::new([("password".to_owned(), spec)]).unwrap();
        let secrets = Secrets::from([("password".to_owned(), SecretValue::new("hunter2"))]);
        let found = declarations.check(&Params::new(), &secrets);
        assert_eq!(found[0].pointer, "/secrets/password");
        assert!(!found[0].message.contains("hunter2"), "{}", found[0].message);
    }

    #[test]
    fn a_declaration_that_contradicts_itself_is_refused() {
        let spec = ParamSpec { kind: Some(ParamType::Boolean), default: Some(json!(1)), ..ParamSpec::default() };
        assert_eq!(check_declaration(&spec)[0].message, "expected boolean, got a number");
        let spec = ParamSpec { secret: true, default: Some(json!("x")), ..ParamSpec::default() };
        assert_eq!(check_declaration(&spec)[0].pointer, "/default");
        let spec = ParamSpec { schema: Some(json!({"type": "nonsense"})), ..ParamSpec::default() };
        assert_eq!(check_declaration(&spec)[0].pointer, "/schema");
    }
}
