//! "Did you mean": what somebody probably wanted to write, and what is there instead of what they expect.

use crate::engine;
use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, Value};
use std::sync::LazyLock;

/// What is known about a render that failed.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// The variables, where rendering had begun.
    pub(crate) root: Option<&'a Value>,
    /// The functions.
    pub(crate) environment: &'a Environment<'a>,
    /// The names of the library's templates.
    pub(crate) templates: &'a dyn Fn(&str) -> Option<String>,
}

impl Known<'_> {
    /// A hint about the first step of `path` that is not there, such as `machine.nmae`. `snippet` names the
    /// template where it is one that another takes in.
    pub(crate) fn path(&self, path: &str, snippet: Option<&str>) -> Option<String> {
        let steps = steps(path)?;
        let mut value = self.root?.clone();
        let mut before = String::new();
        for step in &steps {
            let next = value.get_item(&step.key).unwrap_or(Value::UNDEFINED);
            if next.is_undefined() {
                return missing(&value, &before, step).or_else(|| not_given(path, &steps, snippet));
            }
            before.push_str(step.text);
            value = next;
        }
        None
    }

    /// A hint about a template that is not in the library.
    pub(crate) fn template(&self, name: &str) -> Option<String> {
        (self.templates)(name)
    }

    /// A hint about a filter, test or function that there is not.
    pub(crate) fn name(&self, kind: ErrorKind, name: &str) -> Option<String> {
        match kind {
            ErrorKind::UnknownFunction => {
                let names: Vec<&str> = self.environment.globals().map(|(name, _)| name).collect();
                similar(name, names.into_iter())
            }
            ErrorKind::UnknownFilter => similar(name, FILTERS.iter().map(String::as_str)),
            _ => None,
        }
    }
}

/// The engine names its filters only when it is printed.
static FILTERS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let printed = format!("{:?}", engine::complete());
    let filters = printed.split_once("filters: ").and_then(|(_, rest)| rest.split_once(']'));
    let names = filters.map(|(names, _)| names).unwrap_or_default().split('"').skip(1).step_by(2);
    names.map(str::to_owned).collect()
});

/// One step of a path: a member's name or an index.
struct Step<'a> {
    key: Value,
    /// As it is written, with its dot or brackets.
    text: &'a str,
}

fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let bracket = rest.starts_with('[');
        let end = match bracket {
            true => rest.find(']')? + 1,
            false => rest[1..].find(['.', '[']).map_or(rest.len(), |at| at + 1),
        };
        let (text, after) = rest.split_at_checked(end)?;
        let name = text.trim_start_matches(['.', '[']).trim_end_matches(']');
        let key = match name.parse::<i64>() {
            Ok(index) if bracket => Value::from(index),
            _ => Value::from(name.trim_matches(['"', '\''])),
        };
        steps.push(Step { key, text });
        rest = after;
    }
    Some(steps)
}

/// Why `value`, which is found at `before`, has no such step.
fn missing(value: &Value, before: &str, step: &Step<'_>) -> Option<String> {
    match value.kind() {
        ValueKind::None => Some(format!("`{before}` has no value")),
        ValueKind::Seq => Some(format!("`{before}` has {}, counted from 0", items(value.len()?))),
        ValueKind::String | ValueKind::Number | ValueKind::Bool => {
            Some(format!("`{before}` is a {}, which has no members", value.kind()))
        }
        _ => {
            let wrong = step.key.as_str()?;
            let names = value.try_iter().ok()?.filter_map(|key| Some(key.as_str()?.to_owned()));
            let names: Vec<String> = names.collect();
            let hint = similar(wrong, names.iter().map(String::as_str))?;
            Some(if before.is_empty() { hint } else { hint.replacen('`', &format!("`{before}."), 1) })
        }
    }
}

fn items(count: usize) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{count} items") }
}

/// A snippet sees the facts and what it is given, and not the variables of whoever takes it in.
fn not_given(path: &str, steps: &[Step<'_>], snippet: Option<&str>) -> Option<String> {
    let name = steps.first()?.text;
    let snippet = snippet?;
    (steps.len() == 1 && name == path)
        .then(|| format!("if it is for whoever uses it to say: snippet({snippet:?}, {name}=…)"))
}

/// A hint that names the one of `names` that is most like `wrong`.
pub(crate) fn similar<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let allowed = (wrong.chars().count() / 3).clamp(1, 3);
    let near = names.map(|name| (distance(wrong, name), name)).filter(|(distance, _)| *distance <= allowed);
    near.min().map(|(_, name)| format!("did you mean `{name}`?"))
}

/// How many letters must be put in, left out, changed or swapped with the next to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().flat_map(char::to_lowercase).take(64).collect();
    let other: Vec<char> = other.chars().flat_map(char::to_lowercase).take(64).collect();
    let mut rows = vec![Vec::from_iter(0..=other.len())];
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let changed = rows[i][j] + usize::from(a != b);
            let mut best = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_meant_and_nothing_that_is_far() {
        let names = ["name", "shortname", "macs"];
        assert_eq!(similar("nmae", names.into_iter()).as_deref(), Some("did you mean `name`?"));
        assert_eq!(similar("Macs", names.into_iter()).as_deref(), Some("did you mean `macs`?"));
        assert_eq!(similar("gateway", names.into_iter()), None);
    }

    #[test]
    fn the_engines_filters_are_known() {
        for name in ["shell", "default", "upper"] {
            assert!(FILTERS.iter().any(|filter| filter == name), "{name} is not among {FILTERS:?}");
        }
    }

    #[test]
    fn a_path_has_members_and_indices() {
        let texts = |path| steps(path).unwrap().iter().map(|step| step.text.to_owned()).collect::<Vec<_>>();
        assert_eq!(texts("a.b[3]['c-d'].e"), ["a", ".b", "[3]", "['c-d']", ".e"]);
        assert!(steps("a[").is_none());
    }
}
