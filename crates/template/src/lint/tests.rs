//! Texts with what a person is told of them, and ordinary texts of which nothing is to be told.

use super::*;

#[track_caller]
fn says(syntax: Syntax, text: &str, expected: &[&str]) {
    let found: Vec<String> = lint(syntax, text).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{syntax:?}:\n{text}");
}

const KICKSTART: &str = "\
# Answers for node-1
url --url http://10.0.0.1/rocky/9/BaseOS
lang en_GB.UTF-8
selinux --enforcing
keyboard --vckeymap=gb --xlayouts='gb'
network --device=52:54:00:12:34:56 --bootproto dhcp --hostname=node-1
rootpw --iscrypted $6$salt$hash
sshkey --username=root \"ssh-ed25519 AAAA ops@example.net\"
firewall --service=ssh
timezone --utc Europe/London
bootloader --location=mbr --append=\"console=ttyS0,115200 quiet\"
zerombr
clearpart --all    --initlabel
autopart --type=lvm
text
reboot --eject

%packages --ignoremissing
@core
-iwl*firmware
%end

%post --log=/root/post.log
cat > /etc/motd <<'EOF'
%wheel and 100% of it's lines, with \"quotes
EOF
%end
";

#[test]
fn a_kickstart_that_anaconda_takes_has_no_findings() {
    says(Syntax::Kickstart, KICKSTART, &[]);
    let dynamic = "lang en_GB\n%include /tmp/disks\n%pre\necho 'part / --grow' > /tmp/disks\n%end\n";
    says(Syntax::Kickstart, dynamic, &[]);
}

#[test]
fn a_kickstart_names_what_anaconda_refuses() {
    let whole = |more: &str| format!("{KICKSTART}{more}");
    says(
        Syntax::Kickstart,
        &whole("netwrok --device=eth0\nuser --name='ops\n%pots\n%end\nrootpw --lock\n%post\ntrue\n"),
        &[
            "error, line 28: there is no kickstart command \"netwrok\"; did you mean `network`?",
            "error, line 29: the quote ' is opened and not closed in this line",
            "error, line 30: there is no section \"%pots\"; did you mean `%post`?",
            "error, line 31: %end without a section that it ends",
            "warning, line 32: rootpw is given again: line 7 already sets the root password",
            "error, line 33: %post is not closed by %end",
        ],
    );
    says(
        Syntax::Kickstart,
        &whole("%pre\ntrue\n%post\ntrue\n%end\nrootpw --iscrypted secret\ntimezon UTC\n"),
        &[
            "error, line 28: %pre is not closed by %end before the section in line 30",
            "error, line 33: rootpw --iscrypted is followed by a text that is no hash; a hash of SHA-512 begins with $6$",
            "warning, line 33: rootpw is given again: line 7 already sets the root password",
            "error, line 34: there is no kickstart command \"timezon\"; did you mean `timezone`?",
        ],
    );
}

#[test]
fn a_kickstart_that_would_stop_and_ask_says_for_what() {
    says(
        Syntax::Kickstart,
        "cdrom\nrootpw\n%packages\n@core\n",
        &[
            "warning: there is no lang: the installer stops and asks",
            "warning: there is no keyboard: the installer stops and asks",
            "warning: there is no timezone: the installer stops and asks",
            "warning: there is no autopart or part: the installer stops and asks",
            "error, line 2: rootpw has no password; give a hash with --iscrypted, or --lock",
            "warning, line 3: %packages has no %end, which installers since RHEL 6 refuse",
        ],
    );
}

