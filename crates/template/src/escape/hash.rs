//! Password hashes as `crypt(3)` makes them with `$6$`: SHA-512 in rounds (Drepper, "Unix crypt using SHA-256 and
//! SHA-512", version 0.6).

use super::{defined, refuse, refused, scalar};
use crate::scope::Scope;
use minijinja::value::Kwargs;
use minijinja::{Error, State, Value};
use sha2::{Digest, Sha512};

/// What is done when the setting says nothing.
const ROUNDS: usize = 5_000;
/// The longest password: the work grows with its square.
const MAX_PASSWORD_BYTES: usize = 256;
const MAX_SALT_BYTES: usize = 16;
/// The digits of crypt's own Base64.
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Hashes a password. Without `salt=` the salt comes from the render's seed and the machine, so that a render that
/// is repeated gives the same text.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]
pub(super) fn sha512_crypt(state: &mut State<'_, '_>, value: &Value, arguments: Kwargs) -> Result<String, Error> {
    defined(state, value)?;
    let password = scalar(value)?;
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(refused(format!("a password of more than {MAX_PASSWORD_BYTES} bytes is not hashed")));
    }
    refuse(&password, "a password", |character| character == '\0')?;
    let salt: Option<String> = arguments.get("salt")?;
    arguments.assert_all_used()?;
    let salt = match salt {
        Some(salt) => salt,
        None => own_salt(state)?,
    };
    refuse(&salt, "a salt", |character| !(character.is_ascii_alphanumeric() || matches!(character, '.' | '/')))?;
    let salt = salt.get(..MAX_SALT_BYTES).unwrap_or(&salt);
    Ok(format!("$6${salt}${}", hash(password.as_bytes(), salt.as_bytes())))
}

fn own_salt(state: &State<'_, '_>) -> Result<String, Error> {
    let scope = Scope::of(state).map_err(|_| refused("sha512_crypt needs salt= where there is no machine"))?;
    scope.render().check_time()?;
    let facts = scope.facts();
    let seed = format!("salt\0{}\0{}\0{}", facts.seed, facts.machine.name, scope.template());
    let digest = Sha512::digest(seed);
    Ok(digest.iter().take(MAX_SALT_BYTES).map(|byte| char::from(DIGITS[usize::from(byte & 63)])).collect())
}

/// Steps 1 to 21 of the paper, then its order of bytes.
fn hash(password: &[u8], salt: &[u8]) -> String {
    let alternate = Sha512::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut first = Sha512::new().chain_update(password).chain_update(salt);
    first.update(repeated(&alternate, password.len()));
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { alternate.as_slice() } else { password });
        bits >>= 1;
    }
    let first = first.finalize();
    let password_digest = Sha512::digest(password.repeat(password.len()));
    let password_bytes = repeated(&password_digest, password.len());
    let salt_digest = Sha512::digest(salt.repeat(16 + usize::from(first[0])));
    let salt_bytes = repeated(&salt_digest, salt.len());

    let mut last = first;
    for round in 0..ROUNDS {
        let mut digest = Sha512::new();
        digest.update(if round % 2 == 1 { password_bytes.as_slice() } else { last.as_slice() });
        if round % 3 != 0 {
            digest.update(&salt_bytes);
        }
        if round % 7 != 0 {
            digest.update(&password_bytes);
        }
        digest.update(if round % 2 == 1 { last.as_slice() } else { password_bytes.as_slice() });
        last = digest.finalize();
    }
    in_digits(&last)
}

/// `digest` again and again until there are `length` bytes.
fn repeated(digest: &[u8], length: usize) -> Vec<u8> {
    digest.iter().copied().cycle().take(length).collect()
}

/// Three bytes at a time, 21 apart in turns; the last byte alone.
fn in_digits(digest: &[u8]) -> String {
    let mut text = String::with_capacity(86);
    let mut put = |bytes: [u8; 3], digits: usize| {
        let mut bits = bytes.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for _ in 0..digits {
            text.push(char::from(DIGITS[bits & 63]));
            bits >>= 6;
        }
    };
    for group in 0..21 {
        let [a, b, c] = [digest[group], digest[group + 21], digest[group + 42]];
        put(
            match group % 3 {
                0 => [a, b, c],
                1 => [b, c, a],
                _ => [c, a, b],
            },
            4,
        );
    }
    put([0, 0, digest[63]], 2);
    text
}
