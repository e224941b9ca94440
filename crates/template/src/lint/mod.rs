//! What is wrong with a rendered text, in the language that it is in.
//!
//! A check says only what the language's own reader would trip over or what nobody can have meant, so that
//! an ordinary text has no findings. Nothing is run: scripts are looked at for what makes them fail before their
//! first line.

mod cloud;
mod esxi;
mod findings;
mod grub;
mod ignition;
mod ipxe;
mod kickstart;
mod preseed;
mod pxelinux;
mod script;
mod syntax;
mod words;
mod xml;

pub use findings::{Finding, Severity};
pub use syntax::Syntax;

use findings::Findings;

/// Checks a rendered text. The findings are in the order of their lines, those about the whole text first.
pub fn lint(syntax: Syntax, text: &str) -> Vec<Finding> {
    let mut findings = Findings::default();
    check_characters(text, &mut findings);
    match syntax {
        Syntax::Kickstart => kickstart::check(text, &mut findings),
        Syntax::EsxiKickstart => esxi::check(text, &mut findings),
        Syntax::Preseed => preseed::check(text, &mut findings),
        Syntax::Autoinstall => cloud::check_autoinstall(text, &mut findings),
        Syntax::CloudConfig => cloud::check_cloud_config(text, &mut findings),
        Syntax::Ignition => ignition::check(text, &mut findings),
        Syntax::Unattend => xml::check_unattend(text, &mut findings),
        Syntax::AutoYast => xml::check_autoyast(text, &mut findings),
        Syntax::Xml => xml::check(text, &mut findings),
        Syntax::Ipxe => ipxe::check(text, &mut findings),
        Syntax::Grub => grub::check(text, &mut findings),
        Syntax::Pxelinux => pxelinux::check(text, &mut findings),
        Syntax::Shell => script::check(text, &mut findings),
    }
    findings.sorted()
}

/// What no language here can hold, and what a translation has left over.
fn check_characters(text: &str, findings: &mut Findings) {
    for (number, line) in numbered(text) {
        if line.contains('\0') {
            findings.error(number, "there is a NUL character in this line");
        }
        if line.contains("<%") && line.contains("%>") {
            findings
                .warning(number, "a tag of ERB is left in the text")
                .hint("`slipway template convert` translates it");
        }
    }
}

/// The lines with their numbers from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests;
