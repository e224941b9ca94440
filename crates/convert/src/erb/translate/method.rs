//! Methods that every value of Ruby has, and what facts are asked by name.

use super::{Binds, Ex, Problem, Translated, Translator, Ty};
use crate::erb::ast::{Call, Kind, Node};

/// Methods that the engine has under the same names, and what they give.
const METHODS: &[(Ty, &str)] = &[
    (
        Ty::Text,
        "to_s strip lstrip rstrip chomp chop upcase downcase capitalize swapcase titleize titlecase camelize underscore \
         humanize parameterize dasherize gsub sub tr tr_s squeeze ljust rjust center join inspect truncate chr \
         delete_prefix delete_suffix remove squish strftime iso8601 to_yaml to_json class shellescape succ next sprintf quoted dump \
         xmlschema pluralize singularize to_sentence netmask hexdigest unpack1",
    ),
    (
        Ty::List,
        "split lines chars bytes keys values to_a uniq compact flatten sort unshift union intersection each_slice \
         each_cons zip take drop values_at rotate product transpose scan without_last without_first pairs difference \
         combination grep compact_blank entries rpartition partition",
    ),
    (
        Ty::Map,
        "merge to_h invert except group_by_keys deep_merge reverse_merge stringify_keys symbolize_keys slice_keys",
    ),
    (
        Ty::Any,
        "reverse first last min max sum dig fetch index rindex find_index slice delete insert concat push store \
         without without_at match presence sample round times plus minus divided_by modulo minmax sort_by_keys \
         pred tally pluck",
    ),
    (Ty::Int, "count size length to_i floor ceil abs ord hex oct bytesize gcd lcm truncate_to_i divmod casecmp"),
    (Ty::Float, "to_f to_r to_d"),
    (
        Ty::Bool,
        "start_with end_with starts_with ends_with any all none one even odd zero positive negative between eql \
         casecmp? value has_value equal many cover superset subset disjoint intersect nonzero",
    ),
];

/// Methods that give what they are called on.
const SAME: [&str; 19] = [
    "freeze",
    "dup",
    "clone",
    "html_safe",
    "itself",
    "deep_dup",
    "with_indifferent_access",
    "to_str",
    "to_sym",
    "force_encoding",
    "encode",
    "to_hash",
    "lazy",
    "to_ary",
    "unsafe_raw",
    "to_set",
    "symbolize_keys",
    "stringify_keys",
    "deep_symbolize_keys",
];

/// Methods that reach where no template may.
const FORBIDDEN: [&str; 12] = [
    "instance_variable_get",
    "instance_variable_set",
    "eval",
    "instance_eval",
    "method",
    "constantize",
    "find_by",
    "find_by_name",
    "where",
    "system",
    "exec",
    "update_attribute",
];

/// The test of ours that asks whether a value is of a class.
pub(super) fn kind_test(class: &str) -> Option<&'static str> {
    Some(match class.trim_start_matches("::") {
        "String" | "Symbol" => "string",
        "Array" | "Enumerable" => "a_list",
        "Hash" | "ActiveSupport::HashWithIndifferentAccess" => "a_map",
        "Integer" | "Fixnum" => "integer",
        "Float" => "float",
        "Numeric" => "number",
        "NilClass" => "none",
        "TrueClass" => "true",
        "FalseClass" => "false",
        _ => return None,
    })
}

/// A loop without a block: what it would go over.
fn enumerated(name: &str, value: &Ex) -> Option<Ex> {
    let receiver = value.receiver();
    Some(match name {
        "each" | "each_entry" | "to_enum" | "map" | "lazy" => value.clone(),
        "each_line" => Ex::tight(format!("{receiver}.lines()"), Ty::List),
        "each_char" => Ex::tight(format!("{receiver}.chars()"), Ty::List),
        "each_pair" => Ex::tight(format!("{receiver}.pairs()"), Ty::List),
        "each_with_index" => Ex::tight(format!("{receiver}.each_with_index()"), Ty::List),
        "times" => Ex::tight(format!("range({})", value.code), Ty::List),
        _ => return None,
    })
}