#[test]
fn esxi_answers() {
    says(
        Syntax::EsxiKickstart,
        "vmaccepteula\nclearpart --firstdisk --overwritevmfs\ninstall --firstdisk --overwritevmfs\n\
         rootpw --iscrypted $6$a$b\nnetwork --bootproto=dhcp --device=vmnic0\nreboot\n\
         %firstboot --interpreter=busybox\nvim-cmd hostsvc/enable_ssh\n",
        &[],
    );
    says(
        Syntax::EsxiKickstart,
        "instal --firstdisk\nrootpw short\n%firstboot --interpreter=bash\necho hi\n",
        &[
            "error: there is no vmaccepteula: the installer does not start",
            "error: there is no install, upgrade or installorupgrade",
            "error, line 1: ESXi has no command \"instal\"; did you mean `install`?",
            "error, line 2: the root password is shorter than 7 characters",
            "error, line 3: there is no interpreter \"bash\"; ESXi has busybox and python",
        ],
    );
}

#[test]
fn preseed_answers() {
    says(
        Syntax::Preseed,
        "#_preseed_V1\nd-i debian-installer/locale string en_GB.UTF-8\nd-i keyboard-configuration/xkb-keymap seen true\n\
         d-i netcfg/wireless_wep string\nd-i passwd/make-user boolean false\n\
         tasksel tasksel/first multiselect standard, ssh-server\nd-i finish-install/reboot_in_progress note\n\
         d-i partman-auto/expert_recipe string \\\n      all :: \\\n        512 512 1024 ext4 .\n\
         d-i preseed/late_command string \\\n  in-target true; \\\n  in-target false\n",
        &[],
    );
    says(
        Syntax::Preseed,
        "d-i passwd/make-user boolean no\nd-i time/zone sting UTC\nd-i preseed/late_command string a;\n  in-target b\n\
         zerombr\nd-i partman/confirm boolean true\\\n",
        &[
            "error, line 1: passwd/make-user is a boolean, and \"no\" is neither true nor false",
            "error, line 2: \"sting\" is no type of an answer (to time/zone); the types are boolean, error, multiselect, \
             note, password, seen, select, string, text, title",
            "error, line 4: \"in-target b\" is no answer: it needs an owner, a question and a type; a value that goes on \
             in the next line needs a backslash at the end of its own",
            "error, line 5: \"zerombr\" is no answer: it needs an owner, a question and a type; a value that goes on in \
             the next line needs a backslash at the end of its own",
            "error, line 6: the text ends within the answer that begins in line 6",
        ],
    );
}

const AUTOINSTALL: &str = "\
#cloud-config
autoinstall:
  version: 1
  identity: {hostname: node-1, username: ops, password: \"$6$a$b\"}
  keyboard: {layout: gb, toggle: null, variant: ''}
  ssh:
    install-server: true
  storage:
    layout:
      name: lvm
  late-commands:
    - curtin in-target -- apt-get update
    - [sh, -c, 'true']
  user-data:
    runcmd:
      - 'true'
";

#[test]
fn autoinstall_answers() {
    says(Syntax::Autoinstall, AUTOINSTALL, &[]);
    says(Syntax::Autoinstall, "autoinstall:\n  version: 1\n  interactive-sections: ['*']\n", &[]);
    says(
        Syntax::Autoinstall,
        "autoinstall:\n  version: 2\n  identity:\n    hostname: a\n    password: plain\n  stroage: {}\n  \
         late-commands: reboot\nruncmd: [a]\n",
        &[
            "error, line 2: version is \"2\", and there is only version 1",
            "error, line 3: identity has no username",
            "warning, line 3: identity/password is no hash, and nobody will be able to log in with it; a hash of SHA-512 \
             begins with $6$",
            "warning, line 6: the installer knows no \"stroage\", and ignores it; did you mean `storage`?",
            "error, line 7: late-commands is not a list",
            "error, line 8: \"runcmd\" stands beside autoinstall; move it below autoinstall, or begin the text with \
             #cloud-config",
        ],
    );
    says(
        Syntax::Autoinstall,
        "#cloud-config\nautoinstall:\n  locale: en_GB\n",
        &[
            "error: autoinstall has no version; write `version: 1`",
            "error: there is neither identity nor user-data: the installer stops",
        ],
    );
}

#[test]
fn cloud_configs() {
    says(
        Syntax::CloudConfig,
        "#cloud-config\nhostname:\nfqdn: n.example.net\nssh_pwauth: yes\nusers:\n- default\n- name: ops\n  \
         sudo: ['ALL=(ALL) ALL']\nwrite_files:\n- path: /etc/a\n  content: |\n    b: c\nruncmd:\n- |\n\n- |\n  true\n",
        &[],
    );
    says(Syntax::CloudConfig, "## template: jinja\n#cloud-config\nlocale: en_GB\n", &[]);
    says(
        Syntax::CloudConfig,
        "hostname: a\nrun_cmd: [a]\nruncmd: a\nwrite_files:\n- content: a\n",
        &[
            "error, line 1: the text does not begin with #cloud-config, so that cloud-init does not read it; make \
             #cloud-config the first line",
            "warning, line 2: cloud-init knows no \"run_cmd\", and says nothing of it; did you mean `runcmd`?",
            "error, line 3: runcmd is not a list",
            "error, line 4: write_files/0 has no path",
        ],
    );
    says(Syntax::CloudConfig, "#cloud-config\n- a\n", &["error: the text is not a mapping of names to values"]);
    let broken = lint(Syntax::CloudConfig, "#cloud-config\nusers:\n  - a: 'b\n");
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].message.starts_with("this is not YAML: "), "{broken:?}");
}

