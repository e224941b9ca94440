//! From characters to words, texts and signs.

use crate::ast::Operator;
use crate::error::{SyntaxError, quote};

/// A part of an expression as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word: a field, a value, `and`.
    Word(String),
    /// A text in quotes, and whether it follows the word before it without a gap.
    Text { text: String, joined: bool },
    /// An operator's sign.
    Sign(Operator),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// Nothing more.
    End,
}

impl Token {
    /// As an error names it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Word(word) => quote(word),
            Self::Text { text, .. } => format!("the text {}", quote(text)),
            Self::Sign(operator) => format!("`{}`", operator.sign()),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::End => "the end".to_owned(),
        }
    }
}

/// A token and the column where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) column: usize,
}

/// Whether a word may contain the character. What has no meaning of its own here may: addresses, paths, times.
pub(crate) fn is_word_char(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '.' | '_' | '-' | ':' | '/' | '+' | '@' | '*' | '%' | '$' | '#')
}

/// Takes an expression apart. The last token is [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0 };
    let mut tokens = Vec::new();
    loop {
        let placed = lexer.next()?;
        let last = placed.token == Token::End;
        tokens.push(placed);
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Result<Placed, SyntaxError> {
        let before = self.at;
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        let joined = before == self.at && before > 0;
        let column = self.at + 1;
        let token = match self.peek() {
            None => Token::End,
            Some('(') => self.sign(1, Token::Open),
            Some(')') => self.sign(1, Token::Close),
            Some(',') => self.sign(1, Token::Comma),
            Some(quotes @ ('"' | '\'')) => Token::Text { text: self.text(quotes)?, joined },
            Some(char) if is_word_char(char) => Token::Word(self.word()),
            Some(_) => self.operator()?,
        };
        Ok(Placed { token, column })
    }

    fn sign(&mut self, length: usize, token: Token) -> Token {
        self.at += length;
        token
    }

    fn word(&mut self) -> String {
        let rest = &self.chars[self.at..];
        let length = rest.iter().take_while(|char| is_word_char(**char)).count();
        let word = rest[..length].iter().collect();
        self.at += length;
        word
    }

    /// The operator with the longest sign that stands here.
    fn operator(&mut self) -> Result<Token, SyntaxError> {
        let stands_here = |operator: &Operator| {
            operator.sign().chars().enumerate().all(|(i, char)| self.chars.get(self.at + i) == Some(&char))
        };
        let longest = Operator::ALL.into_iter().filter(stands_here).max_by_key(|operator| operator.sign().len());
        let Some(operator) = longest else { return Err(self.stray()) };
        let length = operator.sign().len();
        // Other languages' signs begin like one of ours: `==` is not `=` and a value that begins with `=`.
        if self.chars.get(self.at + length).is_some_and(|char| matches!(char, '=' | '~' | '<' | '>' | '!')) {
            return Err(self.stray());
        }
        Ok(self.sign(length, Token::Sign(operator)))
    }

    /// What stands here means nothing.
    fn stray(&self) -> SyntaxError {
        let is_sign =
            |char: &&char| !is_word_char(**char) && !char.is_whitespace() && !matches!(char, '"' | '\'' | '(' | ')');
        let run: String = self.chars[self.at..].iter().take_while(is_sign).take(4).collect();
        let hint = match run.as_str() {
            "==" | "===" => "write `=`",
            "<>" => "write `!=`",
            "&&" | "&" => "write `and`",
            "||" => "write `or`",
            "|" => "write `or`; a regular expression with it stands in quotes",
            "!" => "write `not`",
            "^" => "write `in (…)`",
            "!^" => "write `not in (…)`",
            "!=~" => "write `!~`",
            "?" => "write `has` before the field",
            _ => "put a text with other characters than letters, digits and . _ - : / into quotes",
        };
        SyntaxError {
            column: self.at + 1,
            message: format!("{} means nothing here", quote(&run)),
            hint: Some(hint.to_owned()),
        }
    }

    /// A text to its closing quotes. `\` takes the character behind it as it is, but for `\n` and `\t`.
    fn text(&mut self, quotes: char) -> Result<String, SyntaxError> {
        let begin = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(char) = self.peek() {
            self.at += 1;
            match char {
                '\\' => match self.peek() {
                    Some(escaped @ ('\\' | '"' | '\'')) => self.push(&mut text, escaped),
                    Some('n') => self.push(&mut text, '\n'),
                    Some('t') => self.push(&mut text, '\t'),
                    // Regular expressions are full of backslashes, which mean themselves.
                    Some(_) | None => text.push('\\'),
                },
                char if char == quotes => return Ok(text),
                char => text.push(char),
            }
        }
        Err(SyntaxError {
            column: begin + 1,
            message: "the text that begins here does not end".to_owned(),
            hint: Some(format!("close it with {quotes}, and write {quotes} inside it as \\{quotes}")),
        })
    }

    fn push(&mut self, text: &mut String, char: char) {
        self.at += 1;
        text.push(char);
    }
}
