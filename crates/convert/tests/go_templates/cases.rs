//! Go templates and what Go 1.19 writes for them with the facts of these tests.

pub(crate) const CASES: &[(&str, &str)] = &[
    (r#"a {{- " b " -}} c"#, "a b c"),
    (
        r#"{{ if .ParamExists "nope" }}x{{ else if .ParamExists "dns-domain" }}{{ .Param "dns-domain" }}{{ else }}y{{ end }}"#,
        "example.net",
    ),
    ("{{ with .Machine }}{{ .Name }} {{ $.Machine.Address }}{{ end }}", "node1.example.net 10.77.0.21"),
    (
        "{{ with $m := .Machine }}{{ $m.Name }}{{ with $m.Profiles }}{{ index . 1 }}{{ end }}{{ end }}",
        "node1.example.netweb",
    ),
    ("{{ range .Machine.Profiles }}<{{ . }}>{{ end }}", "<rack><web>"),
    ("{{ range $i, $p := .Machine.Profiles }}{{ if $i }}, {{ end }}{{ $p | upper }}{{ end }}", "RACK, WEB"),
    (
        r#"{{ $found := false }}{{ range .Machine.Profiles }}{{ if eq . "web" }}{{ $found = true }}{{ end }}{{ end }}{{ $found }}"#,
        "true",
    ),
    (
        r#"{{ $total := 0 }}{{ range $i, $e := .Param "access-keys" }}{{ range $j, $f := $.Machine.Profiles }}{{ $total = add $total 1 }}{{ end }}{{ end }}{{ $total }}"#,
        "8",
    ),
    ("{{ $x := 1 }}{{ range .Machine.Profiles }}{{ $x := 2 }}{{ $x = 3 }}{{ $x }}{{ end }}{{ $x }}", "331"),
    ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 5 }}{{ $x }}{{ end }}{{ $x }}", "52"),
    (
        r#"{{ range $k, $v := .Param "krib/labels" }}{{ $k }}={{ $v }}{{ "\n" }}{{ end }}"#,
        "ok=true
role=data base
zone=3
",
    ),
    (r#"{{ range .Param "krib/labels" }}{{ . }},{{ end }}"#, "true,data base,3,"),
    (r#"{{ (index (.Param "krib/cluster-masters") 0).Name }}"#, "m1"),
    (r#"{{ ((index (.Param "krib/cluster-masters") 1).Address) | printf "%s:%d" | len }}"#, "21"),
    (r#"{{ printf "%s-%s" "a" (printf "%03d" 7) }}"#, "a-007"),
    (r#"{{ "a,b,c" | splitList "," | join "-" }}"#, "a-b-c"),
    (r#"{{ (split "/" "x/y")._1 }}"#, "y"),
    (r#"{{ default "d" "" }} {{ "v" | default "d" }} {{ empty 0 }} {{ ternary "y" "n" true }}"#, "d v true y"),
    (
        r#"{{ dict "a" 1 "b" "two" }} {{ list 1 "x" true }} {{ (dict "k" (list 1 2)).k }}"#,
        "map[a:1 b:two] [1 x true] [1 2]",
    ),
    (
        r#"{{ $d := dict "n" 1 }}{{ $_ := set $d "m" 2 }}{{ range $k, $v := $d }}{{ $k }}{{ $v }}{{ end }}{{ hasKey $d "m" }}{{ get $d "zz" }}|"#,
        "m2n1true|",
    ),
    (r#"{{ toJson (dict "a" (list 1 "<b>") "c" true) }}"#, r#"{"a":[1,"\u003cb\u003e"],"c":true}"#),
    (
        r#"{{ .ParamAsJSON "proxy-servers" }}|"#,
        r#"["http://p:3128"]
|"#,
    ),
    (
        r#"{{ "line1\nline2" | indent 2 }}|{{ "x" | nindent 4 }}"#,
        "  line1
  line2|
    x",
    ),
    (
        r#"{{ eq "a" "b" "a" }}{{ ne 1 2 }}{{ lt 1 2 }}{{ le 2 2 }}{{ gt 1 2 }}{{ ge 1 2 }}"#,
        "truetruetruetruefalsefalse",
    ),
    (
        r#"{{ and true "x" }}{{ and "" "x" }}|{{ or "" 0 }}{{ not 0 }}{{ and 1 2 3 }}{{ or 0 false "end" }}"#,
        "x|0true3end",
    ),
    (r#"{{ if and (.ParamExists "x") (.Param "x") }}a{{ else }}b{{ end }}"#, "b"),
    (r#"{{ if not (.ParamExists "x") }}none{{ end }}"#, "none"),
    (
        r#"{{ $v := .Param "krib/labels" }}{{ $v.role }} {{ $v.absent }} {{ if $v.absent }}t{{ else }}f{{ end }}"#,
        "data base <no value> f",
    ),
    (
        r#"{{ .Param "krib/labels" }}{{ .Param "access-keys" }}{{ .Param "kexec-ok" }}{{ .Param "etcd/client-port" }}"#,
        "map[ok:true role:data base zone:3][k0 k1 k2 k3]true2379",
    ),
    ("{{/* note */}}x{{- /* trim */ -}} y", "xy"),
    (
        r#"{{ define "T" }}[{{ . }}]{{ end }}{{ template "T" "v" }}{{ template "T" .Machine.Name }}"#,
        "[v][node1.example.net]",
    ),
    (
        r#"{{ define "L" }}{{ range . }}{{ .Name }};{{ end }}{{ end }}{{ template "L" (.Param "krib/cluster-masters") }}"#,
        "m1;m2;",
    ),
    (r#"{{ block "B" . }}{{ .Machine.Name }}{{ end }}|{{ template "B" . }}"#, "node1.example.net|node1.example.net"),
    (
        r#"{{ range $i, $e := .Param "access-keys" }}{{ if eq $e "k2" }}{{ break }}{{ end }}{{ if eq $e "k0" }}{{ continue }}{{ end }}{{ $e }}{{ end }}"#,
        "k1",
    ),
    (r#"{{ range .Param "empty-list" }}x{{ else }}nothing{{ end }}"#, "nothing"),
    (r#"{{ "quoted \"x\"" | quote }} {{ squote "a" "b" }}"#, r#""quoted \"x\"" 'a' 'b'"#),
    (r#"{{ `raw {{ braces }} %}` }} {{ "{%" }} {{ "}}" }}"#, "raw {{ braces }} %} {% }}"),
    ("${#arr[@]} {# no comment #} {% no block %} ${x%%y}", "${#arr[@]} {# no comment #} {% no block %} ${x%%y}"),
    (r#"{{ $a := "x" }}{{ $b := $a }}{{ $a = "y" }}{{ $a }}{{ $b }}"#, "yx"),
    (
        r#"{{ if eq .Env.OS.Family "ubuntu" }}{{ .Env.OS.Version }}{{ end }} {{ .Env.OS.VersionEq "20.04" }} {{ .Env.OS.VersionEq "18" }}"#,
        "20.04 true false",
    ),
    (
        "{{ .Machine.Path }} {{ .Machine.HexAddress }} {{ .Machine.ShortName }} {{ .Machine.Url }}",
        "machines/0b9c7c9e-6d4f-4b5e-8f0a-1d2c3b4a5f60 0A4D0015 node1 http://10.77.0.1:8091/machines/0b9c7c9e-6d4f-4b5e-8f0a-1d2c3b4a5f60",
    ),
    (r#"{{ len .Machine.Profiles }} {{ len (.Param "krib/labels") }} {{ len "abc" }}"#, "2 3 3"),
    (r#"{{ slice (.Param "access-keys") 1 2 }} {{ slice "hello" 1 }} {{ index "abc" 1 }}"#, "[k1] ello 98"),
    (
        r#"{{ print "a" 1 2 "b" }} {{ println 1 "x" }}"#,
        "a1 2b 1 x
",
    ),
    (
        r#"{{ printf "%v %v %v" true 1.5 "s" }} {{ printf "%6.2f|%-6s|%06d" 3.14159 "ab" 42 }}"#,
        "true 1.5 s   3.14|ab    |000042",
    ),
    (r#"{{ printf "%q %x %X %o %b %c %U %t" "a\n" 255 255 8 5 65 65 false }}"#, r#""a\n" ff FF 10 101 A U+0041 false"#),
    (
        r#"{{ printf "%d%%" 50 }} {{ printf "%s" 5 }} {{ printf "%d" "x" }} {{ printf "%s %s" "a" }} {{ printf "%s" "a" "b" }}"#,
        "50% %!s(int=5) %!d(string=x) a %!s(MISSING) a%!(EXTRA string=b)",
    ),
    (
        r#"{{ html "<a>&'\"" }} {{ js "'\"<\n" }} {{ urlquery "a b&c/é" }}"#,
        r#"&lt;a&gt;&amp;&#39;&#34; \'\"\u003C\u000A a+b%26c%2F%C3%A9"#,
    ),
    ("{{ 0x10 }} {{ 1e3 }} {{ 'x' }} {{ -5 }} {{ 1_000 }} {{ .5 }} {{ 1.0 }}", "16 1000 120 -5 1000 0.5 1"),
    ("  {{ if true }}  a  {{ end }}  ", "    a    "),
    ("\t{{- if true -}} \ta\t {{- end -}}\t ", "a"),
    (
        "{{ if true }}
  x
{{- else }}
  y
{{- end }}",
        "
  x",
    ),
    (
        "{{ range .Machine.Profiles }}
- {{ . }}
{{- end }}",
        "
- rack
- web",
    ),
    ("end", "end"),
    (
        "{{ range $i, $e := .Machine.Profiles -}}
{{ $i }}{{ $e }}
{{ end -}}",
        "0rack
1web
",
    ),
    ("end", "end"),
    (
        r#"{{ with .Param "dns-domain" -}}
d {{ . }}
{{- end }}"#,
        "d example.net",
    ),
    (r#"{{ if .Param "kexec-ok" }}{{ if .Param "empty-list" }}a{{ else }}b{{ end }}{{ end }}"#, "b"),
    (
        r#"{{ $l := .Param "krib/cluster-masters" }}{{ range $l }}{{ $n := .Name }}{{ range $l }}{{ if ne .Name $n }}{{ $n }}-{{ .Name }} {{ end }}{{ end }}{{ end }}"#,
        "m1-m2 m2-m1 ",
    ),
    (
        r#"{{ $first := true }}{{ range .Param "access-keys" }}{{ if not $first }}, {{ end }}{{ $first = false }}{{ . }}{{ end }}"#,
        "k0, k1, k2, k3",
    ),
    (
        r#"{{ coalesce "" 0 "z" }} {{ "AbC" | lower }} {{ trim "  x " }}| {{ replace "a" "b" "banana" }} {{ contains "an" "banana" }}"#,
        "z abc x| bbnbnb true",
    ),
    (
        r#"{{ cat "a" "" "b" }}| {{ regexMatch "^a.c$" "abc" }} {{ hasPrefix "ab" "abc" }} {{ trimSuffix "c" "abc" }} {{ trunc 2 "abc" }}"#,
        "a  b| true true ab ab",
    ),
    (
        r#"{{ uniq (list 1 2 1) }} {{ has 2 (list 1 2) }} {{ append (list 1) 2 }} {{ first (list "a" "b") }} {{ concat (list 1) (list 2 3) }}"#,
        "[1 2] true [1 2] a [1 2 3]",
    ),
    (
        r#"{{ if (eq (len (.Param "access-keys")) 4) }}four{{ end }} {{ if gt (len (.Param "empty-list")) 0 }}x{{ end }}"#,
        "four ",
    ),
    (
        r#"{{ $r := . }}{{ range $.Machine.Profiles }}{{ $r.Machine.Name }}{{ $r.Param "dns-domain" }}{{ end }}"#,
        "node1.example.netexample.netnode1.example.netexample.net",
    ),
    (
        r#"{{ $name := printf "%s" "part-scheme-lvm.tmpl" }}{{ .CallTemplate $name . }}{{ template "part-scheme-lvm.tmpl" . }}"#,
        "storage:
  layout:
    name: lvm
storage:
  layout:
    name: lvm
",
    ),
    (r#"{{ .CallTemplate "part-scheme-lvm.tmpl" . | indent 2 }}"#, "  storage:\n    layout:\n      name: lvm\n  "),
    (
        r#"{{ range $name, $v := (.Param "helm/charts" | first) }}{{ $name }} {{ end }}"#,
        "chart kubectlbefore name namespace params templates wait ",
    ),
    (r#"{{ range $x := list 1 2 3 }}{{ $x }}{{ end }}{{ range splitList "," "a,b" }}{{ . }}{{ end }}"#, "123ab"),
    (
        r#"{{ if eq (.Param "rs-debug-enable") true }}dbg{{ end }}{{ if ne 1 (.Param "classify/version" | int) }}v2{{ end }}"#,
        "dbgv2",
    ),
    (r#"{{ $tag := "" }}{{ if true }}{{ if true }}{{ $tag = "in" }}{{ end }}{{ end }}{{ $tag }}"#, "in"),
    (r#"{{ range $i, $x := .Param "empty-list" }}{{ else }}{{ $x }}{{ end }}"#, "[]"),
    (r#"{{ with $y := .Param "access-keys" }}{{ range $y }}{{ . }}{{ end }}{{ len $y }}{{ end }}"#, "k0k1k2k34"),
    ("{{ $c := 0 }}{{ with .Machine }}{{ range .Profiles }}{{ $c = add $c 1 }}{{ end }}{{ end }}{{ $c }}", "2"),
    (r#"{{ .Machine.Name | printf "%s.%s" "a" | quote }}"#, r#""a.node1.example.net""#),
    (
        r#"{{ (.Param "krib/labels").role }}{{ (index (.Param "krib/cluster-masters") 0).Address }}"#,
        "data base10.0.0.2",
    ),
    (
        "{{ range $i, $m := .Param \"krib/cluster-masters\" }}{{ $n := 0 }}{{ range $.Machine.Profiles }}{{ $n = add $n 1 }}{{ $i = add $i 10 }}{{ end }}{{ $n }}:{{ $i }};{{ end }}",
        "2:20;2:21;",
    ),
    (
        "{{ range $e := .Machine.Profiles }}{{ range $j := list 1 2 }}{{ $e = printf \"%s%d\" $e $j }}{{ end }}{{ $e }} {{ . }};{{ end }}",
        "rack12 rack;web12 web;",
    ),
    (
        "{{ define \"x\" -}}\n  in {{ .Machine.Name }}\n{{- end }}\nA{{ template \"x\" . }}B\n{{ define \"y\" }}{{ template \"x\" $ }}{{ end -}}\n\n  C{{ template \"y\" . }}",
        "\nAin node1.example.netB\nCin node1.example.net",
    ),
    ("a\n{{ if true }}\n b\n{{ end }}\n{{- \"x\" }}\n", "a\n\n b\nx\n"),
    ("{{ range $e := .Machine.Profiles }}{{ $e = \"x\" }}{{ $e }}{{ . }};{{ end }}", "xrack;xweb;"),
];
