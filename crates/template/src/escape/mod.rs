//! The filters that write a value into a language so that it stays one value.
//!
//! Refusing is better than changing: where a language has no way to write a character, the template fails and
//! says which.

mod boot;
mod data;
mod hash;
mod installer;
mod script;
mod xml;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, State, Value};

type Filter = fn(&Value) -> Result<String, Error>;

/// Adds a filter for every language.
pub(crate) fn add_filters(environment: &mut Environment<'_>) {
    let filters: [(&'static str, Filter); 18] = [
        ("b64", data::b64),
        ("b64decode", data::b64decode),
        ("grub", boot::grub),
        ("ini", installer::ini),
        ("ipxe", boot::ipxe),
        ("json", data::json),
        ("json_pretty", data::json_pretty),
        ("kernel", boot::kernel),
        ("kickstart", installer::kickstart),
        ("powershell", script::powershell),
        ("preseed", installer::preseed),
        ("pxelinux", boot::pxelinux),
        ("shell", script::shell),
        ("shell_list", script::shell_list),
        ("url", data::url),
        ("xml", xml::text),
        ("xml_attribute", xml::attribute),
        ("yaml", data::yaml),
    ];
    for (name, filter) in filters {
        environment.add_filter(name, move |state: &mut State<'_, '_>, value: &Value| {
            defined(state, value)?;
            filter(value)
        });
    }
    environment.add_filter("sha512_crypt", hash::sha512_crypt);
}

/// Fails as the engine itself does for what is not defined, so that the error names the path.
fn defined(state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_undefined() { state.format(value.clone()).map(drop) } else { Ok(()) }
}

/// The text of a value that is one: numbers and truth as the languages of installers write them.
pub(crate) fn scalar(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String | ValueKind::Number => Ok(value.to_string()),
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::None => Err(refused("there is no value here (none), and a word is needed")),
        other => Err(refused(format!("a {other} is not one word"))),
    }
}

/// The value itself may be secret; only the offending character is named.
fn refuse(text: &str, place: &str, is_refused: impl Fn(char) -> bool) -> Result<(), Error> {
    match text.char_indices().find(|(_, character)| is_refused(*character)) {
        None => Ok(()),
        Some((at, character)) => {
            let code = u32::from(character);
            Err(refused(format!("the character U+{code:04X} at byte {at} cannot be written in {place}")))
        }
    }
}

fn refused(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.into())
}

#[cfg(test)]
mod tests;
