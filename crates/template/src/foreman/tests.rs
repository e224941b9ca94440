//! What a template of Foreman's sees of a machine, and what Ruby's methods give.

use crate::facts::{Facts, Interface, InterfaceKind, OperatingSystem, Param, PartitionTable, Subnet};
use crate::{TemplateSet, TemplateSource};
use serde_json::json;
use std::sync::Arc;

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.machine.name = "n1".to_owned();
    facts.machine.fqdn = "n1.lab.example".to_owned();
    facts.machine.shortname = "n1".to_owned();
    facts.machine.domain = Some("lab.example".to_owned());
    facts.machine.firmware = Some("uefi".to_owned());
    facts.machine.interfaces = vec![
        Interface {
            identifier: Some("eth0".to_owned()),
            mac: Some("52:54:00:00:00:01".parse().unwrap()),
            ip: Some("10.0.0.5".to_owned()),
            subnet: Some("lan".to_owned()),
            ..Interface::default()
        },
        Interface {
            identifier: Some("bond0".to_owned()),
            kind: InterfaceKind::Bond,
            attached_devices: vec!["eth1".to_owned(), "eth2".to_owned()],
            ..Interface::default()
        },
    ];
    facts.subnets = vec![Subnet {
        name: "lan".to_owned(),
        network: "10.0.0.0".to_owned(),
        mask: "255.255.255.0".to_owned(),
        prefix: 24,
        gateway: Some("10.0.0.1".to_owned()),
        dns: vec!["10.0.0.2".to_owned()],
        dhcp: true,
        ..Subnet::default()
    }];
    facts.os = Some(OperatingSystem {
        name: "AlmaLinux".to_owned(),
        family: "redhat".to_owned(),
        major: "9".to_owned(),
        minor: "4".to_owned(),
        version: "9.4".to_owned(),
        arch: "x86_64".to_owned(),
        root_password_hash: Some("$6$x".to_owned()),
        ..OperatingSystem::default()
    });
    for (name, value) in [("lang", json!("de_DE")), ("on", json!("yes")), ("off", json!(false)), ("empty", json!(""))] {
        facts.params.insert(name.to_owned(), Param { value, ..Param::default() });
    }
    facts.urls.unattended = "http://s/unattended".to_owned();
    facts.urls.built = Some("http://s/unattended/built?token=t".to_owned());
    facts.tokens.build = Some("t".to_owned());
    facts.partition_table = Some(PartitionTable {
        name: "disks".to_owned(),
        text: Some("#Dynamic\ndisk {{ host.shortname }}".to_owned()),
        family: None,
    });
    facts
}

fn rendered(text: &str) -> Result<String, String> {
    let source = TemplateSource { name: "t", text };
    let set = TemplateSet::default();
    set.preview(source, &Arc::new(facts())).map(|rendered| rendered.text).map_err(|error| error.to_string())
}

#[track_caller]
fn gives(expression: &str, expected: &str) {
    assert_eq!(rendered(&format!("{{{{ {expression} }}}}")).as_deref(), Ok(expected), "{expression}");
}

#[test]
fn the_machine_has_foremans_attributes() {
    gives("host", "n1.lab.example");
    gives("host.shortname ~ ' ' ~ host.domain ~ ' ' ~ host.domain.name", "n1 lab.example lab.example");
    gives("host.operatingsystem.family ~ host.os.major", "Redhat9");
    gives("host.architecture", "x86_64");
    gives("host.mac ~ ' ' ~ host.ip", "52:54:00:00:00:01 10.0.0.5");
    gives("host.subnet.gateway ~ '/' ~ host.subnet.cidr", "10.0.0.1/24");
    gives("host.subnet.dhcp_boot_mode", "true");
    gives("host.provision_interface.primary", "true");
    gives("host.bond_interfaces.map('identifier').join()", "bond0");
    gives("host.bond_interfaces.first().attached_devices_identifiers.join(',')", "eth1,eth2");
    gives("host.interfaces_with_identifier(['eth0']).size()", "1");
    gives("host.pxe_loader_efi", "true");
    gives("host.content_source is none", "true");
    gives("host.respond is defined", "false");
    gives("host.diskLayout", "#Dynamic\ndisk n1");
    gives("dynamic", "true");
    gives("host.url_for_boot('initrd')", "/images/pxeboot/initrd.img");
    gives("host.operatingsystem.bootfile(medium_provider, 'bcd')", "boot/bcd");
    gives("template_name", "t");
}

#[test]
fn an_attribute_that_nobody_knows_is_named() {
    let error = rendered("{{ host.nmae }}").unwrap_err();
    assert!(error.contains("host.nmae"), "{error}");
}

