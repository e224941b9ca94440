//! Tells the code, comments and text literals of a Rust file apart.
//!
//! A small reader of the language's surface instead of a parser: the rules ask about words, and a parser would be
//! by far the largest dependency of the chores.

/// What a Rust file is made of.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Without comments, and with the content of text literals left out; line 1 is first.
    pub(super) code: Vec<String>,
    /// What comments say; line 1 is first.
    pub(super) comments: Vec<String>,
    /// Text literals with the lines they start at.
    pub(super) literals: Vec<(usize, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Within {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
}

impl Source {
    /// Reads the text of a Rust file.
    pub(super) fn read(text: &str) -> Self {
        let mut source = Self::default();
        let mut within = Within::Code;
        for line in text.lines() {
            source.code.push(String::new());
            source.comments.push(String::new());
            let mut rest = line;
            while !rest.is_empty() {
                let (next, taken) = source.take(within, rest);
                within = next;
                rest = &rest[taken..];
            }
            within = source.end_line(within);
        }
        source
    }

    /// The number of the line from which everything is test code.
    pub(super) fn tests_from(&self) -> Option<usize> {
        let attribute = self.code.iter().position(|line| line.trim() == "#[cfg(test)]")?;
        let module = self.code.get(attribute + 1)?.trim();
        (module.starts_with("mod ") && module.ends_with('{')).then_some(attribute + 1)
    }

    /// Takes the next bytes of a line, which is not empty. Gives where that leaves us and how many they were.
    fn take(&mut self, within: Within, rest: &str) -> (Within, usize) {
        match within {
            Within::Code => self.take_code(rest),
            Within::LineComment => {
                self.comment().push_str(rest);
                (within, rest.len())
            }
            Within::BlockComment { depth } => self.take_block_comment(rest, depth),
            Within::Text if rest.starts_with('\\') => {
                let taken = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                self.literal().push_str(&rest[..taken]);
                (within, taken)
            }
            Within::Text => self.take_text(within, rest, "\""),
            Within::RawText { hashes } => self.take_text(within, rest, &format!("\"{}", "#".repeat(hashes))),
        }
    }

    fn take_code(&mut self, rest: &str) -> (Within, usize) {
        if rest.starts_with("//") {
            return (Within::LineComment, 2);
        }
        if rest.starts_with("/*") {
            return (Within::BlockComment { depth: 1 }, 2);
        }
        if rest.starts_with('"') {
            let within = self.literal_start();
            self.literals.push((self.code.len(), String::new()));
            return (within, 1);
        }
        let taken = match rest.strip_prefix('\'') {
            Some(after) => 1 + character_literal(after),
            None => rest.chars().next().map_or(0, char::len_utf8),
        };
        self.line().push_str(&rest[..taken]);
        (Within::Code, taken)
    }

    /// What kind of literal the quote after the code of this line opens.
    fn literal_start(&self) -> Within {
        let line = self.code.last().map_or("", String::as_str);
        let before = line.trim_end_matches('#');
        let hashes = line.len() - before.len();
        if before.ends_with('r') { Within::RawText { hashes } } else { Within::Text }
    }

    fn take_block_comment(&mut self, rest: &str, depth: usize) -> (Within, usize) {
        if rest.starts_with("/*") {
            return (Within::BlockComment { depth: depth + 1 }, 2);
        }
        if rest.starts_with("*/") {
            return (if depth == 1 { Within::Code } else { Within::BlockComment { depth: depth - 1 } }, 2);
        }
        let taken = rest.chars().next().map_or(0, char::len_utf8);
        self.comment().push_str(&rest[..taken]);
        (Within::BlockComment { depth }, taken)
    }

    fn take_text(&mut self, within: Within, rest: &str, end: &str) -> (Within, usize) {
        if rest.starts_with(end) {
            return (Within::Code, end.len());
        }
        let taken = rest.chars().next().map_or(0, char::len_utf8);
        self.literal().push_str(&rest[..taken]);
        (within, taken)
    }

    fn end_line(&mut self, within: Within) -> Within {
        match within {
            Within::LineComment => Within::Code,
            Within::Text | Within::RawText { .. } => {
                self.literal().push('\n');
                within
            }
            Within::Code | Within::BlockComment { .. } => within,
        }
    }

    fn line(&mut self) -> &mut String {
        self.code.last_mut().expect("a line is begun before it is read")
    }

    fn comment(&mut self) -> &mut String {
        self.comments.last_mut().expect("a line is begun before it is read")
    }

    fn literal(&mut self) -> &mut String {
        &mut self.literals.last_mut().expect("a literal is begun before it is read").1
    }
}

/// The length of the rest of a character literal, or zero after the tick of a lifetime.
fn character_literal(after: &str) -> usize {
    let mut characters = after.char_indices();
    match characters.next() {
        Some((_, '\\')) => {
            characters.next();
            characters.find(|(_, character)| *character == '\'').map_or(0, |(end, _)| end + 1)
        }
        Some((_, _)) => match characters.next() {
            Some((end, '\'')) => end + 1,
            _ => 0,
        },
        None => 0,
    }
}

/// Whether `word` is in `code` as a name of its own.
pub(super) fn has_word(code: &str, word: &str) -> bool {
    let part_of_name = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + word.len()..].chars().next();
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        let source = Source::read("let a = \"// no \\\" b\"; // sleep\n/* one /* two */\n three */ let c = '\"';\n");
        assert_eq!(source.code, ["let a = ; ", "", " let c = '\"';"]);
        assert_eq!(source.comments, [" sleep", " one  two ", " three "]);
        assert_eq!(source.literals, [(1, "// no \\\" b".to_owned())]);
    }

    #[test]
    fn raw_text_ends_with_as_many_hashes_as_it_began() {
        let source = Source::read("let a = br##\"x\"# y\nz\"##; let b = r\"\\\";");
        assert_eq!(source.literals, [(1, "x\"# y\nz".to_owned()), (2, "\\".to_owned())]);
        assert_eq!(source.code, ["let a = br##", "; let b = r;"]);
    }

    #[test]
    fn lifetime_opens_no_literal() {
        let source = Source::read("fn f<'a>(x: &'a str) -> char { '\\'' } // end");
        assert_eq!(source.comments, [" end"]);
    }

    #[test]
    fn everything_after_the_test_module_opens_is_test_code() {
        assert_eq!(Source::read("fn f() {}\n#[cfg(test)]\nmod tests {\n}").tests_from(), Some(2));
        assert_eq!(Source::read("#[cfg(test)]\nmod tests;\nfn f() {}").tests_from(), None);
    }

    #[test]
    fn word_inside_a_longer_name_is_another_word() {
        assert!(has_word("time::sleep(x)", "sleep"));
        assert!(!has_word("clock.sleep_until(x)", "sleep"));
    }
}
