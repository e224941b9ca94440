//! As much of a server as an agent needs to write an image: it gives one order for as long as it is asked, sends the
//! file as fast as the kernel can, and keeps the last result.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A server on loopback, until the process ends.
pub(super) struct Server {
    pub(super) url: String,
    results: Arc<Mutex<Option<Value>>>,
}

struct Served {
    file: PathBuf,
    work: Value,
    results: Arc<Mutex<Option<Value>>>,
}

impl Server {
    pub(super) fn start(file: &Path, work: Value) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/", listener.local_addr()?);
        let results = Arc::new(Mutex::new(None));
        let served = Arc::new(Served { file: file.to_owned(), work, results: Arc::clone(&results) });
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let served = Arc::clone(&served);
                // An agent that ends breaks its connections.
                std::thread::spawn(move || served.serve(&connection).ok());
            }
        });
        Ok(Self { url, results })
    }

    /// How the last order ended.
    pub(super) fn take_result(&self) -> Result<Value> {
        let result = self.results.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.context("the agent reported no result")
    }
}

impl Served {
    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head)? == 0 {
                    return Ok(());
                }
            }
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body)?;
            self.answer(connection, head.split(' ').nth(1).unwrap_or_default(), &body)?;
        }
    }

    fn answer(&self, mut connection: &TcpStream, path: &str, body: &[u8]) -> io::Result<()> {
        if path == "/image" {
            let mut file = File::open(&self.file)?;
            write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.metadata()?.len())?;
            return io::copy(&mut file, &mut connection).map(drop);
        }
        let answer = self.reply(path, body).to_string();
        write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())
    }

    fn reply(&self, path: &str, body: &[u8]) -> Value {
        const ID: &str = "6f9619ff-8b86-4011-b42d-00cf4fc964ff";
        if path.ends_with("/register") {
            return json!({"machine": ID, "name": "m1", "token": "machine"});
        }
        if path.ends_with("/tasks/next") {
            return json!({"id": ID, "work": self.work});
        }
        if path.ends_with("/result") {
            let result = serde_json::from_slice(body).unwrap_or(Value::Null);
            self.results.lock().unwrap_or_else(PoisonError::into_inner).replace(result);
        }
        json!({"cancelled": false})
    }
}
