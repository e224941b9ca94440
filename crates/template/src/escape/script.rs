//! Shells.

use super::{refuse, refused, scalar};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};

/// One word of a POSIX shell (XCU §2.2.2): in single quotes, where only the quote itself means anything.
pub(super) fn shell(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a shell word", |character| character == '\0')?;
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// Words of a POSIX shell with spaces between them: the items of a list, each one word.
pub(super) fn shell_list(value: &Value) -> Result<String, Error> {
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(refused(format!("a {} is not a list of words", value.kind())));
    }
    let words: Result<Vec<String>, Error> = value.try_iter()?.map(|item| shell(&item)).collect();
    Ok(words?.join(" "))
}

/// One word of PowerShell: in single quotes, of which there are five (about_Quoting_Rules), each doubled.
pub(super) fn powershell(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a PowerShell word", |character| character == '\0')?;
    let mut word = String::from("'");
    for character in text.chars() {
        if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
            word.push(character);
        }
        word.push(character);
    }
    word.push('\'');
    Ok(word)
}
