//! Scripts of GRUB 2 (GRUB manual, "Shell-like scripting"): quotes, braces and the words that come in pairs.

use super::findings::{Findings, shown};

/// A piece of a script.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A word; quoted ones are never reserved.
    Word { text: String, quoted: bool },
    /// A line's end or a semicolon.
    End,
}

/// What is open.
struct Open {
    word: &'static str,
    since: usize,
    /// Whether its `then` or `do` has come.
    body: bool,
}

pub(super) fn check(text: &str, findings: &mut Findings) {
    match tokens(text) {
        Ok(tokens) => Checker { open: Vec::new(), findings }.check(&tokens),
        Err((line, quote)) => {
            findings.error(line, format!("the quote {quote} is opened and not closed"));
        }
    }
}

struct Checker<'a> {
    open: Vec<Open>,
    findings: &'a mut Findings,
}

impl Checker<'_> {
    fn check(&mut self, tokens: &[(usize, Token)]) {
        let mut command: Option<&str> = None;
        for (line, token) in tokens {
            match token {
                Token::End => command = None,
                Token::Word { text, quoted: true } => {
                    command.get_or_insert(text);
                }
                Token::Word { text, quoted: false } => {
                    if self.is_reserved(*line, text, command) {
                        command = None;
                    } else {
                        command.get_or_insert(text);
                    }
                }
            }
        }
        for open in std::mem::take(&mut self.open) {
            self.findings.error(open.since, format!("{} is not closed by {}", open.word, closing(open.word)));
        }
    }

    /// Handles a reserved word; says whether a command may begin after it. Most are reserved only where a command
    /// begins; an opening brace also ends the arguments of `menuentry`, `submenu` and `function`.
    fn is_reserved(&mut self, line: usize, word: &str, command: Option<&str>) -> bool {
        let opens_block = matches!(command, Some("menuentry" | "submenu" | "function"));
        match (word, command) {
            ("{", None) => self.begin("{", line),
            ("{", Some(_)) if opens_block => self.begin("{", line),
            (_, Some(_)) => return false,
            ("}", _) => self.close(&["{"], word, line),
            ("if", _) => self.begin("if", line),
            ("while", _) => self.begin("while", line),
            ("until", _) => self.begin("until", line),
            ("for", _) => {
                self.begin("for", line);
                return false;
            }
            ("then", _) => self.body("if", word, line),
            ("do", _) => self.body_of_loop(line),
            ("elif", _) => self.again(line, word),
            ("else", _) => self.otherwise(line),
            ("fi", _) => self.close(&["if"], word, line),
            ("done", _) => self.close(&["while", "until", "for"], word, line),
            _ => return false,
        }
        true
    }

    fn begin(&mut self, word: &'static str, since: usize) {
        self.open.push(Open { word, since, body: word == "{" });
    }

    fn body(&mut self, opener: &str, word: &str, line: usize) {
        match self.open.last_mut() {
            Some(open) if open.word == opener && !open.body => open.body = true,
            _ => {
                self.findings.error(line, format!("{word} without {opener}"));
            }
        }
    }

    fn body_of_loop(&mut self, line: usize) {
        match self.open.last_mut() {
            Some(open) if matches!(open.word, "while" | "until" | "for") && !open.body => open.body = true,
            _ => {
                self.findings.error(line, "do without while, until or for");
            }
        }
    }

    fn again(&mut self, line: usize, word: &str) {
        match self.open.last_mut() {
            Some(open) if open.word == "if" && open.body => open.body = false,
            _ => {
                self.findings.error(line, format!("{word} without if and then"));
            }
        }
    }

    fn otherwise(&mut self, line: usize) {
        if !self.open.last().is_some_and(|open| open.word == "if" && open.body) {
            self.findings.error(line, "else without if and then");
        }
    }

    fn close(&mut self, openers: &[&str], word: &str, line: usize) {
        match self.open.last() {
            Some(open) if openers.contains(&open.word) => {
                if !open.body {
                    let body = if open.word == "if" { "then" } else { "do" };
                    let message =
                        format!("{word} closes the {} of line {}, which has no {body}", open.word, open.since);
                    self.findings.error(line, message);
                }
                self.open.pop();
            }
            Some(open) => {
                let message = format!(
                    "{word} stands where {} must close the {} of line {}",
                    closing(open.word),
                    open.word,
                    open.since
                );
                self.findings.error(line, message);
                // Whoever forgot to close one thing closed the one around it.
                if self.open.iter().any(|open| openers.contains(&open.word)) {
                    while self.open.pop().is_some_and(|open| !openers.contains(&open.word)) {}
                }
            }
            None => {
                self.findings.error(line, format!("{} closes nothing", shown(word)));
            }
        }
    }
}

fn closing(word: &str) -> &'static str {
    match word {
        "if" => "fi",
        "{" => "}",
        _ => "done",
    }
}

/// Splits a script into words. A quotation that is not closed is given back with its line.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, (usize, char)> {
    let mut lexer = Lexer { line: 1, rest: text.chars().peekable(), word: None, tokens: Vec::new() };
    while let Some(character) = lexer.rest.next() {
        match character {
            '\n' => {
                lexer.end_command();
                lexer.line += 1;
            }
            ';' => lexer.end_command(),
            ' ' | '\t' | '\r' => lexer.end_word(),
            '#' if lexer.word.is_none() => while lexer.rest.next_if(|next| *next != '\n').is_some() {},
            '\'' | '"' => lexer.quotation(character)?,
            '\\' => lexer.escape(),
            other => lexer.push(other),
        }
    }
    lexer.end_command();
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    line: usize,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    /// The word that is being read: where it began, its text and whether a part of it is quoted.
    word: Option<(usize, String, bool)>,
    tokens: Vec<(usize, Token)>,
}

impl Lexer<'_> {
    fn push(&mut self, character: char) {
        self.word.get_or_insert((self.line, String::new(), false)).1.push(character);
    }

    fn escape(&mut self) {
        match self.rest.next() {
            Some('\n') => self.line += 1,
            Some(escaped) => self.push(escaped),
            None => {}
        }
    }

    /// In double quotes a backslash takes the next character with it, whatever it is.
    fn quotation(&mut self, quote: char) -> Result<(), (usize, char)> {
        let since = self.line;
        self.word.get_or_insert((since, String::new(), true)).2 = true;
        while let Some(character) = self.rest.next() {
            match character {
                end if end == quote => return Ok(()),
                '\\' if quote == '"' => self.escape(),
                '\n' => {
                    self.line += 1;
                    self.push('\n');
                }
                other => self.push(other),
            }
        }
        Err((since, quote))
    }

    fn end_word(&mut self) {
        if let Some((line, text, quoted)) = self.word.take() {
            self.tokens.push((line, Token::Word { text, quoted }));
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.tokens.push((self.line, Token::End));
    }
}
