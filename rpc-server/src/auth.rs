//! Who is at the other end: what a client brings, and who judges it.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Map, Value};
use trunkline_core::Error;
use trunkline_peer::{BoxFuture, PeerCertificate, PeerInfo, User};

/// What a client shows to prove who it is: in the hello, in a call of `rpc.login` or `rpc.refresh`, and in the HTTP request
/// before all that. Its `Debug` form tells no secret.
#[derive(Clone)]
pub struct Credentials {
    peer: PeerInfo,
    token: Option<String>,
    extra: Map<String, Value>,
    shown: Shown,
}

/// Whether a client has shown something that could have proven who it is, as far as is known by now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown(Arc<AtomicBool>);

impl Shown {
    pub(crate) fn is_an_attempt(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Credentials {
    pub(crate) fn new(peer: PeerInfo, token: Option<String>, extra: Map<String, Value>) -> Self {
        let creds = Self { peer, token, extra, shown: Shown::default() };
        if creds.token.is_some() || !creds.extra.is_empty() || creds.header("authorization").is_some() {
            creds.shown.note();
        }
        creds
    }

    /// The token in the hello, or the one that `rpc.login` or `rpc.refresh` was called with.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The [token](Self::token), or else what stands behind `Bearer` in the header `Authorization` (RFC 6750, section 2.1).
    pub fn bearer(&self) -> Option<&str> {
        let header = || {
            let (scheme, token) = self.header("authorization")?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        };
        self.token().or_else(header)
    }

    /// What else `rpc.login` or `rpc.refresh` was called with, by its name.
    pub fn extra(&self, name: &str) -> Option<&Value> {
        self.extra.get(name)
    }

    /// A header of the HTTP request, such as `authorization` or `x-api-key`. There are no cookies among them: a browser sends
    /// those with the requests of every page, so they prove nothing.
    ///
    /// A header that is there and was asked for counts as a credential: if nobody is known by it, a login has failed. What is none,
    /// such as the name of a tenant, is better read by [`peer`](Self::peer)`().header(..)`.
    pub fn header(&self, name: &str) -> Option<&str> {
        if name.eq_ignore_ascii_case("cookie") {
            return None;
        }
        let value = self.peer.header(name)?;
        // Whoever judges looks at it, so it may be a credential.
        if !TELLS_NO_SECRET.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            self.shown.note();
        }
        Some(value)
    }

    /// The certificate that the client has shown in the TLS handshake, which was verified there: see
    /// [`Tls::client_roots_file`](crate::Tls::client_roots_file).
    pub fn peer_certificate(&self) -> Option<&PeerCertificate> {
        self.peer.peer_certificate()
    }

    /// What else is known of the peer, such as its address.
    pub fn peer(&self) -> &PeerInfo {
        &self.peer
    }

    /// Whether the client has shown something that could have proven who it is. Of headers other than `authorization` that is
    /// known when they were judged.
    pub(crate) fn shown(&self) -> Shown {
        self.shown.clone()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("remote_addr", &self.peer.remote_addr())
            .field("token", &self.token.as_ref().map(|_| "[redacted]"))
            .finish_non_exhaustive()
    }
}

/// Headers that every client sends, and that are none's secret.
const TELLS_NO_SECRET: [&str; 7] =
    ["user-agent", "origin", "host", "referer", "accept-language", "forwarded", "x-forwarded-for"];

/// Judges credentials: once when a session begins, and again for each `rpc.login` and `rpc.refresh`. A closure does where
/// there is nothing to keep.
///
/// ```
/// use trunkline_core::Error;
/// use trunkline_peer::User;
/// use trunkline_server::{Authenticator, Credentials};
///
/// struct Accounts;
///
/// impl Authenticator for Accounts {
///     async fn authenticate(&self, creds: &Credentials) -> Result<Option<User>, Error> {
///         Ok(creds.bearer().and_then(|token| token.strip_prefix("tok-")).map(User::new))
///     }
/// }
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// Who shows these credentials.
    ///
    /// `None` is nobody: the session goes on without a user, and may call public methods only. A call of `rpc.login` or
    /// `rpc.refresh` is answered with `UNAUTHENTICATED`.
    ///
    /// # Errors
    ///
    /// If that cannot be found out at the moment: the client is told to come back later, by close code 1013 in place of the
    /// welcome or `UNAVAILABLE` in place of the answer. The log has the error, and the client does not.
    fn authenticate(&self, creds: &Credentials) -> impl Future<Output = Result<Option<User>, Error>> + Send;
}

/// An authenticator or a closure, sync or async, that judges credentials.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot judge credentials",
    note = "pass an `Authenticator`, or a closure `|creds: &Credentials| -> Result<Option<User>>`, or one that returns a \
            future of that"
)]
pub trait IntoAuth<Kind>: Send + Sync + 'static {
    /// The boxed form of it.
    #[doc(hidden)]
    fn judge(self: Arc<Self>, creds: Arc<Credentials>) -> BoxFuture<Result<Option<User>, Error>>;
}

/// Marks authenticators.
#[derive(Debug)]
pub struct ByTrait;

/// Marks closures that answer at once.
#[derive(Debug)]
pub struct ByClosure;

/// Marks closures that answer with a future.
#[derive(Debug)]
pub struct ByFuture;

impl<A: Authenticator> IntoAuth<ByTrait> for A {
    fn judge(self: Arc<Self>, creds: Arc<Credentials>) -> BoxFuture<Result<Option<User>, Error>> {
        Box::pin(async move { self.authenticate(&creds).await })
    }
}

impl<F> IntoAuth<ByClosure> for F
where
    F: Fn(&Credentials) -> Result<Option<User>, Error> + Send + Sync + 'static,
{
    fn judge(self: Arc<Self>, creds: Arc<Credentials>) -> BoxFuture<Result<Option<User>, Error>> {
        Box::pin(async move { self(&creds) })
    }
}

impl<F, R> IntoAuth<ByFuture> for F
where
    F: Fn(&Credentials) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Option<User>, Error>> + Send + 'static,
{
    fn judge(self: Arc<Self>, creds: Arc<Credentials>) -> BoxFuture<Result<Option<User>, Error>> {
        Box::pin(self(&creds))
    }
}

/// The one who judges, without its type.
pub(crate) type Auth = Box<dyn Fn(Credentials) -> BoxFuture<Result<Option<User>, Error>> + Send + Sync>;

pub(crate) fn auth<Kind>(auth: impl IntoAuth<Kind>) -> Auth {
    let auth = Arc::new(auth);
    Box::new(move |creds| Arc::clone(&auth).judge(Arc::new(creds)))
}
