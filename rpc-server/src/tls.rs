//! TLS by rustls, versions 1.2 and 1.3, with certificates that can be exchanged while the server runs. No early data is taken: it
//! could be replayed.

use std::{
    fmt, fs, io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, RootCertStore, ServerConfig,
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
    server::TlsStream,
};
use trunkline_core::ConfigError;
use trunkline_peer::{PeerCertificate, causes};
use x509_cert::{
    Certificate,
    der::{Decode, Encode, asn1},
};

/// How often files are looked at.
const RELOAD_EVERY: Duration = Duration::from_secs(60);

/// The certificate of a server, and whether clients may or must show one of theirs. Cheap to clone; all clones are one.
///
/// What comes from files is read again every minute: a certificate that was renewed is used from then on, by new connections.
/// If it cannot be used, the log says so and the last one stays.
///
/// ```no_run
/// use trunkline_server::{Server, Tls};
///
/// let server = Server::builder().tls(Tls::files("chat.pem", "chat.key")).build()?;
/// # Ok::<(), trunkline_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    certificate: Source,
    key: Source,
    client_roots: Option<Source>,
    clients_must: bool,
    reload_every: Duration,
    current: RwLock<Option<Current>>,
}

/// Where something in PEM comes from.
#[derive(Clone)]
enum Source {
    File(PathBuf),
    Text(Vec<u8>),
}

struct Current {
    /// What was read, to see whether there is something new.
    read: Vec<Vec<u8>>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// With the certificate in the one file, together with those between it and its root, and its private key in the other, both
    /// in PEM.
    pub fn files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self::new(Source::File(certificate.into()), Source::File(key.into()))
    }

    /// With this certificate, together with those between it and its root, and its private key, both in PEM.
    pub fn pem(certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self::new(Source::Text(certificate.into()), Source::Text(key.into()))
    }

    fn new(certificate: Source, key: Source) -> Self {
        Self(Arc::new(Inner {
            certificate,
            key,
            client_roots: None,
            clients_must: false,
            reload_every: RELOAD_EVERY,
            current: RwLock::default(),
        }))
    }

    /// Lets clients show certificates that were issued by those in this file, in PEM: the authenticator finds them at
    /// [`Credentials::peer_certificate`](crate::Credentials::peer_certificate). Clients without one may connect as well.
    #[must_use]
    pub fn client_roots_file(self, file: impl Into<PathBuf>) -> Self {
        self.with(|inner| inner.client_roots = Some(Source::File(file.into())))
    }

    /// As [`Self::client_roots_file`], with the text of the file.
    #[must_use]
    pub fn client_roots(self, pem: impl Into<Vec<u8>>) -> Self {
        self.with(|inner| inner.client_roots = Some(Source::Text(pem.into())))
    }

    /// Refuses clients without a certificate, in the handshake.
    #[must_use]
    pub fn require_client_certificates(self) -> Self {
        self.with(|inner| inner.clients_must = true)
    }

    /// How often the files are read again: every minute unless set.
    #[must_use]
    pub fn reload_every(self, period: Duration) -> Self {
        self.with(|inner| inner.reload_every = period)
    }

    /// A new one with a change: clones that were made before do not have it.
    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Inner {
            certificate: self.0.certificate.clone(),
            key: self.0.key.clone(),
            client_roots: self.0.client_roots.clone(),
            clients_must: self.0.clients_must,
            reload_every: self.0.reload_every,
            current: RwLock::default(),
        };
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// Reads the files now. New connections use what was found, those that are there go on.
    ///
    /// # Errors
    ///
    /// If it cannot be used, naming the file; then the last one stays in use.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let inner = &self.0;
        let sources = [Some(&inner.certificate), Some(&inner.key), inner.client_roots.as_ref()];
        let read: Vec<Vec<u8>> =
            sources.into_iter().flatten().map(Source::read).collect::<Result<_, ConfigError>>()?;
        if inner
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|known| known.read == read)
        {
            return Ok(());
        }
        let config = Arc::new(inner.config(&read)?);
        let before =
            inner.current.write().unwrap_or_else(PoisonError::into_inner).replace(Current { read, config });
        if before.is_some() {
            tracing::info!(certificate = %inner.certificate, "a new certificate is in use");
        }
        Ok(())
    }

    /// Reads the files from time to time, for as long as it is polled.
    pub(crate) async fn keep_fresh(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(self.0.reload_every).await;
            if let Err(error) = self.reload() {
                tracing::warn!(%error, "the certificate was not renewed");
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.0.reload_every.is_zero() {
            return Err(ConfigError("reload_every is more than zero".to_owned()));
        }
        if self.0.clients_must && self.0.client_roots.is_none() {
            return Err(ConfigError(
                "require_client_certificates needs those who issue them: `.client_roots_file(..)`".to_owned(),
            ));
        }
        self.reload()
    }

    /// Makes a connection a secure one.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self
            .0
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|it| Arc::clone(&it.config));
        let config = config.ok_or_else(|| io::Error::other("there is no certificate"))?;
        TlsAcceptor::from(config).accept(stream).await
    }
}

