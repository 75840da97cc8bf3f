//! How a client is put together: where to, as whom, and how patiently.

use std::{fmt, sync::Arc, time::Duration};

use trunkline_core::{Codec, ConfigError, Hello, KeepAlive, SessionConfig};
use trunkline_peer::{Dispatch, TraceContext, TraceSource, Transport};

#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{
    client::Client,
    dial::{self, Url},
    error::ConnectError,
    exposed::Exposed,
    line::{ClientState, Line, OnState},
    token::{FetchToken, IntoToken},
};

/// Gathers what a [`Client`] is made of.
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect`"]
pub struct ClientBuilder {
    pub(crate) url: String,
    pub(crate) token: Option<FetchToken>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) codec: Codec,
    pub(crate) config: SessionConfig,
    pub(crate) call_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(crate) tls: Tls,
    pub(crate) on_state: Option<OnState>,
    pub(crate) trace: Option<Arc<TraceSource>>,
    pub(crate) exposed: Exposed,
}

impl ClientBuilder {
    pub(crate) fn new(url: String) -> Self {
        let config = SessionConfig::default();
        Self {
            url,
            token: None,
            headers: Vec::new(),
            codec: Codec::MessagePack,
            call_timeout: config.call_timeout,
            config,
            connect_timeout: Duration::from_secs(10),
            #[cfg(feature = "tls")]
            tls: Tls::default(),
            on_state: None,
            trace: None,
            exposed: Exposed::default(),
        }
    }

    /// Shows this token to the server: a string, or an async closure that fetches a fresh one, which is asked on each dial. If the
    /// login has an end, the closure is also asked at about four fifths of its time, or as soon as the server gives notice, and
    /// the login is refreshed with what it gives.
    pub fn token<Kind>(mut self, token: impl IntoToken<Kind>) -> Self {
        self.token = Some(token.fetch());
        self
    }

    /// Calls a closure for each state of the client, from [`ConnectionState::Initializing`] on, in the task that drives the
    /// connection: it must not block.
    ///
    /// ```
    /// # use trunkline_client::Client;
    /// let builder = Client::builder("ws://localhost:8080").on_state(|state| println!("{state}"));
    /// # let _ = builder;
    /// ```
    ///
    /// [`ConnectionState::Initializing`]: trunkline_peer::ConnectionState::Initializing
    pub fn on_state(mut self, tell: impl Fn(&ClientState) + Send + Sync + 'static) -> Self {
        self.on_state = Some(Arc::new(tell));
        self
    }

    /// Serves a service to the server, which calls it through the generated client of the same trait, built over a
    /// `Connection`: `WorkerClient::new(&conn).scan(jobs).await?`. Several may be exposed, if no two methods have the same
    /// name on the wire.
    ///
    /// ```ignore
    /// use trunkline::{Client, service};
    ///
    /// #[service]
    /// trait Worker {
    ///     async fn scan(&self, jobs: Vec<u64>) -> usize;
    /// }
    ///
    /// struct Scanner;
    ///
    /// impl Worker for Scanner {
    ///     async fn scan(&self, jobs: Vec<u64>) -> usize {
    ///         jobs.len()
    ///     }
    /// }
    ///
    /// let builder = Client::builder("ws://localhost:8080").expose(WorkerServer::new(Scanner));
    /// # let _ = builder;
    /// ```
    ///
    /// Everything is as on a server: the methods run in the task of the connection and must not block, several run at once,
    /// and each ends with its deadline, when it is cancelled, or with the connection. Errors that are not the method's own
    /// type reach the server as `INTERNAL` with a reference, and the log of this process has them. What differs: the caller is
    /// the server, so there is no `User`, and guards see what methods of this end have [set](trunkline_peer::Connection::set)
    /// on their `Connection`. Through that, a method may call the server in turn; a chain of calls back and forth holds a slot
    /// of the calls in flight for each of them.
    ///
    /// The server calls nobody whose connection is closed: hold the client for as long as it is to be called, and
    /// [connect](Self::connect) it, for one that [dials when it is called](Self::connect_lazy) has to call first.
    pub fn expose(mut self, service: impl Dispatch) -> Self {
        self.exposed.add(service);
        self
    }

    /// How many calls of the server to [exposed](Self::expose) services may be unanswered at once: 1,024 unless set, and as
    /// many of `oneway` methods beside them. The server learns it and lets further calls wait at its end; one more all the
    /// same is refused with `RESOURCE_EXHAUSTED`.
    pub fn max_in_flight(mut self, calls: u32) -> Self {
        self.config.max_in_flight = calls;
        self
    }

    /// Adds a header to the HTTP request that becomes the connection.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends with each call where it belongs in a trace (W3C Trace Context): what `context` gives, asked in the caller's task when
    /// the call leaves. `None` sends nothing, and so does a client on which this is not set.
    ///
    /// ```
    /// use trunkline_client::Client;
    /// use trunkline_peer::TraceContext;
    ///
    /// // A call that is made within a method goes on with the trace of the call to that method.
    /// let builder = Client::builder("ws://localhost:8080").trace(TraceContext::current);
    /// # let _ = builder;
    /// ```
    ///
    /// With OpenTelemetry, the closure turns the context of the current span into a [`TraceContext`]: `docs/operations.md` has it.
    pub fn trace(mut self, context: impl Fn() -> Option<TraceContext> + Send + Sync + 'static) -> Self {
        self.trace = Some(Arc::new(context));
        self
    }

    /// Trusts these certificates too, in PEM, beside those that the platform does: what `wss://` needs for a server with a
    /// certificate of your own.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.add_roots(pem.into());
        self
    }

    /// Shows this certificate, together with those between it and its root, to a server that asks for one over `wss://`. Both
    /// are in PEM.
    #[cfg(feature = "tls")]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.tls.set_identity(certificate.into(), key.into());
        self
    }

    /// How calls are encoded: MessagePack unless set. JSON is there for watching the traffic.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// How long dialling and logging in may take together: 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a call may take that does not [say](trunkline_peer::Call::timeout) and whose method does not either: 30 s
    /// unless set. It then fails with `DEADLINE_EXCEEDED` and is cancelled on the server. It begins when the call is first
    /// polled, also while there is no connection.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// The largest WebSocket message taken, in bytes: 1 MiB unless set. The server learns it and sends none larger.
    pub fn max_message_size(mut self, bytes: u32) -> Self {
        self.config.max_packet = bytes;
        self
    }

    /// All limits of a session at once, also those that have no setter here. Setters that follow change single ones.
    pub fn limits(mut self, limits: SessionConfig) -> Self {
        self.config = limits;
        self
    }

    /// Dials, once, and resolves when the server has accepted the client.
    ///
    /// Must be awaited within a tokio runtime, in which the connection then lives.
    ///
    /// # Errors
    ///
    /// If there is no connection in the end; the error says whose move it is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the half-made connection.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let this = self.checked()?;
        let url = Url::parse(&this.url)?;
        let line = this.line();
        let joined = dial::connect(&this, &url, &line).await?;
        Ok(Client::spawn(this, line, joined))
    }

    /// A client that dials when it is first called, and again when it is called after the connection has ended, whyever
    /// that was: only closing or dropping the client ends it for good. Calls fail with `UNAVAILABLE` if there is no
    /// connection in the end, and with `DEADLINE_EXCEEDED` if there is none in time.
    ///
    /// # Errors
    ///
    /// If the URL cannot be dialled at all, or a setting cannot work.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, in which the connection lives.
    pub fn connect_lazy(self) -> Result<Client, ConnectError> {
        let this = self.checked()?;
        let url = Url::parse(&this.url)?;
        let line = this.line();
        Ok(Client::spawn_lazy(this, line, url))
    }

    /// Logs in over a transport that is there already, such as one end of `server.in_memory()`.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub async fn over(self, transport: impl Transport) -> Result<Client, ConnectError> {
        let this = self.checked()?;
        let line = this.line();
        let joined = dial::over(&this, transport, &line).await?;
        Ok(Client::spawn(this, line, joined))
    }

    /// Refuses what cannot work.
    fn checked(mut self) -> Result<Self, ConnectError> {
        self.config.check()?;
        self.exposed.build()?;
        #[cfg(feature = "tls")]
        self.tls.check()?;
        let zero = [(self.call_timeout, "call_timeout"), (self.connect_timeout, "connect_timeout")];
        if let Some((_, name)) = zero.into_iter().find(|(duration, _)| duration.is_zero()) {
            return Err(ConfigError(format!("{name} must be more than zero")).into());
        }
        dial::check_headers(&self.headers)?;
        Ok(self)
    }

    fn line(&self) -> Line {
        Line::new(self.codec, self.call_timeout, self.on_state.clone(), self.trace.clone())
    }

    pub(crate) fn hello(&self, token: Option<String>) -> Hello {
        Hello {
            client: concat!("trunkline-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            token,
            limits: self.config.limits(),
            ..Hello::default()
        }
    }

    pub(crate) fn keep_alive(&self) -> KeepAlive {
        KeepAlive::client()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("url", &dial::shown(&self.url))
            .field("codec", &self.codec)
            .field("exposed", &self.exposed)
            .finish_non_exhaustive()
    }
}
