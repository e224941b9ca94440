//! The definitions inside a file: each that is called becomes a macro of ours.

use super::ast::{Definition, File};
use super::body::Body;
use super::fault::Fault;
use super::members;
use super::value::Value;
use super::writer::{Trim, Writer};
use std::collections::{BTreeMap, HashSet};

/// What a dot means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dot {
    /// What a template is rendered for: its members are variables and functions of ours.
    Root,
    /// An expression of ours.
    Ours(String),
}

impl Dot {
    /// The expression of ours. The root has none.
    pub(super) fn reading(&self) -> String {
        match self {
            Dot::Root => String::new(),
            Dot::Ours(text) => text.clone(),
        }
    }
}

/// Words of our language and names of ours that no variable may take.
const WORDS: [&str; 26] = [
    "and",
    "break",
    "continue",
    "dot",
    "elif",
    "else",
    "endfor",
    "endif",
    "false",
    "for",
    "go",
    "if",
    "in",
    "is",
    "loop",
    "namespace",
    "none",
    "not",
    "or",
    "self",
    "set",
    "sprig",
    "template",
    "true",
    "True",
    "None",
];

/// Which definitions are called, and how.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Names that no variable may have.
    pub(super) taken: HashSet<String>,
    names: HashSet<String>,
    /// The macro for a definition and whether it takes its dot as an argument.
    macros: BTreeMap<(String, bool), String>,
    waiting: Vec<(String, bool)>,
    /// What could not be translated.
    pub(super) faults: Vec<Fault>,
}

impl Calls {
    pub(super) fn is_defined(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The call of a definition, with the root where there is no argument.
    pub(super) fn call(&mut self, name: &str, argument: Option<&Value>) -> String {
        let key = (name.to_owned(), argument.is_some());
        let called = match self.macros.get(&key) {
            Some(called) => called.clone(),
            None => self.new_macro(key),
        };
        let arguments: Vec<Value> = argument.cloned().into_iter().collect();
        Value::call(&called, &arguments).text
    }

    fn new_macro(&mut self, key: (String, bool)) -> String {
        let word: String = key.0.chars().map(|next| if next.is_ascii_alphanumeric() { next } else { '_' }).collect();
        let base = if word.starts_with(|first: char| first.is_ascii_digit()) { format!("_{word}") } else { word };
        let numbered = (2_usize..).map(|number| format!("{base}_{number}"));
        let free = std::iter::once(base.clone()).chain(numbered).find(|name| !self.taken.contains(name));
        let name = free.unwrap_or_default();
        self.taken.insert(name.clone());
        self.macros.insert(key.clone(), name.clone());
        self.waiting.push(key);
        name
    }
}

/// Translates a file and the definitions that it calls.
///
/// # Errors
/// Everything that cannot be translated.
pub(super) fn translate(file: &File) -> Result<Writer, Vec<Fault>> {
    let taken = WORDS.into_iter().chain(members::names()).map(str::to_owned).collect();
    let names = file.definitions.iter().map(|definition| definition.name.clone()).collect();
    let mut calls = Calls { taken, names, ..Calls::default() };
    let mut main = Body::translate(&file.body, Dot::Root, &mut calls);
    let mut macros = Writer::default();
    while let Some((name, with_dot)) = calls.waiting.pop() {
        if let Some(definition) = file.definitions.iter().find(|definition| definition.name == name) {
            macros.append(macro_of(definition, with_dot, &mut calls));
        }
    }
    if !calls.faults.is_empty() {
        return Err(calls.faults);
    }
    main.prepend(macros);
    Ok(main)
}

fn macro_of(definition: &Definition, with_dot: bool, calls: &mut Calls) -> Writer {
    let name = calls.macros.get(&(definition.name.clone(), with_dot)).cloned().unwrap_or_default();
    let (dot, parameter) = if with_dot { (Dot::Ours("dot".to_owned()), "dot") } else { (Dot::Root, "") };
    let body = Body::translate(&definition.body, dot, calls);
    let mut written = Writer::default();
    written.block(format!("macro {name}({parameter})"), Trim::NONE);
    written.append(body);
    written.block("endmacro", Trim::NONE);
    written
}
