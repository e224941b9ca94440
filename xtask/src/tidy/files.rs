//! The files of the working tree, read once.
//!
//! Walks the tree instead of asking git, so that an unpacked archive of the sources can be checked too.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// A file of the working tree.
#[derive(Debug)]
pub(super) struct File {
    /// From the workspace's root, with forward slashes.
    pub(super) path: String,
    /// Empty for [`Kind::Other`], which is only asked whether it exists.
    pub(super) text: String,
}

/// What rules a file is under.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Rust,
    Manifest,
    Lock,
    Markdown,
    Other,
}

impl File {
    pub(super) fn kind(&self) -> Kind {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        match (name, name.rsplit_once('.').map(|(_, ending)| ending)) {
            ("Cargo.toml", _) => Kind::Manifest,
            ("Cargo.lock", _) => Kind::Lock,
            (_, Some("rs")) => Kind::Rust,
            (_, Some("md")) => Kind::Markdown,
            _ => Kind::Other,
        }
    }

    /// The name of the crate the file belongs to, which is its directory's.
    pub(super) fn crate_name(&self) -> &str {
        let path = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        path.split('/').next().unwrap_or(path)
    }

    /// Whether all of the file is test code.
    pub(super) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "benches" | "tests.rs"))
    }
}

/// Reads every file below `root` that a rule is about, and notes the others.
pub(super) fn load(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut directories = vec![String::new()];
    while let Some(directory) = directories.pop() {
        let here = root.join(&directory);
        for entry in fs::read_dir(&here).with_context(|| format!("listing {}", here.display()))? {
            let entry = entry.with_context(|| format!("listing {}", here.display()))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            if !entry.file_type()?.is_dir() {
                files.push(load_file(root, path)?);
            } else if path != ".git" && !is_cache(&entry.path()) {
                directories.push(path);
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

/// Cargo marks its target directories so, wherever they are put.
fn is_cache(directory: &Path) -> bool {
    directory.join("CACHEDIR.TAG").exists()
}

fn load_file(root: &Path, path: String) -> Result<File> {
    let mut file = File { path, text: String::new() };
    if file.kind() != Kind::Other {
        let path = root.join(&file.path);
        file.text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_directories_are_left_out_under_any_name() {
        let root = tempfile::tempdir().unwrap();
        for path in ["crates/store/src/lib.rs", "built/debug/out.rs", "built/CACHEDIR.TAG", ".git/x.rs", ".ci/run"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "//! Text.").unwrap();
        }
        let paths: Vec<_> = load(root.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, [".ci/run", "crates/store/src/lib.rs"]);
    }

    #[test]
    fn file_belongs_to_the_crate_of_its_directory() {
        let file = |path: &str| File { path: path.to_owned(), text: String::new() };
        assert_eq!(file("crates/store/src/lib.rs").crate_name(), "store");
        assert_eq!(file("xtask/src/main.rs").crate_name(), "xtask");
        assert!(file("crates/store/tests/crash.rs").is_test());
        assert!(file("crates/store/src/lease/tests.rs").is_test());
        assert!(!file("crates/store/src/tests_of_health.rs").is_test());
    }
}
