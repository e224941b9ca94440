//! Rules about manifests and the lock file.

use super::Problem;
use super::files::File;
use toml_edit::{Document, Item, TableLike};

/// Two providers of cryptography in one program make rustls panic when it has to choose.
const NOT_IN_THE_LOCK: &[&str] = &["aws-lc-rs", "aws-lc-sys", "openssl-sys"];

/// Checks that a crate takes every dependency from the workspace's table as it is there. A package that is a
/// workspace of its own, as the fuzzer is, has no such table.
pub(super) fn check_manifest(file: &File) -> Vec<Problem> {
    let document = match Document::parse(file.text.as_str()) {
        Ok(document) => document,
        Err(error) => return vec![Problem::new(file, 1, error.to_string())],
    };
    let mut problems = Vec::new();
    let is_a_workspace_of_its_own = document.contains_key("workspace") && document.contains_key("package");
    if is_a_workspace_of_its_own {
        return problems;
    }
    for table in dependency_tables(document.as_table()) {
        for (name, item) in table.iter() {
            if !is_from_workspace(item) {
                let start = table.key(name).and_then(|key| key.span()).map_or(0, |span| span.start);
                let what = format!(
                    "write `{name}.workspace = true`, with version and features in [workspace.dependencies] of the \
                     root's Cargo.toml: each library is then built once, and the same for all"
                );
                problems.push(Problem::new(file, line_of(&file.text, start), what));
            }
        }
    }
    problems
}

/// The tables of a manifest that name dependencies, those for one platform included. The workspace's own is not one.
fn dependency_tables(root: &dyn TableLike) -> Vec<&dyn TableLike> {
    let platforms = root.get("target").and_then(Item::as_table_like);
    let platforms = platforms.into_iter().flat_map(|platforms| platforms.iter());
    let places = platforms.filter_map(|(_, platform)| platform.as_table_like()).chain([root]);
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    places.flat_map(|place| kinds.map(|kind| place.get(kind).and_then(Item::as_table_like))).flatten().collect()
}

fn is_from_workspace(item: &Item) -> bool {
    let Some(table) = item.as_table_like() else { return false };
    let is_true = |key: &str| table.get(key).and_then(Item::as_bool) == Some(true);
    is_true("workspace") && table.iter().all(|(key, _)| matches!(key, "workspace" | "optional"))
}

/// Checks that nothing brings what this project does without.
pub(super) fn check_lock(file: &File) -> Vec<Problem> {
    let unwanted = |line: &str| {
        let name = line.strip_prefix("name = \"")?.strip_suffix('"')?;
        NOT_IN_THE_LOCK.contains(&name).then(|| name.to_owned())
    };
    let found = file.text.lines().zip(1..).filter_map(|(line, number)| Some((number, unwanted(line)?)));
    let what = |name: &str| {
        format!(
            "TLS is rustls with ring and nothing else: `cargo tree --invert {name}` says who brings it, and its \
             features in the root's Cargo.toml are where to change that"
        )
    };
    found.map(|(number, name)| Problem::new(file, number, what(&name))).collect()
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        let check = if path == "Cargo.lock" { check_lock } else { check_manifest };
        check(&file).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn dependency_is_taken_from_the_workspace_as_it_is() {
        let text = "[dependencies]\nserde.workspace = true\nurl = { workspace = true }\nnix = \"0.31\"\n\n\
                    [dev-dependencies]\ntokio = { workspace = true, features = [\"net\"] }\n\n\
                    [target.'cfg(unix)'.dependencies]\nrustix = { version = \"1\" }\n";
        assert_eq!(lines("crates/api/Cargo.toml", text), [10, 4, 7]);
    }

    #[test]
    fn table_of_the_workspace_may_name_versions() {
        assert_eq!(lines("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"\n"), [0; 0]);
    }

    #[test]
    fn second_tls_provider_is_refused_where_the_lock_names_it() {
        let text = "[[package]]\nname = \"ring\"\n\n[[package]]\nname = \"aws-lc-rs\"\ndependencies = [\n \"aws-lc-sys\",\n]\n";
        assert_eq!(lines("Cargo.lock", text), [5]);
    }
}
