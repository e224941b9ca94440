//! Classes and modules of Ruby that templates use.

use super::{Binds, Ex, Problem, Translated, Translator, Ty};
use crate::erb::ast::{Call, Kind, Node};

impl Translator<'_> {
    pub(super) fn constant(&mut self, name: &str, at: usize) -> Translated<Ex> {
        Ok(match name {
            "String" | "Array" | "Hash" | "Integer" | "Float" | "NilClass" | "TrueClass" | "FalseClass" | "Symbol" => {
                Ex::cheap(super::text::quoted(name), Ty::Text)
            }
            _ => return Err(unknown(name, at)),
        })
    }

    /// `Setting[:name]`, `ENV['NAME']`.
    pub(super) fn constant_index(&mut self, name: &str, args: &[Node], at: usize) -> Translated<Ex> {
        match (name, args) {
            ("Setting", [key]) => {
                let key = self.value(key)?;
                Ok(Ex::tight(format!("global_setting({})", key.code), Ty::Any))
            }
            ("Hash", [map]) => {
                let map = self.value(map)?;
                Ok(Ex::tight(format!("{}.to_h()", map.receiver()), Ty::Map))
            }
            ("ENV", _) => Err(Problem::new(at, "the environment is not for templates").hint("use a parameter")),
            _ => Err(unknown(name, at)),
        }
    }

    /// A call on a class or a module.
    pub(super) fn constant_call(&mut self, name: &str, call: &Call, at: usize) -> Translated<Ex> {
        let mut args = Vec::new();
        for arg in call.args.iter().filter(|arg| !matches!(arg.kind, Kind::Hash(_))) {
            args.push(self.value(arg)?);
        }
        let code = |place: usize| args.get(place).map(|arg| arg.code.clone()).unwrap_or_default();
        let on = |place: usize| args.get(place).map(Ex::receiver).unwrap_or_default();
        let all = args.iter().map(|arg| arg.code.as_str()).collect::<Vec<_>>().join(", ");
        Ok(match (name.trim_start_matches("::"), call.name.as_str()) {
            ("Gem::Version" | "Version", "new" | "create") => {
                args.into_iter().next().ok_or_else(|| unknown(name, at))?
            }
            ("Array" | "Set", "new") if args.is_empty() => Ex::cheap("[]", Ty::List),
            ("Array", "new") if args.len() == 2 => Ex::tight(format!("[{}].times({})", code(1), code(0)), Ty::List),
            ("Set", "new") => Ex::tight(format!("{}.uniq()", on(0)), Ty::List),
            ("Hash", "new") if args.is_empty() => Ex::cheap("{}", Ty::Map),
            ("String", "new") if args.is_empty() => Ex::cheap("\"\"", Ty::Text),
            ("String", "new") => Ex::tight(format!("{}.to_s()", on(0)), Ty::Text),
            ("Time" | "DateTime", "now" | "current" | "new") => Ex::tight("current_time()", Ty::Any),
            ("Time.zone" | "Time::zone", "now") => Ex::tight("current_time()", Ty::Any),
            ("Time" | "DateTime", "at") => Ex::tight(format!("time_at({all})"), Ty::Any),
            ("Date", "today" | "current") => Ex::tight("current_date()", Ty::Any),
            ("SecureRandom", "hex") => {
                Ex::tight(format!("rand_hex({})", if all.is_empty() { "16" } else { &all }), Ty::Text)
            }
            ("SecureRandom", "uuid") => Ex::tight("rand_uuid()", Ty::Text),
            ("JSON", "parse" | "load") => Ex::tight(format!("parse_json({})", code(0)), Ty::Any),
            ("JSON", "pretty_generate") => Ex::tight(format!("to_json({})", code(0)), Ty::Text),
            ("JSON", "dump" | "generate") => Ex::tight(format!("{}.to_json()", on(0)), Ty::Text),
            ("YAML" | "Psych", "load" | "safe_load") => Ex::tight(format!("parse_yaml({})", code(0)), Ty::Any),
            ("YAML" | "Psych", "dump") => Ex::tight(format!("to_yaml({})", code(0)), Ty::Text),
            ("Base64", "encode64" | "strict_encode64" | "urlsafe_encode64" | "decode64" | "strict_decode64") => {
                Ex::tight(format!("base64_{}({})", call.name.trim_end_matches("64"), code(0)), Ty::Text)
            }
            ("Shellwords", "escape" | "shellescape") => Ex::tight(format!("{}.shellescape()", on(0)), Ty::Text),
            ("Digest::MD5" | "Digest::SHA1" | "Digest::SHA256" | "Digest::SHA512", "hexdigest") => {
                let kind = name.rsplit("::").next().unwrap_or_default().to_lowercase();
                Ex::tight(format!("digest(\"{kind}\", {})", code(0)), Ty::Text)
            }
            ("Regexp", "escape" | "quote") => Ex::tight(format!("regex_escape({})", code(0)), Ty::Text),
            ("Regexp", "new") => Ex::tight(format!("regex({})", code(0)), Ty::Any),
            ("CGI" | "ERB::Util" | "URI", "escape" | "url_encode" | "encode_www_form_component" | "encode") => {
                Ex::tight(format!("url_encode({})", code(0)), Ty::Text)
            }
            ("CGI" | "ERB::Util", "escapeHTML" | "html_escape" | "h") => {
                Ex::tight(format!("html_escape({})", code(0)), Ty::Text)
            }
            ("URI", "parse" | "join") | ("Addressable::URI", "parse") => {
                Ex::tight(format!("parse_url({all})"), Ty::Any)
            }
            ("IPAddr" | "IPAddress", "new" | "parse") => Ex::tight(format!("parse_address({all})"), Ty::Any),
            ("File" | "Pathname", "join") => Ex::tight(format!("[{all}].join(\"/\").squeeze(\"/\")"), Ty::Text),
            ("File", "basename") => Ex::tight(format!("{}.split(\"/\").last()", on(0)), Ty::Any),
            ("File", "dirname") => Ex::tight(format!("{}.dirname()", on(0)), Ty::Text),
            ("Foreman", "version") | ("SETTINGS", "version") => Ex::tight("foreman_version()", Ty::Text),
            ("Foreman::Cast", "to_bool") => Ex::tight(format!("truthy({})", code(0)), Ty::Bool),
            ("Math", "log2" | "sqrt") => return Err(unknown(name, at)),
            ("User", "current") => Ex::tight("current_user()", Ty::Any),
            ("Setting", "[]") => Ex::tight(format!("global_setting({})", code(0)), Ty::Any),
            ("Time" | "Date" | "DateTime", "parse") => Ex::tight(format!("parse_time({})", code(0)), Ty::Any),
            _ => return Err(unknown(&format!("{name}.{}", call.name), at)),
        })
    }

    /// A method on what a call on a class gives: `Time.zone.now`, `Digest::MD5.new.hexdigest`.
    pub(super) fn call_on_constant(&mut self, inner: &Call, call: &Call, at: usize) -> Translated<Option<Ex>> {
        let Some(Node { kind: Kind::Const(name), .. }) = &inner.receiver else { return Ok(None) };
        match (name.as_str(), inner.name.as_str(), call.name.as_str()) {
            ("Time", "zone", "now") => Ok(Some(Ex::tight("current_time()", Ty::Any))),
            ("Time", "zone", _) => Err(unknown("Time.zone", at)),
            _ => Ok(None),
        }
    }

    /// `Gem::Version.new(a) >= Gem::Version.new(b)`.
    pub(super) fn version_comparison(&mut self, op: &str, left: &Node, right: &Node) -> Translated<Option<Ex>> {
        let (Some(left), Some(right)) = (version_of(left), version_of(right)) else { return Ok(None) };
        if !matches!(op, "==" | "!=" | "<" | "<=" | ">" | ">=" | "<=>") {
            return Ok(None);
        }
        let (left, right) = (self.value(left)?, self.value(right)?);
        let compared = format!("compare_versions({}, {})", left.code, right.code);
        Ok(Some(match op {
            "<=>" => Ex::tight(compared, Ty::Int),
            _ => Ex::new(format!("{compared} {op} 0"), Binds::Compare, Ty::Bool),
        }))
    }
}

/// The text of `Gem::Version.new(text)`.
fn version_of(node: &Node) -> Option<&Node> {
    let Kind::Call(call) = &node.kind else { return None };
    let class = matches!(&call.receiver, Some(Node { kind: Kind::Const(name), .. }) if name.ends_with("Gem::Version"));
    (class && matches!(call.name.as_str(), "new" | "create")).then(|| call.args.first()).flatten()
}

/// `Rails.logger.info(…)`: nothing that a template renders.
pub(super) fn is_logger(call: &Call) -> bool {
    let Some(Node { kind: Kind::Call(inner), .. }) = &call.receiver else { return false };
    let rails = matches!(&inner.receiver, Some(Node { kind: Kind::Const(name), .. }) if name.contains("Rails") || name.contains("Foreman"));
    rails && inner.name == "logger"
}

fn unknown(name: &str, at: usize) -> Problem {
    Problem::new(at, format!("`{name}` of Ruby has no counterpart here"))
}
