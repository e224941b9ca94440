//! Whether an expression holds for one machine.

use crate::ast::{Comparison, Expression, FieldRef, Node, Operator};
use crate::condition::{Condition, Leaf};
use crate::facts::Facts;
use crate::field::FREE_TEXT;
use jiff::Timestamp;

impl Expression {
    /// Whether it holds for the machine of these facts, at a time.
    pub fn matches(&self, facts: &Facts, now: Timestamp) -> bool {
        self.root().is_none_or(|root| root.matches(facts, now))
    }
}

impl Node {
    /// Whether it holds for the machine of these facts, at a time.
    pub fn matches(&self, facts: &Facts, now: Timestamp) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.matches(facts, now)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(facts, now)),
            Self::Not(node) => !node.matches(facts, now),
            leaf => leaf.leaf(now).is_some_and(|leaf| leaf.holds(facts)),
        }
    }

    /// What it asks of a machine's values; nothing for a node that is made of others.
    pub fn leaf(&self, now: Timestamp) -> Option<Leaf> {
        match self {
            Self::All(_) | Self::Any(_) | Self::Not(_) => None,
            Self::Has(field) => Some(Leaf::Has(field.key())),
            Self::Compare(comparison) => Some(comparison.leaf(now)),
            Self::In { field, negated, values } => {
                let kind = field.field().kind;
                Some(one(field, *negated, values.iter().flat_map(|value| value.equal(kind, now)).collect()))
            }
            Self::Free(words) => {
                let keys = FREE_TEXT.iter().map(|key| (*key).to_owned()).collect();
                Some(Leaf::Meets { keys, negated: false, any_of: words.conditions() })
            }
        }
    }
}

impl Comparison {
    fn leaf(&self, now: Timestamp) -> Leaf {
        let any_of = match self.operator {
            Operator::Less | Operator::AtMost | Operator::Greater | Operator::AtLeast => {
                self.value.ordered(self.operator, now)
            }
            _ => self.value.equal(self.field.field().kind, now),
        };
        one(&self.field, self.operator.is_negated(), any_of)
    }
}

fn one(field: &FieldRef, negated: bool, any_of: Vec<Condition>) -> Leaf {
    Leaf::Meets { keys: vec![field.key()], negated, any_of }
}

impl Leaf {
    /// Whether the machine of these facts is as asked.
    pub fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::Has(key) => facts.has(key),
            Self::Meets { keys, negated, any_of } => {
                let mut values = keys.iter().flat_map(|key| facts.values(key));
                values.any(|value| any_of.iter().any(|condition| condition.holds(value))) != *negated
            }
        }
    }
}
