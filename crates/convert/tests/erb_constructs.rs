//! What each construct of ERB and Ruby becomes.

use convert::erb::convert;

fn text(erb: &str) -> String {
    match convert("piece.erb", erb) {
        Ok(converted) => converted.text,
        Err(refusals) => panic!("{erb:?} is refused: {refusals:?}"),
    }
}

#[track_caller]
fn becomes(erb: &str, expected: &str) {
    assert_eq!(text(erb), expected, "from {erb:?}");
}

#[test]
fn values_are_written_and_conditions_ask_what_ruby_asks() {
    becomes("<%= @host.name %>", "{{ host.name }}");
    becomes("<%= host_param('lang') || 'en' %>", "{{ host_param(\"lang\")|otherwise(\"en\") }}");
    becomes("<% if host_param('x') %>a<% end %>", "{% if host_param(\"x\") is given %}a{% endif %}");
    becomes("<% if @host.pxe_loader_efi? %>a<% end %>", "{% if host.pxe_loader_efi %}a{% endif %}");
    becomes("<% unless @host.domain.nil? %>a<% end %>", "{% if host.domain is not none %}a{% endif %}");
    becomes("<%= 'a' if @static %>", "{{ \"a\" if static else \"\" }}");
    becomes("<%= x = 1; x %>", "{% set x = 1 %}{{ x }}");
}

#[test]
fn text_that_looks_like_our_tags_stays_text() {
    becomes("${#list[@]} {{ x }} {% y %}", "${{ \"{\" }}#list[@]} {{ \"{\" }}{ x }} {{ \"{\" }}% y %}");
    becomes("{<%= 1 %>}", "{{ \"{\" }}{{ 1 }}}");
    becomes("<%% a %%>", "<% a %%>");
}

#[test]
fn blanks_and_ends_of_lines_are_those_of_erb() {
    becomes("<% a = 1 -%>\nb\n", "{% set a = 1 %}\nb\n");
    becomes("<% a = 1 %>\nb\n", "{% set a = 1 +%}\nb\n");
    becomes("  <% a = 1 %>b", "  {%+ set a = 1 %}b");
    becomes("x\n  <%- a = 1 -%>\nb", "x\n  {% set a = 1 %}\nb");
    becomes("<%= 1 -%>\nb", "{{ 1 -}}\nb");
    becomes("<%= 1 -%>\n b", "{{ 1 }}{##}\n b");
    becomes("<%# note -%>\nb", "{# note #}\nb");
    becomes("<% # note %> lost\nlost<% a = 1 %> kept", "{% set a = 1 %} kept");
}

#[test]
fn lists_that_grow_are_assigned_anew_and_loops_share_what_outlives_them() {
    becomes("<% a = []; a << 'x' %>", "{% set a = [] %}\n{% set a = a.push(\"x\") %}");
    becomes(
        "<% n = 0 %><% @list.each do |i| n += i end %><%= n %>",
        "{% set list = list|default(none) %}\n{% set local = namespace(n=none) %}\n{% set local.n = 0 %}\n\
         {% for i in list %}\n  {% set local.n = local.n.plus(i) %}\n{% endfor %}{{ local.n }}",
    );
    becomes(
        "<% [1].each_with_index do |a, i| %><% next if i == 0 %><%= a %><% end %>",
        "{% for a in [1] %}\n  {% set i = loop.index0 %}\n  {% if i == 0 %}{% continue %}{% endif %}{{ a }}{% endfor %}",
    );
}

#[test]
fn a_variable_that_may_not_be_assigned_is_nothing_and_not_undefined() {
    becomes(
        "<% if @static; x = 1; end %><%= x %>",
        "{% set x = none %}\n{% if static %}\n  {% set x = 1 %}\n{% endif %}{{ x }}",
    );
    becomes(
        "<% if @static; x = 1; else; x = 2; end %><%= x %>",
        "{% if static %}\n  {% set x = 1 %}\n{% else %}\n  {% set x = 2 %}\n{% endif %}{{ x }}",
    );
}

#[test]
fn blocks_that_give_values_become_names_or_loops() {
    becomes(
        "<%= a = @host.interfaces.map(&:mac).join(' ') %>",
        "{% set a = host.interfaces.map(\"mac\").join(\" \") %}{{ a }}",
    );
    becomes(
        "<%= @host.interfaces.reject { |i| i.virtual? }.size %>",
        "{{ host.interfaces.reject(\"virtual\").size() }}",
    );
    becomes(
        "<%= %w[a b].map { |s| \"-#{s}\" }.join %>",
        "{% set found1 = namespace(items=[]) %}\n{% for s in [\"a\", \"b\"] %}\n  \
         {% set found1.items = found1.items.push(concat(\"-\", s)) %}\n{% endfor %}{{ found1.items.join() }}",
    );
    becomes("<%= indent(2) { snippet 'x' } %>", "{{ indent(2, snippet(\"x\")) }}");
}

#[test]
fn what_ruby_does_not_evaluate_is_not_evaluated() {
    becomes(
        "<% a = @list && @list.map { |i| \"#{i}!\" } %>",
        "{% set list = list|default(none) %}\n{% set value2 = list %}\n{% if value2 is given %}\n  \
         {% set found1 = namespace(items=[]) %}\n  {% for i in list %}\n    \
         {% set found1.items = found1.items.push(concat(i, \"!\")) %}\n  {% endfor %}\n  \
         {% set value2 = found1.items %}\n{% endif %}\n{% set a = value2 %}",
    );
}

#[test]
fn snippets_take_their_variables_by_name() {
    becomes("<%= snippet 'net', :variables => { :nic => @host.mac } %>", "{{ snippet(\"net\", nic=host.mac) }}");
    becomes("<%= snippet_if_exists(template_name + ' post') %>", "{{ snippet_if_exists(template_name ~ \" post\") }}");
    becomes(
        "<%= snippet('a', variables: @vars) %>",
        "{% set vars = vars|default(none) %}\n{{ snippet(\"a\", variables=vars) }}",
    );
}

#[test]
fn a_case_becomes_a_chain_of_conditions() {
    becomes(
        "<% case @arch when 'a', 'b' %>1<% when /^arm/ %>2<% else %>3<% end %>",
        "{% if arch in [\"a\", \"b\"] %}1{% elif arch is matching(\"(?m)^arm\") %}2{% else %}3{% endif %}",
    );
}

#[test]
fn patterns_are_rubys_written_for_our_engine() {
    becomes("<%= 'a'.gsub(/\\h+/i, '') %>", "{{ \"a\".gsub(regex(\"(?mi)[0-9a-fA-F]+\"), \"\") }}");
    becomes(
        "<%= 'x' if @a =~ /b/ && $1 %>".trim(),
        "{% set a = a|default(none) %}\n{% set last_match = none %}\n\
         {% set last_match = a.match(regex(\"(?m)b\")) %}{{ \"x\" if last_match is given and last_match.dig(1) is given else \"\" }}",
    );
}

#[test]
fn an_unknown_tag_ending_in_a_modifier_is_what_erb_makes_of_it() {
    becomes(
        "<% if @static\n a = 1\nend if\n%>\nb",
        "{% set a = none %}\n{% if static %}\n  {% set a = 1 %}\n{% endif +%}\nb"
            .replace("{% set a = none %}\n", "")
            .as_str(),
    );
}
