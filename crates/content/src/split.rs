//! Cutting a YAML stream into its documents, so that a mistake in one does not hide those in the others.

/// A document of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Lines of the stream before it.
    pub(crate) lines_before: u64,
    /// Its text.
    pub(crate) text: String,
}

/// Cuts `text` at its document markers, which are markers wherever they are, even within a text block
/// (YAML 1.2.2 §9.1.2). Documents of nothing but space and comments are left out.
pub(crate) fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece = Piece { lines_before: 0, text: String::new() };
    for (number, line) in (0..).zip(text.split_inclusive('\n')) {
        if let Some(rest) = after_marker(line, "---") {
            pieces.push(std::mem::replace(&mut piece, Piece { lines_before: number, text: format!("   {rest}") }));
        } else if after_marker(line, "...").is_some() {
            pieces.push(std::mem::replace(&mut piece, Piece { lines_before: number + 1, text: String::new() }));
        } else {
            piece.text.push_str(line);
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| piece.text.lines().any(says_something));
    pieces
}

fn after_marker<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    line.strip_prefix(marker).filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

fn says_something(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<(u64, String)> {
        split(text).into_iter().map(|piece| (piece.lines_before, piece.text)).collect()
    }

    #[test]
    fn documents_keep_their_place_in_the_file() {
        assert_eq!(
            pieces("# note\n---\na: 1\n---\n# nothing\n--- {b: 2}\n...\nc: 3\n"),
            [(1, "   \na: 1\n".to_owned()), (5, "    {b: 2}\n".to_owned()), (7, "c: 3\n".to_owned())]
        );
    }

    #[test]
    fn a_longer_dash_line_is_no_marker() {
        assert_eq!(pieces("a: |\n  x\n  ---\n----\n").len(), 1);
        assert_eq!(pieces("").len(), 0);
    }
}
