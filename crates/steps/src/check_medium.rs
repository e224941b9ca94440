//! `medium.check`: what the operating system is installed from answers.
//!
//! It comes before anything is done to the machine: an installer that finds nothing to install leaves it with neither
//! the old system nor a new one.

use crate::problem::{StoreProblem, configuration};
use crate::{NoArguments, StepCatalogue};
use lifecycle::medium::{MediumVariables, ProbeAnswer, local_tree, medium_url, probes, unreachable};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use types::event::{NewEvent, kind};
use types::{ErrorClass, How, chain};
use workflow::{StepCx, StepError, StepOutcome, StepResult};

/// How long one question may take: a mirror that is slower than that would make an installer give up too.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn look(catalogue: &StepCatalogue, cx: &mut StepCx<'_>) -> StepResult {
    let NoArguments {} = cx.arguments()?;
    let machine = catalogue.machine(cx).await?;
    let site = catalogue.sites.current().await.or_problem("reading what is declared")?;
    let (spec, inventory) = (&machine.spec, machine.status.inventory.as_ref());
    let effective = site.effective(&machine.name, spec, inventory, spec.address);
    if let Some(reason) = effective.contradiction() {
        return Err(configuration(reason));
    }
    let Some(os) = effective.os.as_ref().map(|said| said.value.1) else {
        let reason = format!("no operating system is named for {}: name one in its group", machine.name);
        return Err(configuration(reason));
    };
    let Some((name, medium)) = effective.medium.as_ref().map(|said| said.value) else {
        return Ok(StepOutcome::Skipped { reason: "the operating system has no medium".to_owned() });
    };
    let variables = MediumVariables::of(os, effective.arch);
    let paths = probes(os.family, &variables);
    let url = variables.fill(&medium.url);
    let answers = if let Some((tree, below)) = local_tree(&url) {
        catalogue.look_into_tree(tree, below, &paths).await?
    } else if url.starts_with("http://") || url.starts_with("https://") {
        ask(&medium_url(&url, &variables, ""), &paths).await
    } else {
        return Ok(StepOutcome::Skipped {
            reason: format!("{url} is not asked: only HTTP and trees of this server are"),
        });
    };
    let found = answers.iter().find(|answer| answer.is_there()).map(|answer| answer.url.clone());
    let told = unreachable(name.as_str(), &answers);
    let message = if found.is_some() { format!("the medium {name} answers") } else { told.clone() };
    catalogue.store.record(NewEvent {
        at: cx.now(),
        kind: kind::CHECKPOINT.to_owned(),
        machine: Some(cx.run().machine),
        run: Some(cx.run().id),
        actor: "engine".to_owned(),
        data: json!({"name": "medium", "passed": found.is_some(), "message": message}),
    });
    match found {
        Some(url) => Ok(StepOutcome::Done { how: How::AlreadySo, outputs: json!({"medium": name, "answered": url}) }),
        None => {
            let asked: Vec<&str> = answers.iter().map(|answer| answer.url.as_str()).collect();
            Ok(StepOutcome::Failed { class: ErrorClass::Network, reason: told, evidence: json!({"asked": asked}) })
        }
    }
}

impl StepCatalogue {
    /// The answers as a client of this server would get them.
    async fn look_into_tree(&self, tree: &str, below: &str, paths: &[String]) -> Result<Vec<ProbeAnswer>, StepError> {
        let mut answers = Vec::new();
        for path in paths {
            let parts = [tree, below, path.as_str()];
            let place = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
            let (media, asked) = (Arc::clone(&self.media), place.clone());
            let found = tokio::task::spawn_blocking(move || media.find(&asked)).await;
            let answer = match found {
                Ok(Ok(Some(_))) => Ok(200),
                Ok(Ok(None)) => Ok(404),
                Ok(Err(error)) => Err(chain(&error)),
                // Nobody looked: the server is on its way out, and the next one looks.
                Err(error) => return Err(StepError::StoreUnavailable(error.to_string())),
            };
            answers.push(ProbeAnswer { url: format!("/media/{place}"), answer });
        }
        Ok(answers)
    }
}

/// Asks for one path after the other until one is there.
async fn ask(base: &str, paths: &[String]) -> Vec<ProbeAnswer> {
    let client = match reqwest::Client::builder().timeout(PATIENCE).build() {
        Ok(client) => client,
        Err(error) => return vec![ProbeAnswer { url: base.to_owned(), answer: Err(chain(&error)) }],
    };
    let mut answers: Vec<ProbeAnswer> = Vec::new();
    for path in paths {
        let url = format!("{base}/{path}");
        let mut answer = status(client.head(&url)).await;
        // Some servers know GET only.
        if matches!(answer, Ok(403 | 405 | 501)) {
            answer = status(client.get(&url)).await;
        }
        answers.push(ProbeAnswer { url, answer });
        let last = answers.last().is_some_and(|answer| answer.is_there() || answer.answer.is_err());
        if last {
            break;
        }
    }
    answers
}

/// The body is not read: the connection is closed with the response.
async fn status(request: reqwest::RequestBuilder) -> Result<u16, String> {
    match request.send().await {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) if error.is_timeout() => Err(format!("nothing within {} s", PATIENCE.as_secs())),
        Err(error) => Err(chain(&error.without_url())),
    }
}
