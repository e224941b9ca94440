//! A whole collection at once.

use crate::go::objects::{self, Object};
use crate::{Converted, Refusal, erb, go};
use serde::Serialize;

/// What a template is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// ERB.
    Erb,
    /// Go's `text/template`.
    Go,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileReport {
    /// Its path in the collection.
    pub path: String,
    /// What it is written in, as far as it is a template or holds some.
    pub language: Option<Language>,
    /// The templates that were translated.
    pub converted: Vec<Converted>,
    /// The objects that were read, with the templates that are written in them.
    pub objects: Vec<Object>,
    /// Why something in it was not translated.
    pub refusals: Vec<Refusal>,
}

impl FileReport {
    /// Whether the file is or holds a template.
    pub fn is_template(&self) -> bool {
        !(self.converted.is_empty() && self.refusals.is_empty())
    }
}

/// What became of a collection.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DirectoryReport {
    /// Every file, in the order given.
    pub files: Vec<FileReport>,
}

impl DirectoryReport {
    /// How many templates were translated.
    pub fn converted(&self) -> usize {
        self.files.iter().map(|file| file.converted.len()).sum()
    }

    /// How many files hold something that was refused.
    pub fn refused(&self) -> usize {
        self.files.iter().filter(|file| !file.refusals.is_empty()).count()
    }

    /// How many files are and hold no template.
    pub fn skipped(&self) -> usize {
        self.files.iter().filter(|file| !file.is_template()).count()
    }
}

/// Translates a collection: files by their path in it, and their text. `only` takes all for one language.
pub fn directory<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, only: Option<Language>) -> DirectoryReport {
    DirectoryReport { files: files.into_iter().map(|(path, text)| file(path, text, only)).collect() }
}

/// Translates one file.
pub fn file(path: &str, text: &str, only: Option<Language>) -> FileReport {
    let mut report = FileReport {
        path: path.to_owned(),
        language: only.or_else(|| language(path, text)),
        converted: Vec::new(),
        objects: Vec::new(),
        refusals: Vec::new(),
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    let outcome = match report.language {
        Some(Language::Erb) => erb::convert(name, text),
        Some(Language::Go) if holds_objects(path) => {
            read_objects(&mut report, text);
            return report;
        }
        Some(Language::Go) => go::convert(name, text),
        None => return report,
    };
    match outcome {
        Ok(converted) => report.converted.push(converted),
        Err(refusals) => report.refusals = refusals,
    }
    report
}

fn read_objects(report: &mut FileReport, text: &str) {
    match objects::read(&report.path, text) {
        Ok(objects) => {
            for object in &objects {
                report.refusals.extend(object.refusals.iter().cloned());
                report.converted.extend(object.templates.iter().filter_map(|template| template.converted.clone()));
            }
            report.objects = objects;
        }
        Err(refusal) => report.refusals.push(refusal),
    }
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn holds_objects(path: &str) -> bool {
    matches!(extension(path), "yaml" | "yml" | "json") && !is_in_templates(path)
}

/// A folder of that name holds texts, whatever their names end with.
fn is_in_templates(path: &str) -> bool {
    path.rsplit('/').nth(1) == Some("templates")
}

/// What a file is written in: by its name, else by its text.
fn language(path: &str, text: &str) -> Option<Language> {
    match extension(path) {
        "erb" => Some(Language::Erb),
        "tmpl" => Some(Language::Go),
        _ if text.contains("<%") && text.contains("%>") => Some(Language::Erb),
        "yaml" | "yml" | "json" => Some(Language::Go),
        _ if is_in_templates(path) && !text.contains("{%") => Some(Language::Go),
        _ => objects::has_action(text).then_some(Language::Go),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_told_by_name_and_by_text() {
        let cases = [
            ("a/provision.erb", "x", Some(Language::Erb)),
            ("a/x.tmpl", "x", Some(Language::Go)),
            ("a/x.txt", "<%= host %>", Some(Language::Erb)),
            ("a/x.cfg", "{{ .Machine.Name }}", Some(Language::Go)),
            ("a/x.cfg", "{{ machine.name }}", None),
            ("README.md", "plain", None),
        ];
        for (path, text, expected) in cases {
            assert_eq!(language(path, text), expected, "{path} {text}");
        }
    }

    #[test]
    fn every_file_is_reported_with_what_became_of_it() {
        let task = "Name: say\nTemplates:\n  - Name: a\n    Contents: |\n      echo {{ .Machine.Name }}\n  - Name: b\n    Contents: |\n      echo b\n      echo {{ env \"HOME\" }}\n";
        let files = [("c/tasks/say.yaml", task), ("c/templates/x.tmpl", "{{ .Nothing }}"), ("c/README.md", "hello")];
        let report = directory(files, None);
        assert_eq!((report.converted(), report.refused(), report.skipped()), (1, 2, 1));
        assert_eq!(report.files[0].converted[0].name, "say/a");
        assert_eq!(report.files[0].converted[0].text, "echo {{ Machine.Name }}\n");
        let refusal = &report.files[0].refusals[0];
        assert_eq!((refusal.line, refusal.construct.as_str()), (9, "env \"HOME\" }}"));
    }
}
