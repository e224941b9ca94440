//! What a template renders to, as far as its name and its text say.

/// Parts of names, and the kind that they speak for; the first that fits counts.
const NAMES: [(&str, &str); 14] = [
    ("ipxe", "ipxe"),
    ("pxelinux", "pxelinux"),
    ("grub", "grub2"),
    (".ks", "provision"),
    ("kickstart", "provision"),
    ("kickseed", "provision"),
    ("seed", "provision"),
    ("autoyast", "provision"),
    ("unattend", "provision"),
    ("userdata", "user-data"),
    ("user-data", "user-data"),
    ("cloud-init", "user-data"),
    ("cloud-config", "user-data"),
    (".ign", "ignition"),
];

/// The kind of the template `name`.
pub(super) fn of(name: &str, source: &str) -> &'static str {
    let text = source.trim_start_matches(|next: char| next.is_whitespace());
    let by_text = [("#!ipxe", "ipxe"), ("#cloud-config", "user-data"), ("#!", "script"), ("#requires -", "script")];
    if let Some((_, kind)) = by_text.iter().find(|(start, _)| text.starts_with(start)) {
        return kind;
    }
    let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    if let Some((_, kind)) = NAMES.iter().find(|(part, _)| name.contains(part)) {
        return kind;
    }
    let is_line = |start: &str| source.lines().any(|line| line.starts_with(start));
    if is_line("%packages") || is_line("d-i ") || is_line("vmaccepteula") {
        return "provision";
    }
    "snippet"
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn text_speaks_before_the_name() {
        assert_eq!(of("content/templates/default-ipxe.tmpl", "#!ipxe\n"), "ipxe");
        assert_eq!(of("setup.sh.tmpl", "#!/bin/sh\n"), "script");
        assert_eq!(of("rocky-9.ks.tmpl", "# Rocky"), "provision");
        assert_eq!(of("select-seed.tmpl", "{{ . }}"), "provision");
        assert_eq!(of("part.tmpl", "{{ . }}"), "snippet");
    }
}
