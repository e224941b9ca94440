//! `slipway template convert`: it needs no server.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const TASK: &str = "\
Name: say-hello
Description: Says hello
RequiredParams: [greeting]
Templates:
  - Name: run
    Contents: |
      #!/bin/sh
      echo {{ .Param \"greeting\" }} {{ .Machine.Name }}
";

fn collection() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "content/templates/boot-ipxe.tmpl",
        "#!ipxe\nkernel {{.Env.PathFor \"http\" .Env.Kernel}} {{.BootParams}}\nboot\n",
    );
    write("content/templates/bad.tmpl", "one\ntwo {{ env \"HOME\" }}\n");
    write("content/tasks/say-hello.yaml", TASK);
    write(
        "foreman/Finish_default.erb",
        "<%#\nkind: finish\nname: Finish default\noses:\n- Debian\n-%>\necho <%= @host.name %>\n",
    );
    write(
        "content/params/greeting.yaml",
        "Name: site/greeting\nSchema: {type: string, default: \"Hello {{.Machine.Name}}\"}\n",
    );
    write("README.md", "Nothing to translate.\n");
    write(".git/HEAD", "{{ .Hidden }}\n");
    folder
}

fn convert(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
    command.current_dir(folder).args(["template", "convert"]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_collection_becomes_documents_and_a_report() {
    let folder = collection();
    let output = convert(folder.path(), &["content", "foreman", "README.md", "--to", "ours"]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    insta::assert_snapshot!(text(&output.stdout));
    let read = |name: &str| std::fs::read_to_string(folder.path().join("ours/templates").join(name)).unwrap();
    insta::assert_snapshot!(
        [
            read("say-hello-run.yaml"),
            read("finish-default.yaml"),
            read("boot-ipxe.tmpl.yaml"),
            read("../params/site-greeting.yaml")
        ]
        .join("---\n")
    );
}

#[test]
fn documents_without_a_folder_go_to_standard_output_and_the_report_beside_it() {
    let folder = collection();
    let output = convert(folder.path(), &["content/tasks"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).starts_with("---\nkind: Template\nname: say-hello-run\n"), "{output:?}");
    assert!(text(&output.stderr).contains("1 document written, 0 files refused"), "{output:?}");
}

#[test]
fn what_is_written_can_be_read_as_documents() {
    let folder = collection();
    let output = convert(folder.path(), &["content/templates/boot-ipxe.tmpl", "content/tasks", "foreman"]);
    let documents = content::read("converted.yaml", &text(&output.stdout));
    let names: Vec<String> = documents.into_iter().map(|document| document.unwrap().name.to_string()).collect();
    assert_eq!(names, ["boot-ipxe.tmpl", "say-hello-run", "finish-default"]);
}

#[test]
fn a_text_is_written_so_that_it_reads_back_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    for (index, original) in
        ["\n  a\n", " b", "c  \n\n", "\td \r\ne", "- f: 'g'\n# h\n", "", "\n", "i\n\n\n"].iter().enumerate()
    {
        let file = format!("{index}.tmpl");
        std::fs::write(folder.path().join(&file), original).unwrap();
        let output = convert(folder.path(), &[&file]);
        let mut documents = content::read("converted.yaml", &text(&output.stdout));
        let content::AnySpec::Template(spec) = documents.remove(0).unwrap().spec else { panic!("{output:?}") };
        assert_eq!(spec.text, *original);
    }
}

#[test]
fn programs_get_the_report_with_every_place() {
    let folder = collection();
    let output = convert(folder.path(), &["content/templates/bad.tmpl", "--output", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["refused"], 1);
    let refusal = &report["files"][0]["refusals"][0];
    assert_eq!((refusal["line"].as_u64(), refusal["column"].as_u64()), (Some(2), Some(8)), "{refusal}");
}

#[test]
fn the_language_can_be_said() {
    let folder = collection();
    let output = convert(folder.path(), &["foreman/Finish_default.erb", "--from", "go"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("<%= @host.name %>"), "{output:?}");
    assert_eq!(convert(folder.path(), &["nothing-here"]).status.code(), Some(1));
}
