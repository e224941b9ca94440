//! Writes a template of our language so that it leaves exactly the blanks that Go leaves.
//!
//! Our engine takes away the newline behind a block's tag and the blanks before it at a line's start; Go does
//! neither. A `+` in a tag keeps them, and is written only where it matters.

/// A piece of a template of ours.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Tag { style: Style, body: String, trim: Trim },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Block,
    Value,
    Remark,
}

/// Which blanks a tag takes away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Trim {
    pub(super) left: bool,
    pub(super) right: bool,
}

impl Trim {
    pub(super) const NONE: Trim = Trim { left: false, right: false };

    /// The same at the left only: for the first of several tags that stand for one.
    pub(super) fn first(self) -> Trim {
        Trim { right: false, ..self }
    }

    /// The same at the right only: for the last of several tags that stand for one.
    pub(super) fn last(self) -> Trim {
        Trim { left: false, ..self }
    }
}

/// A template of ours, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pieces: Vec<Piece>,
}

impl Writer {
    pub(super) fn text(&mut self, text: &str) {
        if let Some(Piece::Text(last)) = self.pieces.last_mut() {
            last.push_str(text);
        } else if !text.is_empty() {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
    }

    pub(super) fn block(&mut self, body: impl Into<String>, trim: Trim) {
        self.pieces.push(Piece::Tag { style: Style::Block, body: body.into(), trim });
    }

    pub(super) fn value(&mut self, body: impl Into<String>, trim: Trim) {
        self.pieces.push(Piece::Tag { style: Style::Value, body: body.into(), trim });
    }

    pub(super) fn remark(&mut self, text: &str, trim: Trim) {
        let body = text.trim().replace("#}", "# }");
        self.pieces.push(Piece::Tag { style: Style::Remark, body, trim });
    }

    /// Puts what `other` has before what is here.
    pub(super) fn prepend(&mut self, mut other: Writer) {
        other.pieces.append(&mut self.pieces);
        self.pieces = other.pieces;
    }

    pub(super) fn append(&mut self, mut other: Writer) {
        self.pieces.append(&mut other.pieces);
    }

    pub(super) fn finish(self) -> String {
        let mut written = String::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Text(text) => written.push_str(&literal_text(text)),
                Piece::Tag { style, body, trim } => {
                    let before = index.checked_sub(1).map(|index| &self.pieces[index]);
                    let left = left_mark(*style, *trim, before, index == 1);
                    let right = right_mark(*style, *trim, self.pieces.get(index + 1));
                    written.push_str(&tag(*style, body, left, right));
                }
            }
        }
        written
    }
}

fn tag(style: Style, body: &str, left: &str, right: &str) -> String {
    match style {
        Style::Block => format!("{{%{left} {body} {right}%}}"),
        Style::Value => format!("{{{{{left} {body} {right}}}}}"),
        Style::Remark => format!("{{#{left} {body} {right}#}}"),
    }
}

fn left_mark(style: Style, trim: Trim, before: Option<&Piece>, first: bool) -> &'static str {
    if trim.left {
        return "-";
    }
    let indented = match before {
        Some(Piece::Text(text)) => {
            let line = text.rsplit(['\n', '\r']).next().unwrap_or_default();
            // Text between two tags of one line starts no line.
            (line.len() < text.len() || first) && !line.is_empty() && line.trim().is_empty()
        }
        _ => false,
    };
    if style != Style::Value && indented { "+" } else { "" }
}

fn right_mark(style: Style, trim: Trim, after: Option<&Piece>) -> &'static str {
    if trim.right {
        return "-";
    }
    let newline = matches!(after, Some(Piece::Text(text)) if text.starts_with(['\n', '\r']));
    if style != Style::Value && newline { "+" } else { "" }
}

/// Text that our lexer reads as text: what looks like the start of a tag becomes a value.
fn literal_text(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find('{') {
        let (before, from) = rest.split_at(found);
        written.push_str(before);
        let opens = from[1..].starts_with(['{', '%', '#']);
        written.push_str(if opens { "{{ \"{\" }}" } else { "{" });
        rest = &from[1..];
    }
    written.push_str(rest);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_only_where_blanks_would_be_lost() {
        let mut writer = Writer::default();
        writer.text("a\n  ");
        writer.block("if x", Trim::NONE);
        writer.text("\nb ");
        writer.block("endif", Trim::NONE);
        writer.text(" c");
        assert_eq!(writer.finish(), "a\n  {%+ if x +%}\nb {% endif %} c");
    }

    #[test]
    fn text_that_looks_like_a_tag_stays_text() {
        let mut writer = Writer::default();
        writer.text("${#list[@]} {% {x}");
        assert_eq!(writer.finish(), "${{ \"{\" }}#list[@]} {{ \"{\" }}% {x}");
    }
}
