//! How fast a library renders: a kickstart of some two hundred lines for each of many machines, one after the other
//! on one core. Says renders a second, the median and the p99 in microseconds, and the lines of the last result.

use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use template::TemplateSet;
use template::facts::{Facts, Interface, InterfaceKind, OperatingSystem, Param, Subnet, User};

/// The main text; its snippets are in [`library`].
const KICKSTART: &str = r#"# {{ os.title }} for {{ machine.fqdn }} ({{ machine.serial | default('no serial', true) }})
url --url {{ (medium.url if medium else urls.files ~ '/' ~ os.release) | kickstart }}
lang {{ params.lang | kickstart }}
keyboard {{ params.keyboard | kickstart }}
timezone --utc {{ params.timezone | kickstart }}
rootpw --iscrypted {{ os.root_password_hash | kickstart }}
selinux --{{ params.selinux }}
firewall --service=ssh
{% for user in users %}
user --name={{ user.name | kickstart }} --groups={{ user.groups | join(',') | kickstart }} --iscrypted --password={{ user.password_hash | kickstart }}
{% endfor %}
{% for interface in machine.interfaces if interface.managed %}
{{ snippet('network', interface=interface) }}
{% endfor %}
bootloader --location=mbr --append={{ params['kernel-options'] | kickstart }}
zerombr
clearpart --all --initlabel
{% include 'disks' %}
text
reboot

%packages
{% for package in params.packages %}
{{ package }}
{% endfor %}
%end

{{ snippet_if_exists('kickstart custom pre') }}
%post --log=/root/post.log
hostnamectl set-hostname {{ machine.fqdn | shell }}
{% for key in ssh_keys %}
echo {{ key | shell }} >> /root/.ssh/authorized_keys
{% endfor %}
cat > /etc/chrony.conf <<'EOF'
{% for server in params['ntp-servers'] %}
server {{ server }} iburst
{% endfor %}
EOF
{% for repository in repositories %}
cat > /etc/yum.repos.d/{{ repository.name }}.repo <<'EOF'
[{{ repository.name }}]
name={{ repository.description | ini }}
baseurl={{ repository.url | ini }}
gpgcheck={{ 1 if repository.signed else 0 }}
EOF
{% endfor %}
{% for name, value in params.sysctl | items %}
echo {{ (name ~ ' = ' ~ value) | shell }} >> /etc/sysctl.d/90-site.conf
{% endfor %}
{{ snippet('agent', url=urls.base, role=params.role) }}
curl --silent --data-binary @/root/post.log {{ urls.built | shell }}
%end
"#;

fn library() -> TemplateSet {
    let network = "network --device={{ interface.mac }} --hostname={{ machine.fqdn }}\
                   {% if subnet.dhcp %} --bootproto=dhcp{% else %} --bootproto=static --ip={{ interface.ip }} \
                   --netmask={{ subnet.mask }} --gateway={{ subnet.gateway }} --nameserver={{ subnet.dns | join(',') }}\
                   {% endif %}{% if interface.mtu %} --mtu={{ interface.mtu }}{% endif %}";
    let disks = "{% for part in params.disks %}\npart {{ part.mount | kickstart }} --fstype={{ part.type }} \
                 --size={{ part.size }}{% if part.grow %} --grow{% endif %}\n\n{% endfor %}\n";
    let agent = "{% for unit in ['node', 'ipmi', 'smart'] %}\ncat > /etc/systemd/system/{{ unit }}.service <<'EOF'\n\
                 [Unit]\nDescription={{ unit }} of {{ role }}\nAfter=network-online.target\n\n[Service]\n\
                 ExecStart=/usr/bin/{{ unit }} --push {{ url }} --role {{ role }}\nRestart=always\n\n[Install]\n\
                 WantedBy=multi-user.target\nEOF\nsystemctl enable {{ unit }}\n{% endfor %}\n";
    TemplateSet::new([("kickstart", KICKSTART), ("network", network), ("disks", disks), ("agent", agent)])
}