impl Inner {
    fn config(&self, read: &[Vec<u8>]) -> Result<ServerConfig, ConfigError> {
        let (certificate, key, roots) = match read {
            [certificate, key] => (certificate, key, None),
            [certificate, key, roots, ..] => (certificate, key, Some(roots)),
            _ => return Err(ConfigError("there is no certificate".to_owned())),
        };
        let chain = certificates(&self.certificate, certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| ConfigError(format!("{} has no private key in PEM", self.key)))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let versions = versions.map_err(|error| self.unusable(&error))?;
        let clients = match (roots, &self.client_roots) {
            (Some(roots), Some(source)) => {
                versions.with_client_cert_verifier(self.verifier(source, roots, provider)?)
            }
            _ => versions.with_no_client_auth(),
        };
        let mut config = clients.with_single_cert(chain, key).map_err(|error| self.unusable(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(
        &self,
        source: &Source,
        roots: &[u8],
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, ConfigError> {
        let mut store = RootCertStore::empty();
        for root in certificates(source, roots)? {
            store.add(root).map_err(|error| {
                ConfigError(format!("{source} has a certificate that cannot be used: {error}"))
            })?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider);
        let verifier = if self.clients_must { verifier } else { verifier.allow_unauthenticated() };
        verifier.build().map_err(|error| ConfigError(format!("{source} cannot be used: {error}")))
    }

    fn unusable(&self, error: &rustls::Error) -> ConfigError {
        ConfigError(format!(
            "the certificate of {} and the key of {} cannot be used: {error}",
            self.certificate, self.key
        ))
    }
}

impl Source {
    fn read(&self) -> Result<Vec<u8>, ConfigError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => fs::read(path)
                .map_err(|error| ConfigError(format!("{} cannot be read: {error}", path.display()))),
        }
    }
}

/// For messages: never what it holds.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Text(_) => f.write_str("the given text"),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &format_args!("{}", self.0.certificate))
            .field("key", &format_args!("{}", self.0.key))
            .field("clients_must", &self.0.clients_must)
            .finish_non_exhaustive()
    }
}

fn certificates(source: &Source, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(ConfigError(format!("{source} has no certificates in PEM"))),
    }
}

/// The certificate that a client has shown, which was verified in the handshake.
pub(crate) fn peer_certificate<S>(stream: &TlsStream<S>) -> Option<PeerCertificate> {
    let der = stream.get_ref().1.peer_certificates()?.first()?;
    let parsed = match Certificate::from_der(der) {
        Ok(parsed) => parsed,
        Err(error) => {
            tracing::warn!(error = causes(&error), "a client's certificate cannot be read");
            return None;
        }
    };
    let subject = parsed.tbs_certificate().subject();
    Some(PeerCertificate::new(subject.to_string(), common_name(subject), der.as_ref()))
}

/// The common name in a subject (X.520, attribute 2.5.4.3).
fn common_name(subject: &x509_cert::name::Name) -> Option<String> {
    let is_common_name =
        |attribute: &&x509_cert::attr::AttributeTypeAndValue| attribute.oid.to_string() == "2.5.4.3";
    let found = subject.iter().find(is_common_name)?;
    let der = found.value.to_der().ok()?;
    let utf8 = || asn1::Utf8StringRef::from_der(&der).ok().map(|text| text.as_str().to_owned());
    let printable = || asn1::PrintableStringRef::from_der(&der).ok().map(|text| text.as_str().to_owned());
    utf8().or_else(printable)
}
