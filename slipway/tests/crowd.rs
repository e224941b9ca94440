//! Boot files over HTTP for those who want them, whatever else is connected to the server.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Agents that wait for orders, and clients that forgot to hang up.
const IDLE: u64 = 10_000;
/// Fewer than the system lets wait for the server to take them in; others would be told to come back in a second.
const QUEUE: u64 = 100;
/// Larger than what a connection's buffers hold.
const FILE_LEN: usize = 16 << 20;
/// Far longer than any answer takes.
const LIMIT: Duration = Duration::from_secs(60);

struct Server {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let boot = folder.path().join("boot");
        std::fs::create_dir(&boot).unwrap();
        std::fs::write(boot.join("initrd.img"), content()).unwrap();
        let (file, data, boot) = (folder.path().join("slipway.yaml"), folder.path().join("data"), boot.display());
        let config = format!("listen: 127.0.0.1:0\nboot: {{loaders: {boot}, maintenance_os: {boot}}}\n");
        std::fs::write(&file, format!("data: {}\n{config}", data.display())).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
        command.args(["serve", "--announce", "json", "--config"]).arg(file);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let address = announced["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/');
        Self { process, address: address.parse().unwrap(), _folder: folder }
    }

    /// Sends a request's head and nothing more, and reads until the server has closed the connection.
    fn ask(&self, request: &str, headers: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(format!("{request} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn content() -> Vec<u8> {
    (0..FILE_LEN).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// How many connections this system lets a server and this process have: the server leaves up to 5,000 descriptors to
/// others than HTTP, and both need some.
fn room() -> u64 {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let limit = maximum.unwrap_or(u64::MAX);
    limit - (limit / 2).min(5000) - 100
}

fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn ten_thousand_idle_connections_do_not_keep_a_boot_file_from_being_served() {
    let (server, count) = (Server::start(), IDLE.min(room()));
    if count < IDLE {
        eprintln!("the limit of open files allows for {count} connections only");
    }
    let mut idle = Vec::new();
    for number in 1..=count {
        idle.push(TcpStream::connect(server.address).unwrap());
        if number % QUEUE == 0 {
            // An answer shows that it has taken in all who came before.
            server.ask("HEAD /boot/files/initrd.img", "Connection: close\r\n");
        }
    }
    let answer = server.ask("GET /boot/files/initrd.img", "Connection: close\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&answer[..answer.len().min(300)]));
    assert!(answer.ends_with(&content()), "{} bytes came", answer.len());
    assert_eq!(idle.iter().filter(|stream| is_open(stream)).count(), idle.len(), "some had to make room");
}

#[test]
fn an_upload_to_a_boot_route_is_refused_before_its_body_is_read() {
    let server = Server::start();
    for request in ["PUT /boot/files/initrd.img", "POST /boot/52-54-00-00-00-01/script.ipxe", "PATCH /boot/files/new"] {
        for expectation in ["", "Expect: 100-continue\r\n"] {
            let answer = server.ask(request, &format!("Content-Length: 1000000000000\r\n{expectation}"));
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 405"), "{request} {expectation}: {answer}");
        }
    }
    let unchanged = server.ask("GET /boot/files/initrd.img", "Connection: close\r\n");
    assert!(unchanged.ends_with(&content()));
}
