//! What a real reader of each language makes of a value.

use crate::{TemplateSource, render};
use proptest::prelude::*;
use serde_json::json;
use std::path::Path;
use std::process::Command;

fn through(filter: &str, value: &serde_json::Value) -> Result<String, String> {
    let text = format!("{{{{ v | {filter} }}}}");
    render(TemplateSource { name: "t", text: &text }, &json!({ "v": value })).map_err(|error| error.to_string())
}

fn refusal(filter: &str, value: impl Into<serde_json::Value>) -> String {
    let value = value.into();
    match through(filter, &value) {
        Ok(written) => panic!("{filter} wrote {value} as {written:?}"),
        Err(error) => error,
    }
}

const HOSTILE: [&str; 7] =
    ["`$(x)`\n{{7*7}}", "a'b", "'; rm -rf / #", "\\\n", "\"}{", "${net0/mac} && exit", "<!--&]]>"];

/// What `sh` makes of words in a script.
fn shell_reads(words: &str) -> Vec<String> {
    let script = format!("for word in {words}\ndo printf '%s\\0' \"$word\"\ndone\n");
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    let mut read: Vec<String> =
        output.stdout.split(|byte| *byte == 0).map(|word| String::from_utf8(word.to_vec()).unwrap()).collect();
    read.pop();
    read
}

#[test]
fn a_shell_reads_back_what_was_meant() {
    for hostile in HOSTILE {
        assert_eq!(shell_reads(&through("shell", &json!(hostile)).unwrap()), [hostile]);
    }
    assert_eq!(shell_reads(&through("shell_list", &json!(HOSTILE)).unwrap()), HOSTILE);
    assert_eq!(through("shell_list", &json!([])).unwrap(), "");
    assert_eq!(through("shell", &json!(true)).unwrap(), "'true'");
    assert!(refusal("shell", json!("a\0b")).contains("U+0000 at byte 1"));
    assert!(refusal("shell_list", json!("a b")).contains("a string is not a list of words"));
}

#[test]
fn boot_languages_refuse_what_they_cannot_write() {
    for hostile in HOSTILE {
        assert!(through("ipxe", &json!(hostile)).is_err() || hostile == "<!--&]]>", "ipxe took {hostile:?}");
    }
    for control in ["a\nb", "a\tb", "a\u{7f}b", "a\"b", "é"] {
        assert!(through("kernel", &json!(control)).is_err(), "kernel took {control:?}");
        assert!(through("pxelinux", &json!(control)).is_err(), "pxelinux took {control:?}");
    }
    assert_eq!(through("kernel", &json!("a b")).unwrap(), "\"a b\"");
    assert_eq!(through("ipxe", &json!("http://10.0.0.1/a?b=c")).unwrap(), "http://10.0.0.1/a?b=c");
    assert_eq!(through("kernel", &json!(115_200)).unwrap(), "115200");
    assert!(refusal("pxelinux", json!("-")).contains("means \"nothing\""));
    assert!(refusal("grub", json!("a\nb")).contains("U+000A at byte 1"));
}

#[test]
fn lists_and_absent_values_are_not_words() {
    assert!(refusal("shell", json!(["a"])).contains("a sequence is not one word"));
    assert!(refusal("kernel", json!(null)).contains("there is no value here"));
    let missing = render(TemplateSource { name: "t", text: "\n{{ a.b | yaml }}" }, &json!({"a": {"c": 1}}));
    assert_eq!(
        missing.unwrap_err().to_string(),
        "template \"t\", line 2: undefined value: `a.b` is undefined; did you mean `a.c`?"
    );
}

#[test]
fn installers_read_one_word_or_one_line() {
    assert_eq!(through("kickstart", &json!("/dev/disk/by-id/wwn-0x5:1")).unwrap(), "/dev/disk/by-id/wwn-0x5:1");
    assert_eq!(through("kickstart", &json!("it's #1")).unwrap(), r"'it'\''s #1'");
    assert!(refusal("kickstart", json!("a\n%post")).contains("U+000A"));
    assert_eq!(through("preseed", &json!(["standard", "ssh-server"])).unwrap(), "standard, ssh-server");
    assert!(refusal("preseed", json!("a\nd-i b c d")).contains("U+000A"));
    assert!(refusal("preseed", json!("a\\")).contains("backslash"));
    assert!(refusal("preseed", json!(["a,b"])).contains("U+002C"));
    assert_eq!(through("ini", &json!("a=b; c")).unwrap(), "a=b; c");
    for hostile in ["a\n[b]", " a", "\"a\"", "a ;b", "#a"] {
        refusal("ini", json!(hostile));
    }
}

