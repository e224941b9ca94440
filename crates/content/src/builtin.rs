//! The objects that are part of this program.

use crate::document::{Document, read};
use wire::DocumentProblem;

/// Files of the folder `content/` with their texts.
macro_rules! files {
    ($($file:literal),* $(,)?) => {
        [$((concat!("content/", $file), include_str!(concat!("../../../content/", $file)))),*]
    };
}

/// The files of the folder `content/`.
const FILES: [(&str, &str); 17] = files![
    "bootenvs/builtin.yaml",
    "bootenvs/installers.yaml",
    "media/builtin.yaml",
    "os/builtin.yaml",
    "templates/boot.yaml",
    "templates/debian.yaml",
    "templates/esxi.yaml",
    "templates/finish.yaml",
    "templates/platform-default.yaml",
    "templates/redhat.yaml",
    "templates/suse.yaml",
    "templates/ubuntu.yaml",
    "templates/windows.yaml",
    "workflows/default.yaml",
    "workflows/inspect.yaml",
    "workflows/install.yaml",
    "workflows/wipe.yaml",
];

/// A file of this program cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuiltinError(DocumentProblem);

/// Reads the built-in objects.
///
/// # Errors
/// When one is wrong, which a test excludes.
pub fn built_in() -> Result<Vec<Document>, BuiltinError> {
    FILES.iter().flat_map(|(file, text)| read(file, text)).collect::<Result<_, _>>().map_err(BuiltinError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnySpec;

    #[test]
    fn the_built_in_objects_are_as_their_files_say() {
        let objects: Vec<String> =
            built_in().unwrap().iter().map(|object| format!("{} {}", object.kind(), object.name)).collect();
        insta::assert_snapshot!(objects.join("\n"));
    }

    #[test]
    fn the_built_in_workflows_can_be_run() {
        for object in built_in().unwrap() {
            if let AnySpec::Workflow(spec) = object.spec {
                spec.validate(&|_| Ok(())).unwrap_or_else(|error| panic!("{}: {error}", object.name));
            }
        }
    }

    #[test]
    fn the_platform_template_needs_no_parameters() {
        let object = built_in().unwrap().into_iter().find(|object| object.name.as_str() == "platform-default").unwrap();
        let AnySpec::Template(spec) = object.spec else { panic!("{:?}", object.spec) };
        let source = template::TemplateSource { name: "platform-default", text: &spec.text };
        let context = serde_json::json!({"machine": {"name": "m1"}, "params": {}});
        let setup = template::render_platform(source, &context).unwrap();
        assert_eq!((setup.hostname.as_str(), setup.users[0].name.as_str()), ("m1", "admin"));
    }
}
