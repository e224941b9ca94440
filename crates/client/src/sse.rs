//! Server-sent events, as far as our server sends them (HTML standard §9.2.6).

use types::event::Event;

/// Longest line that is waited for: an event is at most a fraction of it.
const MAX_LINE_BYTES: usize = 4 << 20;

/// A stream that cannot be what it says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotEvents;

/// Cuts a byte stream into events.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    buffer: Vec<u8>,
    data: String,
}

impl Parser {
    /// Takes bytes as they came; gives the events that are complete with them.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, NotEvents> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut from = 0;
        while let Some(length) = self.buffer[from..].iter().position(|byte| *byte == b'\n') {
            let line = &self.buffer[from..from + length];
            let line = std::str::from_utf8(line).map_err(|_| NotEvents)?.trim_end_matches('\r');
            if let Some(data) = line.strip_prefix("data:") {
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            } else if line.is_empty() && !self.data.is_empty() {
                events.push(serde_json::from_str(&self.data).map_err(|_| NotEvents)?);
                self.data.clear();
            }
            from += length + 1;
        }
        self.buffer.drain(..from);
        if self.buffer.len() + self.data.len() > MAX_LINE_BYTES { Err(NotEvents) } else { Ok(events) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_however_the_stream_is_cut() {
        let text = b": keep-alive\n\nid: 7\ndata: {\"seq\":7,\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"a\",\"machine\":null,\"run\":null,\"actor\":\"x\",\"data\":{}}\n\nid: 8\r\ndata:{\"seq\":8,\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"b\",\"machine\":null,\"run\":null,\"actor\":\"x\",\"data\":\"\xc3\xa9\"}\r\n\r\n";
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let events: Vec<u64> =
                text.chunks(size).flat_map(|piece| parser.push(piece).unwrap()).map(|event| event.seq).collect();
            assert_eq!(events, [7, 8], "cut every {size} bytes");
        }
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        assert_eq!(Parser::default().push(b"data: <html>\n\n"), Err(NotEvents));
    }
}