#[test]
fn powershell_quotes_are_doubled() {
    assert_eq!(through("powershell", &json!("a'b’c$(d)")).unwrap(), "'a''b’’c$(d)'");
}

#[test]
fn urls_and_base64_carry_any_text() {
    assert_eq!(through("url", &json!("a b/ü&c")).unwrap(), "a%20b%2F%C3%BC%26c");
    assert_eq!(through("b64", &json!("hü")).unwrap(), "aMO8");
    assert_eq!(through("b64decode", &json!("aM\nO8")).unwrap(), "hü");
    assert!(refusal("b64decode", json!("?")).contains("not Base64"));
}

/// What `openssl passwd -6` gives.
#[test]
fn password_hashes_are_those_of_crypt() {
    let hash = |password: &str, salt: &str| through(&format!("sha512_crypt(salt='{salt}')"), &json!(password)).unwrap();
    assert_eq!(
        hash("Hello world!", "saltstring"),
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
    );
    assert_eq!(
        hash(&"ü".repeat(50), "toolongsaltstri"),
        "$6$toolongsaltstri$dEgy5acXzQgeuNcs3LlqhN0XtxCYpzYJ4zwPm9cpyY2z0b4jJqUJ8WI2qJa7zF.7cwTmwM6Of18UbYLA4NZ4D0"
    );
    assert!(refusal("sha512_crypt", json!("x")).contains("needs salt="));
    assert!(refusal("sha512_crypt(salt='a$b')", json!("x")).contains("U+0024"));
}

/// The tool of GRUB that reads scripts, on the path or among the build's own tools.
fn grub_script_check() -> Option<Command> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debian/image-tools/usr/bin/grub-script-check");
    [built, "/usr/bin/grub-script-check".into()].into_iter().find(|path| path.exists()).map(Command::new)
}

#[test]
fn grub_reads_any_word() {
    let Some(mut check) = grub_script_check() else { return };
    let lines: Vec<String> =
        HOSTILE.iter().filter(|text| !text.contains('\n')).map(|text| through("grub", &json!(text)).unwrap()).collect();
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), format!("menuentry {} {{\n linux /k {}\n}}\n", lines[0], lines.join(" "))).unwrap();
    assert!(check.arg(script.path()).status().unwrap().success());
}

fn xml_reads(document: &str) -> (String, String) {
    let document = roxmltree::Document::parse(document).unwrap();
    let root = document.root_element();
    (root.attribute("a").unwrap_or_default().to_owned(), root.text().unwrap_or_default().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn yaml_reads_back_any_text(value in any::<String>()) {
        let line = through("yaml", &json!(value)).unwrap();
        prop_assert!(!line.contains('\n'));
        let read: Vec<String> = serde_saphyr::from_str(&format!("- {line}\n")).unwrap();
        prop_assert_eq!(read, vec![value]);
    }

    #[test]
    fn json_reads_back_any_text(value in any::<String>()) {
        let text = through("json_pretty", &json!({"a": [value]})).unwrap();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), json!({"a": [value]}));
    }

    #[test]
    fn xml_reads_back_any_text_that_it_takes(value in any::<String>()) {
        if let (Ok(attribute), Ok(text)) = (through("xml_attribute", &json!(value)), through("xml", &json!(value))) {
            let read = xml_reads(&format!("<r a='{attribute}'>{text}</r>"));
            prop_assert_eq!(&read, &(value.clone(), value.clone()));
            prop_assert_eq!(xml_reads(&format!("<r a=\"{attribute}\"/>")).0, value);
        }
    }

    #[test]
    fn a_kickstart_word_is_one_shell_word(value in "[ -~é]*") {
        let word = through("kickstart", &json!(value)).unwrap();
        let plain: String = word.replace(r"'\''", "\u{1}").replace('\'', "").replace('\u{1}', "'");
        prop_assert_eq!(plain, value);
    }

    #[test]
    fn a_preseed_value_stays_on_its_line(value in any::<String>()) {
        if let Ok(written) = through("preseed", &json!(value)) {
            prop_assert_eq!(&written, &value);
            prop_assert!(!written.contains(['\n', '\r']) && !written.ends_with('\\'));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_shell_reads_back_any_words(values in proptest::collection::vec("[^\0]*", 1..8)) {
        prop_assert_eq!(shell_reads(&through("shell_list", &json!(values)).unwrap()), values);
    }
}
