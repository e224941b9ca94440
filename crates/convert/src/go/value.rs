//! An expression of our language, and how tightly it holds together.

/// How tightly an expression binds, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Binding {
    Or,
    And,
    Not,
    Compare,
    /// A sign before a number.
    Sign,
    /// A name, a constant, a call, a member.
    Tight,
}

/// An expression of our language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) binding: Binding,
    /// It is known to be a list, so that a loop need not ask.
    pub(super) list: bool,
}

impl Value {
    pub(super) fn tight(text: impl Into<String>) -> Value {
        Value { text: text.into(), binding: Binding::Tight, list: false }
    }

    /// `function(arguments)`.
    pub(super) fn call(function: &str, arguments: &[Value]) -> Value {
        let arguments: Vec<&str> = arguments.iter().map(|argument| argument.text.as_str()).collect();
        Value::tight(format!("{function}({})", arguments.join(", ")))
    }

    /// Values with the same operator between each two.
    pub(super) fn joined(values: &[Value], operator: &str, binding: Binding) -> Value {
        let texts: Vec<String> = values.iter().map(|value| value.above(binding)).collect();
        Value { text: texts.join(&format!(" {operator} ")), binding, list: false }
    }

    pub(super) fn not(&self) -> Value {
        Value { text: format!("not {}", self.above(Binding::Not)), binding: Binding::Not, list: false }
    }

    /// The text, in parentheses unless it binds more tightly than `binding`.
    pub(super) fn above(&self, binding: Binding) -> String {
        if self.binding > binding { self.text.clone() } else { format!("({})", self.text) }
    }

    /// The text, in parentheses unless a member can be taken from it.
    pub(super) fn base(&self) -> String {
        self.above(Binding::Sign)
    }
}
