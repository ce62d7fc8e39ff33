//! TLS as databases mean it: the six `ssl_mode`s of libpq and `tls_ca`, through rustls. The same words for every kind.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use serde::Deserialize;

use super::{ErrorKind, ProviderError, Result};

/// Only the last two make sure who is at the other end, and only the last that it is the host asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// Where `tls_ca` is: `file:` and a path, which starts from the configuration's directory.
///
/// # Errors
/// `Invalid` for anything else.
pub fn ca_path(reference: &str, base: &Path) -> Result<PathBuf> {
    match reference.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(base.join(path)),
        _ => Err(ProviderError::new(
            ErrorKind::Invalid,
            "tls_ca: write file: and the path of a PEM file",
        )),
    }
}

/// `None` where no TLS is wanted. Without `ca` the machine's own authorities are trusted.
///
/// # Errors
/// `Denied` if the configured authority cannot be read, or the machine has none: nothing could be trusted.
pub fn client(mode: SslMode, ca: Option<&Path>) -> Result<Option<ClientConfig>> {
    let crypto = Arc::new(aws_lc_rs::default_provider());
    let lenient = |chain| {
        Arc::new(Lenient {
            chain,
            algorithms: crypto.signature_verification_algorithms,
        })
    };
    let verifier: Arc<dyn ServerCertVerifier> = match mode {
        SslMode::Disable => return Ok(None),
        SslMode::Allow | SslMode::Prefer | SslMode::Require => lenient(None),
        SslMode::VerifyCa => lenient(Some(web_pki(&crypto, ca)?)),
        SslMode::VerifyFull => web_pki(&crypto, ca)?,
    };
    let config = ClientConfig::builder_with_provider(Arc::clone(&crypto))
        .with_safe_default_protocol_versions()
        .map_err(|error| denied(format!("TLS: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Some(config))
}

fn denied(text: String) -> ProviderError {
    ProviderError::new(ErrorKind::Denied, text)
}

/// Whom to trust: `tls_ca`, or the machine's own authorities, without those that cannot be read.
///
/// # Errors
/// `Denied` if there are none.
pub fn authorities(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>> {
    let usable = |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone());
    let mut all = Vec::new();
    match ca {
        Some(path) => {
            let unreadable =
                |error: &dyn std::fmt::Display| denied(format!("tls_ca {}: {error}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                usable(&certificate).map_err(|error| unreadable(&error))?;
                all.push(certificate);
            }
        }
        None => {
            let machine = rustls_native_certs::load_native_certs().certs;
            all.extend(machine.into_iter().filter(|found| usable(found).is_ok()));
        }
    }
    if all.is_empty() {
        let where_from = ca.map_or_else(
            || "this machine".to_owned(),
            |path| format!("tls_ca {}", path.display()),
        );
        return Err(denied(format!("{where_from} names no certificate authority")));
    }
    Ok(all)
}

fn web_pki(crypto: &Arc<CryptoProvider>, ca: Option<&Path>) -> Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities(ca)?);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(crypto))
        .build()
        .map_err(|error| denied(format!("TLS: {error}")))
}

/// Checks less than it could, and only where the configuration says so: the chain and not the name, or, without a `chain`,
/// only that whoever answers holds the key of the certificate shown.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // The chain is checked first, so a wrong name is then all that is wrong.
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether an error of a connection is that the other end could not prove who it is: trying again helps nobody.
pub fn is_untrusted(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // An `io::Error` shows what it wraps only by this way, and may wrap another of its kind.
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match wrapped {
        Some(inner) => is_untrusted(inner),
        None => error.source().is_some_and(is_untrusted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_file_and_starts_at_the_configuration() {
        let base = Path::new("/etc/latchkey");
        let path = |reference| ca_path(reference, base).ok();
        assert_eq!(path("file:ca.pem"), Some(PathBuf::from("/etc/latchkey/ca.pem")));
        assert_eq!(path("file:/srv/ca.pem"), Some(PathBuf::from("/srv/ca.pem")));
        assert_eq!(path("ca.pem"), None);
        assert_eq!(path("file:"), None);
    }

    #[test]
    fn nothing_is_trusted_without_an_authority() {
        let empty = tempfile::NamedTempFile::new().expect("a file");
        for mode in [SslMode::VerifyCa, SslMode::VerifyFull] {
            for path in [empty.path(), Path::new("/nothing/here.pem")] {
                let error = client(mode, Some(path)).expect_err("refused");
                assert_eq!(error.kind, ErrorKind::Denied, "{error}");
            }
        }
        assert!(client(SslMode::Disable, None).expect("nothing needed").is_none());
        assert!(client(SslMode::Require, None).expect("encrypts").is_some());
    }

    #[test]
    fn only_a_bad_certificate_is_distrust() {
        let of = |error: rustls::Error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        assert!(is_untrusted(&of(Error::InvalidCertificate(
            CertificateError::UnknownIssuer
        ))));
        let twice = std::io::Error::other(of(Error::InvalidCertificate(CertificateError::Expired)));
        assert!(is_untrusted(&twice), "one wraps the other");
        assert!(!is_untrusted(&of(Error::DecryptError)));
        assert!(!is_untrusted(&std::io::Error::from(
            std::io::ErrorKind::ConnectionRefused
        )));
    }
}
