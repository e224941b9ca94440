//! Digital Rebar's objects, read from YAML or JSON: what a boot environment, a task, a stage or a workflow says,
//! with the templates that are written inside it.
//!
//! The structs are neutral: they hold what was found under our names for it, so that objects of ours can be made
//! from them. Nothing is looked up; a template that is only named stays a name.

use super::convert;
use crate::yaml;
use crate::{Converted, Refusal};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// What a machine can boot.
    BootEnv,
    /// A piece of work.
    Task,
    /// Tasks in a boot environment.
    Stage,
    /// A text with a name.
    Template,
    /// What a parameter is.
    Param,
    /// Parameters with a name.
    Profile,
    /// Stages in their order.
    Workflow,
}

impl ObjectKind {
    /// The kind as Digital Rebar calls a folder, or a section, of such objects.
    fn of_section(section: &str) -> Option<ObjectKind> {
        Some(match section {
            "bootenvs" => ObjectKind::BootEnv,
            "params" => ObjectKind::Param,
            "profiles" => ObjectKind::Profile,
            "stages" => ObjectKind::Stage,
            "tasks" => ObjectKind::Task,
            "templates" => ObjectKind::Template,
            "workflows" => ObjectKind::Workflow,
            _ => return None,
        })
    }

    /// The kind of an object by what only such objects have.
    fn of_members(members: &Map<String, Value>) -> Option<ObjectKind> {
        let has = |name: &str| members.contains_key(name);
        Some(if has("Schema") {
            ObjectKind::Param
        } else if has("OS") || has("OnlyUnknown") || has("Kernel") || has("Initrds") {
            ObjectKind::BootEnv
        } else if has("Stages") {
            ObjectKind::Workflow
        } else if has("ID") && has("Contents") {
            ObjectKind::Template
        } else if has("BootEnv") || has("Tasks") || has("RunnerWait") {
            ObjectKind::Stage
        } else if has("Name") && has("Params") {
            ObjectKind::Profile
        } else if has("Name") && has("Templates") {
            ObjectKind::Task
        } else {
            return None;
        })
    }
}

/// A short text that may be a template, such as a path or a kernel command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The original.
    pub original: String,
    /// The translation; what it was refused for is among the object's refusals.
    pub text: Option<String>,
}

/// A text that an object serves, writes or runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectTemplate {
    /// Its name in the object.
    pub name: String,
    /// Where it is served or written; a task runs one without a path.
    pub path: Option<Line>,
    /// The named template that it is, where it is not written here.
    pub id: Option<String>,
    /// Another file that it stands for.
    pub link: Option<Line>,
    /// The text that is written here, translated.
    pub converted: Option<Converted>,
    /// Further members that an operator set.
    pub meta: BTreeMap<String, String>,
}

/// The files of one architecture.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ArchFiles {
    /// The kernel, as a path in the installation disc.
    pub kernel: Option<String>,
    /// The initial RAM disks.
    pub initrds: Vec<String>,
    /// The kernel's arguments.
    pub boot_params: Option<Line>,
    /// The boot loader.
    pub loader: Option<String>,
    /// The installation disc's file name.
    pub iso_file: Option<String>,
    /// Where that can be fetched.
    pub iso_url: Option<String>,
    /// What it must be.
    pub iso_sha256: Option<String>,
}

/// The operating system of a boot environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ObjectSystem {
    /// Distribution and version, such as `debian-12`.
    pub name: Option<String>,
    /// The family.
    pub family: Option<String>,
    /// The code name.
    pub codename: Option<String>,
    /// The version.
    pub version: Option<String>,
}

/// One object. Members that its kind does not have are empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Object {
    /// What kind of object it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// What it is for, in a line.
    pub description: Option<String>,
    /// What it is for, at length.
    pub documentation: Option<String>,
    /// The texts of a boot environment, a stage or a task, or the one text of a template.
    pub templates: Vec<ObjectTemplate>,
    /// Parameters that it cannot do without.
    pub required_params: Vec<String>,
    /// Parameters that it looks at where they are set.
    pub optional_params: Vec<String>,
    /// Whether a boot environment is only for machines that are not known.
    pub only_unknown: bool,
    /// The operating system of a boot environment.
    pub os: ObjectSystem,
    /// The files of a boot environment by architecture; `amd64` where it names none.
    pub arches: BTreeMap<String, ArchFiles>,
    /// Boot loaders by the client's architecture.
    pub loaders: BTreeMap<String, String>,
    /// The boot environment of a stage.
    pub boot_env: Option<String>,
    /// The tasks of a stage, and those that a task waits for.
    pub tasks: Vec<String>,
    /// The stages of a workflow.
    pub stages: Vec<String>,
    /// The profiles of a stage or a profile.
    pub profiles: Vec<String>,
    /// The parameters of a profile or a stage; texts in them that are templates are translated.
    pub params: Map<String, Value>,
    /// Which parameters have such texts, a parameter's own name among them.
    pub templated: Vec<String>,
    /// The JSON schema of a parameter, without its default.
    pub schema: Option<Value>,
    /// What a parameter is where nothing sets it.
    pub default: Option<Value>,
    /// Whether a parameter is a secret.
    pub secure: bool,
    /// Further members that an operator set.
    pub meta: BTreeMap<String, String>,
    /// What could not be translated, with its place in the file.
    pub refusals: Vec<Refusal>,
}

