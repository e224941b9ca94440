//! Helpers: what Foreman gives templates to call without a receiver.

use super::{Binds, Ex, Problem, Translated, Translator, Ty};
use crate::erb::ast::{Kind, Node};

/// Helpers that the engine has under the same name, without a `?`.
const HELPERS: &[(Ty, &str)] = &[
    (
        Ty::Text,
        "foreman_url snippet snippet_if_exists save_to_file indent root_pass grub_pass ks_console pxe_kernel_options \
         medium_uri media_path foreman_server_fqdn foreman_server_url template_name dns_lookup default_template_url \
         rand_hex rand_name mac_name number_with_delimiter number_with_precision number_to_human_size \
         number_to_percentage number_to_currency number_to_human to_json to_yaml shell_escape sprintf current_date \
         format foreman_request_addr render_template subscription_manager_configuration_url provisioning_url \
         host_puppet_server host_puppet_ca_server host_puppet_environment puppet_server url_encode html_escape \
         registration_url truncate repository_url install_packages foreman_server_ca_cert \
         change_content_source yum_proxy_url",
    ),
    (
        Ty::Any,
        "host_param host_enc subnet_param global_setting input host_kernel_release host_uptime_seconds host_memory \
         host_sockets host_cores host_virtual parse_yaml parse_json gem_version_compare medium_provider host_status \
         hostgroup_param param current_user raise \
         host_puppet_classes host_facts fact insights_unregister_url foreman_httpboot_host httpboot_host",
    ),
    (
        Ty::Bool,
        "subnet_has_param plugin_present preview falsy truthy katello_agent_enabled host_has_param snippet_exists \
         host_param_exists template_exists",
    ),
];

/// Helpers that read what no template may, and why.
const REFUSED: &[(&str, &str)] = &[
    ("load_hosts", "reads records of Foreman's database"),
    ("load_users", "reads records of Foreman's database"),
    ("load_params", "reads records of Foreman's database"),
    ("load_settings", "reads records of Foreman's database"),
    ("report_row", "builds a report of Foreman's database"),
    ("report_render", "builds a report of Foreman's database"),
    ("report_headers", "builds a report of Foreman's database"),
    ("transpile_coreos_linux_config", "rewrites text by a program of its own; write Ignition's JSON"),
    ("transpile_fedora_coreos_config", "rewrites text by a program of its own; write Ignition's JSON"),
    ("require", "loads a library of Ruby"),
    ("load", "loads a library of Ruby"),
    ("eval", "executes text as Ruby"),
    ("system", "runs a command on the server"),
    ("exec", "runs a command on the server"),
    ("binding", "reaches into Ruby itself"),
    ("lambda", "defines code to be called"),
    ("proc", "defines code to be called"),
    ("yield", "calls code that a template cannot hand over"),
];

/// What a variable with an `@` is, where that is known.
pub(super) fn variable_type(name: &str) -> Ty {
    match name {
        "dynamic" | "static" => Ty::Bool,
        "additional_media" => Ty::List,
        _ => Ty::Any,
    }
}

pub(super) fn is_known(name: &str) -> bool {
    let bare = name.trim_end_matches(['?', '!']);
    let known = HELPERS.iter().any(|(_, names)| names.split_whitespace().any(|name| name == bare));
    known || matches!(bare, "host_param_true" | "host_param_false" | "host_param_required" | "host")
}

