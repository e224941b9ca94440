//! What a template cannot do: run without an end, grow without an end, or take itself in.

use std::sync::Arc;
use template::facts::{Facts, Param, PartitionTable};
use template::{MAX_SNIPPET_DEPTH, MAX_TEMPLATE_BYTES, RenderError, Rendered, TemplateSet};

fn render(templates: &[(&str, &str)], facts: Facts) -> Result<Rendered, RenderError> {
    let set = TemplateSet::new(templates.iter().copied());
    set.render(templates[0].0, &Arc::new(facts))
}

fn message(templates: &[(&str, &str)]) -> String {
    let rendered = render(templates, Facts::default()).map(|rendered| rendered.text);
    rendered.expect_err("the template is wrong").to_string()
}

fn with_params<const N: usize>(params: [(&str, &str); N]) -> Facts {
    let param = |text: &str| Param { value: text.into(), template: true, ..Param::default() };
    let params = params.into_iter().map(|(name, text)| (name.to_owned(), param(text)));
    Facts { params: params.collect(), ..Facts::default() }
}

/// Threads of the server have two megabytes of stack.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread starts");
    thread.join().expect("the work does not panic");
}

#[test]
fn snippets_in_a_circle_are_named_in_their_order() {
    let says = message(&[("ks", "{{ snippet('net') }}"), ("net", "\n{{ snippet('ks') }}")]);
    assert_eq!(
        says,
        "template \"net\", line 2, taken in by \"ks\", line 1: snippets take in one another in a circle: \
         \"ks\" → \"net\" → \"ks\" in `snippet('ks')`"
    );
}

#[test]
fn includes_in_a_circle_are_named_in_their_order() {
    on_a_small_stack(|| {
        let says = message(&[("ks", "{% include 'net' %}"), ("net", "\n{% include 'ks' %}")]);
        assert_eq!(
            says,
            "template \"ks\", line 1: templates take in one another in a circle: \"ks\" → \"net\" → \"ks\""
        );
    });
}

#[test]
fn includes_and_snippets_in_a_circle_end_on_a_small_stack() {
    on_a_small_stack(|| {
        let says = message(&[("a", "{% include 'b' %}"), ("b", "{% include 'c' %}"), ("c", "{{ snippet('a') }}")]);
        assert!(says.contains("\"a\" → \"a\""), "{says}");
        let chain: Vec<(String, String)> = (0..40)
            .map(|n| {
                (
                    format!("s{n}"),
                    format!("{{% macro m() %}}{{{{ snippet('s{}') }}}}{{% endmacro %}}{{{{ m() }}}}", n + 1),
                )
            })
            .collect();
        let chain: Vec<(&str, &str)> = chain.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert!(message(&chain).contains("snippets lie more than 16 deep in one another"));
    });
}

#[test]
fn a_layout_that_reads_itself_ends_on_a_small_stack() {
    on_a_small_stack(|| {
        let table = PartitionTable { name: "layout".to_owned(), ..PartitionTable::default() };
        let facts = || Facts { partition_table: Some(table.clone()), ..Facts::default() };
        for text in ["{{ partition_table.text }}", "{{ host.diskLayout }}"] {
            let says = render(&[("layout", text)], facts()).expect_err("it reads itself").to_string();
            assert!(says.contains("templates lie too deep in one another: does one read itself?"), "{says}");
        }
    });
}

#[test]
fn snippets_deep_in_includes_end_on_a_small_stack() {
    on_a_small_stack(|| {
        let mut library = Vec::new();
        for level in 0..MAX_SNIPPET_DEPTH {
            for step in 0..10 {
                library.push((format!("s{level}-{step}"), format!("{{% include 's{level}-{}' %}}", step + 1)));
            }
            library.push((format!("s{level}-10"), format!("{{{{ snippet('s{}-0') }}}}", level + 1)));
        }
        library.push((format!("s{MAX_SNIPPET_DEPTH}-0"), "end".to_owned()));
        let library: Vec<(&str, &str)> = library.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        // How deep fits depends on how the engine was compiled.
        match render(&library, Facts::default()) {
            Ok(rendered) => assert_eq!(rendered.text, "end"),
            Err(error) => assert!(error.to_string().contains("templates lie too deep in one another"), "{error}"),
        }
    });
}

#[test]
fn a_macro_that_calls_itself_ends_on_a_small_stack() {
    on_a_small_stack(|| {
        let says = message(&[("deep", "{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}")]);
        assert!(says.contains("lie too deep in one another: does one call itself?"), "{says}");
    });
}