/// The objects of a file. `path` says what they are where they do not: `…/tasks/x.yaml` is a task.
///
/// # Errors
/// When the file is neither YAML nor JSON. A file without objects of Digital Rebar's has none.
pub fn read(path: &str, text: &str) -> Result<Vec<Object>, Refusal> {
    let documents = yaml::documents(text)?;
    let section = path.rsplit('/').nth(1).and_then(ObjectKind::of_section);
    let mut objects = Vec::new();
    for document in documents {
        match document.get("sections").and_then(Value::as_object) {
            Some(sections) => bundle(sections, text, &mut objects),
            None => objects.extend(object(section, &document, text)),
        }
    }
    Ok(objects)
}

/// A content package as one file: sections of objects by name.
fn bundle(sections: &Map<String, Value>, text: &str, objects: &mut Vec<Object>) {
    for (section, members) in sections {
        let Some(kind) = ObjectKind::of_section(section) else { continue };
        let members = members.as_object().into_iter().flat_map(Map::values);
        objects.extend(members.filter_map(|value| object(Some(kind), value, text)));
    }
}

fn object(kind: Option<ObjectKind>, value: &Value, text: &str) -> Option<Object> {
    let members = value.as_object()?;
    let kind = ObjectKind::of_members(members).or(kind)?;
    let name = string(members, "Name").or_else(|| string(members, "ID"))?;
    let mut reader = Reader { text, name: name.clone(), refusals: Vec::new() };
    let templates = reader.templates(kind, members);
    let arches = if kind == ObjectKind::BootEnv { reader.arches(members) } else { BTreeMap::new() };
    let (params, mut templated) = reader.params(members);
    let mut schema = members.get("Schema").cloned();
    let default = schema.as_mut().and_then(Value::as_object_mut).and_then(|schema| schema.remove("default"));
    let default = default.map(|mut default| {
        if reader.value(&mut default) {
            templated.push(name.clone());
        }
        default
    });
    let os = members.get("OS").and_then(Value::as_object);
    let of_os = |name: &str| os.and_then(|os| string(os, name));
    let tasks = strings(members, "Tasks").into_iter().chain(strings(members, "Prerequisites")).collect();
    Some(Object {
        kind,
        description: string(members, "Description"),
        documentation: string(members, "Documentation"),
        templates,
        required_params: strings(members, "RequiredParams"),
        optional_params: strings(members, "OptionalParams"),
        only_unknown: flag(members, "OnlyUnknown"),
        os: ObjectSystem {
            name: of_os("Name"),
            family: of_os("Family"),
            codename: of_os("Codename"),
            version: of_os("Version"),
        },
        arches,
        loaders: words(members.get("Loaders")),
        boot_env: string(members, "BootEnv"),
        tasks,
        stages: strings(members, "Stages"),
        profiles: strings(members, "Profiles"),
        params,
        templated,
        schema,
        default,
        secure: flag(members, "Secure"),
        meta: words(members.get("Meta")),
        refusals: reader.refusals,
        name,
    })
}

