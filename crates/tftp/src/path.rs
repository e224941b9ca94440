//! Names of boot files.

/// A name cannot be one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// Nothing is named.
    #[error("the file name is empty")]
    Empty,
    /// Longer than any name we give.
    #[error("the file name is longer than {MAX_PATH_LEN} bytes")]
    Long,
    /// Something other than letters, digits and `-._+~@:/`, or a way out of the namespace.
    #[error("the file name has a forbidden character or part")]
    Forbidden,
}

/// The longest name: what the boot file field of DHCP and option 67 can carry.
const MAX_PATH_LEN: usize = 255;

/// Brings a client's name to the form in which files are named: segments joined by single slashes, none of
/// them `.` or `..`. One leading slash is allowed; firmware adds it.
///
/// # Errors
/// When it cannot name any file of ours. Nothing is repaired: a name that needs it is an attack or a mistake.
pub fn clean_path(name: &[u8]) -> Result<&str, BadPath> {
    if name.len() > MAX_PATH_LEN {
        return Err(BadPath::Long);
    }
    let name = std::str::from_utf8(name).map_err(|_| BadPath::Forbidden)?;
    let path = name.strip_prefix('/').unwrap_or(name);
    if path.is_empty() {
        return Err(BadPath::Empty);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._+~@:".contains(&byte);
    let segment_is_good =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain) && !is_drive(segment);
    if path.split('/').all(segment_is_good) { Ok(path) } else { Err(BadPath::Forbidden) }
}

/// `C:` and the like, which lead out of a folder on some systems.
fn is_drive(segment: &str) -> bool {
    matches!(segment.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_names_are_taken_with_and_without_a_leading_slash() {
        for name in ["ipxe.efi", "/ipxe.efi", "discovery/vmlinuz", "/a/b-1_2+3~4@5:6"] {
            assert_eq!(clean_path(name.as_bytes()), Ok(name.trim_start_matches('/')));
        }
    }

    #[test]
    fn ways_out_of_the_namespace_are_refused() {
        for name in [
            "../etc/passwd",
            "a/../../b",
            "..",
            ".",
            "a/./b",
            "a//b",
            "//a",
            "a/",
            "..\\x",
            "a\\b",
            "C:/x",
            "c:x",
            "a\0b",
            "a b",
            "a%2e",
            "$(x)",
            "a\n",
            "é",
        ] {
            assert_eq!(clean_path(name.as_bytes()), Err(BadPath::Forbidden), "{name:?}");
        }
        assert_eq!(clean_path(b""), Err(BadPath::Empty));
        assert_eq!(clean_path(b"/"), Err(BadPath::Empty));
        assert_eq!(clean_path(&[b'a'; 256]), Err(BadPath::Long));
        assert_eq!(clean_path(&[0xff, 0xfe]), Err(BadPath::Forbidden));
    }
}
