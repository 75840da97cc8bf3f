//! `wss://`: TLS by rustls, with the verifier of the platform and the roots that were added to it.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, ClientConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use crate::error::ConnectError;

/// What a client trusts, and what it shows.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    roots: Vec<Vec<u8>>,
    identity: Option<Identity>,
    /// Made once, and not for every dial: the roots of the platform may have to be read.
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
struct Identity {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    pub(crate) fn add_roots(&mut self, pem: Vec<u8>) {
        self.roots.push(pem);
        self.config = Arc::default();
    }

    pub(crate) fn set_identity(&mut self, certificate: Vec<u8>, key: Vec<u8>) {
        self.identity = Some(Identity { certificate, key });
        self.config = Arc::default();
    }

    /// Makes a connection to `host` a secure one.
    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            ConnectError::tls(std::io::Error::other("the host is no name that a certificate can have"))
        })?;
        let connector = TlsConnector::from(self.config()?);
        connector.connect(name, stream).await.map_err(ConnectError::tls)
    }

    /// Refuses what cannot be read.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        if self.roots.is_empty() && self.identity.is_none() {
            return Ok(());
        }
        self.config().map(drop)
    }

    fn config(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make()?);
        Ok(Arc::clone(self.config.get_or_init(|| config)))
    }

    fn make(&self) -> Result<ClientConfig, ConnectError> {
        let unusable = |error: rustls::Error| ConnectError::tls(std::io::Error::other(error));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = Vec::new();
        for pem in &self.roots {
            roots.extend(certificates(pem, "the root certificates")?);
        }
        let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider)).map_err(unusable)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            None => config.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let chain = certificates(certificate, "the client's certificate")?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| not_pem("the client's key"))?;
                config.with_client_auth_cert(chain, key).map_err(unusable)?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(|| not_pem(what))
}

fn not_pem(what: &str) -> ConnectError {
    trunkline_core::ConfigError(format!("{what}: this is not PEM")).into()
}

/// Never the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("roots", &self.roots.len())
            .field("identity", &self.identity.is_some())
            .finish_non_exhaustive()
    }
}
