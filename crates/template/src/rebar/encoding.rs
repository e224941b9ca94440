//! Sprig's encodings and digests.

use super::arguments::Arguments;
use super::value::{to_json, wrong};
use super::yaml;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Error, Value};
use sha2::{Digest, Sha256};

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Option<Result<Value, Error>> {
    let text = || arguments.exactly(1).and_then(|it| it.text(0));
    Some(match name {
        "adler32sum" => text().map(|text| Value::from(adler32(text.as_bytes()).to_string())),
        "b32dec" => text().map(|text| Value::from(b32_decoded(&text))),
        "b32enc" => text().map(|text| Value::from(b32_encoded(text.as_bytes()))),
        "b64dec" => text().map(|text| Value::from(b64_decoded(&text))),
        "b64enc" => text().map(|text| Value::from(STANDARD.encode(text))),
        "sha256sum" => text().map(|text| Value::from(hex(&Sha256::digest(text)))),
        _ => return None,
    })
}

/// The value as a YAML document.
pub(super) fn yaml(value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(wrong("an undefined value cannot be written as YAML"));
    }
    Ok(yaml::document(&to_json(value)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sprig gives the error's text for what is no base64.
fn b64_decoded(text: &str) -> String {
    match STANDARD.decode(text.replace(['\n', '\r'], "")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => "illegal base64 data".to_owned(),
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// RFC 4648, section 6.
fn b32_encoded(bytes: &[u8]) -> String {
    let mut written = String::new();
    for group in bytes.chunks(5) {
        let mut padded = [0_u8; 8];
        padded[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(padded);
        let used = (group.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = usize::try_from(bits >> (35 - 5 * index) & 31).unwrap_or_default();
            written.push(if index < used { char::from(BASE32[digit]) } else { '=' });
        }
    }
    written
}

fn b32_decoded(text: &str) -> String {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for digit in text.trim_end_matches('=').bytes() {
        let Some(value) = BASE32.iter().position(|known| *known == digit) else {
            return "illegal base32 data".to_owned();
        };
        bits = (bits << 5 | u32::try_from(value).unwrap_or_default()) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// RFC 1950, section 9.
fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}
