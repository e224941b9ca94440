//! The functions, as a table: what each gives for its arguments in Go's order.

use crate::facts::Facts;
use crate::{TemplateSet, TemplateSource};
use std::sync::Arc;

fn render(text: &str) -> Result<String, String> {
    let facts = Facts { now: "2026-03-05T07:08:09Z".parse().expect("a time"), ..Facts::default() };
    let source = TemplateSource { name: "t", text };
    let rendered = TemplateSet::default().preview(source, &Arc::new(facts));
    rendered.map(|rendered| rendered.text).map_err(|error| error.to_string())
}

#[track_caller]
fn gives(expression: &str, expected: &str) {
    assert_eq!(render(&format!("{{{{ {expression} }}}}")).as_deref(), Ok(expected), "{expression}");
}

#[test]
fn text() {
    for (expression, expected) in [
        ("sprig.abbrev(5, 'hello world')", "he..."),
        ("sprig.cat('a', 1, none)", "a 1"),
        ("sprig.indent(2, 'a\\nb')", "  a\n  b"),
        ("sprig.join('-', [1, 'b'])", "1-b"),
        ("sprig.join('-', 'alone')", "alone"),
        ("sprig.nospace(' a b ')", "ab"),
        ("sprig.plural('one', 'many', 2)", "many"),
        ("sprig.quote('a\"b', 1)", r#""a\"b" "1""#),
        ("sprig.repeat(3, 'ab')", "ababab"),
        ("sprig.replace('a', 'b', 'aXa')", "bXb"),
        ("sprig.split('/', 'a/b')._1", "b"),
        ("sprig.splitn('/', 2, 'a/b/c')._1", "b/c"),
        ("sprig.splitList(',', 'a,b')", "[a b]"),
        ("sprig.squote('a', 'b')", "'a' 'b'"),
        ("sprig.substr(1, 3, 'abcd')", "bc"),
        ("sprig.substr(-1, 2, 'abcd')", "ab"),
        ("sprig.substr(2, -1, 'abcd')", "cd"),
        ("sprig.trimAll('$', '$a$')", "a"),
        ("sprig.trimPrefix('-', '-a')", "a"),
        ("sprig.trunc(-2, 'abcd')", "cd"),
        ("sprig.trunc(9, 'abcd')", "abcd"),
    ] {
        gives(expression, expected);
    }
}

#[test]
fn words() {
    for (expression, expected) in [
        ("sprig.camelcase('http_server-name')", "HttpServerName"),
        ("sprig.snakecase('FirstName')", "first_name"),
        ("sprig.kebabcase('FirstName')", "first-name"),
        ("sprig.initials('First Try')", "FT"),
        ("sprig.swapcase('aBc')", "AbC"),
        ("sprig.title('hello big world')", "Hello Big World"),
        ("sprig.untitle('Hello World')", "hello world"),
        ("sprig.wrap(6, 'aaa bb cccc')", "aaa bb\ncccc"),
        ("sprig.wrapWith(3, '|', 'aaa bb')", "aaa|bb"),
    ] {
        gives(expression, expected);
    }
}

#[test]
fn lists_and_maps() {
    for (expression, expected) in [
        ("sprig.append([1], 2)", "[1 2]"),
        ("sprig.prepend([1], 2)", "[2 1]"),
        ("sprig.chunk(2, [1, 2, 3])", "[[1 2] [3]]"),
        ("sprig.compact([1, '', 0, 'a'])", "[1 a]"),
        ("sprig.concat([1], [2], [])", "[1 2]"),
        ("sprig.first([])", "<no value>"),
        ("sprig.last([1, 2])", "2"),
        ("sprig.rest([1, 2, 3])", "[2 3]"),
        ("sprig.initial([1, 2, 3])", "[1 2]"),
        ("sprig.has('a', ['b', 'a'])", "true"),
        ("sprig.reverse([1, 2])", "[2 1]"),
        ("sprig.slice([1, 2, 3], 1, 2)", "[2]"),
        ("sprig.sortAlpha(['b', 'a'])", "[a b]"),
        ("sprig.uniq([1, 2, 1])", "[1 2]"),
        ("sprig.until(3)", "[0 1 2]"),
        ("sprig.untilStep(6, 0, -2)", "[6 4 2]"),
        ("sprig.seq(1, 2, 6)", "1 3 5"),
        ("sprig.seq(0, -2)", "0 -1 -2"),
        ("sprig.without([1, 2, 3], 1, 3)", "[2]"),
        ("sprig.dict('b', 1, 'a', [none])", "map[a:[<nil>] b:1]"),
        ("sprig.keys({'b': 1, 'a': 2})", "[a b]"),
        ("sprig.values({'b': 1, 'a': 2})", "[2 1]"),
        ("sprig.pick({'b': 1, 'a': 2}, 'b')", "map[b:1]"),
        ("sprig.omit({'b': 1, 'a': 2}, 'b')", "map[a:2]"),
        ("sprig.pluck('a', {'a': 1}, {'b': 2}, {'a': 3})", "[1 3]"),
        ("sprig.dig('a', 'b', 'no', {'a': {'b': 5}})", "5"),
        ("sprig.dig('a', 'c', 'no', {'a': {'b': 5}})", "no"),
        ("sprig.get({'a': 1}, 'b')", ""),
        ("sprig.hasKey({'a': 1}, 'a')", "true"),
        ("sprig.merge(sprig.dict('a', 1), {'a': 2, 'b': 3})", "map[a:1 b:3]"),
        ("sprig.mergeOverwrite(sprig.dict('a', 1), {'a': 2, 'b': 3})", "map[a:2 b:3]"),
        ("sprig.unset(sprig.dict('a', 1, 'b', 2), 'a')", "map[b:2]"),
        ("sprig.deepCopy({'a': [1]})", "map[a:[1]]"),
    ] {
        gives(expression, expected);
    }
}

#[test]
fn numbers() {
    for (expression, expected) in [
        ("sprig.add(1, '2', 3)", "6"),
        ("sprig.sub(5, 2)", "3"),
        ("sprig.mul(2, 3, 4)", "24"),
        ("sprig.div(7, 2)", "3"),
        ("sprig.mod(7, 4)", "3"),
        ("sprig.max(1, 3, 2)", "3"),
        ("sprig.min(1, 3, 2)", "1"),
        ("sprig.add1(1)", "2"),
        ("sprig.divf(3, 2)", "1.5"),
        ("sprig.ceil(1.2)", "2"),
        ("sprig.floor(1.8)", "1"),
        ("sprig.round(123.5555, 3)", "123.556"),
        ("sprig.int('12')", "12"),
        ("sprig.int('x')", "0"),
        ("sprig.float64('1.50')", "1.5"),
        ("sprig.toDecimal('0755')", "493"),
    ] {
        gives(expression, expected);
    }
    assert!(render("{{ sprig.div(1, 0) }}").is_err());
}

#[test]
fn values_and_notations() {
    for (expression, expected) in [
        ("sprig.default('d', none)", "d"),
        ("sprig.coalesce(0, '', 'x')", "x"),
        ("sprig.ternary('y', 'n', false)", "n"),
        ("sprig.all(1, 'a')", "true"),
        ("sprig.any(0, '')", "false"),
        ("sprig.kindOf([1])", "slice"),
        ("sprig.kindIs('map', {'a': 1})", "true"),
        ("sprig.typeOf(1.5)", "float64"),
        ("sprig.deepEqual([1], [1])", "true"),
        ("sprig.toJson({'b': '<', 'a': none})", r#"{"a":null,"b":"\u003c"}"#),
        ("sprig.toRawJson('<')", "\"<\""),
        ("sprig.toPrettyJson({'a': 1})", "{\n  \"a\": 1\n}"),
        ("sprig.fromJson('{\"a\": [1, 2]}').a", "[1 2]"),
        ("sprig.toYaml({'a': ['x', 1]})", "a:\n- x\n- 1"),
        ("sprig.b64enc('hi')", "aGk="),
        ("sprig.b64dec('aGk=')", "hi"),
        ("sprig.b32enc('hello')", "NBSWY3DP"),
        ("sprig.b32dec('NBSWY3DP')", "hello"),
        ("sprig.sha256sum('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("sprig.adler32sum('Wikipedia')", "300286872"),
        ("sprig.base('/a/b.c')", "b.c"),
        ("sprig.dir('/a/b')", "/a"),
        ("sprig.clean('/a//b/../c/.')", "/a/c"),
        ("sprig.ext('x.tar.gz')", ".gz"),
        ("sprig.urlParse('http://u@h:80/p?q=1#f').hostname", "h"),
        ("sprig.urlJoin(sprig.dict('scheme', 'http', 'host', 'h', 'path', '/p'))", "http://h/p"),
        ("sprig.date('2006-01-02 15:04:05 Mon Jan _2', sprig.now())", "2026-03-05 07:08:09 Thu Mar  5"),
        ("sprig.unixEpoch(sprig.now())", "1772694489"),
    ] {
        gives(expression, expected);
    }
    assert!(render("{{ sprig.fail('this is why') }}").unwrap_err().contains("this is why"));
    assert!(render("{{ sprig.mustFromJson('x') }}").is_err());
}

#[test]
fn patterns() {
    for (expression, expected) in [
        ("sprig.regexMatch('^a.c$', 'abc')", "true"),
        ("sprig.regexFind('[0-9]+', 'a12b3')", "12"),
        ("sprig.regexFindAll('[0-9]', 'a12b3', 2)", "[1 2]"),
        ("sprig.regexReplaceAll('a(x*)b', '-ab-axxb-', '${1}W')", "-W-xxW-"),
        ("sprig.regexReplaceAllLiteral('a', 'aba', '$1')", "$1b$1"),
        ("sprig.regexSplit('z+', 'pizza', -1)", "[pi a]"),
        ("sprig.regexQuoteMeta('1.2')", r"1\.2"),
    ] {
        gives(expression, expected);
    }
}

#[test]
fn versions() {
    for (constraint, version, fits) in [
        ("1.2.3", "1.2.3", true),
        (">=1.2", "v1.10.0", true),
        ("^1.2.0", "1.9.9", true),
        ("^1.2.0", "2.0.0", false),
        ("^0.2.3", "0.3.0", false),
        ("~1.2.3", "1.2.9", true),
        ("~1.2.3", "1.3.0", false),
        ("1.2.x", "1.2.7", true),
        (">= 1.0, < 2.0", "1.5.0", true),
        ("< 1.0 || > 2.0", "2.1.0", true),
        ("1.0 - 2.0", "1.5.0", true),
        (">1.2", "1.2.9", false),
        ("!=1.5.0", "1.5.0", false),
        (">=1.0.0", "1.1.0-beta", false),
        (">=1.1.0-alpha", "1.1.0-beta", true),
    ] {
        gives(&format!("sprig.semverCompare({constraint:?}, {version:?})"), if fits { "true" } else { "false" });
    }
    gives("sprig.semver('v1.2.3-rc.1').Prerelease", "rc.1");
    assert!(render("{{ sprig.semverCompare('>>1', '1') }}").is_err());
}

#[test]
fn a_wrong_call_says_which_and_how() {
    let error = render("a\n{{ sprig.trim() }}").unwrap_err();
    assert!(error.contains("line 2") && error.contains("trim takes 1 arguments and is given 0"), "{error}");
    let error = render("{{ sprig.first('x') }}").unwrap_err();
    assert!(error.contains("argument 1 of first: a string is no list"), "{error}");
    let error = render("{{ sprig.set({'a': 1}, 'b', 2) }}").unwrap_err();
    assert!(error.contains("can only change a map that the template made"), "{error}");
    assert!(render("{{ go.nosuch() }}").is_err());
}