#[test]
fn ignition_configs() {
    says(
        Syntax::Ignition,
        r#"{"ignition": {"version": "3.4.0"}, "passwd": {}, "storage": {"files": [{"path": "/etc/a"}]},
            "systemd": {"units": [{"name": "a@b.service", "enabled": true}]}}"#,
        &[],
    );
    says(
        Syntax::Ignition,
        "{\"ignition\": {\"version\": \"3.40.0\"},\n\"storge\": {},\n\"storage\": {\"files\": [\n{\"path\": \"etc/a\"},\n\
         {\"mode\": 420},\n{\"path\": \"/b\"},\n{\"path\": \"/b\"}]},\n\"systemd\": {\"units\": [{\"name\": \"a.servic\"}]}}",
        &[
            "error, line 1: there is no version \"3.40.0\" of Ignition's configuration; the last one is 3.6.0",
            "warning, line 2: Ignition knows no \"storge\", and ignores it; did you mean `storage`?",
            "error, line 3: /storage/files/1 has no path",
            "error, line 4: /storage/files/0/path is \"etc/a\", which is not absolute",
            "error, line 6: /storage/files/3/path \"/b\" is given more than once",
            "error, line 8: /systemd/units/0/name is \"a.servic\", which ends with no kind of unit; such as .service or \
             .mount",
        ],
    );
    says(
        Syntax::Ignition,
        "variant: fcos\nversion: 1.5.0\n",
        &[
            "error: this is YAML of Butane, and a machine reads JSON; translate it with butane before it becomes a template",
        ],
    );
    says(Syntax::Ignition, "{\n\"a\": }", &["error, line 2: this is not JSON: expected value at line 2 column 6"]);
}

#[test]
fn ipxe_scripts() {
    says(
        Syntax::Ipxe,
        "#!ipxe\n# try all\nset n:int32 0\n:retry\nisset ${net${n}/mac} || goto none\n\
         dhcp && chain http://10.0.0.1/boot?mac=${net0/mac} || goto retry\nmenu Choose\nitem --gap -- Tools\nitem shell A shell\n\
         choose --default shell target && goto ${target}\nkernel http://10.0.0.1/vmlinuz initrd=initrd.img \\\n  quiet\n\
         initrd http://10.0.0.1/initrd.img\nboot || shell\n:shell\nshell\n:none\nexit 1\n",
        &[],
    );
    says(
        Syntax::Ipxe,
        "#ipxe\nkernal http://a/b\ngoto strat\n:start\n:start\ngoto\n",
        &[
            "error, line 1: the first line is not #!ipxe, so that iPXE does not take it for a script",
            "error, line 2: iPXE has no command \"kernal\"; did you mean `kernel`?",
            "error, line 3: there is no label \"strat\" to go to; did you mean `start`?",
            "warning, line 5: the label \"start\" stands in line 4 already",
            "error, line 6: goto without a label",
        ],
    );
}

