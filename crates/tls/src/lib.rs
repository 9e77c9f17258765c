//! TLS as a client: whose certificates are believed, for signalling and for relays alike.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
pub use tokio_rustls::client::TlsStream;

/// Whose certificates are believed.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those the operating system believes.
    #[default]
    System,
    /// These certificates (PEM) besides.
    Pem(Vec<u8>),
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate can bear such a name.
    #[error("{0:?} is no server name")]
    BadName(String),
    /// The certificate is not believed; why not.
    #[error("the certificate is not accepted: {0}")]
    BadCertificate(String),
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn bad(reason: &str) -> TlsError {
    TlsError::BadCertificate(reason.to_owned())
}

/// Puts TLS around a stream. `host` is the name a person typed, never what DNS made of it: the certificate must fit that.
///
/// # Errors
/// When the certificate is not believed or the connection breaks.
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    trust: &Trust,
    protocols: &[&[u8]],
) -> Result<TlsStream<S>, TlsError> {
    let mut config = client_config(trust)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::BadName(host.to_owned()))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(fault)) => TlsError::BadCertificate(reason(fault)),
            Some(_) => bad("the server does not offer a secure connection here"),
            None => TlsError::Io(error),
        }
    })
}

/// TLS for a client that connects by itself: HTTP, for one.
///
/// # Errors
/// When the named certificates can't be read, or the computer has no list of authorities.
pub fn client_config(trust: &Trust) -> Result<ClientConfig, TlsError> {
    // Named here, so that no other crate's choice of a default provider can break or weaken it.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier(trust, &provider)?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| bad("TLS cannot be used"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn verifier(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let unreadable = || bad("the certificate file of the account cannot be read");
    let no_trust = || bad("this computer has no list of trusted authorities");
    let extra: Vec<CertificateDer<'static>> = match trust {
        Trust::System => Vec::new(),
        Trust::Pem(pem) => CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| unreadable())?,
    };
    if extra.is_empty() && matches!(trust, Trust::Pem(_)) {
        return Err(unreadable());
    }
    let chain: Result<Arc<dyn ServerCertVerifier>, TlsError> =
        match Verifier::new_with_extra_roots(extra.clone(), provider.clone()) {
            Ok(verifier) => Ok(Arc::new(verifier)),
            // A bare machine without system roots can still trust the account's own authority.
            Err(_) if !extra.is_empty() => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(extra.clone());
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
                Ok(verifier.map_err(|_| unreadable())?)
            }
            Err(_) => Err(no_trust()),
        };
    let chain = chain?;
    Ok(if extra.is_empty() { chain } else { Arc::new(Named { chain, certificates: extra }) })
}

/// Believes, besides what the chain allows, the very certificates the account names. Many switchboards use one made by
/// `openssl req -x509`: signed by itself and marked as an authority, which no chain check takes as a server's certificate.
#[derive(Debug)]
struct Named {
    chain: Arc<dyn ServerCertVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        // Faults of the chain are forgiven, faults of the certificate are not: expired stays expired, another name another name.
        let authority = matches!(&verdict, Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))));
        if !authority || !self.certificates.iter().any(|known| known.as_ref() == end_entity.as_ref()) {
            return verdict;
        }
        rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    // That the server holds the key of its certificate is proven by its signatures, whoever vouches for the certificate.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Why a certificate is not believed, in plain words.
pub fn reason(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "it is not signed by an authority this computer trusts".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; check the clock of this computer".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it belongs to another server name".to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        CertificateError::Other(_) => {
            "it is signed by itself as an authority; the account must name it as trusted".to_owned()
        }
        other => format!("{other:?}").chars().take(120).collect(),
    }
}
