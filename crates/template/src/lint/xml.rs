//! Answer files that are XML: of Windows Setup and of AutoYaST.

use super::findings::{Findings, shown};
use roxmltree::{Document, Node, ParsingOptions};

const UNATTEND: &str = "urn:schemas-microsoft-com:unattend";
const AUTOYAST: &str = "http://www.suse.com/1.0/yast2ns";
const AUTOYAST_TYPES: &str = "http://www.suse.com/1.0/configns";
/// Configuration passes of Windows Setup.
const PASSES: &[&str] =
    &["auditSystem", "auditUser", "generalize", "offlineServicing", "oobeSystem", "specialize", "windowsPE"];
/// What a component must say of itself, or Setup refuses the whole file.
const COMPONENT: &[&str] = &["name", "processorArchitecture", "publicKeyToken", "language", "versionScope"];
const ARCHITECTURES: &[&str] = &["amd64", "arm", "arm64", "ia64", "wow64", "x86"];
const TYPES: &[&str] = &["boolean", "disksize", "integer", "list", "map", "string", "symbol"];

pub(super) fn check(text: &str, findings: &mut Findings) {
    parse(text, findings);
}

pub(super) fn check_unattend(text: &str, findings: &mut Findings) {
    let Some(document) = parse(text, findings) else { return };
    if !check_root(&document, "unattend", UNATTEND, findings) {
        return;
    }
    for settings in document.root_element().children().filter(|node| node.has_tag_name((UNATTEND, "settings"))) {
        let line = line(&document, settings);
        match settings.attribute("pass") {
            None => {
                findings.error(line, "settings has no pass");
            }
            Some(pass) if !PASSES.contains(&pass) => {
                findings.error(line, format!("there is no pass {}", shown(pass))).hint_similar(pass, PASSES);
            }
            Some(_) => {}
        }
        for component in settings.children().filter(|node| node.has_tag_name((UNATTEND, "component"))) {
            check_component(&document, component, findings);
        }
    }
}

fn check_component(document: &Document<'_>, component: Node<'_, '_>, findings: &mut Findings) {
    let line = line(document, component);
    let name = component.attribute("name").unwrap_or("without a name");
    for attribute in COMPONENT.iter().filter(|attribute| component.attribute(**attribute).is_none()) {
        findings.error(line, format!("the component {} has no {attribute}", shown(name)));
    }
    if let Some(other) = component.attribute("processorArchitecture").filter(|arch| !ARCHITECTURES.contains(arch)) {
        findings
            .error(line, format!("there is no processorArchitecture {}", shown(other)))
            .hint("x86_64 is written amd64");
    }
}

pub(super) fn check_autoyast(text: &str, findings: &mut Findings) {
    let Some(document) = parse(text, findings) else { return };
    if !check_root(&document, "profile", AUTOYAST, findings) {
        return;
    }
    for node in document.descendants() {
        let kind = node.attribute((AUTOYAST_TYPES, "type")).or_else(|| node.attribute("t"));
        if let Some(other) = kind.filter(|kind| !TYPES.contains(kind)) {
            let message = format!("{} has the type {}, which there is not", node.tag_name().name(), shown(other));
            findings.error(line(&document, node), message).hint_similar(other, TYPES);
        }
        let text = node.text().unwrap_or_default().trim();
        let wrong = match kind {
            Some("boolean") => !matches!(text, "true" | "false"),
            Some("integer") => text.parse::<i64>().is_err(),
            _ => false,
        };
        if wrong {
            let kind = kind.unwrap_or_default();
            let message = format!("{} is {}, which is no {kind}", node.tag_name().name(), shown(text));
            findings.error(line(&document, node), message);
        }
    }
}

fn check_root(document: &Document<'_>, name: &str, namespace: &str, findings: &mut Findings) -> bool {
    let root = document.root_element();
    if root.tag_name().name() != name {
        let found = root.tag_name().name();
        findings.error(line(document, root), format!("the root is {}, and should be {name}", shown(found)));
        return false;
    }
    if root.tag_name().namespace() != Some(namespace) {
        let message = format!("{name} is not in the namespace {namespace}");
        findings.error(line(document, root), message).hint(format!("write xmlns=\"{namespace}\" into its tag"));
        return false;
    }
    true
}

fn parse<'a>(text: &'a str, findings: &mut Findings) -> Option<Document<'a>> {
    // AutoYaST's profiles have a document type. The reader fetches nothing and limits what entities may become.
    let options = ParsingOptions { allow_dtd: true, nodes_limit: 500_000, ..ParsingOptions::default() };
    let begins = text.trim_start_matches('\u{feff}');
    if begins.trim_start().starts_with("<?xml") && !begins.starts_with("<?xml") {
        findings
            .error(1, "there is something before <?xml, which must be the very first")
            .hint("a tag before it leaves an empty line: end the tag with -%}");
        return None;
    }
    match Document::parse_with_options(text, options) {
        Ok(document) => Some(document),
        Err(error) => {
            let line = usize::try_from(error.pos().row).ok();
            findings.error(line, format!("this is not XML: {error}"));
            None
        }
    }
}

fn line(document: &Document<'_>, node: Node<'_, '_>) -> Option<usize> {
    usize::try_from(document.text_pos_at(node.range().start).row).ok()
}
