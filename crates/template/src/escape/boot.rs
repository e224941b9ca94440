//! Loaders and the kernel's command line.

use super::{refuse, refused, scalar};
use minijinja::{Error, Value};

/// One word of an iPXE script. iPXE has no quoting: it expands `${}`, then splits at spaces
/// (ipxe/src/core/exec.c), and a `\` at a line's end joins lines. Quotes are refused in case it learns to quote.
pub(super) fn ipxe(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a word of an iPXE script", |character| {
        !character.is_ascii_graphic() || matches!(character, '$' | '\\' | '\'' | '"')
    })?;
    if text.is_empty() || text.starts_with('#') || matches!(text.as_str(), "||" | "&&") {
        return Err(refused(format!("{text:?} cannot be a word of an iPXE script")));
    }
    Ok(text)
}

/// One argument of the Linux command line, or the value of one: in double quotes when it has spaces
/// (Documentation/admin-guide/kernel-parameters.rst), which knows no way to write a double quote.
pub(super) fn kernel(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a kernel argument", |character| {
        !(character.is_ascii_graphic() || character == ' ') || character == '"'
    })?;
    Ok(if text.contains(' ') { format!("\"{text}\"") } else { text })
}

/// One argument on an APPEND line of PXELINUX, which takes the rest of the line as it is. A lone `-` would mean
/// "append nothing".
pub(super) fn pxelinux(value: &Value) -> Result<String, Error> {
    let word = kernel(value)?;
    if word == "-" { Err(refused("\"-\" alone means \"nothing\" on an APPEND line")) } else { Ok(word) }
}

/// One word of a GRUB 2 script: in single quotes, where only the quote itself means anything (GRUB manual,
/// "Quoting"). Line ends are refused: no command takes one, and `linux` hands its words to the kernel.
pub(super) fn grub(value: &Value) -> Result<String, Error> {
    let text = scalar(value)?;
    refuse(&text, "a word of a GRUB script", char::is_control)?;
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}
