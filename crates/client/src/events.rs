//! Following the history.

use crate::client::{Client, STREAM_SILENCE};
use crate::error::ClientError;
use crate::sse::Parser;
use reqwest::Response;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;
use types::RunId;
use types::event::Event;

/// Pauses between tries to come back: quick at first, for a server that restarts; patient later.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// Which entries of the history.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EventQuery {
    /// Of the machine with this id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Whose kinds begin with one of these, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// After this entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Before this entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// The history as it grows. A connection that breaks is made again, and goes on after the last event that was given.
#[derive(Debug)]
pub struct EventStream {
    client: Client,
    query: EventQuery,
    response: Option<Response>,
    parser: Parser,
    ready: VecDeque<Event>,
    failures: usize,
}

impl EventStream {
    pub(crate) fn new(client: Client, query: EventQuery) -> Self {
        let query = EventQuery { before: None, limit: None, ..query };
        Self { client, query, response: None, parser: Parser::default(), ready: VecDeque::new(), failures: 0 }
    }

    /// The next event. Waits for it, also while the server is away.
    ///
    /// It may be dropped at any time without losing an event.
    ///
    /// # Errors
    /// When the server says no: then it will not do better by itself.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.query.after = Some(event.seq);
                return Ok(event);
            }
            match self.receive().await {
                Ok(()) => self.failures = 0,
                Err(Some(error)) if !error.may_pass() => return Err(error),
                Err(_) => self.disconnect().await,
            }
        }
    }

    /// Reads what comes next. None as error is a connection that ended.
    async fn receive(&mut self) -> Result<(), Option<ClientError>> {
        if self.response.is_none() {
            if self.query.after.is_none() {
                self.query.after = Some(self.newest().await?);
            }
            self.response = Some(self.client.open_stream(&self.query).await?);
            return Ok(());
        }
        let Some(response) = &mut self.response else { return Err(None) };
        let piece = tokio::time::timeout(STREAM_SILENCE, response.chunk()).await;
        let Ok(Ok(Some(piece))) = piece else { return Err(None) };
        self.ready.extend(self.parser.push(&piece).map_err(|_| None)?);
        Ok(())
    }

    /// The place of the history's last entry: where "now" is, also for a connection that is made again before the
    /// first event has come.
    async fn newest(&self) -> Result<u64, ClientError> {
        let newest = EventQuery { limit: Some(1), ..EventQuery::default() };
        Ok(self.client.events(&newest).await?.items.last().map_or(0, |event| event.seq))
    }

    async fn disconnect(&mut self) {
        self.response = None;
        self.parser = Parser::default();
        tokio::time::sleep(PAUSES[self.failures.min(PAUSES.len() - 1)]).await;
        self.failures += 1;
    }
}
