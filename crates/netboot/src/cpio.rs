//! The agent's configuration as an initrd of its own.

use artifact::cpio;
use types::agent::{AgentConfig, CONFIG_PATH};

/// Archives are padded to whole blocks, so that whatever follows is aligned.
const BLOCK: usize = 512;

/// An archive that holds `config` where the agent looks for it, readable by root only.
///
/// # Panics
/// Never: the configuration is plain data, and it is written to memory.
pub(crate) fn agent_config_archive(config: &AgentConfig) -> Vec<u8> {
    let json = serde_json::to_vec(config).expect("a configuration has only texts");
    let (folder, _) = CONFIG_PATH.rsplit_once('/').expect("the path is absolute");
    let mut archive = cpio::Writer::new(Vec::with_capacity(3 * BLOCK));
    archive.directory(folder, 0o700).expect("writing to memory cannot fail");
    archive.file(CONFIG_PATH, 0o600, &json).expect("writing to memory cannot fail");
    let mut bytes = archive.finish().expect("writing to memory cannot fail");
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Secret;

    #[test]
    fn configuration_is_for_root_only_and_nothing_is_added_to_it() {
        let config = AgentConfig {
            server: "http://10.77.0.1:8080/".parse().unwrap(),
            token: Secret::new("t0ken"),
            env: "discovery".parse().unwrap(),
        };
        let archive = agent_config_archive(&config);
        assert_eq!(archive.len() % BLOCK, 0);
        let (mode, content) = entry(&archive, "etc/slipway/agent.json");
        assert_eq!(mode, "00008180", "a file, 0600");
        assert_eq!(serde_json::from_slice::<AgentConfig>(content).unwrap(), config);
        assert_eq!(entry(&archive, "etc/slipway").0, "000041c0", "a folder, 0700");
    }

    /// Mode and content of the entry `path`. Headers are 110 bytes: a magic number and 13 fields of 8 digits.
    fn entry<'a>(archive: &'a [u8], path: &str) -> (&'a str, &'a [u8]) {
        let name = format!("{path}\0");
        let name_at = archive.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
        let header = std::str::from_utf8(&archive[name_at - 110..name_at]).unwrap();
        let size = usize::from_str_radix(&header[54..62], 16).unwrap();
        let content = (name_at + name.len()).next_multiple_of(4);
        (&header[14..22], &archive[content..content + size])
    }
}
