//! What a person gets when a template does not render.

use crate::guard;
use crate::hint::Known;
use crate::limits::{MAX_DURATION, MAX_OUTPUT_BYTES, MAX_TEMPLATE_BYTES};
use minijinja::ErrorKind;
use std::fmt;

/// Why a template did not render.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template is longer than allowed.
    #[error("template {template:?} has {bytes} bytes, and the limit is {MAX_TEMPLATE_BYTES}")]
    TemplateTooLong {
        /// Which template.
        template: String,
        /// How long it is.
        bytes: usize,
    },
    /// The template rendered to more than allowed.
    #[error("template {template:?} renders to more than {MAX_OUTPUT_BYTES} bytes")]
    OutputTooLong {
        /// Which template.
        template: String,
    },
    /// The template works without an end.
    #[error(
        "template {template:?}{} takes more than {} s or too many steps: is a loop without an end in it?",
        at(*.line), MAX_DURATION.as_secs()
    )]
    TookTooLong {
        /// Which template.
        template: String,
        /// Where it was stopped, counted from 1.
        line: Option<usize>,
    },
    /// There is no template of that name in the library.
    #[error("there is no template {template:?}{}", also(.hint))]
    NotFound {
        /// Which template.
        template: String,
        /// A name that may be meant.
        hint: Option<String>,
    },
    /// The template is wrong, or a value does not fit where it is put.
    #[error(transparent)]
    Wrong(Box<Wrong>),
}

/// A place in a template and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which template.
    pub template: String,
    /// Where, counted from 1.
    pub line: Option<usize>,
    /// The templates that took it in and where they did, outermost first.
    pub chain: Vec<Frame>,
    /// What is wrong.
    pub detail: String,
    /// The piece of the template that it is about.
    pub expression: Option<String>,
    /// The path of the value that is missing, such as `machine.nmae`.
    pub path: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A line of a template that takes in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The template.
    pub template: String,
    /// The line, counted from 1.
    pub line: Option<usize>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template {:?}{}", self.template, at(self.line))?;
        for frame in self.chain.iter().rev() {
            write!(f, ", taken in by {:?}{}", frame.template, at(frame.line))?;
        }
        write!(f, ": {}", self.detail)?;
        if let Some(expression) = &self.expression {
            write!(f, " in `{expression}`")?;
        }
        f.write_str(&also(&self.hint))
    }
}

impl std::error::Error for Wrong {}

impl RenderError {
    /// The template that is at fault and the line in it.
    pub fn place(&self) -> (&str, Option<usize>) {
        match self {
            Self::TemplateTooLong { template, .. }
            | Self::OutputTooLong { template }
            | Self::NotFound { template, .. } => (template, None),
            Self::TookTooLong { template, line } => (template, *line),
            Self::Wrong(wrong) => (&wrong.template, wrong.line),
        }
    }

    /// Translates the engine's error about `template`.
    pub(crate) fn new(template: &str, error: &minijinja::Error, known: Known<'_>) -> Self {
        let errors = Vec::from_iter(std::iter::successors(Some(error), |error| inner(error)));
        let innermost = errors.last().copied().unwrap_or(error);
        if let Some(broken) = std::error::Error::source(innermost).and_then(|source| source.downcast_ref()) {
            return within(broken, &errors);
        }
        match innermost.kind() {
            ErrorKind::WriteFailure => Self::OutputTooLong { template: template.to_owned() },
            ErrorKind::OutOfFuel => {
                Self::TookTooLong { template: innermost.name().unwrap_or(template).to_owned(), line: innermost.line() }
            }
            _ if innermost.detail() == Some("recursion limit exceeded") => {
                Self::Wrong(Box::new(too_deep(template, &errors)))
            }
            _ => Self::Wrong(Box::new(wrong(template, &errors, innermost, known))),
        }
    }

    /// The error as the source of an engine's one: of a template of the library that could not be compiled.
    pub(crate) fn into_engine(self) -> minijinja::Error {
        minijinja::Error::new(ErrorKind::BadInclude, "the template is wrong").with_source(self)
    }
}

/// The error of a template that could not be compiled, found by taking it in.
fn within(broken: &RenderError, errors: &[&minijinja::Error]) -> RenderError {
    match broken {
        RenderError::Wrong(wrong) => {
            RenderError::Wrong(Box::new(Wrong { chain: frames(errors), ..Wrong::clone(wrong) }))
        }
        other => other.clone(),
    }
}

