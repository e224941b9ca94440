//! Which language a text is in.

use serde::{Deserialize, Serialize};

/// A language that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Syntax {
    /// Anaconda's answers.
    Kickstart,
    /// The answers of ESXi's installer.
    EsxiKickstart,
    /// Answers for debian-installer.
    Preseed,
    /// Answers for Ubuntu's installer.
    Autoinstall,
    /// cloud-init's.
    CloudConfig,
    /// Ignition's.
    Ignition,
    /// Answers of Windows Setup.
    Unattend,
    /// A profile of AutoYaST.
    AutoYast,
    /// XML of another kind.
    Xml,
    /// A script of iPXE.
    Ipxe,
    /// A script of GRUB 2.
    Grub,
    /// A menu of PXELINUX.
    Pxelinux,
    /// A script for a shell.
    Shell,
}

impl Syntax {
    /// The language of a text by the template's kind, the family of the operating system and what the text is
    /// itself; nothing when no check knows it.
    pub fn of(kind: &str, family: Option<&str>, text: &str) -> Option<Self> {
        match kind.to_ascii_lowercase().as_str() {
            "pxelinux" => Some(Self::Pxelinux),
            "grub2" | "pxegrub2" => Some(Self::Grub),
            "ipxe" => Some(Self::Ipxe),
            "ignition" => Some(Self::Ignition),
            "cloud-config" | "cloud-init" => Self::by_content(text).or(Some(Self::CloudConfig)),
            "user-data" | "user_data" => Self::by_content(text),
            "provision" => Self::by_content(text).or_else(|| Self::by_family(family, text)),
            "finish" | "script" | "job" => Self::by_content(text),
            _ => None,
        }
    }

    /// What the first lines say.
    fn by_content(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let first = text.lines().next().unwrap_or_default().trim_end();
        if first == "#!ipxe" || first == "#!gpxe" {
            return Some(Self::Ipxe);
        }
        if first.starts_with("#!") {
            let shell = first.split(['/', ' ']).any(|part| matches!(part, "sh" | "bash" | "dash" | "ash" | "ksh"));
            return shell.then_some(Self::Shell);
        }
        if text.starts_with('<') {
            return Some(Self::by_root(text));
        }
        let has_line = |start: &str| text.lines().any(|line| line.starts_with(start));
        if first.starts_with("#cloud-config") || (first.starts_with("## template:") && has_line("#cloud-config")) {
            return Some(if has_line("autoinstall:") { Self::Autoinstall } else { Self::CloudConfig });
        }
        if text.starts_with('{') && text.contains("\"ignition\"") {
            return Some(Self::Ignition);
        }
        has_line("autoinstall:").then_some(Self::Autoinstall)
    }

    fn by_root(text: &str) -> Self {
        let roots = text.split('<').skip(1).filter(|tag| !tag.starts_with(['?', '!']));
        let root = roots.map(|tag| tag.split([' ', '>', '\n', '\r', '\t', '/']).next().unwrap_or_default()).next();
        match root {
            Some("unattend") => Self::Unattend,
            Some("profile") => Self::AutoYast,
            _ => Self::Xml,
        }
    }

    fn by_family(family: Option<&str>, text: &str) -> Option<Self> {
        let first_word = |words: &[&str]| {
            text.lines().any(|line| line.split_whitespace().next().is_some_and(|word| words.contains(&word)))
        };
        if first_word(&["vmaccepteula", "accepteula"]) {
            return Some(Self::EsxiKickstart);
        }
        match family?.to_ascii_lowercase().as_str() {
            "redhat" | "fedora" => Some(Self::Kickstart),
            "debian" => Some(Self::Preseed),
            "esxi" | "vmware" | "vmkernel" => Some(Self::EsxiKickstart),
            // Agama, which follows AutoYaST, reads Jsonnet.
            "suse" if !text.trim_start().starts_with('{') => Some(Self::AutoYast),
            "windows" => Some(Self::Unattend),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Syntax;

    #[test]
    fn the_language_follows_from_kind_family_and_text() {
        let of = |kind, family, text| Syntax::of(kind, family, text);
        assert_eq!(of("provision", Some("Redhat"), "lang en_GB\n"), Some(Syntax::Kickstart));
        assert_eq!(of("provision", Some("Redhat"), "vmaccepteula\ninstall\n"), Some(Syntax::EsxiKickstart));
        assert_eq!(of("provision", Some("debian"), "d-i a/b string c\n"), Some(Syntax::Preseed));
        assert_eq!(
            of("provision", Some("debian"), "#cloud-config\nautoinstall:\n  version: 1\n"),
            Some(Syntax::Autoinstall)
        );
        assert_eq!(of("user-data", Some("debian"), "#cloud-config\nlocale: a\n"), Some(Syntax::CloudConfig));
        assert_eq!(of("user-data", None, "Content-Type: multipart/mixed\n"), None);
        assert_eq!(
            of("provision", Some("suse"), "<?xml version='1.0'?>\n<!DOCTYPE profile>\n<profile/>"),
            Some(Syntax::AutoYast)
        );
        assert_eq!(of("provision", Some("suse"), "{ \"product\": {} }"), None);
        assert_eq!(of("provision", Some("xenserver"), "<installation/>"), Some(Syntax::Xml));
        assert_eq!(of("provision", Some("windows"), "<!-- a --><unattend xmlns='b'>"), Some(Syntax::Unattend));
        assert_eq!(of("finish", None, "#!/usr/bin/env bash\n"), Some(Syntax::Shell));
        assert_eq!(of("script", None, "#!/usr/bin/python3\n"), None);
        assert_eq!(of("ignition", None, "{}"), Some(Syntax::Ignition));
        assert_eq!(of("snippet", Some("redhat"), "lang en_GB\n"), None);
    }
}
