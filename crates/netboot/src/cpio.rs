//! The agent's configuration as an initrd: a cpio archive in the kernel's "newc" form
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`).

use types::agent::{AgentConfig, CONFIG_PATH};

const DIRECTORY: u32 = 0o040_700;
const PUBLIC_DIRECTORY: u32 = 0o040_755;
const SECRET_FILE: u32 = 0o100_600;
/// Archives are padded to whole blocks, so that whatever follows is aligned.
const BLOCK: usize = 512;

/// An archive that holds `config` where the agent looks for it, readable by root only.
///
/// # Panics
/// Never: the configuration is plain data.
pub fn agent_config_archive(config: &AgentConfig) -> Vec<u8> {
    let json = serde_json::to_vec(config).expect("a configuration has only texts");
    let path = CONFIG_PATH.trim_start_matches('/');
    let mut archive = Vec::with_capacity(3 * BLOCK);
    let folders: Vec<&str> = path.match_indices('/').map(|(end, _)| &path[..end]).collect();
    for (depth, folder) in folders.iter().enumerate() {
        let mode = if depth == 0 { PUBLIC_DIRECTORY } else { DIRECTORY };
        push_entry(&mut archive, depth, folder, mode, &[]);
    }
    push_entry(&mut archive, folders.len(), path, SECRET_FILE, &json);
    push_entry(&mut archive, 0, "TRAILER!!!", 0, &[]);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    archive
}

fn push_entry(archive: &mut Vec<u8>, number: usize, name: &str, mode: u32, content: &[u8]) {
    let links = if mode & 0o040_000 == 0 { 1 } else { 2 };
    let fields: [usize; 13] = [
        number + 1, // inode
        usize::try_from(mode).expect("a mode is 16 bits"),
        0, // owner
        0, // group
        links,
        0, // modified
        content.len(),
        0, // device, major
        0, // device, minor
        0, // special file's device, major
        0, // special file's device, minor
        name.len() + 1,
        0, // checksum, unused in this form
    ];
    archive.extend_from_slice(b"070701");
    for field in fields {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};
    use types::Secret;

    #[test]
    fn cpio_unpacks_the_configuration_for_root_only() {
        use std::os::unix::fs::PermissionsExt;
        let config = AgentConfig {
            server: "http://10.77.0.1:8080/".parse().unwrap(),
            token: Secret::new("t0ken"),
            env: "discovery".parse().unwrap(),
        };
        let archive = agent_config_archive(&config);
        assert_eq!(archive.len() % BLOCK, 0);
        let folder = tempfile::tempdir().unwrap();
        let unpack =
            Command::new("busybox").args(["cpio", "-idm"]).current_dir(folder.path()).stdin(Stdio::piped()).spawn();
        let Ok(mut unpack) = unpack else {
            eprintln!("busybox is not installed: the archive was not unpacked");
            return;
        };
        unpack.stdin.take().unwrap().write_all(&archive).unwrap();
        assert!(unpack.wait().unwrap().success());
        let file = folder.path().join("etc/slipway/agent.json");
        let read: AgentConfig = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(read, config);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
