//! Go's own functions and sprig's, and what stands for them here.

use super::ast::Offset;
use super::fault::Fault;
use super::literal::quote;
use super::value::{Binding, Value};

/// Go's functions that are methods of `go`.
pub(crate) const GO: &[&str] =
    &["html", "index", "js", "len", "print", "printf", "println", "slice", "urlquery", "values"];

/// Sprig's functions that are methods of `sprig`.
pub(crate) const SPRIG: &[&str] = &[
    "abbrev",
    "add",
    "add1",
    "add1f",
    "addf",
    "adler32sum",
    "all",
    "any",
    "append",
    "atoi",
    "b32dec",
    "b32enc",
    "b64dec",
    "b64enc",
    "base",
    "biggest",
    "camelcase",
    "cat",
    "ceil",
    "chunk",
    "clean",
    "coalesce",
    "compact",
    "concat",
    "contains",
    "date",
    "dateInZone",
    "deepCopy",
    "deepEqual",
    "default",
    "dict",
    "dig",
    "dir",
    "div",
    "divf",
    "empty",
    "ext",
    "fail",
    "first",
    "float64",
    "floor",
    "fromJson",
    "get",
    "has",
    "hasKey",
    "hasPrefix",
    "hasSuffix",
    "indent",
    "initial",
    "initials",
    "int",
    "int64",
    "isAbs",
    "join",
    "kebabcase",
    "keys",
    "kindIs",
    "kindOf",
    "last",
    "list",
    "lower",
    "max",
    "maxf",
    "merge",
    "mergeOverwrite",
    "min",
    "minf",
    "mod",
    "mul",
    "mulf",
    "mustAppend",
    "mustChunk",
    "mustCompact",
    "mustDeepCopy",
    "mustFirst",
    "mustFromJson",
    "mustHas",
    "mustInitial",
    "mustLast",
    "mustMerge",
    "mustMergeOverwrite",
    "mustPrepend",
    "mustPush",
    "mustRegexFind",
    "mustRegexFindAll",
    "mustRegexMatch",
    "mustRegexReplaceAll",
    "mustRegexReplaceAllLiteral",
    "mustRegexSplit",
    "mustRest",
    "mustReverse",
    "mustSlice",
    "mustToJson",
    "mustToPrettyJson",
    "mustToRawJson",
    "mustUniq",
    "mustWithout",
    "nindent",
    "nospace",
    "now",
    "omit",
    "osBase",
    "osClean",
    "osDir",
    "osExt",
    "osIsAbs",
    "pick",
    "pluck",
    "plural",
    "prepend",
    "push",
    "quote",
    "regexFind",
    "regexFindAll",
    "regexMatch",
    "regexQuoteMeta",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "regexSplit",
    "repeat",
    "replace",
    "rest",
    "reverse",
    "round",
    "semver",
    "semverCompare",
    "seq",
    "set",
    "sha256sum",
    "slice",
    "snakecase",
    "sortAlpha",
    "split",
    "splitList",
    "splitn",
    "squote",
    "sub",
    "subf",
    "substr",
    "swapcase",
    "ternary",
    "title",
    "toDecimal",
    "toJson",
    "toPrettyJson",
    "toRawJson",
    "toString",
    "toStrings",
    "toYaml",
    "trim",
    "trimAll",
    "trimPrefix",
    "trimSuffix",
    "trunc",
    "tuple",
    "typeIs",
    "typeIsLike",
    "typeOf",
    "uniq",
    "unixEpoch",
    "unset",
    "until",
    "untilStep",
    "untitle",
    "upper",
    "urlJoin",
    "urlParse",
    "values",
    "without",
    "wrap",
    "wrapWith",
];

/// Functions whose result is a list, whatever they are given.
const LISTS: &[&str] = &[
    "append",
    "chunk",
    "compact",
    "concat",
    "initial",
    "keys",
    "list",
    "mustAppend",
    "mustUniq",
    "pluck",
    "prepend",
    "push",
    "regexFindAll",
    "regexSplit",
    "rest",
    "reverse",
    "sortAlpha",
    "splitList",
    "toStrings",
    "tuple",
    "uniq",
    "until",
    "untilStep",
    "values",
    "without",
];

