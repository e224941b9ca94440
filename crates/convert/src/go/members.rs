//! What the root of Digital Rebar's templates offers (rs_data_render in its documentation).

use super::ast::Offset;
use super::fault::Fault;
use super::value::Value;

/// The objects at the root, which are variables of ours with the same names.
pub(crate) const OBJECTS: [&str; 5] = ["Env", "Info", "Machine", "Stage", "Task"];

/// A function at the root.
struct Root {
    name: &'static str,
    fewest: usize,
    most: usize,
    list: bool,
}

const fn root(name: &'static str, fewest: usize, most: usize) -> Root {
    Root { name, fewest, most, list: false }
}

const fn list(name: &'static str, fewest: usize, most: usize) -> Root {
    Root { name, fewest, most, list: true }
}

const FUNCTIONS: [Root; 32] = [
    root("ApiHostURL", 0, 0),
    root("ApiURL", 0, 0),
    root("BootParams", 0, 0),
    root("BootParamsFor", 1, 1),
    root("ComposeParam", 1, 1),
    root("ComposeParamExpand", 1, 1),
    root("CurrentJob", 0, 0),
    root("GenerateInfiniteToken", 0, 0),
    root("GenerateProfileToken", 2, 2),
    root("GenerateToken", 0, 0),
    list("InstallRepos", 0, 0),
    list("MachineRepos", 0, 0),
    root("NetmaskToCIDR", 1, 1),
    root("ObjectExpand", 1, 1),
    root("Param", 1, 1),
    root("ParamAsJSON", 1, 1),
    root("ParamAsYAML", 1, 1),
    root("ParamCompose", 1, 1),
    root("ParamComposeExpand", 1, 1),
    root("ParamExists", 1, 1),
    root("ParamExpand", 1, 1),
    root("ParseURL", 2, 2),
    root("ParseUrl", 2, 2),
    root("ProvisionerAddress", 0, 0),
    root("ProvisionerHostURL", 0, 0),
    root("ProvisionerURL", 0, 0),
    list("Repos", 0, 32),
    root("SecureProvisionerHostURL", 0, 0),
    root("SecureProvisionerURL", 0, 0),
    list("SshKeys", 0, 0),
    root("StringExpand", 1, 1),
    root("CallTemplate", 1, 2),
];

/// The names that no variable of a template may have.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OBJECTS.into_iter().chain(FUNCTIONS.iter().map(|function| function.name))
}

/// Members of objects that are lists.
const LISTS: [&str; 4] = ["Initrds", "Profiles", "HardwareAddrs", "Tasks"];

/// A member of the root, with what is taken from it in turn.
pub(super) fn of_root(fields: &[String], arguments: &[Value], at: Offset) -> Result<Value, Fault> {
    let (first, rest) = fields.split_first().ok_or_else(|| Fault::new(at, "the root is no value"))?;
    if OBJECTS.contains(&first.as_str()) {
        return of_value(first, rest, arguments, at);
    }
    let Some(function) = FUNCTIONS.iter().find(|function| function.name == first) else {
        return Err(Fault::new(at, format!("the root of Digital Rebar's templates has no member {first}"))
            .hint("a template that is called with another dot must be converted with its caller"));
    };
    // Arguments belong to the last name.
    let (own, behind) = if rest.is_empty() { (arguments, &[][..]) } else { (&[][..], arguments) };
    if own.len() < function.fewest || own.len() > function.most {
        let wants = match (function.fewest, function.most) {
            (0, 0) => "no argument".to_owned(),
            (fewest, most) if fewest == most => format!("{fewest} argument(s)"),
            (fewest, most) => format!("{fewest} to {most} arguments"),
        };
        return Err(Fault::new(at, format!("{first} takes {wants} and is given {}", own.len())));
    }
    let call = Value { list: function.list, ..Value::call(first, own) };
    if rest.is_empty() { Ok(call) } else { of_value(&call.text, rest, behind, at) }
}

/// A member of a value: with arguments, the last name is a method.
pub(super) fn of_value(base: &str, fields: &[String], arguments: &[Value], at: Offset) -> Result<Value, Fault> {
    let mut text = base.to_owned();
    for field in fields {
        text.push('.');
        text.push_str(field);
    }
    if arguments.is_empty() {
        let list = fields.last().is_some_and(|last| LISTS.contains(&last.as_str()));
        return Ok(Value { list, ..Value::tight(text) });
    }
    if fields.is_empty() {
        return Err(Fault::new(at, "a value is given arguments, but only functions take them"));
    }
    let list = fields.last().is_some_and(|last| last == "InitrdsFor");
    Ok(Value { list, ..Value::call(&text, arguments) })
}