impl Translator<'_> {
    pub(super) fn method(&mut self, receiver: &Node, call: &Call, at: usize) -> Translated<Ex> {
        if FORBIDDEN.contains(&call.name.as_str()) {
            return Err(Problem::new(at, format!("`{}` reaches for what no template of ours can reach", call.name)));
        }
        if let Some(asked) = self.question(receiver, call, at)? {
            return Ok(asked);
        }
        let value = self.value(receiver)?;
        if let (Some(enumerated), []) = (enumerated(&call.name, &value), call.args.as_slice()) {
            return Ok(enumerated);
        }
        let adds = matches!(call.args.first().map(|arg| &arg.kind), Some(Kind::Symbol(op)) if op == "+");
        if matches!(call.name.as_str(), "inject" | "reduce") && adds {
            return Ok(Ex::tight(format!("{}.sum()", value.receiver()), Ty::Any));
        }
        if SAME.contains(&call.name.as_str()) {
            return Ok(value);
        }
        if call.name == "to_s" && value.ty == Ty::Text {
            return Ok(value);
        }
        if call.name == "name" && value.code.ends_with(".class()") {
            return Ok(value);
        }
        if let Some(sent) = self.sent(&value, call, at)? {
            return Ok(sent);
        }
        let bare = call.name.trim_end_matches(['?', '!']);
        let ty = METHODS.iter().find(|(_, names)| names.split_whitespace().any(|name| name == bare)).map(|(ty, _)| *ty);
        if let Some(ty) = ty {
            return self.known_method(&value, bare, ty, call);
        }
        self.fact(&value, bare, call, at)
    }

    fn known_method(&mut self, value: &Ex, name: &str, ty: Ty, call: &Call) -> Translated<Ex> {
        let name = match name {
            "starts_with" => "start_with",
            "ends_with" => "end_with",
            "has_value" => "value",
            other => other,
        };
        let args = self.arguments(&call.args, false)?;
        let ty = match (name, value.ty) {
            ("reverse" | "concat" | "push" | "plus" | "minus" | "times" | "insert" | "delete" | "store", ty) => ty,
            ("slice", Ty::Map) => Ty::Map,
            ("first" | "last" | "min" | "max", Ty::List) if !args.is_empty() => Ty::List,
            ("take" | "drop", _) => Ty::List,
            _ => ty,
        };
        Ok(Ex::tight(format!("{}.{name}({args})", value.receiver()), ty))
    }

    /// Methods that have a test or an operator of ours.
    fn question(&mut self, receiver: &Node, call: &Call, at: usize) -> Translated<Option<Ex>> {
        let test =
            |value: &Ex, test: &str| Ex::new(format!("{} is {test}", value.receiver()), Binds::Compare, Ty::Bool);
        let argument = call.args.first();
        Ok(Some(match (call.name.as_str(), argument) {
            ("nil?", None) => test(&self.value(receiver)?, "none"),
            ("blank?", None) => test(&self.value(receiver)?, "blank"),
            ("present?", None) => test(&self.value(receiver)?, "present"),
            ("empty?", None) => test(&self.value(receiver)?, "empty"),
            ("!", None) => {
                let condition = self.condition(receiver)?;
                self.negated(&condition)
            }
            ("is_a?" | "kind_of?" | "instance_of?", Some(Node { kind: Kind::Const(class), at })) => {
                let value = self.value(receiver)?;
                match kind_test(class) {
                    Some(kind) => test(&value, kind),
                    None if class.starts_with("Host") => test(&value, "given"),
                    None => return Err(Problem::new(*at, format!("`{class}` has no counterpart"))),
                }
            }
            ("respond_to?", Some(Node { kind: Kind::Symbol(name), .. })) => self.responds(receiver, name)?,
            ("respond_to?", Some(Node { kind: Kind::Str(parts), .. })) => {
                let name = super::assign::plain_text(parts).unwrap_or_default();
                self.responds(receiver, &name)?
            }
            ("include?" | "member?" | "key?" | "has_key?" | "exclude?" | "include", Some(element)) => {
                let (list, element) = (self.value(receiver)?, self.value(element)?);
                let word = if call.name == "exclude?" { "not in" } else { "in" };
                let code = format!("{} {word} {}", element.within(Binds::Compare), list.within(Binds::Compare));
                Ex::new(code, Binds::Compare, Ty::Bool)
            }
            ("in?", Some(list)) => {
                let (element, list) = (self.value(receiver)?, self.value(list)?);
                let code = format!("{} in {}", element.within(Binds::Compare), list.within(Binds::Compare));
                Ex::new(code, Binds::Compare, Ty::Bool)
            }
            ("match?", Some(pattern)) => self.pattern_test(receiver, pattern, at)?,
            ("match", Some(pattern)) if matches!(pattern.kind, Kind::Regex(..) | Kind::Str(_)) => {
                return self.matched(receiver, pattern, at).map(Some);
            }
            ("==" | "eql?" | "equal?", Some(other)) => {
                let (left, right) = (self.value(receiver)?, self.value(other)?);
                let code = format!("{} == {}", left.within(Binds::Compare), right.within(Binds::Compare));
                Ex::new(code, Binds::Compare, Ty::Bool)
            }
            _ => return Ok(None),
        }))
    }

    /// `text.match(pattern)`: its groups, or nil.
    fn matched(&mut self, receiver: &Node, pattern: &Node, at: usize) -> Translated<Ex> {
        let text = self.value(receiver)?;
        let pattern = match &pattern.kind {
            Kind::Regex(parts, flags) => self.regex(parts, flags, at)?,
            _ => {
                let value = self.value(pattern)?;
                Ex::tight(format!("regex({})", value.code), Ty::Any)
            }
        };
        let found = Ex::tight(format!("{}.match({})", text.receiver(), pattern.code), Ty::Any);
        if self.keeps_groups {
            let (name, _) = self.names.groups();
            self.tag(format!("set {name} = {}", found.code));
            return Ok(Ex::cheap(name, Ty::Any));
        }
        Ok(found)
    }

    fn responds(&mut self, receiver: &Node, name: &str) -> Translated<Ex> {
        let value = self.value(receiver)?;
        let bare = name.trim_end_matches(['?', '!']);
        if METHODS.iter().any(|(_, names)| names.split_whitespace().any(|name| name == bare)) {
            let code = format!("{}.responds_to({})", value.receiver(), super::text::quoted(bare));
            return Ok(Ex::tight(code, Ty::Bool));
        }
        Ok(Ex::new(format!("{}.{bare} is defined", value.receiver()), Binds::Compare, Ty::Bool))
    }

    /// `try(:name)` and `send(:name)`.
    fn sent(&mut self, value: &Ex, call: &Call, at: usize) -> Translated<Option<Ex>> {
        let (tries, name) = match (call.name.as_str(), call.args.first().map(|arg| &arg.kind)) {
            ("try" | "try!", Some(Kind::Symbol(name))) => (true, name.clone()),
            ("send" | "public_send" | "__send__", Some(Kind::Symbol(name))) => (false, name.clone()),
            _ => return Ok(None),
        };
        let held = if super::call::is_path(&value.code) { value.clone() } else { self.hold(value.clone(), "value") };
        let inner = Call {
            receiver: Some(super::iterate::raw(&held.code, at)),
            name,
            args: call.args[1..].to_vec(),
            block: None,
            block_pass: None,
            safe: false,
        };
        let bare = inner.name.trim_end_matches(['?', '!']).to_owned();
        let sent = self.value(&Node { kind: Kind::Call(Box::new(inner)), at })?;
        if !tries {
            return Ok(Some(sent));
        }
        let attribute = sent.code == format!("{}.{bare}", held.receiver());
        let condition = match attribute {
            true => format!("{} is defined", sent.code),
            false => format!("{} is not none", held.receiver()),
        };
        let code = format!("{} if {condition} else none", sent.within(Binds::Choice));
        Ok(Some(Ex::new(code, Binds::Choice, Ty::Any)))
    }

    /// What a fact is asked by name; with arguments it is a question that the surface answers.
    fn fact(&mut self, value: &Ex, name: &str, call: &Call, at: usize) -> Translated<Ex> {
        let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !word {
            return Err(Problem::new(at, format!("`{}` has no counterpart", call.name)));
        }
        let ty = match name {
            _ if call.name.ends_with('?') => Ty::Bool,
            "interfaces"
            | "managed_interfaces"
            | "bond_interfaces"
            | "bridge_interfaces"
            | "dns_servers"
            | "attached_devices_identifiers"
            | "interfaces_with_identifier"
            | "ssh_authorized_keys" => Ty::List,
            "params" | "host_params_hash" | "info" => Ty::Map,
            _ => Ty::Any,
        };
        if call.args.is_empty() {
            return Ok(Ex::tight(format!("{}.{name}", value.receiver()), ty));
        }
        let args = self.arguments(&call.args, false)?;
        Ok(Ex::tight(format!("{}.{name}({args})", value.receiver()), ty))
    }
}
