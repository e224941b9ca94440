//! Templates that are wrong, and what a person is told of each.

use std::sync::Arc;
use template::facts::{Facts, Interface, Param, Subnet};
use template::{RenderError, TemplateSet};

/// A machine in one network, with some parameters.
fn facts() -> Arc<Facts> {
    let mut facts = Facts::default();
    facts.machine.name = "node-1".to_owned();
    facts.machine.interfaces.push(Interface { subnet: Some("lan".to_owned()), ..Interface::default() });
    facts.subnets.push(Subnet { name: "lan".to_owned(), gateway: Some("10.0.0.1".to_owned()), ..Subnet::default() });
    let param = |value: serde_json::Value, template| Param { value, template, ..Param::default() };
    facts.params.insert("role".to_owned(), param("db".into(), false));
    facts.params.insert("password".to_owned(), Param { secret: true, ..param("two\nlines".into(), false) });
    facts.params.insert("banner".to_owned(), param("Hello\n{{ machine.nmae }}".into(), true));
    Arc::new(facts)
}

/// The library that every wrong template is rendered with.
fn error(text: &str) -> RenderError {
    let library = [
        ("wrong", text),
        ("kickstart-network", "network --device={{ device }}\nnetwork --gateway={{ subnet.gatway }}"),
        ("outer", "%pre\n{{ snippet('kickstart-network', device='eth0') }}"),
        ("unreadable", "one\n{% if %}"),
    ];
    TemplateSet::new(library).render("wrong", &facts()).expect_err("the template is wrong")
}

#[test]
fn each_error_says_where_and_what_and_what_to_do() {
    let table = [
        (
            "{{ machine.nmae }}",
            "template \"wrong\", line 1: undefined value: `machine.nmae` is undefined; did you mean `machine.name`?",
        ),
        (
            "a\n{{ machin.name }}",
            "template \"wrong\", line 2: undefined value: `machin` is undefined; did you mean `machine`?",
        ),
        (
            "{{ params.rol }}",
            "template \"wrong\", line 1: undefined value: `params.rol` is undefined; did you mean `params.role`?",
        ),
        (
            "{{ params['ntp-servers'] }}",
            "template \"wrong\", line 1: undefined value: `params[\"ntp-servers\"]` is undefined",
        ),
        ("{{ bmc.address }}", "x"),
        ("{{ subnet.gateway.address }}", "x"),
        ("{{ machine.interfaces[3].mac }}", "x"),
        ("{{ snippet('outer') }}", "x"),
        ("{% include 'outer' %}", "x"),
        ("{{ snippet('kickstart_network') }}", "x"),
        ("{{ snippet('kickstart-netwrok') }}", "x"),
        ("{% include 'kickstart-netwrok' %}", "x"),
        ("{{ snippet('unreadable') }}", "x"),
        ("{% include 'unreadable' %}", "x"),
        ("{{ params.banner }}", "x"),
        ("{{ params.password | kernel }}", "x"),
        ("{{ machine.name | shel }}", "x"),
        ("{{ snipet('outer') }}", "x"),
        ("{{ machine.name.shout() }}", "x"),
        ("{{ machine.name + 1 }}", "x"),
        ("{{ machine.name is odd_name }}", "x"),
        ("{% for a in machine.name_list %}{% endfor %}", "x"),
        ("{% for a in 7 %}{% endfor %}", "x"),
        ("{{ 1 // 0 }}", "x"),
        ("{{ machine.name | sha512_crypt(slat='a') }}", "x"),
        ("one\n{% if machine.name %}\ntwo", "x"),
        ("one {{ machine.name", "x"),
        ("{% endfor %}", "x"),
        ("{% set machine.name = 'b' %}", "x"),
        ("{{ 'a }}", "x"),
    ];
    let mut wrong = String::new();
    for (text, expected) in table {
        let says = error(text).to_string();
        if says != expected {
            wrong.push_str(&format!("({text:?}, {says:?}),\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
