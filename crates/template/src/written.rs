//! Parts of the facts that have a template for a member: the disk layout's text and the boot environment's arguments.
//! It is rendered when it is read.

use crate::scope::{Render, Scope};
use minijinja::value::{Enumerator, Object, Serde};
use minijinja::{Error, Value};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// Renders the member.
type Write = fn(&Arc<Render>) -> Result<Option<String>, Error>;

/// A part of the facts. It is kept in the render that it belongs to, and so does not own it.
#[derive(Debug)]
pub(crate) struct Written {
    part: Value,
    member: &'static str,
    write: Write,
    render: Weak<Render>,
}

impl Written {
    /// `part` with a `member` that `write` gives; none where there is no part.
    pub(crate) fn value(
        part: Option<impl Serialize>,
        member: &'static str,
        write: Write,
        render: &Arc<Render>,
    ) -> Value {
        match part {
            None => Value::from(()),
            Some(part) => {
                let render = Arc::downgrade(render);
                Value::from_object(Self { part: Value::from(Serde(part)), member, write, render })
            }
        }
    }
}

impl Object for Written {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if key.as_str() != Some(self.member) {
            return self.part.get_item(key).ok().filter(|value| !value.is_undefined());
        }
        let render = self.render.upgrade()?;
        Some((self.write)(&render).map_or_else(Value::from, Value::from))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.part.try_iter().map(Iterator::collect).unwrap_or_default())
    }
}

impl Render {
    /// The text of the disk layout: the machine's own, or the library's of that name.
    ///
    /// # Errors
    /// When it does not render, or the library has none of that name.
    pub(crate) fn partition_table(self: &Arc<Self>) -> Result<Option<String>, Error> {
        let Some(table) = &self.facts().partition_table else { return Ok(None) };
        if let Some(text) = &table.text {
            return self.render_text(&table.name, text).map(Some);
        }
        let template = self.library().find(&table.name)?;
        self.render_nested(&template, Scope::new(self.clone(), template.name(), BTreeMap::new())).map(Some)
    }

    /// The kernel's arguments in the boot environment.
    ///
    /// # Errors
    /// When they are a template that does not render.
    pub(crate) fn boot_args(self: &Arc<Self>) -> Result<Option<String>, Error> {
        let Some(env) = &self.facts().boot_env else { return Ok(None) };
        let args = if env.args_are_template { self.render_text("boot_env.args", &env.args)? } else { env.args.clone() };
        Ok(Some(args))
    }
}