/// Functions that cannot be had, and why.
const REFUSED: &[(&str, &str, &str)] = &[
    ("sha1sum", "SHA-1 is no digest to rely on", "use sha256sum"),
    ("sha512sum", "there is no such digest", "use sha256sum"),
    ("toDate", "dates are not read", "give date a time of RFC 3339 or seconds since 1970"),
    ("dateModify", "there is no arithmetic on dates", "compute it where the text is used"),
    ("date_modify", "there is no arithmetic on dates", "compute it where the text is used"),
    ("duration", "there is no arithmetic on dates", "compute it where the text is used"),
    ("durationRound", "there is no arithmetic on dates", "compute it where the text is used"),
    ("env", "a template cannot read the server's environment", "put the value into a parameter"),
    ("expandenv", "a template cannot read the server's environment", "put the value into a parameter"),
    ("getHostByName", "a template cannot ask the network", "put the address into a parameter"),
    ("call", "a value cannot be called as a function", "call the function by its name"),
    ("ago", "the time that has passed is another at each rendering", "compute it where the text is used"),
    ("htmlDate", "dates are written by date", "use date \"2006-01-02\""),
    ("htmlDateInZone", "dates are written by date", "use date \"2006-01-02\""),
    ("randAlphaNum", RANDOM, KEEP),
    ("randAlpha", RANDOM, KEEP),
    ("randAscii", RANDOM, KEEP),
    ("randNumeric", RANDOM, KEEP),
    ("randBytes", RANDOM, KEEP),
    ("randInt", RANDOM, KEEP),
    ("shuffle", RANDOM, KEEP),
    ("uuidv4", RANDOM, KEEP),
    ("bcrypt", RANDOM, KEEP),
    ("htpasswd", RANDOM, KEEP),
    ("genPrivateKey", RANDOM, KEEP),
    ("genCA", RANDOM, KEEP),
    ("genSelfSignedCert", RANDOM, KEEP),
    ("genSignedCert", RANDOM, KEEP),
    ("encryptAES", RANDOM, KEEP),
    ("decryptAES", "a template cannot decrypt", "put the value into a secret parameter"),
    ("derivePassword", "a template cannot derive passwords", "put the value into a secret parameter"),
];
const RANDOM: &str = "its result is another at each rendering, and a machine may fetch a text twice";
const KEEP: &str = "make the value once and keep it in a parameter";

/// The call of a function by name.
pub(super) fn call(name: &str, arguments: &[Value], at: Offset) -> Result<Value, Fault> {
    if let Some(value) = operator(name, arguments, at)? {
        return Ok(value);
    }
    if GO.contains(&name) && !matches!(name, "values" | "slice") {
        return Ok(Value::call(&format!("go.{name}"), arguments));
    }
    // Sprig's slice takes the same arguments as Go's own and lists only, and hides it.
    let name = if name == "trimall" { "trimAll" } else { name };
    if SPRIG.contains(&name) {
        let call = Value::call(&format!("sprig.{name}"), arguments);
        return Ok(Value { list: LISTS.contains(&name), ..call });
    }
    match REFUSED.iter().find(|(refused, ..)| *refused == name) {
        Some((_, reason, hint)) => Err(Fault::new(at, *reason).hint(*hint)),
        None => Err(Fault::new(at, format!("there is no function {}", quote(name)))
            .hint("Go's own functions and sprig's are known")),
    }
}

/// The functions that are operators of ours.
fn operator(name: &str, arguments: &[Value], at: Offset) -> Result<Option<Value>, Fault> {
    let compared = |sign: &str| match arguments {
        [left, right] => Ok(Some(Value::joined(&[left.clone(), right.clone()], sign, Binding::Compare))),
        _ => Err(Fault::new(at, format!("{name} compares two values"))),
    };
    match name {
        "and" | "or" => match arguments {
            [] => Err(Fault::new(at, format!("{name} needs a value"))),
            [only] => Ok(Some(only.clone())),
            _ => {
                let binding = if name == "and" { Binding::And } else { Binding::Or };
                Ok(Some(Value::joined(arguments, name, binding)))
            }
        },
        "not" => match arguments {
            [only] => Ok(Some(only.not())),
            _ => Err(Fault::new(at, "not takes one value")),
        },
        "eq" => match arguments {
            [] | [_] => Err(Fault::new(at, "eq compares two values or more")),
            [_, _] => compared("=="),
            [first, others @ ..] => {
                let others: Vec<&str> = others.iter().map(|other| other.text.as_str()).collect();
                let text = format!("{} in [{}]", first.above(Binding::Compare), others.join(", "));
                Ok(Some(Value { text, binding: Binding::Compare, list: false }))
            }
        },
        "ne" => compared("!="),
        "lt" => compared("<"),
        "le" => compared("<="),
        "gt" => compared(">"),
        "ge" => compared(">="),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use template::{TemplateSet, TemplateSource};

    #[test]
    fn every_function_that_is_written_is_there_when_it_is_rendered() {
        let facts = std::sync::Arc::default();
        let names = SPRIG.iter().map(|name| format!("sprig.{name}")).chain(GO.iter().map(|name| format!("go.{name}")));
        let mut absent = Vec::new();
        for name in names {
            let text = format!("{{{{ {name}() }}}}");
            let rendered = TemplateSet::default().preview(TemplateSource { name: "t", text: &text }, &facts);
            let missing = rendered.err().map(|error| error.to_string()).filter(|error| error.contains("has no"));
            absent.extend(missing.map(|_| name));
        }
        assert_eq!(absent, Vec::<String>::new());
    }
}