#[test]
fn parameters_in_a_circle_are_named_in_their_order() {
    let facts = with_params([("a", "{{ params.b }}"), ("b", "{{ params.a }}")]);
    let says = render(&[("t", "one\n{{ params.a }}")], facts).unwrap_err().to_string();
    assert!(says.contains("parameters read one another in a circle: params.a → params.b → params.a"), "{says}");
    assert!(says.contains("taken in by \"t\", line 2"), "{says}");
}

#[test]
fn parameters_read_one_another_eight_deep_and_no_deeper() {
    on_a_small_stack(|| {
        let chain = |n: usize| {
            let mut facts = Facts::default();
            for at in 1..=n {
                let text = format!("{{{{ params.p{} }}}}", at + 1);
                let param = Param { value: text.into(), template: true, ..Param::default() };
                facts.params.insert(format!("p{at}"), param);
            }
            facts.params.insert(format!("p{}", n + 1), Param { value: "end".into(), ..Param::default() });
            render(&[("t", "{{ params.p1 }}")], facts)
        };
        assert_eq!(chain(8).unwrap().text, "end");
        let says = chain(9).unwrap_err().to_string();
        assert!(says.contains("more than 8 deep: params.p1 → params.p2"), "{says}");
    });
}

#[test]
fn a_template_of_fifty_megabytes_is_refused_with_its_size() {
    let text = "x".repeat(50_000_000);
    assert_eq!(
        message(&[("huge", &text)]),
        format!("template \"huge\" has 50000000 bytes, and the limit is {MAX_TEMPLATE_BYTES}")
    );
}

#[test]
fn loops_without_an_end_are_stopped() {
    let says = message(&[("t", "\n{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")]);
    assert_eq!(says, "template \"t\", line 2 takes more than 2 s or too many steps: is a loop without an end in it?");
}

#[test]
fn snippets_share_the_steps_and_the_size_of_the_render() {
    let work = "{% for a in range(90000) %}{% endfor %}";
    let says = message(&[("t", "{% for a in range(99) %}{{ snippet('work') }}{% endfor %}"), ("work", work)]);
    assert!(says.contains("too many steps"), "{says}");
    let long = "{% for a in range(99) %}{{ 'x' * 9999 }}{% endfor %}";
    let says = message(&[("t", "{% for a in range(9) %}{{ snippet('long') }}{% endfor %}"), ("long", long)]);
    assert_eq!(says, "template \"t\" renders to more than 4194304 bytes");
}

#[test]
fn a_text_cannot_be_doubled_without_an_end() {
    let too_long = "template \"t\" renders to more than 4194304 bytes";
    let loops = "{% for i in range(60) %}";
    for doubling in ["ns.s ~ ns.s", "ns.s + ns.s", "ns.s * 2", "ns.s | replace('x', ns.s)", "[ns.s, ns.s] | join"] {
        let start = "{% set ns = namespace(s='x' * 9) %}";
        let text = format!("{start}{loops}{{% set ns.s = {doubling} %}}{{% endfor %}}");
        assert_eq!(message(&[("t", &text)]), too_long, "{doubling}");
    }
    let straight = format!("{{% set a = 'xxxxxxxx' %}}{}", "{% set a = a ~ a %}".repeat(60));
    assert_eq!(message(&[("t", &straight)]), too_long);
    let kept = format!("{{% set a = 'xxxxxxxx' %}}{}", "{% set a %}{{ a }}{{ a }}{% endset %}".repeat(60));
    assert_eq!(message(&[("t", &kept)]), too_long);
    let lists = format!("{{% set a = [1] %}}{}", "{% set a = a + a %}".repeat(60));
    assert_eq!(message(&[("t", &lists)]), too_long);
}

#[test]
fn no_filter_makes_a_line_beyond_all_measure() {
    for (text, says) in [
        ("{{ 'a' | indent(999999999, true) }}", "999999999 is more than 10000"),
        ("{{ 'a' | indent(width=999999999) }}", "999999999 is more than 10000"),
        ("{{ '%999999999d' | format(1) }}", "too wide"),
        ("{{ [1] | batch(999999999, 0) | list }}", "999999999 is more than 10000"),
    ] {
        assert!(message(&[("t", text)]).contains(says), "{text}: {}", message(&[("t", text)]));
    }
}
