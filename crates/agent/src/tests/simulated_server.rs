//! A server that speaks the agent's protocol on loopback, and that can be told to misbehave.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use types::agent::{AgentLog, CallHome, Registered, Registration, TaskOrder, TaskResult};
use types::{Digest, MachineId, Secret};
use url::Url;

/// What came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) token: String,
    pub(crate) range: Option<String>,
    pub(crate) if_range: Option<String>,
}

/// What it has and what it was told to do.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) seen: Vec<Seen>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) orders: VecDeque<TaskOrder>,
    pub(crate) results: Vec<(String, TaskResult)>,
    pub(crate) log: Vec<String>,
    pub(crate) called_home: Vec<CallHome>,
    pub(crate) image: Vec<u8>,
    /// What the image's entity tag says; by default what it is.
    pub(crate) image_tag: Option<Digest>,
    /// Each connection for the image breaks after so many bytes.
    pub(crate) break_image_after: VecDeque<usize>,
    /// With the first of them goes the server, for so many connections.
    pub(crate) break_image_by_going_away: usize,
    /// After the first of them the image's path answers so.
    pub(crate) status_after_break: Option<u16>,
    /// The image becomes another when a connection for it has broken.
    pub(crate) image_after_break: Option<Vec<u8>>,
    /// So many connections are closed before anything is said on them.
    pub(crate) away_for: usize,
    /// Answers in the place of the right ones, by what the path ends with: garbage, usually.
    pub(crate) bodies: HashMap<&'static str, VecDeque<Vec<u8>>>,
    /// Requests that get no answer, and whose connection stays open, by what the path ends with.
    pub(crate) silences: HashMap<&'static str, usize>,
    /// How many connections for the image stop sending in the middle and stay open.
    pub(crate) stalls: usize,
    /// Where redirects lead.
    pub(crate) location: Option<String>,
    /// What `agent.cpio` holds now, if there is one.
    pub(crate) config_archive: Option<Vec<u8>>,
    /// The registration token that is good; by default the first one.
    pub(crate) registration_token: Option<String>,
    /// Statuses to answer with, by what the path ends with.
    pub(crate) statuses: HashMap<&'static str, VecDeque<u16>>,
    pub(crate) cancelled: bool,
    /// The run is cancelled when the rest of an image is asked for.
    pub(crate) cancelled_by_resuming: bool,
    pub(crate) ignores_ranges: bool,
    machine_token: u32,
}

impl State {
    /// Answers the next requests for `path` with these statuses.
    pub(crate) fn answer(&mut self, path: &'static str, statuses: &[u16]) {
        self.statuses.entry(path).or_default().extend(statuses);
    }

    /// No longer knows the token it gave out.
    pub(crate) fn forget_token(&mut self) {
        self.machine_token += 1;
    }

    pub(crate) fn seen_at(&self, path: &str) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.path == path).collect()
    }
}

pub(crate) struct SimulatedServer {
    pub(crate) url: Url,
    state: Arc<Mutex<State>>,
}

impl SimulatedServer {
    /// Serves until the process ends.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&connection, &shared));
            }
        });
        Self { url, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    break_after: Option<usize>,
    stalls: bool,
}

fn status(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: Vec::new(), break_after: None, stalls: false }
}

fn json(body: &impl serde::Serialize) -> Answer {
    Answer { body: serde_json::to_vec(body).unwrap(), ..status(200) }
}

fn serve(connection: &TcpStream, state: &Mutex<State>) {
    // An agent under test breaks connections too.
    serve_one(connection, state).ok();
}

fn serve_one(connection: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body)?;
    let seen = Seen {
        path: head.split(' ').nth(1).unwrap().to_owned(),
        token: header("authorization").unwrap_or_default().replace("Bearer ", ""),
        range: header("range"),
        if_range: header("if-range"),
    };
    let answer = {
        let mut state = state.lock().unwrap();
        if state.away_for > 0 {
            state.away_for -= 1;
            return Ok(());
        }
        answer(&mut state, &seen, &body)
    };
    match answer {
        Some(answer) => send(connection, &answer),
        None => wait_for_end(connection),
    }
}

/// The connection stays open until the other side has had enough.
fn wait_for_end(mut connection: &TcpStream) -> io::Result<()> {
    io::copy(&mut connection, &mut io::sink()).map(drop)
}