impl Translator<'_> {
    pub(super) fn helper(&mut self, name: &str, args: &[Node], at: usize) -> Translated<Ex> {
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(Problem::new(at, format!("`{name}` {why}")));
        }
        match (name, args) {
            ("host", []) => return Ok(Ex::cheap("host", Ty::Any)),
            ("host_param!", _) => {
                let args = self.arguments(args, true)?;
                return Ok(Ex::tight(format!("host_param_required({args})"), Ty::Any));
            }
            ("host_param_true?" | "host_param_false?", _) => return self.param_question(name, args),
            ("snippet" | "snippet_if_exists" | "snippets", _) => return self.snippet(name, args, at),
            ("raise" | "fail" | "render_error", _) => return self.raise(args),
            ("Integer", [number]) => return self.converted(number, "to_i", Ty::Int),
            ("Float", [number]) => return self.converted(number, "to_f", Ty::Float),
            ("String", [text]) => return self.converted(text, "to_s", Ty::Text),
            ("Array", [list]) => return self.converted(list, "to_a", Ty::List),
            ("format" | "sprintf", [_, ..]) => {
                let args = self.arguments(args, false)?;
                return Ok(Ex::tight(format!("sprintf({args})"), Ty::Text));
            }
            ("_" | "N_", [text]) => return self.value(text),
            ("gem_version_compare", [a, b]) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                return Ok(Ex::tight(format!("compare_versions({}, {})", a.code, b.code), Ty::Int));
            }
            ("rand", _) => {
                let args = self.arguments(args, false)?;
                return Ok(Ex::tight(format!("rand_number({args})"), Ty::Any));
            }
            ("medium_provider", []) => return Ok(Ex::cheap("medium_provider", Ty::Any)),
            ("template_name", []) => return Ok(Ex::cheap("template_name", Ty::Text)),
            _ => {}
        }
        let bare = name.trim_end_matches(['?', '!']);
        let known = HELPERS.iter().find(|(_, names)| names.split_whitespace().any(|name| name == bare));
        let Some((ty, _)) = known else {
            return Err(Problem::new(at, format!("`{name}` is neither a variable nor a helper that is known here"))
                .hint("pass it to the snippet as a variable, or make it a parameter"));
        };
        // Inputs of a job may have any name.
        let args = self.arguments(args, bare != "render_template")?;
        Ok(Ex::tight(format!("{bare}({args})"), *ty))
    }

    fn converted(&mut self, value: &Node, method: &str, ty: Ty) -> Translated<Ex> {
        let value = self.value(value)?;
        Ok(Ex::tight(format!("{}.{method}()", value.receiver()), ty))
    }

    /// True or false unless its default is something else.
    fn param_question(&mut self, name: &str, args: &[Node]) -> Translated<Ex> {
        let default = match args.get(1) {
            None => Ty::Bool,
            Some(default) => self.value(default)?.ty,
        };
        let args = self.arguments(args, false)?;
        let ty = if default == Ty::Bool { Ty::Bool } else { Ty::Any };
        Ok(Ex::tight(format!("{}({args})", name.trim_end_matches('?')), ty))
    }

    fn raise(&mut self, args: &[Node]) -> Translated<Ex> {
        let message = match args {
            [] => Ex::cheap("\"the template gives up\"", Ty::Text),
            [only @ Node { kind: Kind::Const(_), .. }] => {
                let _ = only;
                Ex::cheap("\"the template gives up\"", Ty::Text)
            }
            [.., message] => self.value(message)?,
        };
        Ok(Ex::tight(format!("raise({})", message.code), Ty::Any))
    }

    /// `snippet 'name', :variables => { :a => b }`: the variables are the arguments.
    fn snippet(&mut self, name: &str, args: &[Node], at: usize) -> Translated<Ex> {
        let [first, options @ ..] = args else { return Err(Problem::new(at, format!("`{name}` takes a name"))) };
        let silent = options.iter().any(|options| named(options, "silent").is_some());
        let function = if silent || name == "snippet_if_exists" { "snippet_if_exists" } else { "snippet" };
        let mut codes = vec![self.value(first)?.code];
        for options in options {
            let Kind::Hash(pairs) = &options.kind else {
                return Err(Problem::new(options.at, "a snippet's options have to be written out"));
            };
            for (key, value) in pairs {
                if is_name(key, "variables") {
                    codes.push(self.snippet_variables(value)?);
                }
            }
        }
        codes.retain(|code| !code.is_empty());
        let ty = if function == "snippet" { Ty::Text } else { Ty::Any };
        Ok(Ex::tight(format!("{function}({})", codes.join(", ")), ty))
    }

    fn snippet_variables(&mut self, variables: &Node) -> Translated<String> {
        if let Kind::Hash(pairs) = &variables.kind {
            let plain = |key: &Node| match &key.kind {
                Kind::Symbol(name) => name.clone(),
                Kind::Str(parts) => super::assign::plain_text(parts).unwrap_or_default(),
                _ => String::new(),
            };
            let word = |name: &str| {
                name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                    && !super::RESERVED.contains(&name)
            };
            if pairs.iter().all(|(key, _)| word(&plain(key))) {
                let mut codes = Vec::new();
                for (key, value) in pairs {
                    codes.push(format!("{}={}", plain(key), self.value(value)?.code));
                }
                return Ok(codes.join(", "));
            }
        }
        Ok(format!("variables={}", self.value(variables)?.within(Binds::Choice)))
    }
}

fn is_name(node: &Node, name: &str) -> bool {
    match &node.kind {
        Kind::Symbol(found) => found == name,
        Kind::Str(parts) => super::assign::plain_text(parts).as_deref() == Some(name),
        _ => false,
    }
}

fn named<'a>(options: &'a Node, name: &str) -> Option<&'a Node> {
    let Kind::Hash(pairs) = &options.kind else { return None };
    pairs.iter().find(|(key, _)| is_name(key, name)).map(|(_, value)| value)
}
