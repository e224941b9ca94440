//! Parameters of NABP's design sheets whose cells are JSON kept as text: the stages of one machine, and the templates
//! that are run on it. What reads them later must find what it needs.

use serde_json::Value;

/// What is wrong with the text of one of NABP's parameters, if it is one of them.
pub(crate) fn check(key: &str, value: &Value) -> Option<(String, &'static str)> {
    let check_item: fn(&Value) -> Option<&'static str> = match key {
        "abp_workflow" => check_stage,
        "platform_setup" | "hypervisor_install" => check_job,
        _ => return None,
    };
    let hint = match key {
        "abp_workflow" => r#"such as [{"step": "OS_INSTALL", "enabled": true, "duration": "900"}]"#,
        _ => r#"such as [{"template_name": "motd", "run_host": "name = node-1"}]"#,
    };
    let parsed;
    let list = match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(value) => {
                parsed = value;
                &parsed
            }
            // A switch, as NABP has for a stage that is not used.
            Err(_) if crate::cell::boolean(text.trim()).is_some() && key != "abp_workflow" => return None,
            Err(error) => return Some((format!("is no JSON: {error}"), hint)),
        },
        other => other,
    };
    let Value::Array(items) = list else {
        let is_switch = list.is_boolean() && key != "abp_workflow";
        return (!is_switch).then(|| ("is no list".to_owned(), hint));
    };
    let wrong = items.iter().enumerate().find_map(|(index, item)| Some((index, check_item(item)?)));
    wrong.map(|(index, message)| (format!("entry {}: {message}", index + 1), hint))
}

fn check_stage(item: &Value) -> Option<&'static str> {
    let is_seconds = |value: &Value| match value {
        Value::String(text) => text.trim().parse::<f64>().is_ok_and(|seconds| seconds >= 0.0),
        Value::Number(number) => number.as_f64().is_some_and(|seconds| seconds >= 0.0),
        _ => false,
    };
    match () {
        () if item.get("step").and_then(Value::as_str).is_none_or(|step| step.trim().is_empty()) => {
            Some("\"step\" names no stage")
        }
        () if item.get("enabled").is_some_and(|enabled| !enabled.is_boolean()) => {
            Some("\"enabled\" is neither true nor false")
        }
        () if item.get("duration").is_some_and(|duration| !is_seconds(duration)) => {
            Some("\"duration\" is no number of seconds")
        }
        () => None,
    }
}

fn check_job(item: &Value) -> Option<&'static str> {
    let text = |name: &str| item.get(name).map(|value| value.as_str().is_some_and(|text| !text.trim().is_empty()));
    match (text("template_name"), text("run_host")) {
        (None | Some(false), _) => Some("\"template_name\" names no template"),
        (_, Some(false)) => Some("\"run_host\" is no search expression"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(key: &str, text: &str) -> Option<String> {
        check(key, &Value::from(text)).map(|(message, _)| message)
    }

    #[test]
    fn lists_of_stages_and_of_templates_are_checked_before_anything_runs() {
        let stages = r#"[{"step": "REGISTERING", "enabled": true, "duration": "60"}, {"step": "X", "duration": 9}]"#;
        assert_eq!(message("abp_workflow", stages), None);
        assert_eq!(message("platform_setup", r#"[{"template_name": "a", "run_host": "name = b"}]"#), None);
        assert_eq!(message("hypervisor_install", "false"), None);
        assert_eq!(message("test", "{"), None);
        let wrong = [
            ("abp_workflow", r#"[{"step": ""}]"#, "entry 1: \"step\" names no stage"),
            (
                "abp_workflow",
                r#"[{"step": "A"}, {"step": "B", "duration": "soon"}]"#,
                "entry 2: \"duration\" is no number of seconds",
            ),
            ("abp_workflow", "{}", "is no list"),
            ("abp_workflow", "false", "is no list"),
            ("platform_setup", r#"[{"run_host": "x"}]"#, "entry 1: \"template_name\" names no template"),
            (
                "platform_setup",
                r#"[{"template_name": "a", "run_host": 1}]"#,
                "entry 1: \"run_host\" is no search expression",
            ),
        ];
        for (key, text, expected) in wrong {
            assert_eq!(message(key, text).as_deref(), Some(expected), "{text}");
        }
    }
}
