//! The agent's log: one line at a time to the console, and the same lines kept for the server.
//!
//! Lines wait in memory while the server is away; when they are too many the oldest go, and the numbers show that
//! some are missing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Write;
use types::agent::{AgentLogLevel, AgentLogLine};

/// An hour of retries.
const MAX_WAITING_LINES: usize = 500;
const MAX_LINE_CHARS: usize = 2000;

/// Keeps the lines that the server has not got yet.
#[derive(Debug, Default)]
pub struct Journal {
    waiting: RefCell<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next_seq: u64,
    lines: VecDeque<AgentLogLine>,
}

impl Journal {
    /// Something went as it should, or will be tried again.
    pub fn info(&self, message: &str) {
        self.add(AgentLogLevel::Info, message);
    }

    /// Something was given up.
    pub fn warn(&self, message: &str) {
        self.add(AgentLogLevel::Warn, message);
    }

    /// Something that we promise is not so.
    pub fn error(&self, message: &str) {
        self.add(AgentLogLevel::Error, message);
    }

    fn add(&self, level: AgentLogLevel, message: &str) {
        let message: String = message
            .chars()
            .take(MAX_LINE_CHARS)
            .map(|character| if character.is_control() { ' ' } else { character })
            .collect();
        // A console that cannot be written to has nobody to tell.
        writeln!(std::io::stderr().lock(), "slipway-agent: {message}").ok();
        let mut waiting = self.waiting.borrow_mut();
        if waiting.lines.len() == MAX_WAITING_LINES {
            waiting.lines.pop_front();
        }
        let seq = waiting.next_seq;
        waiting.next_seq += 1;
        waiting.lines.push_back(AgentLogLine { seq, level, message });
    }

    /// The lines that wait, oldest first.
    pub fn waiting(&self) -> Vec<AgentLogLine> {
        self.waiting.borrow().lines.iter().cloned().collect()
    }

    /// The server has all lines up to and with `seq`.
    pub fn delivered(&self, seq: u64) {
        self.waiting.borrow_mut().lines.retain(|line| line.seq > seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_until_delivered_and_the_oldest_make_room() {
        let journal = Journal::default();
        for number in 0..=MAX_WAITING_LINES {
            journal.info(&format!("line {number}\nforged"));
        }
        assert_eq!(journal.waiting()[0].seq, 1);
        assert_eq!(journal.waiting()[0].message, "line 1 forged");
        journal.delivered(MAX_WAITING_LINES as u64 - 1);
        assert_eq!(journal.waiting().len(), 1);
    }
}
