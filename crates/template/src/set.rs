//! A library of templates, compiled once and rendered for any number of machines.

use crate::TemplateSource;
use crate::bounded::Bounded;
use crate::engine;
use crate::error::RenderError;
use crate::facts::Facts;
use crate::guard;
use crate::hint::{self, Known};
use crate::limits::MAX_TEMPLATE_BYTES;
use crate::scope::{Render, Scope, Used};
use minijinja::{Environment, Error, ErrorKind, Template, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a render gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The result.
    pub text: String,
    /// What it was made of.
    pub used: Used,
}

/// A library that is shared between threads. A change of a template makes another one that shares all that
/// stayed the same.
#[derive(Debug, Clone)]
pub struct TemplateSet {
    library: Arc<Library>,
}

/// The compiled templates of a set.
#[derive(Debug)]
pub(crate) struct Library {
    environment: Environment<'static>,
    names: Arc<Names>,
    broken: BTreeMap<String, RenderError>,
}

/// Names as templates ask for them: as they are written, or as [`slug`] makes them.
#[derive(Debug, Clone, Default)]
struct Names {
    slugs: BTreeMap<String, String>,
    exact: std::collections::BTreeSet<String>,
}

impl Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if let Some(name) = self.exact.get(name) {
            return Some(name);
        }
        self.slugs.get(&slug(name)).map(String::as_str)
    }

    fn insert(&mut self, name: &str) {
        self.exact.insert(name.to_owned());
        self.slugs.entry(slug(name)).or_insert_with(|| name.to_owned());
    }
}

/// A name in lower case with hyphens for all that is neither letter nor digit, so that
/// `Kickstart default custom pre` finds the object `kickstart-default-custom-pre`.
pub fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            character if character.is_alphanumeric() => slug.extend(character.to_lowercase()),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

impl TemplateSet {
    /// Compiles a library. A template that is wrong is kept with its error, which whoever renders it gets; the
    /// others can be used.
    pub fn new<N: Into<String>, T: Into<String>>(templates: impl IntoIterator<Item = (N, T)>) -> Self {
        let mut environment = engine::complete().clone();
        let mut names = Names::default();
        let mut broken = BTreeMap::new();
        for (name, text) in templates {
            add(&mut environment, &mut names, &mut broken, name.into(), &text.into());
        }
        Self::build(environment, names, broken)
    }

    /// The library with one template added or replaced.
    #[must_use]
    pub fn with(&self, name: &str, text: &str) -> Self {
        let mut environment = self.library.environment.clone();
        let mut names = Names::clone(&self.library.names);
        let mut broken = self.library.broken.clone();
        broken.remove(name);
        environment.remove_template(name);
        add(&mut environment, &mut names, &mut broken, name.to_owned(), text);
        Self::build(environment, names, broken)
    }

    fn build(mut environment: Environment<'static>, names: Names, broken: BTreeMap<String, RenderError>) -> Self {
        let names = Arc::new(names);
        let known = names.clone();
        environment.set_path_join_callback(move |name, _| match known.resolve(name) {
            Some(resolved) => Cow::Owned(resolved.to_owned()),
            None => Cow::Borrowed(name),
        });
        let errors = broken.clone();
        environment.set_loader(move |name| match errors.get(name) {
            Some(error) => Err(RenderError::into_engine(error.clone())),
            None => Ok(None::<String>),
        });
        Self { library: Arc::new(Library { environment, names, broken }) }
    }

    /// The templates that could not be compiled, and why.
    pub fn broken(&self) -> &BTreeMap<String, RenderError> {
        &self.library.broken
    }

    /// Whether a template of that name is in the library.
    pub fn contains(&self, name: &str) -> bool {
        self.library.resolve(name).is_some()
    }

    /// Renders a template of the library for one machine.
    ///
    /// # Errors
    /// When there is none of that name, when it is wrong, uses what is not there, or exceeds a limit.
    pub fn render(&self, name: &str, facts: &Arc<Facts>) -> Result<Rendered, RenderError> {
        let Some(resolved) = self.library.resolve(name) else {
            return Err(RenderError::NotFound { template: name.to_owned(), hint: self.library.similar(name) });
        };
        if let Some(error) = self.library.broken.get(resolved) {
            return Err(error.clone());
        }
        let template = self.library.environment.get_template(resolved);
        let template = template.map_err(|error| self.error(resolved, &error, None))?;
        self.render_template(&template, facts)
    }

    /// Renders a text that is not in the library, such as one that is being edited, with the library's snippets.
    ///
    /// # Errors
    /// When it is wrong, uses what is not there, or exceeds a limit.
    pub fn preview(&self, source: TemplateSource<'_>, facts: &Arc<Facts>) -> Result<Rendered, RenderError> {
        check_length(source.name, source.text.len())?;
        let environment: &Environment<'_> = &self.library.environment;
        let text = guard::guarded(source.text, &engine::syntax());
        let template = environment.template_from_named_str(source.name, &text);
        let template = template.map_err(|error| self.error(source.name, &error, None))?;
        self.render_template(&template, facts)
    }

