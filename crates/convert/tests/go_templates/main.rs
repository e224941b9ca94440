//! Go templates, translated and rendered: what comes out is what Go writes, to the byte.

mod cases;

use serde_json::{Value, json};
use std::sync::Arc;
use template::facts::{Facts, Param};
use template::{RenderError, TemplateSet, TemplateSource};

fn params() -> Value {
    json!({
        "access-keys": ["k0", "k1", "k2", "k3"],
        "classify/version": 2,
        "dns-domain": "example.net",
        "empty-list": [],
        "etcd/client-port": 2379,
        "helm/charts": [
            {"name": "n1", "chart": "c1", "templates": {"t1": "part-scheme-lvm.tmpl"}, "kubectlbefore": ["get x", "get y"],
             "namespace": "ns", "params": {"set": "a=b", "z": true}, "wait": true},
            {"name": "n2", "chart": "c2", "targz": "http://x/y.tgz", "sleep": 5},
        ],
        "kexec-ok": true,
        "krib/cluster-masters": [{"Address": "10.0.0.2", "Name": "m1"}, {"Address": "10.0.0.3", "Name": "m2"}],
        "krib/labels": {"role": "data base", "zone": 3, "ok": true},
        "proxy-servers": ["http://p:3128"],
        "rs-debug-enable": true,
    })
}

fn facts() -> Facts {
    let mut facts: Facts = serde_json::from_value(json!({
        "machine": {
            "name": "node1.example.net", "shortname": "node1", "fqdn": "node1.example.net",
            "uuid": "0b9c7c9e-6d4f-4b5e-8f0a-1d2c3b4a5f60", "arch": "x86_64", "ip": "10.77.0.21",
            "macs": ["52:54:00:00:00:01"], "mac": "52:54:00:00:00:01",
        },
        "profiles": ["rack", "web"],
        "os": {"name": "Ubuntu", "family": "debian", "major": "20", "minor": "04", "version": "20.04", "codename": "focal"},
        "boot_env": {
            "name": "ubuntu-20.04-install", "kernel": "casper/vmlinuz", "initrds": ["casper/initrd"],
            "kernel_url": "http://10.77.0.1:8091/ubuntu-20.04/install/casper/vmlinuz",
            "initrd_urls": ["http://10.77.0.1:8091/ubuntu-20.04/install/casper/initrd"],
            "directory": "ubuntu-20.04/install", "args": "url={{ Machine.Url }}/seed", "args_are_template": true,
            "install_url": "http://10.77.0.1:8091/ubuntu-20.04/install",
        },
        "urls": {
            "host": "10.77.0.1", "fqdn": "deploy.example.net", "base": "http://10.77.0.1:8091",
            "files": "http://10.77.0.1:8091", "api": "https://10.77.0.1:8092",
        },
        "run": {"id": "job-1", "workflow": "install", "stage": "os", "step": "seed"},
        "tokens": {"machine": "m-token", "agent": "a-token", "profiles": {"cluster": "p-token"}},
    }))
    .expect("these are facts");
    for (name, value) in params().as_object().expect("parameters have names") {
        facts.params.insert(name.clone(), Param { value: value.clone(), ..Param::default() });
    }
    facts
}

fn translated(go: &str) -> String {
    match convert::go::convert("t", go) {
        Ok(converted) => converted.text,
        Err(refusals) => panic!("{go:?} is refused: {refusals:?}"),
    }
}

fn rendered(go: &str, facts: Facts) -> Result<String, RenderError> {
    let ours = translated(go);
    let set = TemplateSet::new([("part-scheme-lvm.tmpl", "storage:\n  layout:\n    name: lvm\n")]);
    set.preview(TemplateSource { name: "t", text: &ours }, &Arc::new(facts)).map(|rendered| rendered.text)
}

fn render(go: &str) -> String {
    rendered(go, facts()).unwrap_or_else(|error| panic!("{go:?}: {error}\n{}", translated(go)))
}

#[test]
fn what_is_rendered_is_what_go_writes() {
    for (go, expected) in cases::CASES {
        assert_eq!(render(go), *expected, "{go}\n--- in our language:\n{}", translated(go));
    }
}

#[test]
fn a_translation_reads_like_a_template_of_ours() {
    let go = "{{ if .ParamExists \"ntp\" -}}\nserver {{ index (.Param \"ntp\") 0 }}\n{{ else }}\npool\n{{ end }}{{ range $i, $disk := .Param \"disks\" }}\n  {{ $disk.name | upper }}\n{{ end }}";
    let ours = "{% if ParamExists(\"ntp\") -%}\nserver {{ go.index(Param(\"ntp\"), 0) }}\n{% else +%}\npool\n{% endif %}{% for disk in go.values(Param(\"disks\")) +%}\n  {{ sprig.upper(disk.name) }}\n{% endfor %}";
    assert_eq!(translated(go), ours);
}

