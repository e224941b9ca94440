//! What a machine's templates see, shown to a person: the same lines as in earnest, with the secrets taken out.

use crate::App;
use crate::error::{ApiError, ApiResult};
use crate::service::find;
use render::{Around, Own, machine_facts};
use serde_json::Value;
use std::sync::Arc;
use template::TemplateSource;
use template::facts::{Facts, Tokens, Urls};
use template::lint::{Syntax, lint};
use types::chain;
use types::secret::{SHOWN, is_secret_name};
use wire::{FindingView, MachineParams, ParamView, RenderPreview, RenderedPreview};

/// The parameters of a machine and where each comes from.
pub(crate) async fn explain_params(app: &App, named: &str) -> ApiResult<MachineParams> {
    let machine = find::machine(app, named).await?;
    let site = app.sites.current().await?;
    let address = app.store.last_address(machine.id.into()).await?;
    let inventory = machine.status.inventory.as_ref();
    let effective = site.effective(&machine.name, &machine.spec, inventory, address);
    let params = effective.params(&site, &machine.name, &machine.spec, Own::default());
    let views = params.into_iter().map(|(key, resolved)| {
        let wrongs = site.declarations.check_resolved(&key, &resolved.value, resolved.secret);
        let is_hidden = resolved.secret || is_secret_name(&key);
        ParamView {
            value: if is_hidden { SHOWN.into() } else { resolved.value },
            source: resolved.source,
            overrides: resolved.overrides,
            wrong: wrongs.into_iter().next().map(|wrong| wrong.message),
            key,
        }
    });
    Ok(MachineParams { params: views.collect(), missing: effective.missing })
}

/// What a template renders to for a machine.
pub(crate) async fn render(app: &App, named: &str, wanted: RenderPreview) -> ApiResult<RenderedPreview> {
    let machine = find::machine(app, named).await?;
    let site = app.sites.current().await?;
    let address = app.store.last_address(machine.id.into()).await?;
    let around = Around { urls: urls(app), tokens: hidden_tokens(), address, now: app.now(), ..Around::default() };
    let around = Around { run_params: wanted.params, preview: true, ..around };
    let facts = Arc::new(without_secrets(machine_facts(&site, &machine, around)));
    let rendered = match &wanted.text {
        Some(text) => site.library.preview(TemplateSource { name: &wanted.template, text }, &facts),
        None => site.library.render(&wanted.template, &facts),
    };
    let rendered =
        rendered.map_err(|error| ApiError::Invalid { pointer: "/template".to_owned(), detail: chain(&error) })?;
    let spec = wanted.template.parse().ok().and_then(|name: types::Name| site.templates.get(&name));
    let kind = spec.map_or("provision", |spec| spec.kind.as_str());
    let family = facts.os.as_ref().map(|os| os.family.as_str());
    let syntax = Syntax::of(kind, family, &rendered.text);
    let findings = syntax.map(|syntax| lint(syntax, &rendered.text)).unwrap_or_default();
    Ok(RenderedPreview {
        snippets: rendered.used.snippets.into_iter().collect(),
        findings: findings.into_iter().map(view).collect(),
        text: rendered.text,
    })
}

fn view(finding: template::lint::Finding) -> FindingView {
    FindingView {
        severity: finding.severity.to_string(),
        line: finding.line.unwrap_or_default(),
        message: finding.message,
        hint: finding.hint,
    }
}

/// Where the server is, as the machine reaches it.
fn urls(app: &App) -> Urls {
    let base = app.machine_url.as_str().trim_end_matches('/').to_owned();
    let host = app.machine_url.host_str().unwrap_or_default().to_owned();
    let at = |path: &str| Some(format!("{base}/unattended/{path}?token={SHOWN}"));
    Urls {
        fqdn: host.clone(),
        tftp: format!("{host}:69"),
        api: base.clone(),
        files: format!("{base}/boot/files"),
        unattended: format!("{base}/unattended"),
        provision: at("provision"),
        built: at("built"),
        failed: at("failed"),
        host,
        base,
        ..Urls::default()
    }
}

fn hidden_tokens() -> Tokens {
    let hidden = || Some(SHOWN.to_owned());
    Tokens { build: hidden(), machine: hidden(), agent: hidden(), ..Tokens::default() }
}

/// A person sees that there is a secret and where it goes.
fn without_secrets(mut facts: Facts) -> Facts {
    for (key, param) in &mut facts.params {
        if param.secret || is_secret_name(key) {
            param.value = Value::from(SHOWN);
            param.composed = None;
        }
    }
    if let Some(os) = &mut facts.os {
        for hash in [&mut os.root_password_hash, &mut os.grub_password_hash] {
            *hash = hash.take().map(|_| SHOWN.to_owned());
        }
    }
    facts
}
