//! Documents of ours from translated templates and the parameters that they read.

mod params;

use content::AnySpec;
use convert::{Converted, DirectoryReport, FileReport, Refusal, Warning};
use std::collections::BTreeSet;
use template::{TemplateSource, slug};
use types::Name;
use types::object::Kind;
use types::os::{OsFamily, PartitionTableSpec};
use types::template::{TemplateKind, TemplateSpec};

/// A document that `slipway apply` takes.
pub(super) struct Translated {
    /// The file that it is from.
    pub(super) file: String,
    pub(super) name: Name,
    /// What it renders to, in a word.
    pub(super) kind: String,
    /// The folder that such documents lie in.
    pub(super) folder: &'static str,
    pub(super) yaml: String,
    pub(super) outcome: Outcome,
}

/// The names that documents have already.
type Taken = BTreeSet<(Kind, Name)>;

/// How a translation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Plain,
    /// Something in it deserves a look.
    Remarked,
}

/// The documents of a whole report. What cannot become one is told in the report, as a refusal.
pub(super) fn all(report: &mut DirectoryReport) -> Vec<Translated> {
    let mut taken = BTreeSet::new();
    let mut all = Vec::new();
    for file in &mut report.files {
        let converted = std::mem::take(&mut file.converted);
        for mut template in converted {
            match document(file, &mut template, &mut taken) {
                Ok(document) => {
                    all.push(document);
                    file.converted.push(template);
                }
                Err(refusal) => file.refusals.push(refusal),
            }
        }
    }
    all.extend(params::documents(report, &mut taken));
    all
}

fn document(file: &FileReport, template: &mut Converted, taken: &mut Taken) -> Result<Translated, Refusal> {
    let construct = template.name.clone();
    let refused = |reason: String, hint: Option<&str>| Refusal {
        line: 1,
        column: 1,
        construct: construct.clone(),
        reason,
        hint: hint.map(str::to_owned),
    };
    let source = TemplateSource { name: &template.name, text: &template.text };
    template::check(source).map_err(|error| refused(format!("the translation cannot be read: {error}"), None))?;
    let name = name_of(&template.name).ok_or_else(|| {
        refused("nothing is left of its name that a name of ours may hold".to_owned(), Some("rename it"))
    })?;
    let name = free(name, Kind::Template, taken)
        .ok_or_else(|| refused("its name is taken too often".to_owned(), Some("rename it")))?;
    if name.as_str() != slug(&template.name) && name.as_str() != template.name {
        let message = format!("its name became {name}: {:?} finds something else or nothing", template.name);
        template.warnings.push(Warning { line: 1, message });
    }
    let (spec, kind, folder) = spec_of(file, template);
    let yaml = content::write(&name, &spec).map_err(|error| refused(format!("it cannot be written: {error}"), None))?;
    let outcome = if template.warnings.is_empty() { Outcome::Plain } else { Outcome::Remarked };
    taken.insert((Kind::Template, name.clone()));
    Ok(Translated { file: file.path.clone(), name, kind, folder, yaml, outcome })
}

fn spec_of(file: &FileReport, template: &mut Converted) -> (AnySpec, String, &'static str) {
    let families = families(file, template);
    let description = description(file, template);
    let text = template.text.clone();
    if template.kind.as_deref() == Some("partition-table") {
        let family = if let [only] = families.as_slice() { Some(*only) } else { None };
        let spec = PartitionTableSpec { description, family, diskless: false, text };
        return (spec.into(), "partition-table".to_owned(), "layouts");
    }
    let kind = kind_of(template);
    let required_params = required_params(file, template);
    let spec = TemplateSpec { description, kind, families, locked: false, required_params, text };
    (spec.into(), kind.to_string(), "templates")
}

/// Its kind among ours; one that we do not have is a part of other templates.
fn kind_of(template: &mut Converted) -> TemplateKind {
    const OTHERS: [(&str, TemplateKind); 3] =
        [("cloud-config", TemplateKind::UserData), ("kexec", TemplateKind::Script), ("bootdisk", TemplateKind::Ipxe)];
    if template.snippet {
        return TemplateKind::Snippet;
    }
    let Some(kind) = template.kind.as_deref() else { return TemplateKind::Snippet };
    let own = serde_json::from_value(kind.into()).ok();
    let other = || OTHERS.iter().find(|(name, _)| *name == kind).map(|(_, kind)| *kind);
    own.or_else(other).unwrap_or_else(|| {
        let message = format!("there are no templates of the kind {kind} here: it became a snippet");
        template.warnings.push(Warning { line: 1, message });
        TemplateKind::Snippet
    })
}

fn families(file: &FileReport, template: &Converted) -> Vec<OsFamily> {
    let named = template.families.iter().map(String::as_str);
    let object = object_of(file, template).and_then(|object| object.os.family.as_deref());
    let object = object.map(|family| match family {
        "ubuntu" => "debian",
        "vmware" => "esxi",
        "centos" | "fedora" | "rhel" | "rocky" => "redhat",
        other => other,
    });
    let named: Vec<OsFamily> = named.filter_map(family_of).collect();
    // What the text says of itself is closer than what the object around it says.
    if named.is_empty() { object.and_then(family_of).into_iter().collect() } else { named }
}

fn family_of(word: &str) -> Option<OsFamily> {
    serde_json::from_value(word.into()).ok()
}

fn description(file: &FileReport, template: &Converted) -> Option<String> {
    template.description.clone().or_else(|| object_of(file, template)?.description.clone())
}

fn required_params(file: &FileReport, template: &Converted) -> Vec<String> {
    object_of(file, template).map(|object| object.required_params.clone()).unwrap_or_default()
}

/// The object that the template is written in.
fn object_of<'a>(file: &'a FileReport, template: &Converted) -> Option<&'a convert::go::objects::Object> {
    file.objects.iter().find(|object| {
        let written = object.templates.iter().filter_map(|inner| inner.converted.as_ref());
        written.into_iter().any(|converted| converted.name == template.name)
    })
}

/// A name of ours: as it is, else its slug, so that it is still found under what it was called.
fn name_of(name: &str) -> Option<Name> {
    if let Ok(name) = name.parse() {
        return Some(name);
    }
    let mut slug: String = slug(name).chars().filter(char::is_ascii).take(types::name::MAX_NAME_LEN).collect();
    slug.truncate(slug.trim_end_matches('-').len());
    slug.parse().ok()
}

/// The name, or it with a number behind it where another template has it.
fn free(name: Name, kind: Kind, taken: &Taken) -> Option<Name> {
    if !taken.contains(&(kind, name.clone())) {
        return Some(name);
    }
    let base: String = name.as_str().chars().take(types::name::MAX_NAME_LEN - 4).collect();
    (2..100)
        .filter_map(|number| format!("{base}-{number}").parse().ok())
        .find(|name: &Name| !taken.contains(&(kind, name.clone())))
}
