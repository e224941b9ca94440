//! "Did you mean": the name that somebody probably wanted to write.

use minijinja::Value;

/// A hint about the last step of `path` that is there, such as `machine.nmae`.
pub(crate) fn for_path(root: &Value, path: &str) -> Option<String> {
    let mut value = root.clone();
    let mut before = String::new();
    for step in path.split('.') {
        let next = value.get_attr(step).ok()?;
        if next.is_undefined() {
            let names: Vec<String> = value.try_iter().ok()?.filter_map(|key| Some(key.as_str()?.to_owned())).collect();
            return similar(step, names.iter().map(String::as_str)).map(|hint| match before.is_empty() {
                true => hint,
                false => hint.replacen('`', &format!("`{before}."), 1),
            });
        }
        if !before.is_empty() {
            before.push('.');
        }
        before.push_str(step);
        value = next;
    }
    None
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
}
