//! Things that have attributes and print as their name: a subnet, an interface, an operating system.

use super::ruby::Answer;
use minijinja::Value;
use minijinja::value::{DynObject, Object, ObjectRepr};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A thing.
#[derive(Debug)]
pub(super) struct Thing {
    class: &'static str,
    text: String,
    attributes: BTreeMap<&'static str, Value>,
}

impl Thing {
    pub(super) fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, text: text.into(), attributes: BTreeMap::new() }
    }

    /// With an attribute.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name, value.into());
        self
    }

    /// With an attribute under several names.
    pub(super) fn with_all<const N: usize>(mut self, names: [&'static str; N], value: impl Into<Value>) -> Self {
        let value = value.into();
        self.attributes.extend(names.map(|name| (name, value.clone())));
        self
    }

    /// With attributes that are nothing here.
    pub(super) fn with_nothing<const N: usize>(mut self, names: [&'static str; N]) -> Self {
        self.attributes.extend(names.map(|name| (name, Value::from(()))));
        self
    }

    /// Attributes may be asked for with arguments, as Foreman's methods are; none of them hangs on any.
    pub(super) fn call(&self, method: &str, arguments: &[Value]) -> Option<Answer> {
        if let ("dig", [name]) = (method, arguments) {
            let attribute = name.as_str().and_then(|name| self.attributes.get(name));
            return Some(Ok(attribute.cloned().unwrap_or_else(|| Value::from(()))));
        }
        let attribute = self.attributes.get(method)?;
        if let ("bootfile", [.., which]) = (method, arguments) {
            return super::ruby::call(attribute, "dig", std::slice::from_ref(which));
        }
        if let ("medium_uri" | "mediumpath", [_, path, ..]) = (method, arguments)
            && !attribute.is_none()
        {
            return Some(Ok(Value::from(format!("{attribute}{path}"))));
        }
        Some(Ok(attribute.clone()))
    }

    pub(super) fn value(self) -> Value {
        Value::from_object(self)
    }
}

impl Object for Thing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match self.attributes.get(key) {
            Some(value) => Some(value.clone()),
            None if matches!(key, "to_s" | "to_label" | "to_str") => Some(Value::from(self.text.as_str())),
            None => None,
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Some((self.class, &self.text).cmp(&(other.class, &other.text)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Something or nothing as a value.
pub(super) fn optional<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or_else(|| Value::from(()), Into::into)
}

/// Texts as a list.
pub(super) fn texts(items: impl IntoIterator<Item = impl AsRef<str>>) -> Value {
    Value::from(items.into_iter().map(|item| Value::from(item.as_ref())).collect::<Vec<_>>())
}
