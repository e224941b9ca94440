//! What cannot be translated from Go is refused with its place and the reason.

use convert::Refusal;
use convert::go::objects::{self, ObjectKind};

fn refused(go: &str) -> Vec<Refusal> {
    match convert::go::convert("t", go) {
        Ok(converted) => panic!("{go:?} became {:?}", converted.text),
        Err(refusals) => refusals,
    }
}

#[test]
fn a_refusal_says_where_and_why() {
    let cases = [
        (
            "a\nb {{ env \"HOME\" }}",
            "line 2, column 6: env \"HOME\" }}: a template cannot read the server's environment (put the value into a parameter)",
        ),
        (
            "{{ .Machine.Name | nosuch }}",
            "line 1, column 20: nosuch }}: there is no function \"nosuch\" (Go's own functions and sprig's are known)",
        ),
        (
            "{{ genPrivateKey \"rsa\" }}",
            "line 1, column 4: genPrivateKey \"rsa\" }}: its result is another at each rendering, and a machine may fetch a text twice (make the value once and keep it in a parameter)",
        ),
        (
            "{{ .Nothing }}",
            "line 1, column 4: .Nothing }}: the root of Digital Rebar's templates has no member Nothing (a template that is called with another dot must be converted with its caller)",
        ),
        ("{{ .Param }}", "line 1, column 4: .Param }}: Param takes 1 argument(s) and is given 0"),
        (
            "{{ .Param \"a\" \"b\" }}",
            "line 1, column 4: .Param \"a\" \"b\" }}: Param takes 1 argument(s) and is given 2",
        ),
        ("{{ $x }}", "line 1, column 4: $x }}: the variable $x is not declared here"),
        (
            "{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}",
            "line 1, column 39: $x }}: the variable $x is not declared here",
        ),
        ("{{ if true }}\nx", "line 1, column 1: {{ if true }}: this block is not closed (add {{end}})"),
        ("x {{ end }}", "line 1, column 3: {{ end }}: there is nothing here that {{end}} could end"),
        ("{{ .Machine.Name", "line 1, column 1: {{ .Machine.Name: an action is not closed (close it with }})"),
        ("{{ (.Machine.Name }}", "line 1, column 19: }}: a parenthesis is not closed"),
        ("{{ \"abc }}", "line 1, column 4: \"abc }}: quoted text has no end"),
        ("{{ }}", "line 1, column 1: {{ }}: an action is empty"),
        ("{{/* no end }}", "line 1, column 3: /* no end }}: a comment has no end (close it with */}})"),
        ("{{ break }}", "line 1, column 1: {{ break }}: break stands outside any {{range}}"),
        (
            "{{ template .Machine.Name . }}",
            "line 1, column 13: .Machine.Name . }}: a template's name must be quoted text (use .CallTemplate for a computed name)",
        ),
        (
            "{{ range .Machine.Profiles }}{{ template \"x\" . }}{{ end }}",
            "line 1, column 30: {{ template \"x\" . }}: the template \"x\" is called with something else than the root (define it in the same file, or give it the root)",
        ),
        ("{{ toJson . }}", "line 1, column 11: . }}: the root as a whole is no value (name the member that is meant)"),
        ("{{ \"a\" 1 }}", "line 1, column 4: \"a\" 1 }}: a constant is given arguments, but only functions take them"),
        ("{{ eq 1 }}", "line 1, column 4: eq 1 }}: eq compares two values or more"),
        ("{{ 1 | % }}", "line 1, column 8: % }}: the character '%' has no meaning here"),
        (
            "{{ if true }}a{{ else }}b{{ else }}c{{ end }}",
            "line 1, column 26: {{ else }}: there is an {{else}} already",
        ),
    ];
    for (go, expected) in cases {
        assert_eq!(refused(go)[0].to_string(), expected, "{go}");
    }
}

#[test]
fn every_fault_is_told_and_none_twice() {
    let go = "{{ $a := env \"A\" }}\n{{ $a }}{{ .Nope }}\n{{ if expandenv \"B\" }}{{ end }}{{ range .Machine.Profiles }}{{ uuidv4 }}{{ end }}";
    let lines: Vec<(usize, usize)> = refused(go).iter().map(|refusal| (refusal.line, refusal.column)).collect();
    assert_eq!(lines, [(1, 10), (2, 12), (3, 7), (3, 64)]);
}

