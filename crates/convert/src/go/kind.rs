//! What a template renders to and for which systems, as far as its name and its text say.

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
    (".ign", "ignition"),
    ("-ign.", "ignition"),
    ("ignition", "ignition"),
];

/// How a text starts, and the kind that it is then.
const STARTS: [(&str, &str); 5] = [
    ("#!ipxe", "ipxe"),
    ("#cloud-config", "user-data"),
    ("#ps1", "script"),
    ("#!", "script"),
    ("#requires -", "script"),
];

/// How a line starts that a whole set of an installer's answers has, and the family whose installer reads it.
const ANSWERS: [(&str, &str); 8] = [
    ("%packages", "redhat"),
    ("rootpw ", "redhat"),
    ("d-i debian-installer/locale", "debian"),
    ("d-i mirror/country", "debian"),
    ("autoinstall:", "debian"),
    ("vmaccepteula", "esxi"),
    ("<unattend", "windows"),
    ("<profile xmlns=\"http://www.suse.com", "suse"),
];

/// How a line starts that belongs to one family, be the text whole or not.
const PARTS: [(&str, &str); 4] = [("d-i ", "debian"), ("%end", "redhat"), ("yum ", "redhat"), ("apt-get ", "debian")];

/// The kind of the template `name`.
pub(super) fn of(name: &str, source: &str) -> &'static str {
    let text = source.trim_start_matches(char::is_whitespace);
    if let Some((_, kind)) = STARTS.iter().find(|(start, _)| text.starts_with(start)) {
        return kind;
    }
    let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let is_terraform = name.contains(".tf.");
    if let Some((_, kind)) = NAMES.iter().find(|(part, _)| name.contains(part) && !is_terraform) {
        return kind;
    }
    if ANSWERS.iter().any(|(start, _)| has_line(source, start)) { "provision" } else { "snippet" }
}

/// The families of operating systems that the text is for; none where it does not say.
pub(super) fn families(kind: &str, source: &str) -> Vec<String> {
    // A script looks for its system when it runs.
    let tables: &[&[(&str, &str)]] = match kind {
        "provision" | "user-data" => &[&ANSWERS, &PARTS],
        "snippet" => &[&ANSWERS],
        _ => &[],
    };
    let mut families: Vec<String> = tables
        .iter()
        .copied()
        .flatten()
        .filter(|(start, _)| has_line(source, start))
        .map(|(_, family)| (*family).to_owned())
        .collect();
    families.sort();
    families.dedup();
    families
}

fn has_line(source: &str, start: &str) -> bool {
    source.lines().any(|line| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_speaks_before_the_name() {
        assert_eq!(of("content/templates/default-ipxe.tmpl", "#!ipxe\n"), "ipxe");
        assert_eq!(of("setup.sh.tmpl", "#!/bin/sh\n"), "script");
        assert_eq!(of("rocky-9.ks.tmpl", "# Rocky"), "provision");
        assert_eq!(of("select-seed.tmpl", "{{ . }}"), "provision");
        assert_eq!(of("part.tmpl", "d-i partman/confirm boolean true"), "snippet");
        assert_eq!(of("answers.tmpl", "%packages\n%end\n"), "provision");
        assert_eq!(of("cloud-userdata.tf.tmpl", "resource {}"), "snippet");
    }

    #[test]
    fn answers_are_for_the_installer_that_reads_them() {
        assert_eq!(families("provision", "rootpw x\n%packages\n%end\n"), ["redhat"]);
        assert_eq!(families("user-data", "#cloud-config\nautoinstall:\n"), ["debian"]);
        assert_eq!(families("provision", "{{ template \"x\" . }}"), Vec::<String>::new());
        assert_eq!(families("script", "apt-get update\n"), Vec::<String>::new());
    }
}