    fn render_template(&self, template: &Template<'_, '_>, facts: &Arc<Facts>) -> Result<Rendered, RenderError> {
        let render = Arc::new(Render::new(facts.clone(), self.library.clone()));
        let scope = Arc::new(Scope::new(render.clone(), template.name(), BTreeMap::new()));
        let context = Value::from_dyn_object(minijinja::value::DynObject::new(scope));
        let mut output = Bounded::new();
        let done = template.render_captured_to(context.clone(), &mut output).map(drop);
        let done = done.map_err(|error| self.error(template.name(), &error, Some(&context)));
        let used = render.finish();
        done.map(|()| Rendered { text: output.into_text(), used })
    }

    fn error(&self, template: &str, error: &Error, root: Option<&Value>) -> RenderError {
        let templates = |name: &str| self.library.similar(name);
        let known = Known { root, environment: &self.library.environment, templates: &templates };
        RenderError::new(template, error, known)
    }
}

impl Default for TemplateSet {
    fn default() -> Self {
        Self::new(std::iter::empty::<(String, String)>())
    }
}

impl Library {
    pub(crate) fn environment(&self) -> &Environment<'static> {
        &self.environment
    }

    fn similar(&self, name: &str) -> Option<String> {
        hint::similar(name, self.names.exact.iter().map(String::as_str))
    }

    /// The name in the library that a template means by `name`.
    pub(crate) fn resolve<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.names.resolve(name)
    }

    pub(crate) fn find(&self, name: &str) -> Result<Template<'_, '_>, Error> {
        let Some(resolved) = self.resolve(name) else {
            return Err(Error::new(ErrorKind::TemplateNotFound, format!("{name:?}")));
        };
        self.environment.get_template(resolved)
    }
}

fn add(
    environment: &mut Environment<'static>,
    names: &mut Names,
    broken: &mut BTreeMap<String, RenderError>,
    name: String,
    text: &str,
) {
    names.insert(&name);
    let added = check_length(&name, text.len()).and_then(|()| {
        let text = guard::guarded(text, &engine::syntax()).into_owned();
        let added = environment.add_template_owned(name.clone(), text);
        added.map_err(|error| RenderError::new(&name, &error, engine::known(None)))
    });
    if let Err(error) = added {
        broken.insert(name, error);
    }
}

pub(crate) fn check_length(template: &str, bytes: usize) -> Result<(), RenderError> {
    if bytes <= MAX_TEMPLATE_BYTES {
        return Ok(());
    }
    Err(RenderError::TemplateTooLong { template: template.to_owned(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{BootEnv, Param, PartitionTable};
    use serde_json::json;

    fn facts() -> Arc<Facts> {
        let mut facts = Facts::default();
        facts.machine.name = "n1".to_owned();
        let role = Param { value: json!("{{ machine.name }}-db"), template: true, ..Param::default() };
        facts.params.insert("role".to_owned(), role);
        let plain = Param { value: json!("{{ 7 * 7 }}"), secret: true, ..Param::default() };
        facts.params.insert("plain".to_owned(), plain);
        Arc::new(facts)
    }

    #[test]
    fn one_library_renders_many_machines_and_says_what_it_used() {
        let set = TemplateSet::new([
            ("Motd", "{{ snippet('greeting', name=machine.name) }} {{ params.role }} {{ params.plain }}"),
            ("greeting", "Hello {{ name }}"),
        ]);
        let rendered = set.render("motd", &facts()).unwrap();
        assert_eq!(rendered.text, "Hello n1 n1-db {{ 7 * 7 }}");
        assert!(rendered.used.secrets && rendered.used.snippets.contains("greeting"), "{:?}", rendered.used);
    }

    #[test]
    fn a_broken_template_harms_only_itself() {
        let set =
            TemplateSet::new([("bad", "{% if %}"), ("good", "{{ none }}{{ true }} {{ 'a' ~ true ~ none ~ 1.5 }}")]);
        assert_eq!(set.render("good", &facts()).unwrap().text, "true atrue1.5");
        assert_eq!(set.render("bad", &facts()).unwrap_err().place(), ("bad", Some(1)));
        assert!(set.with("bad", "fine").broken().is_empty());
    }

    #[test]
    fn a_text_that_is_being_edited_sees_the_library() {
        let set = TemplateSet::new([("greeting", "Hello {{ name }}")]);
        let source = TemplateSource { name: "draft", text: "{% set name = 'you' %}{% include 'Greeting' %}" };
        assert_eq!(set.preview(source, &facts()).unwrap().text, "Hello you");
    }

    #[test]
    fn a_layout_and_boot_arguments_are_rendered_when_they_are_read() {
        let mut facts = Facts::clone(&facts());
        facts.partition_table = Some(PartitionTable { name: "lvm".to_owned(), ..PartitionTable::default() });
        let args = "quiet name={{ machine.name }}".to_owned();
        facts.boot_env = Some(BootEnv { args, args_are_template: true, ..BootEnv::default() });
        let set = TemplateSet::new([
            ("ks", "{{ partition_table.text }} {{ boot_env.args }} {{ partition_table.name }}"),
            ("lvm", "part / # {{ machine.name }}"),
        ]);
        assert_eq!(set.render("ks", &Arc::new(facts.clone())).unwrap().text, "part / # n1 quiet name=n1 lvm");
        facts.partition_table = Some(PartitionTable {
            name: "own".to_owned(),
            text: Some("part {{ machine.nmae }}".to_owned()),
            ..PartitionTable::default()
        });
        assert_eq!(set.render("ks", &Arc::new(facts)).unwrap_err().place(), ("own", Some(1)));
    }
}