fn string(members: &Map<String, Value>, name: &str) -> Option<String> {
    match members.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        // A version such as 9 is read as a number.
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn strings(members: &Map<String, Value>, name: &str) -> Vec<String> {
    let items = members.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn flag(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn words(value: Option<&Value>) -> BTreeMap<String, String> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Translates what is written inside an object.
struct Reader<'a> {
    text: &'a str,
    name: String,
    refusals: Vec<Refusal>,
}

impl Reader<'_> {
    fn templates(&mut self, kind: ObjectKind, members: &Map<String, Value>) -> Vec<ObjectTemplate> {
        if kind == ObjectKind::Template {
            let text = string(members, "Contents").unwrap_or_default();
            let name = self.name.clone();
            let converted = self.convert(&name, &text);
            return vec![ObjectTemplate { name, path: None, id: None, link: None, converted, meta: BTreeMap::new() }];
        }
        let templates = members.get("Templates").and_then(Value::as_array).into_iter().flatten();
        templates.filter_map(Value::as_object).map(|template| self.template(template)).collect()
    }

    fn template(&mut self, members: &Map<String, Value>) -> ObjectTemplate {
        let name = string(members, "Name").unwrap_or_default();
        let full_name = if name.is_empty() { self.name.clone() } else { format!("{}/{name}", self.name) };
        ObjectTemplate {
            path: self.line(string(members, "Path")),
            id: string(members, "ID"),
            link: self.line(string(members, "Link")),
            converted: string(members, "Contents").and_then(|text| self.convert(&full_name, &text)),
            meta: words(members.get("Meta")),
            name,
        }
    }

    fn arches(&mut self, members: &Map<String, Value>) -> BTreeMap<String, ArchFiles> {
        let os = members.get("OS").and_then(Value::as_object);
        let supported = os.and_then(|os| os.get("SupportedArchitectures")).and_then(Value::as_object);
        let mut arches: BTreeMap<String, ArchFiles> = supported
            .into_iter()
            .flatten()
            .filter_map(|(arch, files)| Some((arch.clone(), self.files(files.as_object()?, "Sha256"))))
            .collect();
        // What a boot environment says beside its architectures is about the usual one.
        if string(members, "Kernel").is_some() && !arches.contains_key("amd64") {
            let mut files = self.files(members, "IsoSha256");
            files.iso_file = os.and_then(|os| string(os, "IsoFile"));
            files.iso_url = os.and_then(|os| string(os, "IsoUrl"));
            files.iso_sha256 = os.and_then(|os| string(os, "IsoSha256"));
            arches.insert("amd64".to_owned(), files);
        }
        arches
    }

    fn files(&mut self, members: &Map<String, Value>, digest: &str) -> ArchFiles {
        ArchFiles {
            kernel: string(members, "Kernel"),
            initrds: strings(members, "Initrds"),
            boot_params: self.line(string(members, "BootParams")),
            loader: string(members, "Loader"),
            iso_file: string(members, "IsoFile"),
            iso_url: string(members, "IsoUrl"),
            iso_sha256: string(members, digest),
        }
    }

    /// The parameters, and the names of those that hold templates.
    fn params(&mut self, members: &Map<String, Value>) -> (Map<String, Value>, Vec<String>) {
        let mut params = members.get("Params").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut templated = Vec::new();
        for (name, value) in &mut params {
            if self.value(value) {
                templated.push(name.clone());
            }
        }
        (params, templated)
    }

    /// Translates the texts in a value that are templates; says whether there are any.
    fn value(&mut self, value: &mut Value) -> bool {
        match value {
            Value::String(text) if has_action(text) => {
                let name = self.name.clone();
                let converted = self.convert(&name, text);
                let is_template = converted.is_some();
                if let Some(converted) = converted {
                    *text = converted.text;
                }
                is_template
            }
            // Every one is translated, not only the first.
            Value::Array(items) => items.iter_mut().filter_map(|item| self.value(item).then_some(())).count() > 0,
            Value::Object(members) => {
                members.values_mut().filter_map(|member| self.value(member).then_some(())).count() > 0
            }
            _ => false,
        }
    }

    fn line(&mut self, original: Option<String>) -> Option<Line> {
        let original = original?;
        let name = self.name.clone();
        let text = self.convert(&name, &original).map(|converted| converted.text);
        Some(Line { original, text })
    }

    fn convert(&mut self, name: &str, text: &str) -> Option<Converted> {
        let before = yaml::lines_before(self.text, text);
        match convert(name, text) {
            Ok(mut converted) => {
                converted.warnings.iter_mut().for_each(|warning| warning.line += before);
                Some(converted)
            }
            Err(refusals) => {
                let placed = refusals.into_iter().map(|refusal| Refusal { line: refusal.line + before, ..refusal });
                self.refusals.extend(placed);
                None
            }
        }
    }
}

/// Whether a value is a template of Digital Rebar's: other languages have the same braces.
pub(crate) fn has_action(text: &str) -> bool {
    const STATEMENTS: [&str; 3] = ["if ", "range ", "with "];
    text.split("{{").skip(1).any(|action| {
        let action = action.trim_start_matches('-').trim_start();
        let is_statement = STATEMENTS.iter().any(|word| action.starts_with(word));
        action.starts_with(['.', '$']) || action.starts_with("template \"") || (is_statement && action.contains('.'))
    })
}
