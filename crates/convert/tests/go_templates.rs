//! Go templates, translated and rendered: what comes out is what Go writes.

use serde_json::{Value, json};
use std::sync::Arc;
use template::facts::{Facts, Param};
use template::{TemplateSet, TemplateSource};

fn facts(params: &Value) -> Arc<Facts> {
    let mut facts: Facts = serde_json::from_value(json!({
        "machine": {
            "name": "node1.example.net", "shortname": "node1", "fqdn": "node1.example.net", "uuid": "0b9c7c9e-6d4f-4b5e-8f0a-1d2c3b4a5f60",
            "arch": "x86_64", "ip": "10.77.0.21", "macs": ["52:54:00:00:00:01"], "mac": "52:54:00:00:00:01",
        },
        "profiles": ["rack", "web"],
        "os": {"name": "Rocky", "family": "redhat", "major": "9", "minor": "4", "version": "9.4"},
        "boot_env": {
            "name": "rocky-9-install", "kernel": "images/pxeboot/vmlinuz", "initrds": ["images/pxeboot/initrd.img"],
            "kernel_url": "http://10.77.0.1:8091/files/rocky-9/install/images/pxeboot/vmlinuz",
            "initrd_urls": ["http://10.77.0.1:8091/files/rocky-9/install/images/pxeboot/initrd.img"],
            "directory": "rocky-9/install", "args": "inst.ks={{ Machine.Url }}/compute.ks", "args_are_template": true,
            "install_url": "http://10.77.0.1:8091/files/rocky-9/install",
        },
        "urls": {"host": "10.77.0.1", "base": "http://10.77.0.1:8091", "files": "http://10.77.0.1:8091/files", "api": "https://10.77.0.1:8092"},
        "tokens": {"machine": "m-token"},
    }))
    .expect("these are facts");
    for (name, value) in params.as_object().expect("parameters have names") {
        facts.params.insert(name.clone(), Param { value: value.clone(), ..Param::default() });
    }
    Arc::new(facts)
}

fn render(go: &str, params: &Value) -> String {
    let converted = convert::go::convert("t", go).unwrap_or_else(|refusals| panic!("{refusals:?}"));
    let set = TemplateSet::new([("part.tmpl", "<part of {{ Machine.ShortName }}>")]);
    let source = TemplateSource { name: "t", text: &converted.text };
    set.preview(source, &facts(params)).unwrap_or_else(|error| panic!("{error}\n{}", converted.text)).text
}

#[test]
fn blanks_stay_where_go_leaves_them() {
    let go = "a\n{{ if true }}\n  b\n{{ end }}\nc {{- if true }} d {{ end -}} \n e\n  {{/* gone */}}\nf";
    assert_eq!(render(go, &json!({})), "a\n\n  b\n\nc d e\n  \nf");
}
