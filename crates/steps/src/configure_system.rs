//! `agent.configure`: the installed system knows its name, its users and its files, and will call home.

use crate::StepCatalogue;
use crate::problem::{StoreProblem, configuration};
use crate::subject::Machine;
use render::{Around, machine_facts};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use types::agent::{PlatformSetup, Work};
use types::template::TemplateKind;
use types::{Name, chain};
use workflow::{StepCx, StepError, StepResult};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    /// A template of kind `platform`.
    template: Name,
}

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let Arguments { template } = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    let setup = catalogue.render_setup(cx, &machine, &template).await?;
    catalogue.order_once(cx, &machine, Work::Configure(setup)).await
}

impl StepCatalogue {
    async fn render_setup(&self, cx: &StepCx<'_>, machine: &Machine, name: &Name) -> Result<PlatformSetup, StepError> {
        let site = self.sites.current().await.or_problem("reading what is declared")?;
        let spec = site.templates.get(name).ok_or_else(|| configuration(format!("there is no template {name}")))?;
        if spec.kind != TemplateKind::Platform {
            return Err(configuration(format!("template {name} does not render to a platform setup")));
        }
        let address = self.store.last_address(machine.id.into()).await.or_problem("reading the machine's address")?;
        let run = cx.run();
        let around = Around {
            run: Some(template::facts::Run {
                id: run.id.to_string(),
                workflow: run.workflow.to_string(),
                stage: cx.at().stage.map(|stage| run.stages[stage].name.clone()),
                attempt: cx.attempt(),
                ..template::facts::Run::default()
            }),
            run_params: Some(run.params_of(cx.at().stage)),
            address,
            now: cx.now(),
            ..Around::default()
        };
        let facts = Arc::new(machine_facts(&site, machine, around));
        let rendered = site.library.render(name.as_str(), &facts).map_err(|error| configuration(chain(&error)))?;
        let setup = template::read_platform(name.as_str(), &rendered.text);
        let mut setup = setup.map_err(|error| configuration(chain(&error)))?;
        setup.disk = written_disk(cx)?;
        Ok(setup)
    }
}

/// The disk that `agent.write_image` of this run has written.
fn written_disk(cx: &StepCx<'_>) -> Result<String, StepError> {
    let outputs = cx.run().outputs.get("agent.write_image");
    let disk = outputs.and_then(|outputs| outputs.get("disk")).and_then(Value::as_str);
    disk.map(str::to_owned).ok_or_else(|| configuration("no disk was written in this run before agent.configure"))
}
