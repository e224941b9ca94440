//! Templates of kind `platform`: they render to the setup of an installed system, as YAML.

use crate::{RenderError, TemplateSource, render};
use types::agent::PlatformSetup;

/// Why a platform template gave no setup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// It did not render.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// It rendered to something that is not a setup.
    #[error("template {template:?} renders to a wrong platform setup at line {line}, {path}: {detail}")]
    Parse {
        /// Which template.
        template: String,
        /// Where in the result, counted from 1; 0 when the place is unknown.
        line: u64,
        /// Which member, such as `users[0].name`.
        path: String,
        /// What is wrong.
        detail: String,
    },
}

/// Renders `template` and reads the result.
///
/// # Errors
/// When it does not render, or not to a setup.
pub fn render_platform(
    template: TemplateSource<'_>,
    context: &serde_json::Value,
) -> Result<PlatformSetup, PlatformError> {
    read_platform(template.name, &render(template, context)?)
}

/// Reads what a template of kind `platform` has rendered to.
///
/// # Errors
/// When it is no setup.
pub fn read_platform(template: &str, text: &str) -> Result<PlatformSetup, PlatformError> {
    let mut path = String::from(".");
    // The result holds values, secrets perhaps, so that errors must not quote it.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            path = error.path().to_string();
            error.into_inner()
        })
    })
    .map_err(|error| PlatformError::Parse {
        template: template.to_owned(),
        line: error.location().map_or(0, |location| location.line()),
        path,
        detail: error.without_snippet().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use types::agent::UserAccount;

    const TEMPLATE: &str = "\
hostname: {{ machine.name | yaml }}
users:
  - name: {{ params.user | yaml }}
    sudo: true
    ssh_authorized_keys: {{ params.keys | yaml }}
files:
{% for file in params.files %}
  - path: {{ file.path | yaml }}
    content: {{ file.content | yaml }}
{% endfor %}
";

    fn setup(text: &str, name: &str) -> Result<PlatformSetup, PlatformError> {
        let context = json!({
            "machine": {"name": name},
            "params": {"user": "no", "keys": ["ssh-ed25519 AAAA a@b"], "files": [{"path": "/etc/motd", "content": name}]},
        });
        render_platform(TemplateSource { name: "debian", text }, &context)
    }

    #[test]
    fn hostile_values_stay_values() {
        for name in ["`$(x)`\n{{7*7}}", "a: b\n- c", "\"quoted\" # no comment", "*alias", "on", "0o17", "\u{2028}é"] {
            let setup = setup(TEMPLATE, name).unwrap();
            assert_eq!(setup.hostname, name);
            assert_eq!(setup.files[0].content, name);
            assert_eq!(
                setup.users,
                [UserAccount {
                    name: "no".to_owned(),
                    ssh_authorized_keys: vec!["ssh-ed25519 AAAA a@b".to_owned()],
                    sudo: true,
                    shell: "/bin/bash".to_owned(),
                }]
            );
        }
    }

    #[test]
    fn an_error_names_template_line_and_member_but_no_values() {
        let text = "hostname: {{ machine.name | yaml }}\nusers:\n  - name: admin\n    sudo: perhaps-s3cret\n";
        let error = setup(text, "m1").unwrap_err();
        let PlatformError::Parse { template, line, path, .. } = &error else { panic!("{error}") };
        assert_eq!((template.as_str(), *line, path.as_str()), ("debian", 4, "users[0].sudo"));
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn unknown_and_repeated_members_are_refused() {
        for (text, says) in [("hostname: a\nhostnmae: b\n", "hostnmae"), ("hostname: a\nhostname: b\n", "duplicate")] {
            let error = setup(text, "m1").unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
