//! An agent's log lines become part of the history, each once.

use crate::App;
use crate::auth::Agent;
use crate::error::ApiResult;
use crate::service::find;
use serde_json::json;
use store::EventFilter;
use types::agent::{AgentLog, AgentLogLine};
use types::event::{NewEvent, kind};

/// Lines that one message may hold: more than an agent keeps.
const MAX_LINES: usize = 1000;
/// Characters of a line: as many as an agent keeps.
const MAX_LINE_LEN: usize = 2000;

/// Puts the lines on record that are not there yet.
pub(crate) async fn keep(app: &App, agent: Agent, log: AgentLog) -> ApiResult<()> {
    let seen = last_seen(app, agent).await?;
    let is_new = |line: &AgentLogLine| seen.is_none_or(|seen| line.seq > seen);
    let lines = log.lines.into_iter().take(MAX_LINES).filter(is_new);
    let events: Vec<NewEvent> = lines.map(|line| event(app, agent, &line)).collect();
    if !events.is_empty() {
        app.store.append(events).await?;
    }
    Ok(())
}

/// The number of the last line of this boot that is on record.
async fn last_seen(app: &App, agent: Agent) -> ApiResult<Option<u64>> {
    let kinds = vec![kind::AGENT_LOG.to_owned()];
    let filter = EventFilter { machine: Some(agent.machine), kinds, ..EventFilter::default() };
    let newest = find::newest_event(app, filter).await?;
    let of_this_boot = newest.filter(|event| event.data["boot_id"] == json!(agent.boot_id));
    Ok(of_this_boot.and_then(|event| event.data["line"].as_u64()))
}

fn event(app: &App, agent: Agent, line: &AgentLogLine) -> NewEvent {
    let message: String = line.message.chars().filter(|c| !c.is_control()).take(MAX_LINE_LEN).collect();
    NewEvent {
        at: app.now(),
        kind: kind::AGENT_LOG.to_owned(),
        machine: Some(agent.machine),
        run: None,
        actor: "agent".to_owned(),
        data: json!({"level": line.level, "message": message, "line": line.seq, "boot_id": agent.boot_id}),
    }
}