#[test]
fn grub_scripts() {
    says(
        Syntax::Grub,
        "# it's a comment\nset default=0\nset timeout=\"${wait}\"\necho \"it's (here): don't\"\nfunction go {\n  boot\n}\n\
         menuentry 'Install {now}' --id install {\n  if [ \"$grub_platform\" = \"efi\" ]; then\n    linuxefi /k a={b}\n  \
         elif [ -f /x ]; then\n    true\n  else\n    linux /k; initrd /i\n  fi\n}\n\
         submenu \"More\" {\n menuentry b { \n for i in 1 2; do echo $i; done\n }\n}\nwhile true; do sleep 1; done\n",
        &[],
    );
    says(
        Syntax::Grub,
        "menuentry 'a' {\n  if [ a ]; then\n    echo b\n}\n",
        &["error, line 4: } stands where fi must close the if of line 2"],
    );
    says(
        Syntax::Grub,
        "fi\nif a\n echo\nfi\nwhile a; do\nmenuentry b {\n",
        &[
            "error, line 1: \"fi\" closes nothing",
            "error, line 4: fi closes the if of line 2, which has no then",
            "error, line 5: while is not closed by done",
            "error, line 6: { is not closed by }",
        ],
    );
    says(Syntax::Grub, "echo ok\necho 'a\n", &["error, line 2: the quote ' is opened and not closed"]);
}

#[test]
fn pxelinux_menus() {
    says(
        Syntax::Pxelinux,
        "UI menu.c32\nMENU TITLE Boot\nTIMEOUT 200\nONTIMEOUT local\nDEFAULT local\n\nLABEL local\n  MENU LABEL Disk\n  \
         MENU DEFAULT\n  LOCALBOOT 0\nlabel linux\n  kernel boot/vmlinuz\n  append initrd=boot/initrd a=\"b c\"\n  ipappend 2\n  \
         TEXT HELP\n  Anything at all\n  ENDTEXT\nlabel -\n menu separator\n",
        &[],
    );
    says(Syntax::Pxelinux, "default vesamenu.c32\nlabel a\n localboot 0\n", &[]);
    let within =
        "menu begin one\n label back\n  menu exit\nmenu end\nmenu begin two\n label back\n  menu exit\nmenu end\n";
    says(Syntax::Pxelinux, within, &[]);
    says(
        Syntax::Pxelinux,
        "DEFAULT locl\nTIMEOUT soon\nLABEL local\n  KERNL vmlinuz\nLABEL\nLABEL local\n  LOCALBOOT 0\nTEXT HELP\nx\n",
        &[
            "warning, line 1: DEFAULT names \"locl\", and there is no such label; did you mean `local`?",
            "error, line 2: TIMEOUT is \"soon\", which is no number",
            "warning, line 3: the entry \"local\" has no KERNEL, LINUX or LOCALBOOT",
            "error, line 4: PXELINUX has no directive \"KERNL\"; did you mean `kernel`?",
            "error, line 5: LABEL has no value",
            "warning, line 6: the label \"local\" stands in line 3 already",
            "error, line 8: TEXT HELP is not closed by ENDTEXT",
        ],
    );
}

