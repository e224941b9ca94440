//! What the functions of a template reach: the facts, the library and the limits of the render they are called in.
//!
//! Every render has one [`Render`]. Every template in it, snippets included, runs in a [`Scope`] of its own: the
//! facts' variables, and over them the variables that the snippet was given. A function takes the engine's state
//! and asks [`Scope::of`].

use crate::facts::Facts;
use crate::limits::MAX_DURATION;
use crate::set::Library;
use crate::{foreman, rebar, variables};
use minijinja::value::{DynObject, Enumerator, Object};
use minijinja::{Error, ErrorKind, State, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The variable under which a scope finds itself; no template can write this name.
const ITSELF: &str = "(scope)";

/// One render: what it knows and what it has used up.
#[derive(Debug)]
pub(crate) struct Render {
    facts: Arc<Facts>,
    library: Arc<Library>,
    deadline: Instant,
    /// Where on the thread's stack the render began.
    stack: usize,
    cache: Mutex<BTreeMap<&'static str, Value>>,
    progress: Mutex<Progress>,
}

/// What a render has done so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Snippets that are being rendered now, outermost first.
    pub(crate) snippets: Vec<String>,
    /// Parameters that are being rendered now, outermost first.
    pub(crate) params: Vec<String>,
    /// Instructions of finished snippets.
    pub(crate) fuel: u64,
    /// How many templates are being rendered now, each in another.
    pub(crate) nested: usize,
    /// How many snippets were begun.
    pub(crate) begun: usize,
    /// What was used.
    pub(crate) used: Used,
}

/// What a render was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Snippets that it took in by a function.
    pub snippets: BTreeSet<String>,
    /// Parameters that it read.
    pub params: BTreeSet<String>,
    /// Whether one of them is a secret.
    pub secrets: bool,
}

impl Render {
    pub(crate) fn new(facts: Arc<Facts>, library: Arc<Library>) -> Self {
        Self {
            facts,
            library,
            deadline: Instant::now() + MAX_DURATION,
            stack: stack_address(),
            cache: Mutex::default(),
            progress: Mutex::default(),
        }
    }

    /// What may be known.
    pub(crate) fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    /// The templates that snippets are taken from.
    pub(crate) fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Makes a value once in this render.
    pub(crate) fn cached(&self, key: &'static str, make: impl FnOnce() -> Value) -> Value {
        if let Some(value) = lock(&self.cache).get(key) {
            return value.clone();
        }
        // Made without the lock: making one value may ask for another.
        let value = make();
        lock(&self.cache).insert(key, value.clone());
        value
    }

    /// Fails when the render has taken too long. Whatever takes more than a few microseconds asks this first.
    ///
    /// # Errors
    /// When the time is over.
    pub(crate) fn check_time(&self) -> Result<(), Error> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        Err(Error::new(ErrorKind::OutOfFuel, format!("the render took longer than {} s", MAX_DURATION.as_secs())))
    }

    /// How much of the stack the render has taken.
    pub(crate) fn stack_bytes(&self) -> usize {
        self.stack.abs_diff(stack_address())
    }

    /// Ends the render: values that hold on to it are let go, and what it used is told.
    pub(crate) fn finish(&self) -> Used {
        lock(&self.cache).clear();
        std::mem::take(&mut lock(&self.progress).used)
    }

    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }
}

/// About where the stack ends now.
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The variables of one template in a render.
#[derive(Debug)]
pub(crate) struct Scope {
    render: Arc<Render>,
    template: String,
    variables: BTreeMap<String, Value>,
}

impl Scope {
    pub(crate) fn new(render: Arc<Render>, template: &str, variables: BTreeMap<String, Value>) -> Self {
        Self { render, template: template.to_owned(), variables }
    }

    /// The scope that a function is called in.
    ///
    /// # Errors
    /// When the template is rendered without facts, as a boot script is.
    pub(crate) fn of(state: &State<'_, '_>) -> Result<Arc<Self>, Error> {
        let scope = state.lookup(ITSELF).and_then(|value| value.downcast_object());
        scope.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "this needs the facts of a machine"))
    }

    /// The render it belongs to.
    pub(crate) fn render(&self) -> &Arc<Render> {
        &self.render
    }

    /// What may be known.
    pub(crate) fn facts(&self) -> &Arc<Facts> {
        self.render.facts()
    }

    /// The name of the template that runs in it.
    pub(crate) fn template(&self) -> &str {
        &self.template
    }

    /// The variables that the snippet was given.
    pub(crate) fn given(&self) -> &BTreeMap<String, Value> {
        &self.variables
    }

    fn variable(self: &Arc<Self>, name: &str) -> Option<Value> {
        if name == ITSELF {
            return Some(Value::from_dyn_object(DynObject::new(self.clone())));
        }
        if let Err(error) = self.render.check_time() {
            return Some(Value::from(error));
        }
        let given = self.given().get(name).cloned();
        given
            .or_else(|| variables::variable(self, name))
            .or_else(|| foreman::variable(self, name))
            .or_else(|| rebar::variable(self, name))
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.variable(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.variable(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(variables::NAMES)
    }
}
