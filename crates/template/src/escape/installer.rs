//! Answer files of installers and files of settings.

use super::{refuse, refused, scalar};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};

/// One word of a kickstart command. Anaconda splits commands line by line as a shell would (pykickstart's
/// `shlex`), so that a line end cannot be written.
pub(super) fn kickstart(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a word of a kickstart command", char::is_control)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(text);
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// The value of a preseed line: all that follows the type and one space (debconf-set-selections(1)). A list is
/// the value of a `multiselect`: its items with a comma and a space between them.
pub(super) fn preseed(value: &Value) -> Result<String, Error> {
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return preseed_text(value);
    }
    let items = value.try_iter()?.map(|item| {
        let text = preseed_text(&item)?;
        refuse(&text, "an item of a preseed list", |character| character == ',')?;
        Ok(text)
    });
    Ok(items.collect::<Result<Vec<String>, Error>>()?.join(", "))
}

fn preseed_text(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a preseed value", |character| character.is_control() && character != '\t')?;
    if text.ends_with('\\') {
        return Err(refused("a preseed value cannot end with a backslash, which joins its line to the next"));
    }
    if text.starts_with([' ', '\t']) || text.ends_with([' ', '\t']) {
        return Err(refused("a preseed value cannot begin or end with white space, which is not kept"));
    }
    Ok(text)
}

/// The value after `key =` in a file of settings, which has no quoting that all readers agree on.
pub(super) fn ini(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a value of an INI file", |character| character.is_control() && character != '\t')?;
    if text != text.trim() {
        return Err(refused("a value of an INI file cannot begin or end with white space, which is not kept"));
    }
    if text.starts_with(['"', '\'']) || text.ends_with('\\') {
        return Err(refused("a value of an INI file cannot begin with a quote or end with a backslash"));
    }
    let comment = [" ;", " #", "\t;", "\t#"].iter().any(|mark| text.contains(mark)) || text.starts_with([';', '#']);
    if comment {
        return Err(refused("a value of an INI file cannot hold a comment sign after white space"));
    }
    Ok(text)
}