fn wrong(template: &str, errors: &[&minijinja::Error], innermost: &minijinja::Error, known: Known<'_>) -> Wrong {
    let located = errors.iter().rev().find(|error| error.name().is_some());
    let name = located.and_then(|error| error.name()).unwrap_or(template).to_owned();
    let line = located.and_then(|error| error.line());
    let path = missing_path(innermost);
    let snippet = Some(name.as_str()).filter(|name| *name != template);
    let (detail, hint) = match (innermost.kind(), innermost.detail().unwrap_or_default()) {
        (_, detail) if path.is_some() => {
            let hint = path.as_deref().and_then(|path| known.path(path, snippet));
            (format!("{}: {detail}", innermost.kind()), hint)
        }
        (ErrorKind::TemplateNotFound, detail) => no_template(detail, known),
        (kind @ (ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction), detail) => {
            no_such(kind, detail, known)
        }
        (ErrorKind::InvalidOperation | ErrorKind::UnknownMethod, detail) if !detail.is_empty() => {
            (detail.to_owned(), None)
        }
        (kind, "") => (kind.to_string(), None),
        (kind, detail) => (format!("{kind}: {detail}"), None),
    };
    let expression = located
        .and_then(|error| Some(guard::unguarded(error.template_source()?.get(error.range()?)?)))
        .filter(|text| path.is_none() && hint.is_none() && !detail.contains(text.as_str()))
        .map(|text| text.chars().take(80).collect());
    Wrong { chain: chain(errors, &name, line), template: name, line, detail, expression, path, hint }
}

/// The engine puts the name of a template that it does not find in quotes.
fn no_template(detail: &str, known: Known<'_>) -> (String, Option<String>) {
    let name = detail.split(['"', '\'']).nth(1).unwrap_or_default();
    if name.is_empty() || detail.contains(", ") {
        return (detail.to_owned(), None);
    }
    (format!("there is no template {name:?}"), known.template(name))
}

/// The engine says "filter x is unknown", "test x is unknown" or "x is unknown".
fn no_such(kind: ErrorKind, detail: &str, known: Known<'_>) -> (String, Option<String>) {
    let Some(subject) = detail.strip_suffix(" is unknown") else { return (format!("{kind}: {detail}"), None) };
    let name = subject.rsplit(' ').next().unwrap_or(subject);
    let what = match kind {
        ErrorKind::UnknownFilter => "filter",
        ErrorKind::UnknownTest => "test",
        _ => "function",
    };
    (format!("there is no {what} {name}"), known.name(kind, name))
}

/// The engine stopped at its depth, which is nearly always a circle of includes: that is shown once around.
fn too_deep(template: &str, errors: &[&minijinja::Error]) -> Wrong {
    let frames = frames(errors);
    let first = frames.first().cloned().unwrap_or(Frame { template: template.to_owned(), line: None });
    let again = frames.iter().skip(1).position(|frame| *frame == first);
    let detail = match again {
        Some(at) => {
            let circle = frames.iter().take(at + 2).map(|frame| format!("{:?}", frame.template));
            format!("templates take in one another in a circle: {}", Vec::from_iter(circle).join(" → "))
        }
        None => "macros or templates lie too deep in one another: does one call itself?".to_owned(),
    };
    let Frame { template, line } = first;
    Wrong { template, line, chain: Vec::new(), detail, expression: None, path: None, hint: None }
}

/// The frames around the innermost place. The engine wraps an error once for each block that it leaves, so that
/// the same place may come several times.
fn chain(errors: &[&minijinja::Error], template: &str, line: Option<usize>) -> Vec<Frame> {
    let mut frames = frames(errors);
    if frames.last().is_some_and(|frame| frame.template == template && frame.line == line) {
        frames.pop();
    }
    frames
}

fn frames(errors: &[&minijinja::Error]) -> Vec<Frame> {
    let frames =
        errors.iter().filter_map(|error| Some(Frame { template: error.name()?.to_owned(), line: error.line() }));
    let mut frames = Vec::from_iter(frames);
    frames.dedup();
    frames
}

/// The engine puts the expression of a missing value in backquotes.
fn missing_path(error: &minijinja::Error) -> Option<String> {
    let (before, _) = error.detail()?.split_once("` is undefined")?;
    before.rsplit_once('`').map(|(_, path)| path.to_owned())
}

/// minijinja wraps an error once for each block it leaves; the first one says what is wrong.
fn inner(error: &minijinja::Error) -> Option<&minijinja::Error> {
    std::error::Error::source(error)?.downcast_ref()
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

fn also(hint: &Option<String>) -> String {
    hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default()
}
