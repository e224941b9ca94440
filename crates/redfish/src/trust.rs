//! Whom to believe on the other end: exactly one certificate.
//!
//! BMCs come with self-signed certificates, so names and authorities say nothing. The SHA-256 of the leaf is
//! pinned. Without a pin the first certificate that proves its key is accepted and handed back: that is trust
//! on first use, and whoever sits on the wire at that first moment is trusted too.

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use types::Digest;

/// Sessions kept for a shorter handshake. A client has one server, and rustls makes room in advance: its default
/// would be 40 KB for each BMC of a site.
const RESUMABLE: usize = 8;

/// One for all clients.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

/// Accepts one certificate, or the first one.
#[derive(Debug)]
pub(crate) struct Trust {
    algorithms: WebPkiSupportedAlgorithms,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    pinned: Option<Digest>,
    refused: Option<Digest>,
}

impl Trust {
    /// Accepts `pinned` only, or the first certificate seen.
    pub(crate) fn new(provider: &CryptoProvider, pinned: Option<Digest>) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
            seen: Mutex::new(Seen { pinned, refused: None }),
        }
    }

    /// The certificate that is accepted.
    pub(crate) fn pinned(&self) -> Option<Digest> {
        self.seen().pinned
    }

    /// The pin and the certificate that was refused for it, once.
    pub(crate) fn take_refused(&self) -> Option<(Digest, Digest)> {
        let mut seen = self.seen();
        Some((seen.pinned?, seen.refused.take()?))
    }

    /// Pins on the first handshake whose signature proves that the other side owns the certificate's key.
    fn proven(&self, certificate: &CertificateDer<'_>) {
        self.seen().pinned.get_or_insert_with(|| Digest::of(certificate));
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Digest::of(leaf);
        let mut seen = self.seen();
        match seen.pinned {
            Some(pinned) if pinned != found => {
                seen.refused = Some(found);
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            Some(_) | None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let valid = verify_tls12_signature(message, certificate, signature, &self.algorithms)?;
        self.proven(certificate);
        Ok(valid)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let valid = verify_tls13_signature(message, certificate, signature, &self.algorithms)?;
        self.proven(certificate);
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// TLS that believes `pinned` or the first certificate, and the record of which one that was.
pub(crate) fn client_config(pinned: Option<Digest>) -> Result<(ClientConfig, Arc<Trust>), Error> {
    let provider = Arc::clone(&PROVIDER);
    let trust = Arc::new(Trust::new(&provider, pinned));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(trust.clone())
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(RESUMABLE);
    Ok((config, trust))
}
