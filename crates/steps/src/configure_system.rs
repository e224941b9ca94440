//! `agent.configure`: the installed system knows its name, its users and its files, and will call home.

use crate::StepCatalogue;
use crate::problem::{StoreProblem, configuration};
use crate::subject::Machine;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Selector, Templates};
use template::TemplateSource;
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
        let found = self.store.find::<Templates>(&Selector::from(name)).await;
        let object = found.or_problem("reading the template")?;
        let object = object.ok_or_else(|| configuration(format!("there is no template {name}")))?;
        if object.spec.kind != TemplateKind::Platform {
            return Err(configuration(format!("template {name} does not render to a platform setup")));
        }
        let source = TemplateSource { name: name.as_str(), text: &object.spec.text };
        let context = json!({
            "machine": {"name": machine.name, "macs": machine.spec.macs, "uuid": machine.spec.uuid},
            "params": cx.run().params,
            "run": {"id": cx.run().id, "workflow": cx.run().workflow},
        });
        let mut setup = template::render_platform(source, &context).map_err(|error| configuration(chain(&error)))?;
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
