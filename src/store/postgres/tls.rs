//! How a connection is secured.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::database::Tls;
use crate::store::{Error, Problem};

/// The client's side of it; `None` for a connection in the clear.
pub(super) fn client(tls: Tls, ca_file: Option<&Path>) -> Result<Option<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new("set up TLS", Problem::Other(e.to_string())))?;
    Ok(match tls {
        Tls::Disable => None,
        Tls::VerifyFull => Some(
            builder
                .with_root_certificates(trusted(ca_file)?)
                .with_no_client_auth(),
        ),
        Tls::Require => Some(
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(algorithms)))
                .with_no_client_auth(),
        ),
    })
}

fn trusted(ca_file: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let from = match ca_file {
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
            let unreadable = |e| unverifiable(&format!("{} cannot be read: {e}", path.display()));
            let certificates: Vec<CertificateDer<'_>> = read.map_err(unreadable)?;
            roots.add_parsable_certificates(certificates);
            format!("{} holds no certificate", path.display())
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            "this system trusts no certificate; install ca-certificates".to_owned()
        }
    };
    match roots.is_empty() {
        true => Err(unverifiable(&from)),
        false => Ok(roots),
    }
}

fn unverifiable(why: &str) -> Error {
    let problem = Problem::Refused(format!(
        "{why}; set `store.ca_file` to the certificate in PEM that the database is signed with"
    ));
    Error::new("set up TLS to the database", problem)
}

/// Believes any certificate, though not that it is another's: the handshake must be signed with its key.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
