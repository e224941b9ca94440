//! What a machine that boots an environment is told, made when it asks.

use lifecycle::BootEnvFiles;
use netboot::{BackendError, MachineBoot};
use render::{Around, NoBootFiles, Site, Sites, machine_facts, own_files};
use serde_json::json;
use std::sync::Arc;
use store::{Grant, Machine, Store};
use template::facts::{Facts, Request, Run, Server, Tokens, Urls};
use types::event::{NewEvent, kind};
use types::template::TemplateKind;
use types::{MacAddr, Timestamp, chain};
use workflow::ports::Clock;

/// How long an installer may take and still report: the slowest that was seen, an hour under emulation, six times.
const INSTALLER_LIFETIME: jiff::SignedDuration = jiff::SignedDuration::from_hours(6);

/// Renders for machines.
pub(crate) struct Renderer {
    pub(crate) store: Store,
    pub(crate) sites: Sites,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Renderer {
    /// What a loader is told of the environment; `None` when there is no such environment, or it is the disk.
    pub(crate) async fn boot_files(&self, boot: MachineBoot<'_>) -> Result<Option<BootEnvFiles>, BackendError> {
        let site = self.site().await?;
        let Some(env) = site.boot_envs.get(boot.env) else { return Ok(None) };
        if Site::is_same_for_all(env) {
            return Ok(env.kernel.clone().map(|kernel| BootEnvFiles {
                env: boot.env.clone(),
                kernel,
                initrds: env.initrds.clone(),
                args: env.args.split_whitespace().map(str::to_owned).collect(),
                agent_config: env.agent,
            }));
        }
        let Some(machine) = self.machine(boot.mac).await? else { return Ok(None) };
        let address = machine.spec.address;
        let effective = site.effective(&machine.name, &machine.spec, machine.status.inventory.as_ref(), address);
        let facts = self.facts(&site, boot, &machine, Tokens::default()).await?;
        let made = own_files(env, &effective).and_then(|_| site.boot_files(boot.env, &facts));
        made.map_err(|error| self.failed(&machine, "the boot script", error))
    }

    /// The text that the environment has at `path` for this machine.
    pub(crate) async fn text(&self, boot: MachineBoot<'_>, path: &str) -> Result<Option<String>, BackendError> {
        let site = self.site().await?;
        let serves = site.boot_envs.get(boot.env).is_some_and(|env| env.installs || !env.templates.is_empty());
        if !serves {
            return Ok(None);
        }
        let Some(machine) = self.machine(boot.mac).await? else { return Ok(None) };
        let facts = Arc::new(self.facts(&site, boot, &machine, Tokens::default()).await?);
        let served = site.served_template(boot.env, path, &facts);
        if served.map_err(|error| self.failed(&machine, path, error))?.is_none() {
            return Ok(None);
        }
        let tokens = self.issue_tokens(&machine).await?;
        let mut facts = self.facts(&site, boot, &machine, tokens).await?;
        let arguments = site.arguments(boot.env, &facts);
        let arguments = arguments.map_err(|error: NoBootFiles| self.failed(&machine, path, error))?;
        if let Some(env) = &mut facts.boot_env {
            env.args = arguments.split_whitespace().collect::<Vec<_>>().join(" ");
            env.args_are_template = false;
        }
        let rendered = site.serve(boot.env, path, &Arc::new(facts));
        rendered.map(|rendered| rendered.map(|made| made.text)).map_err(|error| self.failed(&machine, path, error))
    }

    async fn site(&self) -> Result<Arc<Site>, BackendError> {
        self.sites.current().await.map_err(|error| BackendError::new("reading what is declared", error))
    }

    async fn machine(&self, mac: MacAddr) -> Result<Option<Machine>, BackendError> {
        self.store.machine_by_mac(mac).await.map_err(|error| BackendError::new("reading the machine", error))
    }

    /// A right to report how the installation went, for the run that works on the machine.
    async fn issue_tokens(&self, machine: &Machine) -> Result<Tokens, BackendError> {
        let Some(run) = machine.status.active_run else { return Ok(Tokens::default()) };
        let expires = self.clock.now().saturating_add(INSTALLER_LIFETIME).unwrap_or(Timestamp::MAX);
        let token = self.store.issue_token(Grant::Installer { machine: machine.id.into(), run }, Some(expires)).await;
        let token = token.map_err(|error| BackendError::new("issuing the installer's token", error))?;
        Ok(Tokens { build: Some(token.expose().to_owned()), ..Tokens::default() })
    }

    async fn facts(
        &self,
        site: &Site,
        boot: MachineBoot<'_>,
        machine: &Machine,
        tokens: Tokens,
    ) -> Result<Facts, BackendError> {
        let run = match machine.status.active_run {
            Some(id) => self.store.run(id).await.map_err(|error| BackendError::new("reading the run", error))?,
            None => None,
        };
        let around = Around {
            urls: urls(site, boot, &tokens),
            tokens,
            run_params: run.as_ref().map(|run| run.params.clone()),
            run: run.map(|run| Run {
                id: run.id.to_string(),
                workflow: run.workflow.to_string(),
                stage: run.current_stage().map(|stage| stage.name.clone()),
                ..Run::default()
            }),
            boot_env: Some(boot.env.clone()),
            request: Request { mac: Some(boot.mac.to_string()), ..Request::default() },
            server: Server { version: wire::VERSION.to_owned(), ..Server::default() },
            now: self.clock.now(),
            ..Around::default()
        };
        let mut facts = machine_facts(site, machine, around);
        // The card that it boots with: what is served is served to that one alone.
        facts.machine.mac = Some(boot.mac);
        Ok(facts)
    }

    /// A text that cannot be made is the operator's to know: the machine can only try again.
    fn failed(
        &self,
        machine: &Machine,
        path: &str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> BackendError {
        self.store.record(NewEvent {
            at: self.clock.now(),
            kind: kind::TEMPLATE_FAILED.to_owned(),
            machine: Some(machine.id.into()),
            run: machine.status.active_run,
            actor: "boot".to_owned(),
            data: json!({"path": path, "reason": chain(&error)}),
        });
        BackendError::new("rendering for the machine", error)
    }
}

fn urls(site: &Site, boot: MachineBoot<'_>, tokens: &Tokens) -> Urls {
    let base = boot.server_url.to_owned();
    let host = base.split_once("://").map_or(base.as_str(), |(_, rest)| rest).to_owned();
    let host =
        host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host.clone(), |(host, _)| host.into());
    let unattended = format!("{base}/unattended");
    let own = |path: &str| format!("{base}/boot/{}/{path}", boot.mac.dashed());
    let report = |what: &str| tokens.build.as_ref().map(|token| format!("{unattended}/{what}?token={token}"));
    Urls {
        fqdn: host.clone(),
        host,
        api: format!("{base}/api/v1"),
        files: format!("{base}/boot/files"),
        provision: site.path_of_kind(boot.env, TemplateKind::Provision).map(own),
        built: report("built"),
        failed: report("failed"),
        unattended,
        base,
        ..Urls::default()
    }
}