#[test]
fn parameters_are_asked_for_as_in_foreman() {
    gives("host_param('lang')", "de_DE");
    gives("host_param('nope')", "");
    gives("host_param('nope', 'x')", "x");
    gives("host_param('empty')|otherwise('x')", "");
    gives("host_param_true('on') and host_param_false('off') and not host_param_true('nope')", "true");
    gives("host_param_true('nope', true)", "true");
    gives("host.params.dig('lang') ~ host_enc('parameters', 'lang')", "de_DEde_DE");
    let error = rendered("{{ host_param_required('nope') }}").unwrap_err();
    assert!(error.contains("no parameter \"nope\""), "{error}");
}

#[test]
fn helpers_give_addresses_commands_and_indented_text() {
    gives("foreman_url('built')", "http://s/unattended/built?token=t");
    gives("foreman_url('finish', static='a b')", "http://s/unattended/finish?token=t&static=a%20b");
    gives("root_pass()", "$6$x");
    gives("indent(2, 'a\\n b\\n')", "  a\n   b\n");
    gives("indent(2, 'a\\nb', skip1=true)", "a\n  b");
    gives("save_to_file('/etc/x', '')", "cp /dev/null /etc/x");
    let command = rendered("{{ save_to_file('/etc/x', 'a') }}").unwrap();
    assert!(command.starts_with("cat << EOF-") && command.contains(" > /etc/x\na\nEOF-"), "{command}");
    gives("rand_hex(4).size()", "8");
    gives("rand_hex(4) == rand_hex(4)", "false");
    gives("plugin_present('katello')", "false");
    assert!(rendered("{{ raise('stop here') }}").unwrap_err().contains("stop here"));
}

#[test]
fn texts_can_what_rubys_strings_can() {
    gives("'a,b,,'.split(',').inspect()", "[\"a\", \"b\"]");
    gives("' a  b '.split().inspect()", "[\"a\", \"b\"]");
    gives("'52:54'.gsub(':', '-')", "52-54");
    gives("'a1b2'.gsub(regex('([a-z])'), '<\\\\1>')", "<a>1<b>2");
    gives("'hello'.tr('a-y', 'b-z')", "ifmmp");
    gives("'7'.rjust(3, '0') ~ '|' ~ 'ab'.ljust(4) ~ '|'", "007|ab  |");
    gives("'12abc'.to_i() + 'x'.to_i() + none.to_i()", "12");
    gives("'eth0.20'.match(regex('(\\\\w+)\\\\.(\\\\d+)')).dig(2)", "20");
    gives("'abcdef'.slice_range(1, -2) ~ 'abc'.dig(0)", "bcdea");
    gives("sprintf('%05.1f|%-4s|%x|%%', 3.14159, 'ab', 255)", "003.1|ab  |ff|%");
    gives("'a b'.shellescape()", "a\\ b");
    gives("'x' is present and ' ' is blank and '' is empty", "true");
}

#[test]
fn lists_and_maps_keep_rubys_order_and_shape() {
    gives("[3, 1, 2].sort().reverse().first()", "3");
    gives("['b', none, 'b'].compact().uniq().push('a').join('-')", "b-a");
    gives("[[1, [2]], 3].flatten().inspect()", "[1, 2, 3]");
    gives("[1, 2, 3].each_slice(2).inspect()", "[[1, 2], [3]]");
    gives("{'b': 1, 'a': 2}.keys().inspect()", "[\"b\", \"a\"]");
    gives("{'a': {'b': [1, 2]}}.dig('a', 'b', 1)", "2");
    gives("{'a': 1}.merge({'b': none}).inspect()", "{\"a\"=>1, \"b\"=>nil}");
    gives("[1, 2].plus([3]).minus([2]).inspect()", "[1, 3]");
    gives("['x'].dig(9) is none", "true");
    assert!(rendered("{{ none.split(',') }}").unwrap_err().contains("nothing (nil) has no method `split`"));
}

#[test]
fn versions_are_compared_by_their_numbers() {
    gives("compare_versions('9.10', '9.9')", "1");
    gives("compare_versions('9', '9.0')", "0");
    gives("compare_versions('9.0.beta', '9.0')", "-1");
}

#[test]
fn a_call_cannot_fill_the_memory() {
    for text in ["'x'.times(99999999)", "'x'.rjust(99999999)", "sprintf('%99999999d', 1)", "rand_hex(999999)"] {
        assert!(rendered(&format!("{{{{ {text} }}}}")).is_err(), "{text}");
    }
}
