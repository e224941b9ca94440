//! `params.x`: a parameter's value, rendered first where it was declared to be a template.

use crate::limits::MAX_PARAM_DEPTH;
use crate::scope::{Render, Scope};
use crate::{engine, guard};
use minijinja::value::{Enumerator, Object, Serde};
use minijinja::{Environment, Error, ErrorKind, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// The parameters as a variable. It is kept in the render that it belongs to, and so does not own it.
#[derive(Debug)]
pub(crate) struct Params {
    render: Weak<Render>,
}

impl Params {
    pub(crate) fn new(render: &Arc<Render>) -> Self {
        Self { render: Arc::downgrade(render) }
    }
}

impl Object for Params {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.render.upgrade()?.param(key).unwrap_or_else(|error| Some(Value::from(error)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.render.upgrade().map(|render| render.facts().params.keys().map(Value::from).collect());
        Enumerator::Values(names.unwrap_or_default())
    }
}

impl Render {
    /// The value of a parameter, rendered where it is a template; nothing where it has no value.
    ///
    /// # Errors
    /// When it is a template that does not render, or one that reads itself.
    pub(crate) fn param(self: &Arc<Self>, name: &str) -> Result<Option<Value>, Error> {
        let Some(param) = self.facts().params.get(name) else { return Ok(None) };
        {
            let mut progress = self.progress();
            progress.used.secrets |= param.secret;
            if !progress.used.params.contains(name) {
                progress.used.params.insert(name.to_owned());
            }
        }
        if param.template { self.render_param(name, &param.value).map(Some) } else { Ok(Some(value(&param.value))) }
    }

    fn render_param(self: &Arc<Self>, name: &str, given: &serde_json::Value) -> Result<Value, Error> {
        self.enter_param(name)?;
        let rendered = self.render_strings(name, given);
        self.progress().params.pop();
        rendered.map(|rendered| value(&rendered))
    }

    fn enter_param(&self, name: &str) -> Result<(), Error> {
        let mut progress = self.progress();
        let chain = |params: &[String]| {
            let names = params.iter().map(String::as_str).chain([name]);
            names.map(|name| format!("params.{name}")).collect::<Vec<_>>().join(" → ")
        };
        if let Some(at) = progress.params.iter().position(|param| param == name) {
            return Err(refused(format!("parameters read one another in a circle: {}", chain(&progress.params[at..]))));
        }
        if progress.params.len() == MAX_PARAM_DEPTH {
            let chain = chain(&progress.params);
            return Err(refused(format!("parameters read one another more than {MAX_PARAM_DEPTH} deep: {chain}")));
        }
        progress.params.push(name.to_owned());
        Ok(())
    }

    /// Renders every text in `given`; the names of its members are left as they are.
    fn render_strings(self: &Arc<Self>, name: &str, given: &serde_json::Value) -> Result<serde_json::Value, Error> {
        Ok(match given {
            serde_json::Value::String(text) => {
                serde_json::Value::String(self.render_text(&format!("params.{name}"), text)?)
            }
            serde_json::Value::Array(items) => {
                let items = items.iter().map(|item| self.render_strings(name, item));
                serde_json::Value::Array(items.collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(members) => {
                let members = members.iter();
                let members = members.map(|(key, member)| Ok((key.clone(), self.render_strings(name, member)?)));
                serde_json::Value::Object(members.collect::<Result<_, Error>>()?)
            }
            other => other.clone(),
        })
    }

    /// Renders a text of its own, such as a parameter or a boot environment's arguments, in this render.
    ///
    /// # Errors
    /// When it does not render.
    pub(crate) fn render_text(self: &Arc<Self>, name: &str, text: &str) -> Result<String, Error> {
        if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
            return Ok(text.to_owned());
        }
        let text = guard::guarded(text, &engine::syntax());
        let environment: &Environment<'_> = self.library().environment();
        let template = environment.template_from_named_str(name, &text)?;
        self.render_nested(&template, Scope::new(self.clone(), name, BTreeMap::new()))
    }
}

fn value(json: &serde_json::Value) -> Value {
    Value::from(Serde(json))
}

fn refused(detail: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail)
}
