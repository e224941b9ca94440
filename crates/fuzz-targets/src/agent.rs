//! The agent protocol: what an agent may send to a server, and a server to an agent.
//!
//! Whatever comes is refused in words, or is a value that can be written down and read back.

use serde::Serialize;
use serde::de::DeserializeOwned;
use types::agent::{AgentConfig, AgentLog, CallHome, Registered, Registration, TaskOrder, TaskProgress, TaskResult};

pub(crate) fn run(input: &[u8]) {
    let Some((which, body)) = input.split_first() else { return };
    match which {
        b'r' => there_and_back::<Registration>(body),
        b'p' => there_and_back::<TaskProgress>(body),
        b't' => there_and_back::<TaskResult>(body),
        b'l' => there_and_back::<AgentLog>(body),
        b'h' => there_and_back::<CallHome>(body),
        b'o' => there_and_back::<TaskOrder>(body),
        // They hold secrets, which do not go back.
        b'c' => drop(api::read_json::<AgentConfig>(body)),
        b'd' => drop(api::read_json::<Registered>(body)),
        _ => {}
    }
}

fn there_and_back<T: Serialize + DeserializeOwned>(body: &[u8]) {
    match api::read_json::<T>(body) {
        Ok(read) => {
            let text = serde_json::to_string(&read).expect("what was read has a JSON form");
            let again: T = serde_json::from_str(&text).expect("what was written can be read");
            assert_eq!(text, serde_json::to_string(&again).expect("as before"), "it changes on the way");
        }
        Err(problem) => assert!((400..500).contains(&problem.status), "{problem:?}"),
    }
}
