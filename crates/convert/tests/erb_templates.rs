//! Whole templates in the manner of Foreman's, translated and rendered for machines of four families.
//!
//! The expected texts are what Ruby's own ERB makes of the originals with the same facts.

use convert::{Language, directory};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use template::TemplateSet;
use template::facts::Facts;
use template::lint::{Severity, Syntax, lint};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/erb").join(name)
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("the folder can be read").path())
        .map(|path| {
            let name = path.file_stem().expect("files have names").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("the file is text"))
        })
        .collect();
    files.sort();
    files
}

fn facts(machine: &str) -> Arc<Facts> {
    let text = fs::read_to_string(folder("machines").join(format!("{machine}.json"))).expect("the machine is there");
    Arc::new(serde_json::from_str(&text).expect("the facts are facts"))
}

/// The templates by their files' names, and the library that they make.
fn collection() -> (Vec<(String, convert::Converted)>, TemplateSet) {
    let originals = files(&folder("templates"));
    let paths: Vec<(String, String)> =
        originals.into_iter().map(|(name, text)| (format!("{name}.erb"), text)).collect();
    let report = directory(paths.iter().map(|(path, text)| (path.as_str(), text.as_str())), Some(Language::Erb));
    assert_eq!((report.converted(), report.refused()), (paths.len(), 0), "{report:#?}");
    let converted: Vec<(String, convert::Converted)> = report
        .files
        .into_iter()
        .map(|mut file| (file.path.trim_end_matches(".erb").to_owned(), file.converted.remove(0)))
        .collect();
    let set = TemplateSet::new(converted.iter().map(|(_, template)| (template.name.clone(), template.text.clone())));
    assert!(set.broken().is_empty(), "{:?}", set.broken());
    (converted, set)
}

#[test]
fn a_collection_renders_for_every_family_what_ruby_renders() {
    let (converted, set) = collection();
    let mut compared = 0;
    for machine in ["redhat", "debian", "ubuntu", "suse"] {
        let facts = facts(machine);
        for (file, expected) in files(&folder("expected").join(machine)) {
            let (_, template) = converted.iter().find(|(name, _)| *name == file).expect("the template is there");
            let rendered = set.render(&template.name, &facts).map(|rendered| rendered.text);
            assert_eq!(rendered.as_deref(), Ok(expected.as_str()), "{file} for {machine}:\n{}", template.text);
            compared += 1;
        }
    }
    assert_eq!(compared, 29);
}

#[test]
fn what_is_rendered_has_no_mistakes_of_its_language() {
    let (converted, set) = collection();
    let mut checked = 0;
    for (machine, family) in [("redhat", "redhat"), ("debian", "debian"), ("ubuntu", "debian"), ("suse", "suse")] {
        let facts = facts(machine);
        for (file, _) in files(&folder("expected").join(machine)) {
            let (_, template) = converted.iter().find(|(name, _)| *name == file).expect("the template is there");
            let text = set.render(&template.name, &facts).expect("it renders").text;
            let kind = template.kind.as_deref().unwrap_or_default();
            let Some(syntax) = Syntax::of(kind, Some(family), &text) else { continue };
            let errors: Vec<_> =
                lint(syntax, &text).into_iter().filter(|finding| finding.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{file} for {machine} as {syntax:?}: {errors:?}\n{text}");
            checked += 1;
        }
    }
    assert!(checked >= 20, "only {checked} texts are of a language that is checked");
}

#[test]
fn the_first_comment_says_name_kind_families_and_description() {
    let (converted, _) = collection();
    let (_, kickstart) = converted.iter().find(|(file, _)| file == "kickstart").expect("it is there");
    assert_eq!(kickstart.name, "Lab kickstart");
    assert_eq!(kickstart.kind.as_deref(), Some("provision"));
    assert_eq!(kickstart.families, ["redhat"]);
    assert_eq!(kickstart.description.as_deref(), Some("Answers for Anaconda in the lab."));
    assert!(!kickstart.snippet);
    let kinds =
        |file: &str| converted.iter().find(|(name, _)| name == file).and_then(|(_, template)| template.kind.clone());
    for (file, kind) in [
        ("grub2", "grub2"),
        ("pxelinux", "pxelinux"),
        ("autoinstall", "user-data"),
        ("partition_table", "partition-table"),
        ("job", "job"),
        ("ssh_keys", "snippet"),
    ] {
        assert_eq!(kinds(file).as_deref(), Some(kind), "{file}");
    }
    assert!(converted.iter().any(|(file, template)| file == "networkd" && template.snippet));
}
