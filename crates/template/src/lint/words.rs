//! Words of a line as a POSIX shell and Python's `shlex` split them.

/// Why a line could not be split.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclosed {
    /// The quote that is opened and not closed.
    pub(super) quote: char,
}

/// Splits a line at blanks outside quotes; a `#` outside quotes ends it.
pub(super) fn split(line: &str) -> Result<Vec<String>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '#' => break,
            ' ' | '\t' | '\r' => words.extend(word.take()),
            '\'' | '"' => {
                let quoted = quoted(&mut characters, character)?;
                word.get_or_insert_default().push_str(&quoted);
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The rest of a quotation; a backslash means something only in double quotes.
fn quoted(characters: &mut std::str::Chars<'_>, quote: char) -> Result<String, Unclosed> {
    let mut text = String::new();
    while let Some(character) = characters.next() {
        match character {
            end if end == quote => return Ok(text),
            '\\' if quote == '"' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    Err(Unclosed { quote })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        assert_eq!(split("part /  --fstype='ext 4' # all").unwrap(), ["part", "/", "--fstype=ext 4"]);
        assert_eq!(split(r#"a"b\"c"d '' e\ f"#).unwrap(), ["ab\"cd", "", "e f"]);
        assert_eq!(split("rootpw 'a").unwrap_err(), Unclosed { quote: '\'' });
    }
}
