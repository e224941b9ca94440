//! Writes a translated template: text as it is to be rendered, and tags that leave no trace in it.
//!
//! The engine removes an end of line after a block tag and white space before one. Where the original renders
//! either, the tag says so (`+%}`, `{%+`); where the original does not, both are kept for the eye.

/// A piece of a translated template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Out {
    /// Rendered as it stands.
    Text(String),
    /// What stands between `{{` and `}}`.
    Value(String),
    /// What stands between `{%` and `%}`; several stand beside each other.
    Block(Vec<String>),
    Comment(String),
    /// An end of line that is not rendered.
    Newline,
    /// White space before a tag that is not rendered.
    Indent(String),
}

impl Out {
    pub(super) fn block(code: impl Into<String>) -> Self {
        Self::Block(vec![code.into()])
    }
}

/// Writes `pieces`.
pub(super) fn write(pieces: &[Out]) -> String {
    let mut writer = Writer::default();
    for (at, piece) in pieces.iter().enumerate() {
        writer.piece(piece, &pieces[at + 1..]);
    }
    writer.text
}

#[derive(Default)]
struct Writer {
    text: String,
    /// The end of line that comes next is removed by the engine.
    eats_newline: bool,
    /// The white space at the end of the text is rendered.
    white_is_text: bool,
    /// Where the last line begins, as far as ends of lines were looked for.
    line: usize,
    looked: usize,
}

impl Writer {
    fn piece(&mut self, piece: &Out, rest: &[Out]) {
        match piece {
            Out::Text(text) => self.template_text(text, rest),
            Out::Value(code) => self.value(code, rest),
            Out::Block(codes) => self.block(codes, rest),
            Out::Comment(text) => self.comment(text, rest),
            Out::Newline => {
                if std::mem::take(&mut self.eats_newline) {
                    self.text.push('\n');
                    self.white_is_text = false;
                }
            }
            Out::Indent(white) => {
                let before_block = matches!(rest.first(), Some(Out::Block(_) | Out::Comment(_)));
                if before_block && (self.text.is_empty() || self.text.ends_with('\n')) {
                    self.text.push_str(white);
                    self.white_is_text = false;
                }
            }
        }
    }

    fn template_text(&mut self, text: &str, rest: &[Out]) {
        let tag_follows = rest.iter().any(|piece| !matches!(piece, Out::Newline | Out::Indent(_)));
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            let opens = c == '{' && (matches!(next, Some('{' | '%' | '#')) || (next.is_none() && tag_follows));
            if opens {
                self.text.push_str("{{ \"{\" }}");
            } else {
                self.text.push(c);
            }
        }
        self.eats_newline = false;
        self.white_is_text = true;
    }

    fn value(&mut self, code: &str, rest: &[Out]) {
        self.eats_newline = false;
        let newline = matches!(rest.first(), Some(Out::Newline));
        let (text, tag) = (first_text(rest), matches!(rest.get(1), Some(Out::Block(_) | Out::Value(_))));
        let strips_only_newline = tag || text.is_some_and(|text| !text.starts_with(char::is_whitespace));
        if newline && strips_only_newline {
            self.text.push_str(&format!("{{{{ {code} -}}}}\n"));
        } else if newline && rest.len() > 1 {
            self.text.push_str(&format!("{{{{ {code} }}}}{{##}}\n"));
        } else {
            self.text.push_str(&format!("{{{{ {code} }}}}"));
        }
        self.white_is_text = true;
    }

    fn block(&mut self, codes: &[String], rest: &[Out]) {
        let open = self.keep_white();
        let close = keep_newline(rest);
        for (at, code) in codes.iter().enumerate() {
            let open = if at == 0 { open } else { "" };
            let close = if at + 1 == codes.len() { close } else { "" };
            self.text.push_str(&format!("{{%{open} {code} {close}%}}"));
        }
        self.eats_newline = true;
    }

    fn comment(&mut self, text: &str, rest: &[Out]) {
        let open = self.keep_white();
        let close = keep_newline(rest);
        let text = text.replace("#}", "# }").replace("{#", "{ #");
        let text = text.trim_end_matches(['-', '+']);
        let space = if text.starts_with([' ', '\n']) { "" } else { " " };
        let end = if text.ends_with(char::is_whitespace) { "" } else { " " };
        self.text.push_str(&format!("{{#{open}{space}{text}{end}{close}#}}"));
        self.eats_newline = true;
    }

    /// `+` when the white space at the start of this line is rendered.
    fn keep_white(&mut self) -> &'static str {
        if let Some(newline) = self.text[self.looked..].rfind('\n') {
            self.line = self.looked + newline + 1;
        }
        self.looked = self.text.len();
        let line = &self.text[self.line..];
        let white = !line.is_empty() && line.chars().all(char::is_whitespace);
        if white && self.white_is_text { "+" } else { "" }
    }
}

/// `+` when an end of line that is rendered follows.
fn keep_newline(rest: &[Out]) -> &'static str {
    match rest.first() {
        Some(Out::Text(text)) if text.starts_with(['\n', '\r']) => "+",
        _ => "",
    }
}

/// The text after an end of line that is not rendered.
fn first_text(rest: &[Out]) -> Option<&str> {
    match rest.get(1) {
        Some(Out::Text(text)) => Some(text),
        _ => None,
    }
}
