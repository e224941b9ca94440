//! Cuts an ERB template into text and tags, by the rules of trim mode `-`.
//!
//! What ERB removes around a tag is removed here; it is kept beside the text as layout, so that the translation
//! can look like the original without rendering what the original does not.

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Text that is rendered as it stands.
    Text(String),
    /// `<% … %>`: statements.
    Code(Span),
    /// `<%= … %>`: a value that is rendered.
    Output(Span),
    /// `<%# … %>`: rendered to nothing.
    Comment(Span),
    /// White space before `<%-` that ERB removes.
    Indent(String),
    /// The end of line after `-%>` that ERB removes.
    Newline,
}

/// What stands in a tag, and where it begins in the template, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) at: usize,
}

/// A tag that is opened at this byte and never closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclosed(pub(super) usize);

/// Cuts `source` into pieces.
///
/// # Errors
/// When a tag is not closed.
pub(super) fn scan(source: &str) -> Result<Vec<Segment>, Unclosed> {
    let mut segments = Vec::new();
    let mut text = String::new();
    let mut at = 0;
    while let Some(found) = source[at..].find("<%") {
        let open = at + found;
        text.push_str(&source[at..open]);
        if source[open..].starts_with("<%%") {
            text.push_str("<%");
            at = open + 3;
            continue;
        }
        let (kind, inner) = opening(&source[open + 2..]);
        if kind == '-' {
            let indent = take_indent(&mut text);
            flush(&mut text, &mut segments);
            if !indent.is_empty() {
                segments.push(Segment::Indent(indent));
            }
        } else {
            flush(&mut text, &mut segments);
        }
        let start = open + 2 + inner;
        let tag = closing(&source[start..]).ok_or(Unclosed(open))?;
        let span = Span { text: tag.content, at: start };
        segments.push(match kind {
            '=' => Segment::Output(span),
            '#' => Segment::Comment(span),
            _ => Segment::Code(span),
        });
        if tag.eats_newline {
            segments.push(Segment::Newline);
        }
        at = start + tag.length;
    }
    text.push_str(&source[at..]);
    flush(&mut text, &mut segments);
    Ok(segments)
}

/// The tag's kind and how many bytes name it.
fn opening(rest: &str) -> (char, usize) {
    match rest.chars().next() {
        Some(kind @ ('=' | '#' | '-')) => (kind, 1),
        _ => (' ', 0),
    }
}

struct Tag {
    content: String,
    length: usize,
    eats_newline: bool,
}

/// Reads up to the end of a tag. `%%>` stands for `%>` and does not end it.
fn closing(rest: &str) -> Option<Tag> {
    let mut content = String::new();
    let mut at = 0;
    loop {
        let end = at + rest[at..].find("%>")?;
        if rest[..end].ends_with('%') && end > at {
            content.push_str(&rest[at..end - 1]);
            content.push_str("%>");
            at = end + 2;
            continue;
        }
        let trims = rest[at..end].ends_with('-');
        content.push_str(rest[at..end].strip_suffix('-').unwrap_or(&rest[at..end]));
        let after = &rest[end + 2..];
        let newline = match trims {
            true if after.starts_with("\r\n") => 2,
            true if after.starts_with('\n') => 1,
            _ => 0,
        };
        return Some(Tag { content, length: end + 2 + newline, eats_newline: newline > 0 });
    }
}

/// Takes the white space between the last end of line and the end, if there is nothing else.
fn take_indent(text: &mut String) -> String {
    let line = text.rfind('\n').map_or(0, |newline| newline + 1);
    if text[line..].chars().all(|c| c == ' ' || c == '\t') { text.split_off(line) } else { String::new() }
}

fn flush(text: &mut String, segments: &mut Vec<Segment>) {
    if !text.is_empty() {
        segments.push(Segment::Text(std::mem::take(text)));
    }
}
