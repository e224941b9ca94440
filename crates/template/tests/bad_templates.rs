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
            "template \"wrong\", line 1: undefined value: `params['ntp-servers']` is undefined",
        ),
        (
            "{{ bmc.address }}",
            "template \"wrong\", line 1: undefined value: `bmc.address` is undefined; `bmc` has no value",
        ),
        (
            "{{ subnet.gateway.address }}",
            "template \"wrong\", line 1: undefined value: `subnet.gateway.address` is undefined; `subnet.gateway` is a string, which has no members",
        ),
        (
            "{{ machine.interfaces[3].mac }}",
            "template \"wrong\", line 1: undefined value: `machine.interfaces[3]` is undefined; `machine.interfaces` has 1 item, counted from 0",
        ),
        (
            "{{ snippet('outer') }}",
            "template \"kickstart-network\", line 2, taken in by \"outer\", line 2, taken in by \"wrong\", line 1: undefined value: `subnet.gatway` is undefined; did you mean `subnet.gateway`?",
        ),
        (
            "{% include 'outer' %}",
            "template \"kickstart-network\", line 2, taken in by \"outer\", line 2, taken in by \"wrong\", line 1: undefined value: `subnet.gatway` is undefined; did you mean `subnet.gateway`?",
        ),
        (
            "{{ snippet('kickstart_network') }}",
            "template \"kickstart-network\", line 1, taken in by \"wrong\", line 1: undefined value: `device` is undefined; if it is for whoever uses it to say: snippet(\"kickstart-network\", device=…)",
        ),
        (
            "{{ snippet('kickstart-netwrok') }}",
            "template \"wrong\", line 1: there is no template \"kickstart-netwrok\"; did you mean `kickstart-network`?",
        ),
        (
            "{% include 'kickstart-netwrok' %}",
            "template \"wrong\", line 1: there is no template \"kickstart-netwrok\"; did you mean `kickstart-network`?",
        ),
        (
            "{{ snippet('unreadable') }}",
            "template \"unreadable\", line 2, taken in by \"wrong\", line 1: syntax error: unexpected end of block in `%}`",
        ),
        (
            "{% include 'unreadable' %}",
            "template \"unreadable\", line 2, taken in by \"wrong\", line 1: syntax error: unexpected end of block in `%}`",
        ),
        (
            "{{ params.banner }}",
            "template \"params.banner\", line 2, taken in by \"wrong\", line 1: undefined value: `machine.nmae` is undefined; did you mean `machine.name`?",
        ),
        (
            "{{ params.password | kernel }}",
            "template \"wrong\", line 1: the character U+000A at byte 3 cannot be written in a kernel argument",
        ),
        ("{{ machine.name | shel }}", "template \"wrong\", line 1: there is no filter shel; did you mean `shell`?"),
        ("{{ snipet('outer') }}", "template \"wrong\", line 1: there is no function snipet; did you mean `snippet`?"),
        ("{{ machine.name.shout() }}", "template \"wrong\", line 1: a string has no method shout in `.shout()`"),
        (
            "{{ machine.name + 1 }}",
            "template \"wrong\", line 1: tried to use + operator on unsupported types string and number in `machine.name + 1`",
        ),
        ("{{ machine.name is odd_name }}", "template \"wrong\", line 1: there is no test odd_name"),
        (
            "{% for a in machine.name_list %}{% endfor %}",
            "template \"wrong\", line 1: undefined value: `machine.name_list` is undefined",
        ),
        ("{% for a in 7 %}{% endfor %}", "template \"wrong\", line 1: number is not iterable in `7`"),
        ("{{ 1 // 0 }}", "template \"wrong\", line 1: unable to calculate 1 // 0"),
        (
            "{{ machine.name | sha512_crypt(slat='a') }}",
            "template \"wrong\", line 1: too many arguments: unknown keyword argument 'slat' in `sha512_crypt(slat='a')`",
        ),
        (
            "one\n{% if machine.name %}\ntwo",
            "template \"wrong\", line 3: syntax error: unexpected end of input, expected end of block in `two`",
        ),
        (
            "one {{ machine.name",
            "template \"wrong\", line 1: syntax error: unexpected end of input, expected end of variable block in `name`",
        ),
        ("{% endfor %}", "template \"wrong\", line 1: syntax error: unknown statement endfor"),
        ("{% set machine.name = 'b' %}", "template \"wrong\", line 1: can only assign to namespaces, not map"),
        ("{{ 'a }}", "template \"wrong\", line 1: syntax error: unexpected end of string"),
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

#[test]
fn an_error_has_its_parts_for_programs() {
    let RenderError::Wrong(wrong) = error("{{ snippet('outer') }}") else { panic!("the value is missing") };
    assert_eq!((wrong.template.as_str(), wrong.line), ("kickstart-network", Some(2)));
    assert_eq!(wrong.path.as_deref(), Some("subnet.gatway"));
    assert_eq!(wrong.hint.as_deref(), Some("did you mean `subnet.gateway`?"));
    let chain: Vec<_> = wrong.chain.iter().map(|frame| (frame.template.as_str(), frame.line)).collect();
    assert_eq!(chain, [("wrong", Some(1)), ("outer", Some(2))]);
}

#[test]
fn a_template_that_is_not_there_is_named_with_one_that_is() {
    let set = TemplateSet::new([("Kickstart default", "a")]);
    assert_eq!(set.render("kickstart_default", &facts()).map(|rendered| rendered.text), Ok("a".to_owned()));
    assert_eq!(
        set.render("Kickstart defualt", &facts()).expect_err("it is misspelt").to_string(),
        "there is no template \"Kickstart defualt\"; did you mean `Kickstart default`?"
    );
}