#[test]
fn shell_scripts() {
    says(
        Syntax::Shell,
        "#!/bin/sh\nx=$((1<<3))\ncat <<-'EOF' > /a\n\t$b\n\tEOF\ncat << EOF-2 | tee /b\nc\nEOF-2\ncat <<< d\n",
        &[],
    );
    says(
        Syntax::Shell,
        "\n#!/bin/sh\ncat <<EOF\na\n",
        &[
            "warning, line 2: the line #! is not the first one, so that the kernel does not see it; a tag before it leaves \
             an empty line: end the tag with -%}",
            "warning, line 3: the here-document is not closed by a line EOF",
        ],
    );
    says(
        Syntax::Shell,
        "#!/bin/sh\r\ntrue\r\n",
        &["error, line 1: the first line ends with a carriage return, which the kernel takes for a part of the \
           interpreter's name; write the template with line feeds alone"],
    );
}

#[test]
fn unattend_files() {
    let component = "<component name=\"Microsoft-Windows-Setup\" processorArchitecture=\"amd64\" \
                     publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" versionScope=\"nonSxS\"/>";
    says(
        Syntax::Unattend,
        &format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<unattend xmlns=\"urn:schemas-microsoft-com:unattend\" \
             xmlns:wcm=\"http://schemas.microsoft.com/WMIConfig/2002/State\">\n<settings pass=\"windowsPE\" \
             wcm:action=\"add\">{component}</settings>\n</unattend>\n"
        ),
        &[],
    );
    says(
        Syntax::Unattend,
        "<unattend xmlns=\"urn:schemas-microsoft-com:unattend\">\n<settings pass=\"windowPE\">\n<component name=\"a\" \
         processorArchitecture=\"x86_64\" publicKeyToken=\"b\" language=\"neutral\"/>\n</settings></unattend>",
        &[
            "error, line 2: there is no pass \"windowPE\"; did you mean `windowsPE`?",
            "error, line 3: the component \"a\" has no versionScope",
            "error, line 3: there is no processorArchitecture \"x86_64\"; x86_64 is written amd64",
        ],
    );
    says(
        Syntax::Unattend,
        "<unattend/>",
        &["error, line 1: unattend is not in the namespace urn:schemas-microsoft-com:unattend; write \
           xmlns=\"urn:schemas-microsoft-com:unattend\" into its tag"],
    );
    says(
        Syntax::Unattend,
        "\n<?xml version=\"1.0\"?><unattend/>",
        &[
            "error, line 1: there is something before <?xml, which must be the very first; a tag before it leaves an empty \
           line: end the tag with -%}",
        ],
    );
    let unbound = lint(Syntax::Unattend, "<unattend>\n<a wcm:action=\"add\"/></unattend>");
    assert!(unbound[0].to_string().starts_with("error, line 2: this is not XML: "), "{unbound:?}");
}

#[test]
fn autoyast_profiles() {
    let profile = |inner: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE profile>\n<profile xmlns=\"http://www.suse.com/1.0/yast2ns\" \
             xmlns:config=\"http://www.suse.com/1.0/configns\">\n{inner}\n</profile>\n"
        )
    };
    says(
        Syntax::AutoYast,
        &profile(
            "<general><mode><confirm config:type=\"boolean\">false</confirm></mode></general>\n\
             <partitioning config:type=\"list\"><drive><use>all</use></drive></partitioning>\n\
             <scripts><chroot-scripts config:type=\"list\"><script><source><![CDATA[a && b]]></source></script>\
             </chroot-scripts></scripts><timeout t=\"integer\">5</timeout>",
        ),
        &[],
    );
    says(
        Syntax::AutoYast,
        &profile("<a config:type=\"boolean\">yes</a>\n<b config:type=\"lst\"/>\n<c config:type=\"integer\">five</c>"),
        &[
            "error, line 4: a is \"yes\", which is no boolean",
            "error, line 5: b has the type \"lst\", which there is not; did you mean `list`?",
            "error, line 6: c is \"five\", which is no integer",
        ],
    );
}

#[test]
fn what_a_translation_left_over_is_seen_in_any_language() {
    says(
        Syntax::Shell,
        "#!/bin/sh\necho <%= @host.name %>\n",
        &["warning, line 2: a tag of ERB is left in the text; `slipway template convert` translates it"],
    );
}
