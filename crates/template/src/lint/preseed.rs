//! Answers for debian-installer: lines of owner, question, type and value (debconf-set-selections(1)).

use super::findings::{Findings, shown};

const TYPES: &[&str] =
    &["boolean", "error", "multiselect", "note", "password", "seen", "select", "string", "text", "title"];

pub(super) fn check(text: &str, findings: &mut Findings) {
    let mut answer: Option<(usize, String)> = None;
    let mut last = 0;
    for (number, line) in super::numbered(text) {
        last = number;
        if line.ends_with('\r') {
            findings.error(number, "the line ends with a carriage return, which becomes a part of the value");
        }
        let line = line.trim_end_matches('\r');
        let continues = line.ends_with('\\');
        let piece = line.trim_end_matches('\\');
        match &mut answer {
            Some((_, begun)) => begun.push_str(piece),
            None if line.trim_start().starts_with('#') || line.trim().is_empty() => continue,
            None => answer = Some((number, piece.to_owned())),
        }
        if !continues && let Some((since, whole)) = answer.take() {
            check_answer(since, &whole, findings);
        }
    }
    if let Some((since, _)) = answer {
        findings.error(last, format!("the text ends within the answer that begins in line {since}"));
    }
}

fn check_answer(number: usize, answer: &str, findings: &mut Findings) {
    let mut words = answer.split_whitespace();
    let (Some(_owner), Some(question), Some(kind)) = (words.next(), words.next(), words.next()) else {
        findings
            .error(number, format!("{} is no answer: it needs an owner, a question and a type", shown(answer.trim())))
            .hint("a value that goes on in the next line needs a backslash at the end of its own");
        return;
    };
    if !TYPES.contains(&kind) {
        let message = format!("{} is no type of an answer (to {question})", shown(kind));
        findings.error(number, message).hint(match question.contains('/') {
            true => format!("the types are {}", TYPES.join(", ")),
            false => "does the value above lack a backslash at the end of its line?".to_owned(),
        });
        return;
    }
    let value: Vec<&str> = words.collect();
    if matches!(kind, "boolean" | "seen") && !matches!(value.as_slice(), [] | ["true" | "false"]) {
        let message = format!("{question} is a {kind}, and {} is neither true nor false", shown(&value.join(" ")));
        findings.error(number, message);
    }
}
