//! PXELINUX's configurations.
//!
//! PXELINUX asks for `pxelinux.cfg/` with its card's address, then with its own in hexadecimal, a digit shorter each
//! time, then for `default`. It takes the rest of a line as it is, so what a script of iPXE cannot carry is refused here
//! too, and an environment boots by every loader or by none.

use crate::boot::BootReason;
use crate::script::{
    BootEnvFiles, CONFIG_NAME, MAX_COMMAND_LINE, RETRY_SECONDS, ScriptError, check, check_argument, file_url,
};
use types::{MacAddr, Name};

/// The configuration that boots an environment, for the machine with `mac`. Addresses are for `lpxelinux.0`, which
/// knows HTTP; `pxelinux.0` has this server's files by TFTP.
///
/// # Errors
/// When a value cannot be put into a configuration.
pub fn pxelinux_config(files: &BootEnvFiles, mac: MacAddr) -> Result<String, ScriptError> {
    let place = |file: &str, what| {
        check(what, file)?;
        Ok(if file.contains("://") { file_url("", file) } else { file.to_owned() })
    };
    let kernel = place(&files.kernel, "kernel")?;
    let config = files.agent_config.then(|| format!("{}/{CONFIG_NAME}", mac.dashed()));
    let mut initrds: Vec<String> = config.into_iter().collect();
    for initrd in &files.initrds {
        initrds.push(place(initrd, "initrd")?);
    }
    for argument in &files.args {
        check_argument(argument)?;
    }
    let arguments = files.args.join(" ");
    if arguments.len() > MAX_COMMAND_LINE {
        return Err(ScriptError::Length(arguments.len()));
    }
    let mut text = format!("DEFAULT slipway\nPROMPT 0\nTIMEOUT 1\nLABEL slipway\n  KERNEL {kernel}\n");
    if !initrds.is_empty() {
        text.push_str(&format!("  INITRD {}\n", initrds.join(",")));
    }
    text.push_str(&format!("  APPEND {arguments}\n  IPAPPEND 2\n"));
    Ok(text)
}

/// The configuration for a machine whose environment cannot be booted now: PXELINUX reads this one again.
pub fn pxelinux_wait_config(env: &Name, mac: MacAddr) -> String {
    format!(
        "SAY Slipway: {env} is not available, asking again in {RETRY_SECONDS} seconds\nDEFAULT again\nPROMPT 1\n\
         TIMEOUT {}0\nLABEL again\n  CONFIG pxelinux.cfg/01-{}\n",
        RETRY_SECONDS,
        mac.dashed()
    )
}

/// The configuration that leads a machine to its own disk.
pub fn pxelinux_local_config(reason: BootReason) -> String {
    format!("SAY Slipway: nothing to boot: {reason}\nDEFAULT disk\nPROMPT 0\nTIMEOUT 1\nLABEL disk\n  LOCALBOOT 0\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([0x52, 0x54, 0, 0, 0, 1]);

    fn files() -> BootEnvFiles {
        BootEnvFiles {
            env: "debian".parse().unwrap(),
            kernel: "media/debian/linux".into(),
            initrds: vec!["http://mirror/initrd.gz".into()],
            args: vec!["auto=true".into(), "---".into()],
            agent_config: true,
        }
    }

    #[test]
    fn an_environment_is_loaded_with_its_files_and_arguments() {
        let expected = "\
DEFAULT slipway
PROMPT 0
TIMEOUT 1
LABEL slipway
  KERNEL media/debian/linux
  INITRD 52-54-00-00-00-01/agent.cpio,http://mirror/initrd.gz
  APPEND auto=true ---
  IPAPPEND 2
";
        assert_eq!(pxelinux_config(&files(), MAC).unwrap(), expected);
    }

    #[test]
    fn a_value_with_a_line_end_makes_no_configuration() {
        let bad = BootEnvFiles { args: vec!["a\nKERNEL x".into()], ..files() };
        assert!(matches!(pxelinux_config(&bad, MAC), Err(ScriptError::Character { .. })));
    }
}