fn machine(number: u32) -> Facts {
    let [_, a, b, c] = number.to_be_bytes();
    let name = format!("node-{number}");
    let mut facts = Facts::default();
    facts.machine.fqdn = format!("{name}.example.net");
    facts.machine.serial = Some(format!("S{number:08}"));
    facts.machine.name = name;
    for port in 0..4 {
        facts.machine.interfaces.push(Interface {
            identifier: Some(format!("eth{port}")),
            kind: InterfaceKind::Physical,
            mac: Some(types::MacAddr([0x52, 0x54, port, a, b, c])),
            ip: Some(format!("10.{a}.{b}.{c}")),
            subnet: Some("lan".to_owned()),
            primary: port == 0,
            mtu: Some(9000),
            ..Interface::default()
        });
    }
    facts.subnets.push(Subnet {
        name: "lan".to_owned(),
        mask: "255.0.0.0".to_owned(),
        gateway: Some("10.0.0.1".to_owned()),
        dns: vec!["10.0.0.2".to_owned(), "10.0.0.3".to_owned()],
        ..Subnet::default()
    });
    facts.os = Some(OperatingSystem {
        title: "Rocky 9.4".to_owned(),
        release: Some("9.4".to_owned()),
        root_password_hash: Some(format!("$6$salt{number}$hash")),
        ..OperatingSystem::default()
    });
    facts.urls.base = "http://10.0.0.1:8091".to_owned();
    facts.urls.files = "http://10.0.0.1:8091/files".to_owned();
    facts.urls.built = Some(format!("http://10.0.0.1:8091/unattended/built?token={number:032x}"));
    facts.users = (0..4).map(user).collect();
    facts.ssh_keys = (0..6).map(|key| format!("ssh-ed25519 AAAA{number}{key} ops{key}@example.net")).collect();
    facts.params = params(number);
    facts
}

fn user(number: u32) -> User {
    User {
        name: format!("ops{number}"),
        groups: vec!["wheel".to_owned(), "ops".to_owned()],
        password_hash: Some("$6$salt$hash".to_owned()),
        ..User::default()
    }
}

fn params(number: u32) -> std::collections::BTreeMap<String, Param> {
    let packages: Vec<String> = (0..60).map(|package| format!("package-{package}")).collect();
    let sysctl: serde_json::Map<_, _> = (0..50).map(|n| (format!("net.core.setting_{n}"), json!(number + n))).collect();
    let part = |mount: &str, size: u32, grow: bool| json!({"mount": mount, "type": "xfs", "size": size, "grow": grow});
    let values = [
        ("disks", json!([part("/boot", 1024, false), part("/", 20480, false), part("/var", 1, true)])),
        ("kernel-options", json!(format!("console=ttyS0,115200 rack={}", number / 40))),
        ("keyboard", json!("gb")),
        ("lang", json!("en_GB.UTF-8")),
        ("ntp-servers", json!(["10.0.0.2", "10.0.0.3"])),
        ("packages", json!(packages)),
        ("role", json!(if number.is_multiple_of(2) { "compute" } else { "storage" })),
        ("selinux", json!("enforcing")),
        ("sysctl", json!(sysctl)),
        ("timezone", json!("Europe/London")),
    ];
    let param = |value| Param { value, source: "group compute".to_owned(), ..Param::default() };
    values.into_iter().map(|(name, value)| (name.to_owned(), param(value))).collect()
}

#[expect(clippy::print_stdout, reason = "the answer of a program")]
fn main() {
    let machines = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(10_000);
    let library = library();
    let mut times = Vec::new();
    let mut lines = 0;
    for number in 0..machines {
        let facts = Arc::new(machine(number));
        let began = Instant::now();
        let rendered = library.render("kickstart", &facts).expect("the kickstart renders");
        times.push(began.elapsed());
        lines = rendered.text.lines().count();
    }
    times.sort_unstable();
    let total: Duration = times.iter().sum();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_micros();
    println!("{:.0} {} {} {lines}", f64::from(machines) / total.as_secs_f64(), at(50), at(99));
}
