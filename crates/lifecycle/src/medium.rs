//! Where an operating system is installed from: the address of its tree, and what must answer there.
//!
//! Pure: who asks the network plans with [`probes`] and says with [`unreachable`] what came of it. A tree of this
//! server's own (`local:NAME`) has an address like any other, so that nothing else needs to know the difference.

use types::machine::Arch;
use types::os::{OperatingSystemSpec, OsFamily};

/// How an address begins that stands for a tree of this server.
pub const LOCAL: &str = "local:";
/// Where the trees of this server are, below its own address.
pub const LOCAL_PATH: &str = "/media";

/// What `$arch`, `$version`, `$major`, `$minor` and `$release` stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediumVariables {
    /// In the family's own spelling.
    pub arch: &'static str,
    /// First part of the version.
    pub major: String,
    /// The rest of the version; empty when there is none.
    pub minor: String,
    /// The whole version.
    pub version: String,
    /// The release's name, or its version where releases have none.
    pub release: String,
}

impl MediumVariables {
    /// As an operating system has them on machines of an architecture.
    pub fn of(os: &OperatingSystemSpec, arch: Arch) -> Self {
        let version = os.version();
        Self {
            arch: arch_word(os.family, arch),
            major: os.major.clone(),
            minor: os.minor.clone().unwrap_or_default(),
            release: os.release.clone().unwrap_or_else(|| version.clone()),
            version,
        }
    }

    /// A text with the variables in their places.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut pieces = text.split('$');
        filled.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let known = self.values().into_iter().find_map(|(name, value)| Some((piece.strip_prefix(name)?, value)));
            let (rest, value) = known.unwrap_or((piece, "$"));
            filled.push_str(value);
            filled.push_str(rest);
        }
        filled
    }

    fn values(&self) -> [(&'static str, &str); 5] {
        [
            ("arch", self.arch),
            ("version", &self.version),
            ("major", &self.major),
            ("minor", &self.minor),
            ("release", &self.release),
        ]
    }
}

/// An architecture as the family's trees, packages and installers spell it.
pub fn arch_word(family: OsFamily, arch: Arch) -> &'static str {
    match (family, arch) {
        (OsFamily::Debian | OsFamily::Windows, Arch::X86_64) => "amd64",
        (OsFamily::Debian | OsFamily::Windows, Arch::Aarch64) => "arm64",
        (OsFamily::Redhat | OsFamily::Suse | OsFamily::Esxi, Arch::X86_64) => "x86_64",
        (OsFamily::Redhat | OsFamily::Suse | OsFamily::Esxi, Arch::Aarch64) => "aarch64",
    }
}

/// The address of a tree, without a slash at its end. `server` is this server's own, as the machine reaches it.
pub fn medium_url(url: &str, variables: &MediumVariables, server: &str) -> String {
    let url = variables.fill(url);
    let url = match url.strip_prefix(LOCAL) {
        Some(tree) => format!("{}{LOCAL_PATH}/{}", server.trim_end_matches('/'), tree.trim_start_matches('/')),
        None => url,
    };
    url.trim_end_matches('/').to_owned()
}

/// The tree of this server that an address stands for: its name, and the path in it.
pub fn local_tree(url: &str) -> Option<(&str, &str)> {
    let tree = url.strip_prefix(LOCAL)?.trim_start_matches('/');
    Some(tree.split_once('/').unwrap_or((tree, "")))
}

/// What must answer below the address of a family's tree, so that an installer gets anywhere: one of these, in this
/// order. An empty one is the tree itself.
pub fn probes(family: OsFamily, variables: &MediumVariables) -> Vec<String> {
    match family {
        OsFamily::Debian => vec![format!("dists/{}/Release", variables.release), "casper/vmlinuz".to_owned()],
        OsFamily::Redhat => vec![".treeinfo".to_owned(), "repodata/repomd.xml".to_owned()],
        OsFamily::Suse => vec!["CHECKSUMS".to_owned(), "repodata/repomd.xml".to_owned()],
        OsFamily::Esxi => vec!["boot.cfg".to_owned(), "BOOT.CFG".to_owned()],
        OsFamily::Windows => vec!["sources/boot.wim".to_owned()],
    }
}

/// What was answered to a question for one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// The address.
    pub url: String,
    /// What came: a status of HTTP with its words, or why nothing did.
    pub answer: Result<u16, String>,
}

impl ProbeAnswer {
    /// Whether the file is there.
    pub fn is_there(&self) -> bool {
        matches!(self.answer, Ok(200..=299))
    }
}

/// Why a medium cannot be installed from, once no question was answered well.
pub fn unreachable(medium: &str, answers: &[ProbeAnswer]) -> String {
    let told: Vec<String> = answers
        .iter()
        .map(|asked| match &asked.answer {
            Ok(status) => format!("{} answers {status}", asked.url),
            Err(reason) => format!("{} does not answer: {reason}", asked.url),
        })
        .collect();
    match told.is_empty() {
        true => format!("the medium {medium} cannot be asked"),
        false => format!("the medium {medium} is not reachable: {}", told.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debian(minor: Option<&str>) -> OperatingSystemSpec {
        let value = serde_json::json!({
            "title": "Debian", "family": "debian", "major": "12", "minor": minor, "release": "bookworm",
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn variables_are_filled_in_as_the_family_spells_them() {
        let variables = MediumVariables::of(&debian(Some("5")), Arch::Aarch64);
        let url = "http://mirror/$release/$arch/$major.$minor/$version/$version-$archive/$$x/";
        assert_eq!(medium_url(url, &variables, "http://s"), "http://mirror/bookworm/arm64/12.5/12.5/12.5-arm64ive/$$x");
        let arch = |family| [Arch::X86_64, Arch::Aarch64].map(|arch| arch_word(family, arch));
        assert_eq!(arch(OsFamily::Debian), ["amd64", "arm64"]);
        for family in [OsFamily::Redhat, OsFamily::Suse, OsFamily::Esxi] {
            assert_eq!(arch(family), ["x86_64", "aarch64"]);
        }
    }

    #[test]
    fn a_tree_of_this_server_lies_below_its_own_address() {
        let variables = MediumVariables::of(&debian(None), Arch::X86_64);
        assert_eq!(variables.version, "12");
        let url = medium_url("local:debian-$major/pool/", &variables, "http://10.0.0.1:8080/");
        assert_eq!(url, "http://10.0.0.1:8080/media/debian-12/pool");
        assert_eq!(local_tree("local:debian/pool/a"), Some(("debian", "pool/a")));
        assert_eq!(local_tree("local:debian"), Some(("debian", "")));
        assert_eq!(local_tree("http://debian"), None);
    }

    #[test]
    fn what_cannot_be_reached_is_named_with_what_was_answered() {
        let answers = [
            ProbeAnswer { url: "http://m/a".into(), answer: Ok(404) },
            ProbeAnswer { url: "http://m/b".into(), answer: Err("connection refused".into()) },
        ];
        assert!(!answers[0].is_there());
        assert_eq!(
            unreachable("debian", &answers),
            "the medium debian is not reachable: http://m/a answers 404; http://m/b does not answer: connection refused"
        );
    }
}