#[test]
fn nesting_without_end_is_refused() {
    let deep = "{{ if true }}".repeat(10_000) + &"{{ end }}".repeat(10_000);
    assert!(refused(&deep)[0].reason.contains("inside each other"));
    let parentheses = format!("{{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(refused(&parentheses)[0].reason.contains("inside each other"));
}

#[test]
fn what_differs_is_told() {
    let converted = convert::go::convert("t", "a\n{{ .ParamExpand \"x\" }}").expect("it can be translated");
    assert_eq!(converted.warnings.len(), 1);
    assert_eq!(converted.warnings[0].line, 2);
}

const BOOT_ENV: &str = "\
---
Name: somelinux-9-install
Description: Installs
OnlyUnknown: false
OS:
  Family: redhat
  Name: somelinux-9
  Version: 9
  SupportedArchitectures:
    amd64:
      IsoFile: some.iso
      Sha256: abc
      Kernel: images/vmlinuz
      Initrds:
        - images/initrd.img
      BootParams: \"ks={{.Machine.Url}}/compute.ks {{.Param \\\"kernel-console\\\"}}\"
RequiredParams: [operating-system-disk]
OptionalParams:
  - kernel-console
Loaders:
  amd64-uefi: EFI/BOOT/shim.efi
Templates:
  - Name: ks
    ID: some.ks.tmpl
    Path: \"{{.Machine.Path}}/compute.ks\"
  - Name: ipxe
    Path: \"{{.Machine.Address}}.ipxe\"
    Contents: |
      #!ipxe
      kernel {{.Env.PathFor \"http\" .Env.Kernel}} {{.BootParams}}
      boot {{ expandenv \"x\" }}
";

#[test]
fn a_boot_environment_is_read_with_its_templates() {
    let objects = objects::read("content/bootenvs/some.yml", BOOT_ENV).expect("it is YAML");
    let [env] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!((env.kind, env.name.as_str()), (ObjectKind::BootEnv, "somelinux-9-install"));
    assert_eq!(env.required_params, ["operating-system-disk"]);
    assert_eq!(env.os.version.as_deref(), Some("9"));
    assert_eq!(env.loaders["amd64-uefi"], "EFI/BOOT/shim.efi");
    let files = &env.arches["amd64"];
    assert_eq!(
        (files.kernel.as_deref(), files.initrds.as_slice()),
        (Some("images/vmlinuz"), &["images/initrd.img".to_owned()][..])
    );
    let arguments = files.boot_params.as_ref().and_then(|line| line.text.as_deref());
    assert_eq!(arguments, Some("ks={{ Machine.Url }}/compute.ks {{ Param(\"kernel-console\") }}"));
    assert_eq!(env.templates[0].id.as_deref(), Some("some.ks.tmpl"));
    let path = env.templates[0].path.as_ref().and_then(|line| line.text.as_deref());
    assert_eq!(path, Some("{{ Machine.Path }}/compute.ks"));
    assert!(env.templates[1].converted.is_none());
    assert_eq!((env.refusals[0].line, env.refusals[0].column), (31, 9));
}

#[test]
fn a_bundle_holds_objects_of_every_kind() {
    let bundle = r#"{"meta": {"Name": "pack"}, "sections": {
        "params": {"a": {"Name": "a", "Schema": {"type": "string", "default": "x"}, "Secure": true}},
        "profiles": {"p": {"Name": "p", "Params": {"a": "b"}}},
        "stages": {"s": {"Name": "s", "BootEnv": "local", "Tasks": ["t"], "Profiles": ["p"]}},
        "tasks": {"t": {"Name": "t", "Prerequisites": ["u"], "Templates": [{"Name": "run", "Contents": "echo {{.Machine.UUID}}"}]}},
        "templates": {"x.tmpl": {"ID": "x.tmpl", "Contents": "{{ .Machine.Name }}"}},
        "workflows": {"w": {"Name": "w", "Stages": ["s"]}},
        "bootenvs": {"b": {"Name": "b", "Kernel": "vmlinuz", "BootParams": "quiet"}}
    }}"#;
    let mut objects = objects::read("pack.json", bundle).expect("it is JSON");
    objects.sort_by_key(|object| object.kind);
    let kinds: Vec<ObjectKind> = objects.iter().map(|object| object.kind).collect();
    use ObjectKind::{BootEnv, Param, Profile, Stage, Task, Template, Workflow};
    assert_eq!(kinds, [BootEnv, Task, Stage, Template, Param, Profile, Workflow]);
    assert_eq!(
        objects[1].templates[0].converted.as_ref().map(|text| text.text.as_str()),
        Some("echo {{ Machine.UUID }}")
    );
    assert_eq!((objects[1].tasks.as_slice(), objects[2].boot_env.as_deref()), (&["u".to_owned()][..], Some("local")));
    assert!(objects[4].secure && objects[5].params["a"] == "b" && objects[6].stages == ["s"]);
    assert_eq!(objects[0].arches["amd64"].boot_params.as_ref().and_then(|line| line.text.as_deref()), Some("quiet"));
}

#[test]
fn other_yaml_holds_no_objects_and_what_is_no_yaml_is_refused() {
    assert!(objects::read("x.yaml", "- a\n- b: c\n").expect("it is YAML").is_empty());
    let refusal = objects::read("x.yaml", "a: [1\nb: 2\n").expect_err("it is no YAML");
    assert!(refusal.reason.starts_with("this is no YAML"), "{refusal}");
}