#[test]
fn the_boot_environment_tells_its_files_and_arguments() {
    let go = "{{ .Env.PathFor \"http\" .Env.Kernel }} {{ .Env.PathFor \"tftp\" \"x/y\" }} {{ .Env.PathFor \"http\" \"\" }}
{{ .Env.JoinInitrds \"http\" }} {{ .BootParams }} {{ .Env.InstallUrl }} {{ .Env.Name }} {{ .Env.OS.Name }} {{ .Env.OS.FamilyType }}";
    assert_eq!(
        render(go),
        "http://10.77.0.1:8091/ubuntu-20.04/install/casper/vmlinuz ubuntu-20.04/install/x/y http://10.77.0.1:8091/ubuntu-20.04/install
http://10.77.0.1:8091/ubuntu-20.04/install/casper/initrd url=http://10.77.0.1:8091/machines/0b9c7c9e-6d4f-4b5e-8f0a-1d2c3b4a5f60/seed http://10.77.0.1:8091/ubuntu-20.04/install ubuntu-20.04-install ubuntu-20.04 debian"
    );
}

#[test]
fn an_ipxe_script_names_the_first_initrd_among_the_arguments() {
    let mut facts = facts();
    facts.request.path = Some("10.77.0.21.ipxe".to_owned());
    assert!(rendered("{{ .BootParams }}", facts).unwrap().starts_with("initrd=initrd url="));
}

#[test]
fn addresses_and_tokens_are_those_of_the_render() {
    let go = "{{ .ApiURL }} {{ .ProvisionerURL }} {{ .ProvisionerAddress }} {{ .ProvisionerHostURL }} {{ .GenerateToken }} {{ .GenerateInfiniteToken }} {{ .GenerateProfileToken \"cluster\" 7200 }} {{ .ParseUrl \"host\" \"http://a.b:80/c\" }} {{ .NetmaskToCIDR \"255.255.252.0\" }} {{ .CurrentJob }} {{ .Task.Name }} {{ .Stage.Name }}";
    assert_eq!(
        render(go),
        "https://10.77.0.1:8092 http://10.77.0.1:8091 10.77.0.1 http://deploy.example.net:8091 m-token a-token p-token a.b:80 22 job-1 seed os"
    );
}

#[test]
fn a_machine_that_is_not_known_is_nothing() {
    assert_eq!(rendered("{{ if .Machine }}known{{ else }}unknown{{ end }}", Facts::default()).unwrap(), "unknown");
}

#[test]
fn repositories_write_themselves_for_the_family_of_the_system() {
    assert_eq!(
        render("{{ range .InstallRepos }}{{ .Install }}{{ end }}"),
        "d-i mirror/protocol string http\nd-i mirror/http/hostname string 10.77.0.1:8091\nd-i mirror/http/directory string /ubuntu-20.04/install\n"
    );
    let mut facts = facts();
    facts.os =
        serde_json::from_value(json!({"name": "Rocky", "family": "redhat", "major": "9", "version": "9.4"})).unwrap();
    let extra = json!([{"tag": "epel", "os": ["rocky-9.4"], "arch": "any", "url": "http://r/epel"}]);
    facts.params.insert("package-repositories".to_owned(), Param { value: extra, ..Param::default() });
    let go = "{{ range .InstallRepos }}{{ .Install }}{{ end }}{{ range .MachineRepos }}{{ .Lines }}{{ end }}";
    assert_eq!(
        rendered(go, facts).unwrap(),
        "url --url http://10.77.0.1:8091/ubuntu-20.04/install
repo --name=\"ubuntu-20.04-install\" --baseurl=http://10.77.0.1:8091/ubuntu-20.04/install --cost=100 --proxy=\"http://p:3128\"

[ubuntu-20.04-install]
name=rocky-9.4 - ubuntu-20.04-install
baseurl=http://10.77.0.1:8091/ubuntu-20.04/install
gpgcheck=0

[epel]
name=rocky-9.4 - epel
baseurl=http://r/epel
gpgcheck=0
"
    );
}

#[test]
fn what_is_not_there_is_named_with_its_line() {
    let error = rendered("one\n{{ .Param \"dns-domian\" }}", facts()).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("no parameter \"dns-domian\""), "{error}");
    let error = rendered("{{ .Machine.Nmae }}", facts()).unwrap_err().to_string();
    assert!(error.contains("Nmae"), "{error}");
    let error = rendered("{{ $v := .Param \"krib/labels\" }}{{ $v.absent.more }}", facts()).unwrap_err().to_string();
    assert!(error.contains("more"), "{error}");
}

#[test]
fn a_value_is_no_template_unless_its_parameter_says_so() {
    let mut facts = facts();
    let value = json!("on {{ Machine.ShortName }}");
    facts.params.insert("plain".to_owned(), Param { value: value.clone(), ..Param::default() });
    facts.params.insert("declared".to_owned(), Param { value, template: true, ..Param::default() });
    let text = rendered("{{ .ParamExpand \"plain\" }}|{{ .ParamExpand \"declared\" }}", facts).unwrap();
    assert_eq!(text, "on {{ Machine.ShortName }}|on node1");
}

#[test]
fn work_without_end_ends() {
    for go in [
        "{{ range until 100000000 }}{{ end }}",
        "{{ repeat 100000000 \"x\" }}",
        "{{ printf \"%99999999d\" 1 }}",
        "{{ indent 99999999 \"x\" }}",
        "{{ $d := dict }}{{ set $d \"self\" $d }}",
        "{{ regexMatch \"(a{1000}){1000}\" \"a\" }}",
    ] {
        assert!(rendered(go, facts()).is_err(), "{go}");
    }
}
