//! Regular expressions.
//!
//! Ruby's are nearly those of the engine's library. What differs is rewritten; what the library does not have,
//! because it would let a pattern take forever, is refused.

use super::{Binds, Ex, Problem, Translated, Translator, Ty};
use crate::erb::ast::{Kind, Node, Part};

impl Translator<'_> {
    /// `/…/` as a value.
    pub(super) fn regex(&mut self, parts: &[Part], flags: &str, at: usize) -> Translated<Ex> {
        let source = self.regex_source(parts, flags, at)?;
        Ok(Ex::tight(format!("regex({})", source.code), Ty::Any))
    }

    fn regex_source(&mut self, parts: &[Part], flags: &str, at: usize) -> Translated<Ex> {
        let mut rewritten = vec![Part::Text(flag_prefix(flags))];
        for part in parts {
            match part {
                Part::Text(text) => {
                    let text = rewrite(text).map_err(|reason| Problem::new(at, reason))?;
                    match rewritten.last_mut() {
                        Some(Part::Text(last)) => last.push_str(&text),
                        _ => rewritten.push(Part::Text(text)),
                    }
                }
                code => rewritten.push(code.clone()),
            }
        }
        if let [Part::Text(pattern)] = rewritten.as_slice()
            && let Err(error) = regex::Regex::new(pattern)
        {
            let error = error.to_string();
            let reason = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            return Err(Problem::new(
                at,
                format!("the pattern cannot be translated: {}", reason.trim_start_matches("error: ")),
            ));
        }
        self.text(&rewritten)
    }

    /// `text =~ pattern`, either way round.
    pub(super) fn fits(&mut self, left: &Node, right: &Node, at: usize) -> Translated<Ex> {
        let (text, pattern) = if matches!(left.kind, Kind::Regex(..)) { (right, left) } else { (left, right) };
        self.pattern_test(text, pattern, at)
    }

    /// Whether a text fits a pattern; its groups are kept where they are asked for.
    pub(super) fn pattern_test(&mut self, text: &Node, pattern: &Node, at: usize) -> Translated<Ex> {
        let text = self.value(text)?;
        self.pattern_test_of(&text, pattern, at)
    }

    pub(super) fn pattern_test_of(&mut self, text: &Ex, pattern: &Node, at: usize) -> Translated<Ex> {
        let pattern = match &pattern.kind {
            Kind::Regex(parts, flags) => self.regex_source(parts, flags, at)?,
            _ => self.value(pattern)?,
        };
        if self.keeps_groups {
            let (name, _) = self.names.groups();
            self.tag(format!("set {name} = {}.match(regex({}))", text.receiver(), pattern.code));
            return Ok(Ex::new(format!("{name} is given"), Binds::Compare, Ty::Bool));
        }
        Ok(Ex::new(format!("{} is matching({})", text.receiver(), pattern.code), Binds::Compare, Ty::Bool))
    }

    /// `$1`.
    pub(super) fn group_of_match(&mut self, name: &str, at: usize) -> Translated<Ex> {
        let (groups, _) = self.names.groups();
        match name.parse::<u32>() {
            Ok(group) => Ok(Ex::tight(format!("{groups}.dig({group})"), Ty::Any)),
            Err(_) if name == "~" => Ok(Ex::cheap(groups, Ty::Any)),
            Err(_) => Err(Problem::new(at, format!("the global variable `${name}` has no counterpart"))),
        }
    }

    /// `when value`: what `===` says.
    pub(super) fn case_matches(&mut self, subject: &Ex, value: &Node) -> Translated<Ex> {
        match &value.kind {
            Kind::Regex(..) => self.pattern_test_of(subject, value, value.at),
            Kind::Range { low, high: Some(high), exclusive } => {
                let (low, high) = (self.value(low)?, self.value(high)?);
                let less = if *exclusive { "<" } else { "<=" };
                let name = subject.within(Binds::Compare);
                let code = format!(
                    "{name} >= {} and {name} {less} {}",
                    low.within(Binds::Compare),
                    high.within(Binds::Compare)
                );
                Ok(Ex::new(code, Binds::And, Ty::Bool))
            }
            Kind::Const(name) => match super::method::kind_test(name) {
                Some(test) => Ok(Ex::new(format!("{} is {test}", subject.receiver()), Binds::Compare, Ty::Bool)),
                None => Err(Problem::new(value.at, format!("`{name}` has no counterpart"))),
            },
            Kind::Splat(list) => {
                let list = self.value(list)?;
                let code = format!("{} in {}", subject.within(Binds::Compare), list.within(Binds::Compare));
                Ok(Ex::new(code, Binds::Compare, Ty::Bool))
            }
            _ => {
                let value = self.value(value)?;
                let code = format!("{} == {}", subject.within(Binds::Compare), value.within(Binds::Compare));
                Ok(Ex::new(code, Binds::Compare, Ty::Bool))
            }
        }
    }
}

/// In Ruby `^` and `$` are always at lines, and the flag `m` is about the dot.
fn flag_prefix(flags: &str) -> String {
    let mut prefix = "(?m".to_owned();
    for (theirs, ours) in [('i', 'i'), ('m', 's'), ('x', 'x')] {
        if flags.contains(theirs) {
            prefix.push(ours);
        }
    }
    prefix.push(')');
    prefix
}

/// The pattern as the engine's library writes it.
fn rewrite(pattern: &str) -> Result<String, String> {
    for (look, name) in [("(?=", "ahead"), ("(?!", "ahead"), ("(?<=", "behind"), ("(?<!", "behind")] {
        if pattern.contains(look) {
            return Err(format!("`{look}…)` looks {name}, which patterns cannot do here"));
        }
    }
    let mut text = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('h') => text.push_str("[0-9a-fA-F]"),
            Some('Z') => text.push_str("(?:\\n?\\z)"),
            Some('R') => text.push_str("(?:\\r\\n|\\n|\\r)"),
            Some('e') => text.push_str("\\x1b"),
            Some(c @ ('<' | '>' | '/' | '"' | '\'' | '_' | ',' | ':' | ';' | '=' | '@' | '!' | '`')) => text.push(c),
            Some(c @ '1'..='9') => {
                return Err(format!("`\\{c}` asks for what was found before, which patterns cannot do here"));
            }
            Some(c) => text.extend(['\\', c]),
            None => return Err("the pattern ends in `\\`".to_owned()),
        }
    }
    Ok(text)
}
