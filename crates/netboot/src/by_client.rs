//! Names under which loaders look for what is meant for them alone: by their card's address, by their own, or by none.
//!
//! PXELINUX asks for `pxelinux.cfg/01-MAC`, then `pxelinux.cfg/C0A80A0B` and shorter, then `default`; GRUB 2 for
//! `grub/grub.cfg-01-MAC` and `grub/grub.cfg-C0A80A0B`; an iPXE that was told nothing for what its own script says.

use std::net::Ipv4Addr;
use types::MacAddr;

/// A loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loader {
    Ipxe,
    Grub,
    Pxelinux,
}

/// Who is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Card(MacAddr),
    Address(Ipv4Addr),
    /// Whoever asks.
    Peer,
}

/// What a name means, if it is such a name.
pub(crate) fn parse(path: &str) -> Option<(Loader, Client)> {
    if let Some(name) = path.strip_prefix("pxelinux.cfg/") {
        let client = if name == "default" { Some(Client::Peer) } else { hardware(name).or_else(|| hexadecimal(name)) };
        return Some((Loader::Pxelinux, client?));
    }
    if let Some(name) = path.strip_suffix(".ipxe") {
        let client = if name == "default" { Some(Client::Peer) } else { plain(name) };
        return Some((Loader::Ipxe, client?));
    }
    let name = path.strip_prefix("grub/").or_else(|| path.strip_prefix("grub2/")).unwrap_or(path);
    if let Some(name) = name.strip_prefix("grub.cfg-") {
        return Some((Loader::Grub, hardware(name).or_else(|| hexadecimal(name))?));
    }
    let name = (name != path).then(|| name.strip_suffix(".cfg")).flatten()?;
    Some((Loader::Grub, plain(name)?))
}

/// `01-52-54-…`: the hardware type of Ethernet (RFC 1700) and the address.
fn hardware(name: &str) -> Option<Client> {
    Some(Client::Card(name.strip_prefix("01-")?.parse().ok()?))
}

/// Eight digits. Fewer mean a network, in which nobody is meant alone.
fn hexadecimal(name: &str) -> Option<Client> {
    let digits = name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u32::from_str_radix(name, 16).ok()).flatten().map(|bits| Client::Address(bits.into()))
}

fn plain(name: &str) -> Option<Client> {
    name.parse().map(Client::Card).or_else(|_| name.parse().map(Client::Address)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_are_known_by_the_names_that_they_ask_for() {
        let card = Client::Card("52:54:00:00:00:0a".parse().unwrap());
        let address = Client::Address([10, 77, 0, 100].into());
        for (path, meant) in [
            ("pxelinux.cfg/01-52-54-00-00-00-0a", (Loader::Pxelinux, card)),
            ("pxelinux.cfg/0A4D0064", (Loader::Pxelinux, address)),
            ("pxelinux.cfg/default", (Loader::Pxelinux, Client::Peer)),
            ("grub/grub.cfg-01-52-54-00-00-00-0a", (Loader::Grub, card)),
            ("grub2/grub.cfg-0A4D0064", (Loader::Grub, address)),
            ("grub/10.77.0.100.cfg", (Loader::Grub, address)),
            ("grub/52:54:00:00:00:0a.cfg", (Loader::Grub, card)),
            ("52-54-00-00-00-0a.ipxe", (Loader::Ipxe, card)),
            ("10.77.0.100.ipxe", (Loader::Ipxe, address)),
            ("default.ipxe", (Loader::Ipxe, Client::Peer)),
        ] {
            assert_eq!(parse(path), Some(meant), "{path}");
        }
    }

    #[test]
    fn what_means_nobody_alone_is_no_such_name() {
        for path in ["pxelinux.cfg/0A4D", "pxelinux.cfg/", "grub/grub.cfg", "x.ipxe", "ipxe.efi", "x.cfg", "grub.cfg-"]
        {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
