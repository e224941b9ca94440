//! Numbers that look random: each machine has its own, and a repeated render has the same.

use super::host::host_name;
use super::ruby::text_of;
use crate::scope::Scope;
use minijinja::{Environment, Error, ErrorKind, State, Value};
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many random numbers a render has asked for.
#[derive(Debug, Default)]
struct Asked(AtomicU64);

impl minijinja::value::Object for Asked {}

pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_function("rand_hex", |state: &State<'_, '_>, length: usize| random_hex(state, length));
    environment.add_function("rand_uuid", |state: &State<'_, '_>| {
        let hex = random_hex(state, 16)?;
        Ok::<_, Error>(format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]))
    });
    environment.add_function("rand_number", |state: &State<'_, '_>, below: Option<u32>| {
        let digits = random_hex(state, 7)?;
        let number = u64::from_str_radix(&digits[..13], 16).unwrap_or_default();
        Ok::<_, Error>(match below {
            Some(below @ 1..) => Value::from(number % u64::from(below)),
            _ => Value::from(number as f64 / (1_u64 << 52) as f64),
        })
    });
    environment
        .add_function("rand_name", |state: &State<'_, '_>| Ok::<_, Error>(format!("host-{}", random_hex(state, 4)?)));
    environment.add_function("mac_name", |mac: Value| {
        format!("host-{}", text_of(&mac).replace([':', '-'], "").to_lowercase())
    });
}

/// Numbers that look random and are the same when the same render is done again.
fn random_hex(state: &State<'_, '_>, length: usize) -> Result<String, Error> {
    if length > 4_096 {
        return Err(Error::new(ErrorKind::InvalidOperation, "more than 4096 random bytes are not given"));
    }
    let scope = Scope::of(state)?;
    let asked = scope.render().cached("foreman.random", || Value::from_object(Asked::default()));
    let asked = asked.downcast_object_ref::<Asked>().map_or(0, |asked| asked.0.fetch_add(1, Ordering::Relaxed));
    let seed = format!("{}\0{}\0{asked}", scope.facts().seed, host_name(scope.facts()));
    let mut hex = String::with_capacity(length * 2);
    let mut block = 0_u32;
    while hex.len() < length * 2 {
        let digest = Sha256::digest(format!("{seed}\0{block}").as_bytes());
        hex.extend(digest.iter().map(|byte| format!("{byte:02x}")));
        block += 1;
    }
    hex.truncate(length * 2);
    Ok(hex)
}
