//! Scripts for a shell: what makes them fail before their first line. Nothing here parses a shell.

use super::findings::Findings;

pub(super) fn check(text: &str, findings: &mut Findings) {
    let Some(first) = text.lines().next() else { return };
    if first.starts_with("#!") && text.starts_with(&format!("{first}\r")) {
        findings
            .error(1, "the first line ends with a carriage return, which the kernel takes for a part of the interpreter's name")
            .hint("write the template with line feeds alone");
        return;
    }
    if !first.starts_with("#!") {
        let line = super::numbered(text).find(|(_, line)| line.trim_start().starts_with("#!"));
        match line {
            Some((number, _)) if text.lines().take(number - 1).all(|line| line.trim().is_empty()) => {
                findings
                    .warning(number, "the line #! is not the first one, so that the kernel does not see it")
                    .hint("a tag before it leaves an empty line: end the tag with -%}");
            }
            _ => {}
        }
    }
    if let Some((number, _)) = super::numbered(text).find(|(_, line)| line.ends_with('\r')) {
        findings
            .error(number, "the line ends with a carriage return, which the shell takes for a part of the last word");
    }
    check_documents(text, findings);
}

/// A here-document that is not closed swallows the rest of the script.
fn check_documents(text: &str, findings: &mut Findings) {
    let mut open: Option<(usize, String, bool)> = None;
    for (number, line) in super::numbered(text) {
        match &open {
            Some((_, end, tabs)) => {
                let line = if *tabs { line.trim_start_matches('\t') } else { line };
                if line == end {
                    open = None;
                }
            }
            None => open = document(line).map(|(end, tabs)| (number, end, tabs)),
        }
    }
    if let Some((since, end, _)) = open {
        findings.warning(since, format!("the here-document is not closed by a line {end}"));
    }
}

/// The word that ends the here-document which begins in this line, when that is sure: one on the line, with a
/// plain or a quoted word.
fn document(line: &str) -> Option<(String, bool)> {
    if line.trim_start().starts_with('#') || line.matches("<<").count() != 1 || line.contains("<<<") {
        return None;
    }
    let (before, after) = line.split_once("<<")?;
    let in_quotes = |quote: char| before.matches(quote).count() % 2 == 1;
    if in_quotes('"') || in_quotes('\'') || before.contains("((") || before.contains("#") {
        return None;
    }
    let tabs = after.starts_with('-');
    let after = after.trim_start_matches('-').trim_start();
    let bare = after.trim_start_matches(['\'', '"', '\\']);
    let word: String =
        bare.chars().take_while(|character| character.is_alphanumeric() || "_-".contains(*character)).collect();
    (!word.is_empty() && word.starts_with(|first: char| first.is_alphabetic() || first == '_')).then_some((word, tabs))
}
