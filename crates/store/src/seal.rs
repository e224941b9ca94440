//! Secrets at rest: ChaCha20-Poly1305 (RFC 8439) under one key, each bound to the place it is stored in.

use crate::{EncryptionKey, StoreError};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// Marks the form: 12 random bytes of nonce, the ciphertext, 16 bytes of tag, in base64. Random nonces are good
/// for 2^32 seals under one key; a server that seals ten a second needs thirteen years for that.
const VERSION: &str = "v1:";

/// Seals and opens secrets.
pub(crate) struct Sealer {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Sealer {
    pub(crate) fn new(key: &EncryptionKey) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.bytes()).expect("the key has the cipher's 32 bytes");
        Self { key: LessSafeKey::new(key), random: SystemRandom::new() }
    }

    /// Fresh random bytes.
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], StoreError> {
        let mut bytes = [0; N];
        let filled = self.random.fill(&mut bytes);
        filled.map_err(|_| StoreError::Unavailable("the operating system gave no randomness".to_owned()))?;
        Ok(bytes)
    }

    /// The sealed form of `secret`, which opens only for the same `place`.
    pub(crate) fn seal(&self, secret: &str, place: &str) -> Result<String, StoreError> {
        let nonce: [u8; NONCE_LEN] = self.random()?;
        let mut sealed = secret.as_bytes().to_vec();
        let bound = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(bound, Aad::from(place.as_bytes()), &mut sealed)
            .expect("a secret is far shorter than the cipher's limit of 256 GiB");
        let envelope = [nonce.as_slice(), &sealed].concat();
        Ok(format!("{VERSION}{}", BASE64_URL_SAFE_NO_PAD.encode(envelope)))
    }

    /// The secret in `sealed`.
    pub(crate) fn open(&self, sealed: &str, place: &str) -> Result<Zeroizing<String>, StoreError> {
        self.try_open(sealed, place).ok_or_else(|| StoreError::Corrupt { what: format!("the secret of {place}") })
    }

    fn try_open(&self, sealed: &str, place: &str) -> Option<Zeroizing<String>> {
        let envelope = BASE64_URL_SAFE_NO_PAD.decode(sealed.strip_prefix(VERSION)?).ok()?;
        let (nonce, sealed) = envelope.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let opened = self.key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed).ok()?;
        Some(Zeroizing::new(std::str::from_utf8(opened).ok()?.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&EncryptionKey::from_bytes([byte; 32]))
    }

    #[test]
    fn a_secret_opens_with_its_key_in_its_place_only() {
        let sealed = sealer(1).seal("hunter2", "Bmc/1/password").unwrap();
        assert!(!sealed.contains("hunter2"));
        assert_eq!(sealer(1).open(&sealed, "Bmc/1/password").unwrap().as_str(), "hunter2");
        assert!(sealer(2).open(&sealed, "Bmc/1/password").is_err());
        assert!(sealer(1).open(&sealed, "Bmc/2/password").is_err());
        for broken in ["", "v1:", "v1:AAAA", "v2:AAAA", &sealed[..sealed.len() - 2]] {
            assert!(sealer(1).open(broken, "Bmc/1/password").is_err(), "{broken}");
        }
    }

    #[test]
    fn the_same_secret_seals_differently_each_time() {
        assert_ne!(sealer(1).seal("hunter2", "a").unwrap(), sealer(1).seal("hunter2", "a").unwrap());
    }
}
