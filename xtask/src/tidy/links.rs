//! Links in Markdown files.
//!
//! Only links within the repository: whether the rest of the world is up is no property of a change.

use super::Problem;
use super::files::{File, Kind};

/// Checks that what a Markdown file links to exists, headings included.
pub(super) fn check(file: &File, files: &[File]) -> Vec<Problem> {
    let broken = links(&file.text).into_iter().filter_map(|(line, target)| {
        let what = refuse(file, files, &target)?;
        Some(Problem::new(file, line, what))
    });
    broken.collect()
}

/// Why a link does not lead anywhere.
fn refuse(file: &File, files: &[File], target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let Some(path) = resolve(&file.path, path) else {
        return Some(format!("{target} leads out of the repository"));
    };
    let inside = format!("{path}/");
    let exists = |other: &File| other.path == path || other.path.starts_with(&inside) || path.is_empty();
    if !files.iter().any(exists) {
        return Some(format!("{target} does not exist: mend the link, or write the page"));
    }
    let page = files.iter().find(|other| other.path == path && other.kind() == Kind::Markdown)?;
    let known = heading.is_empty() || headings(&page.text).iter().any(|known| known == heading);
    (!known).then(|| format!("{path} has no heading #{heading}"))
}

/// The path from the root that `link` means in the file `from`, or none when it leads out.
fn resolve(from: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let absolute = link.starts_with('/');
    let mut parts: Vec<&str> = if absolute { Vec::new() } else { from.split('/').collect() };
    if !absolute {
        parts.pop();
    }
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The targets of `[text](target)` and `[name]: target`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        for (start, _) in line.match_indices("](") {
            let rest = &line[start + 2..];
            let end = rest.find([')', ' ']).unwrap_or(rest.len());
            links.push((number, rest[..end].to_owned()));
        }
        if let Some((name, target)) = line.trim_start().split_once("]: ")
            && name.starts_with('[')
        {
            links.push((number, target.split(' ').next().unwrap_or(target).to_owned()));
        }
    }
    links
}

/// The lines outside fenced code, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((number, line));
        }
    }
    lines
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn headings(text: &str) -> Vec<String> {
    let titles = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    titles.map(|(_, line)| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(title: &str) -> String {
    let kept = title.to_lowercase();
    let kept = kept.chars().filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'));
    kept.map(|character| if character == ' ' { '-' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let files = [
            file("ARCHITECTURE.md", "# The house\n## What `store` does, and why\n"),
            file("docs/develop/step.md", text),
            file("crates/steps/src/lib.rs", ""),
        ];
        check(&files[1], &files).into_iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn links_to_files_directories_and_headings_hold() {
        let text = "[a](../../crates/steps/src/lib.rs) [b](../../crates/steps) [c](https://example.com/x)\n\
                    [d](../../ARCHITECTURE.md#what-store-does-and-why) [e](#own)\n# Own\n";
        assert_eq!(problems(text), [""; 0]);
    }

    #[test]
    fn broken_links_are_named_with_their_lines() {
        let text = "# T\n[a](gone.md)\n\n[b]: ../../../etc/passwd\n[c](../../ARCHITECTURE.md#gone)\n";
        let expected = [
            "docs/develop/step.md:2: gone.md does not exist: mend the link, or write the page",
            "docs/develop/step.md:4: ../../../etc/passwd leads out of the repository",
            "docs/develop/step.md:5: ARCHITECTURE.md has no heading #gone",
        ];
        assert_eq!(problems(text), expected);
    }

    #[test]
    fn code_is_not_searched_for_links() {
        assert_eq!(problems("`[a](gone.md)`\n```\n[b](gone.md)\n```\n"), [""; 0]);
    }
}
