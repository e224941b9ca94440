//! The operating system, and what it is installed from and onto.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use types::Params;

/// The operating system that a machine is to have.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OperatingSystem {
    /// The distribution alone, such as `Debian` or `RedHat`.
    pub name: String,
    /// Name and version, such as `Debian 12.5`.
    pub title: String,
    /// Free text of an operator.
    pub description: Option<String>,
    /// Its family: `debian`, `redhat`, `suse`, `esxi`, `windows`, `coreos`, …
    pub family: String,
    /// First part of the version.
    pub major: String,
    /// Second part of the version; empty when there is none.
    pub minor: String,
    /// The whole version, such as `12.5`.
    pub version: String,
    /// What a medium calls the release, such as `bookworm` or `9.4`.
    pub release: Option<String>,
    /// The code name, where releases have one.
    pub codename: Option<String>,
    /// The architecture it is installed for, in the kernel's words.
    pub arch: String,
    /// How passwords are hashed: `SHA512`, `SHA256`, `MD5`, `Base64`, …
    pub password_hash: String,
    /// The root password, hashed that way.
    pub root_password_hash: Option<String>,
    /// The boot loader's password as GRUB hashes it.
    pub grub_password_hash: Option<String>,
    /// Templates of the operating system by their kind: `provision`, `finish`, `user-data`, …
    pub templates: BTreeMap<String, String>,
    /// The parameters that were set on the operating system.
    pub params: Params,
}

/// Where an operating system is installed from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Medium {
    /// Its name.
    pub name: String,
    /// The address with `$arch`, `$version`, `$major`, `$minor` and `$release` filled in.
    pub url: String,
    /// The address as it is written, variables and all.
    pub path: String,
    /// The scheme alone, such as `http`.
    pub scheme: String,
    /// The host alone, with a port where there is one.
    pub host: String,
    /// The path alone, with its leading slash.
    pub directory: String,
    /// The family that it is for.
    pub family: Option<String>,
}

/// A package repository.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Repository {
    /// What it is called, one word.
    pub name: String,
    /// What a person reads.
    pub description: Option<String>,
    /// Its address.
    pub url: String,
    /// Labels by which templates pick it.
    pub tags: Vec<String>,
    /// `deb`, `rpm` or `zypper`.
    pub kind: Option<String>,
    /// The distribution of a Debian repository.
    pub distribution: Option<String>,
    /// The components of a Debian repository.
    pub components: Vec<String>,
    /// Where its signing key is.
    pub key_url: Option<String>,
    /// Whether what comes from it must be signed.
    pub signed: bool,
    /// Whether the installer itself uses it.
    pub installer: bool,
    /// Whether it is the tree that the installer starts from.
    pub install_source: bool,
    /// Whether it holds security updates.
    pub security: bool,
    /// Its place among others, where that is set.
    pub priority: Option<u32>,
}

/// How disks are divided. The text is a template of the library, or one of this machine alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PartitionTable {
    /// Its name, and the name of its text in the library.
    pub name: String,
    /// The text of this machine alone, in place of the library's.
    pub text: Option<String>,
    /// The family that it is for.
    pub family: Option<String>,
}

/// An operating system has password hashes.
impl std::fmt::Debug for OperatingSystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatingSystem").field("title", &self.title).finish_non_exhaustive()
    }
}
