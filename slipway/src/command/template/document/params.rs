//! Parameters and profiles of Digital Rebar's as documents of ours: without its defaults, its templates find nothing.

use super::{Outcome, Taken, Translated, free, name_of};
use content::AnySpec;
use convert::go::objects::{Object, ObjectKind};
use convert::{DirectoryReport, FileReport};
use serde_json::Value;
use std::collections::BTreeSet;
use types::Name;
use types::object::Kind;
use types::param::{ParamSpec, ParamType, ProfileSpec};

/// The documents of all parameters and profiles of a collection.
pub(super) fn documents(report: &DirectoryReport, taken: &mut Taken) -> Vec<Translated> {
    let objects = || report.files.iter().flat_map(|file| file.objects.iter().map(move |object| (file, object)));
    let mut templated: BTreeSet<&str> =
        objects().flat_map(|(_, object)| object.templated.iter().map(String::as_str)).collect();
    let mut documents = Vec::new();
    for (file, object) in objects() {
        let spec: AnySpec = match object.kind {
            ObjectKind::Param => param(object, templated.remove(object.name.as_str())).into(),
            ObjectKind::Profile => profile(object).into(),
            _ => continue,
        };
        documents.extend(document(&file.path, &object.name, &spec, taken));
    }
    // A value that is a template is rendered only where its parameter is declared so.
    let of = |name: &str| objects().find(|(_, object)| object.templated.iter().any(|templated| templated == name));
    for name in templated {
        let spec = ParamSpec { key: key_of(name), template: true, ..ParamSpec::default() };
        let file: Option<&FileReport> = of(name).map(|(file, _)| file);
        documents.extend(document(file.map_or("", |file| &file.path), name, &spec.into(), taken));
    }
    documents
}

fn document(file: &str, name: &str, spec: &AnySpec, taken: &mut Taken) -> Option<Translated> {
    let kind = spec.kind();
    let name: Name = free(name_of(name)?, kind, taken)?;
    let yaml = content::write(&name, spec).ok()?;
    taken.insert((kind, name.clone()));
    let (word, folder) = if kind == Kind::Param { ("param", "params") } else { ("profile", "profiles") };
    Some(Translated { file: file.to_owned(), name, kind: word.to_owned(), folder, yaml, outcome: Outcome::Plain })
}

fn param(object: &Object, template: bool) -> ParamSpec {
    let schema = object.schema.clone().map(modern);
    let kind = schema.as_ref().and_then(|schema| type_of(schema.get("type")?.as_str()?));
    // A default that does not fit was never checked; the type gives way.
    let kind = kind.filter(|kind| object.default.as_ref().is_none_or(|default| kind.fits(default)));
    let says_more = |schema: &Value| schema.as_object().is_some_and(|members| members.keys().any(|key| key != "type"));
    ParamSpec {
        key: key_of(&object.name),
        description: object.description.clone(),
        kind,
        schema: schema.filter(|schema| kind.is_some() && says_more(schema)),
        default: object.default.clone().filter(|default| !object.secure && !default.is_null()),
        secret: object.secure,
        compose: false,
        template,
    }
}

/// The parameter, where a document cannot have its name.
fn key_of(name: &str) -> Option<String> {
    let same = name_of(name).is_some_and(|own| own.as_str() == name);
    (!same).then(|| name.to_owned())
}

/// The schema without `required: true`, which was a member's own word before the fourth draft.
fn modern(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            if members.get("required").is_some_and(Value::is_boolean) {
                members.remove("required");
            }
            members.values_mut().for_each(|member| *member = modern(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = modern(item.take())),
        _ => {}
    }
    schema
}

fn type_of(word: &str) -> Option<ParamType> {
    Some(match word {
        "boolean" => ParamType::Boolean,
        "integer" => ParamType::Integer,
        "number" => ParamType::Real,
        "string" => ParamType::String,
        "array" => ParamType::Array,
        "object" => ParamType::Object,
        _ => return None,
    })
}

fn profile(object: &Object) -> ProfileSpec {
    let params = serde_json::from_value(Value::Object(object.params.clone())).unwrap_or_default();
    ProfileSpec { description: object.description.clone(), layer: None, params, secrets: Default::default() }
}
