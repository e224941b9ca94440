//! What is refused, and what a person is told.

use convert::erb::convert;

#[test]
fn what_cannot_be_translated_is_named_with_its_place_and_reason() {
    let cases: &[(&str, &str)] = &[
        ("a\n<% x = 1", "line 2, column 1: <% x = 1: the tag is never closed (it ends with `%>`)"),
        ("<% if a %>b", "line 1, column 4: if a: `if` has no `end`: the end of the template comes first"),
        ("<% end %>", "line 1, column 4: end: `end` without what it belongs to"),
        (
            "\n\n  <%= @host.name rescue 'x' %>",
            "line 3, column 18: rescue 'x': `rescue` cannot be translated: here an error ends the rendering (test for the value before using it)",
        ),
        (
            "<% x = y rescue 1 %>",
            "line 1, column 10: rescue 1: `rescue` cannot be translated: here an error ends the rendering (test for the value before using it)",
        ),
        (
            "<% def f(x) %><% end %>",
            "line 1, column 4: def f(x): `def` defines code to be called, which has no counterpart in a template (make it a snippet, or write it out where it is called)",
        ),
        ("<%= `date` %>", "line 1, column 5: `date`: a command of the operating system cannot be translated"),
        ("<%= ENV['HOME'] %>", "line 1, column 5: ENV['HOME']: the environment is not for templates (use a parameter)"),
        (
            "<%= File.read('/etc/passwd') %>",
            "line 1, column 5: File.read('/etc/passwd'): `File.read` of Ruby has no counterpart here",
        ),
        (
            "<%= nonsense('x') %>",
            "line 1, column 5: nonsense('x'): `nonsense` is neither a variable nor a helper that is known here (pass it to the snippet as a variable, or make it a parameter)",
        ),
        (
            "<% load_hosts.each_record do |h| %><% end %>",
            "line 1, column 4: load_hosts.each_record do |h|: `load_hosts` reads records of Foreman's database",
        ),
        (
            "<%= 'a'.gsub(/(?=b)/, '') %>",
            "line 1, column 14: /(?=b)/, ''): `(?=…)` looks ahead, which patterns cannot do here",
        ),
        (
            "<% @host.name = 'x' %>",
            "line 1, column 4: @host.name = 'x': `name` cannot be assigned to (facts cannot be changed; keep the value in a variable)",
        ),
        ("<%= \"a #{1 %>", "line 1, column 10: 1: `#{` is never closed"),
    ];
    let told = |erb: &str| convert("t.erb", erb).expect_err(erb)[0].to_string();
    let wrong: Vec<_> = cases.iter().map(|(erb, expected)| (*expected, told(erb))).filter(|(a, b)| a != b).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_place_is_named_and_not_only_the_first() {
    let refusals = convert("t.erb", "<%= one() %>\nfine\n<%= two() %>\n<%= ENV['A'] %>").unwrap_err();
    assert_eq!(refusals.iter().map(|refusal| refusal.line).collect::<Vec<_>>(), [1, 3, 4]);
}

#[test]
fn a_report_is_refused_as_such() {
    let refusals = convert("r.erb", "<%#\nname: r\nmodel: ReportTemplate\n-%>\n<%= report_render -%>").unwrap_err();
    assert_eq!(refusals[0].reason, "a report reads records of Foreman's database");
}

#[test]
fn a_long_template_is_read_to_its_end() {
    for long in [
        format!("<% f({}1) %>", "a, ".repeat(20_000)),
        format!("<% x = [{}] %>", "a:a,".repeat(10_000)),
        "<% a = 1 %>".repeat(4_000),
        (0..4_000).map(|i| format!("v{i}=1;")).fold("<% ".to_owned(), |all, one| all + &one) + " %>",
        "${#x}".repeat(10_000),
        "<%# x -%> ".repeat(4_000),
    ] {
        let _ = convert("l.erb", &long);
    }
    assert!(convert("l.erb", &"x".repeat(2 << 20)).unwrap_err()[0].reason.contains("longer than"));
}

#[test]
fn a_hostile_template_is_refused_and_does_no_harm() {
    for hostile in [
        format!("<%= {}1{} %>", "(".repeat(5_000), ")".repeat(5_000)),
        format!("<%= {}1 %>", "!".repeat(50_000)),
        format!("<%= {}1{} %>", "[".repeat(5_000), "]".repeat(5_000)),
        "<% if 1 %>".repeat(2_000),
        format!("<%= \"{}\" %>", "#{\"".repeat(1_000)),
        format!("<%= a{} %>", ".b".repeat(20_000)),
    ] {
        assert!(convert("h.erb", &hostile).is_err(), "{}…", &hostile[..40]);
    }
}