/// None to say nothing.
fn answer(state: &mut State, seen: &Seen, body: &[u8]) -> Option<Answer> {
    state.seen.push(seen.clone());
    let silence = state.silences.iter_mut().find(|(path, left)| seen.path.ends_with(**path) && **left > 0);
    if let Some((_, left)) = silence {
        *left -= 1;
        return None;
    }
    let told = state.statuses.iter_mut().find(|(path, _)| seen.path.ends_with(**path));
    if let Some(told) = told.and_then(|(_, statuses)| statuses.pop_front()) {
        let headers = state.location.iter().map(|to| ("Location", to.clone())).collect();
        return Some(Answer { headers, ..status(told) });
    }
    let garbage = state.bodies.iter_mut().find(|(path, _)| seen.path.ends_with(**path));
    if let Some(body) = garbage.and_then(|(_, bodies)| bodies.pop_front()) {
        return Some(Answer { body, ..status(200) });
    }
    Some(reply(state, seen, body))
}

fn reply(state: &mut State, seen: &Seen, body: &[u8]) -> Answer {
    match seen.path.as_str() {
        "/boot/52-54-00-00-00-01/agent.cpio" => {
            return state.config_archive.clone().map_or(status(404), |body| Answer { body, ..status(200) });
        }
        "/agent/v1/register" => return register(state, seen, body),
        "/agent/v1/call-home" if seen.token == "home" => {
            state.called_home.push(serde_json::from_slice(body).unwrap());
            return status(204);
        }
        _ if seen.token != format!("machine-{}", state.machine_token) => return status(401),
        _ => {}
    }
    match seen.path.as_str() {
        "/agent/v1/tasks/next" => state.orders.pop_front().map_or(status(204), |order| json(&order)),
        "/agent/v1/log" => {
            let log: AgentLog = serde_json::from_slice(body).unwrap();
            state.log.extend(log.lines.into_iter().map(|line| line.message));
            status(204)
        }
        "/images/debian" => image(state, seen),
        path if path.ends_with("/progress") => json(&serde_json::json!({ "cancelled": state.cancelled })),
        path if path.ends_with("/result") => {
            let task = path.split('/').nth(4).unwrap().to_owned();
            state.results.push((task, serde_json::from_slice(body).unwrap()));
            status(204)
        }
        _ => status(404),
    }
}

fn register(state: &mut State, seen: &Seen, body: &[u8]) -> Answer {
    if seen.token != state.registration_token.as_deref().unwrap_or("registration") {
        return status(401);
    }
    state.registrations.push(serde_json::from_slice(body).unwrap());
    json(&Registered {
        machine: MachineId::from_random([1; 16]),
        name: "m1".parse().unwrap(),
        token: Secret::new(format!("machine-{}", state.machine_token)),
    })
}

fn image(state: &mut State, seen: &Seen) -> Answer {
    let tag = state.image_tag.unwrap_or_else(|| Digest::of(&state.image));
    let tag = format!("\"{tag}\"");
    let is_same = seen.if_range.as_ref().is_none_or(|wanted| *wanted == tag);
    let first = seen.range.as_ref().filter(|_| is_same && !state.ignores_ranges);
    let first: Option<usize> =
        first.map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
    let break_after = state.break_image_after.pop_front();
    let mut headers = vec![("ETag", tag)];
    let total = state.image.len();
    if let Some(first) = first {
        headers.push(("Content-Range", format!("bytes {first}-{}/{total}", total - 1)));
    }
    let body = state.image[first.unwrap_or(0)..].to_vec();
    state.cancelled |= state.cancelled_by_resuming && first.is_some();
    if let Some(other) = state.image_after_break.take().filter(|_| break_after.is_some()) {
        state.image = other;
    }
    if break_after.is_some() {
        state.away_for += std::mem::take(&mut state.break_image_by_going_away);
        let status = state.status_after_break.take();
        state.statuses.entry("/images/debian").or_default().extend(status);
    }
    let stalls = state.stalls > 0;
    state.stalls = state.stalls.saturating_sub(1);
    Answer { status: if first.is_some() { 206 } else { 200 }, headers, body, break_after, stalls }
}

fn send(mut connection: &TcpStream, answer: &Answer) -> io::Result<()> {
    write!(connection, "HTTP/1.1 {} Told\r\nConnection: close\r\n", answer.status)?;
    if answer.status != 204 {
        write!(connection, "Content-Length: {}\r\n", answer.body.len())?;
    }
    for (name, value) in &answer.headers {
        write!(connection, "{name}: {value}\r\n")?;
    }
    write!(connection, "\r\n")?;
    if answer.stalls {
        connection.write_all(&answer.body[..answer.body.len() / 2])?;
        return wait_for_end(connection);
    }
    connection.write_all(&answer.body[..answer.break_after.unwrap_or(usize::MAX).min(answer.body.len())])
}
