//! How a server is put together: services, who may come in, and limits.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::net::ToSocketAddrs;
use trunkline_core::{ConfigError, Error, KeepAlive, SessionConfig};
use trunkline_peer::{Dispatch, Router};

#[cfg(feature = "introspect")]
use crate::introspect::{Introspection, introspected};
use crate::{
    auth::{Auth, IntoAuth, auth},
    contract::Contract,
    files::Files,
    hub::Hub,
    origin::Origins,
    server::{Inner, Server},
};

/// Gathers what a [`Server`] is made of. What is wrong with it is said by [`Self::build`].
#[must_use = "a builder does nothing until `build`"]
pub struct ServerBuilder {
    router: Router,
    auth: Option<Auth>,
    origins: Origins,
    path: Option<String>,
    files: Option<Files>,
    config: SessionConfig,
    heartbeat: Heartbeat,
    login_timeout: Duration,
    head_timeout: Duration,
    #[cfg(feature = "introspect")]
    introspection: Option<Introspection>,
    problem: Option<ConfigError>,
}

/// How the server finds out that a client is gone.
///
/// ```
/// use std::time::Duration;
/// use trunkline_server::Heartbeat;
///
/// let heartbeat = Heartbeat::every(Duration::from_secs(30)).timeout(Duration::from_secs(10));
/// # let _ = heartbeat;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    every: Duration,
    timeout: Duration,
}

impl Heartbeat {
    /// Pings this often: every 25 s unless set.
    pub const fn every(every: Duration) -> Self {
        Self { every, timeout: Duration::from_secs(10) }
    }

    /// Gives the client this long to be heard from after a ping, before it is closed with 4410: 10 s unless set.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl ServerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            router: Router::default(),
            auth: None,
            origins: Origins::default(),
            path: None,
            files: None,
            config: SessionConfig::default(),
            heartbeat: Heartbeat::every(Duration::from_secs(25)),
            login_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            #[cfg(feature = "introspect")]
            introspection: None,
            problem: None,
        }
    }

    /// Serves a service, as in `.service(ChatServer::new(Rooms::default()))`. Several may be served at once, if no two
    /// methods have the same name on the wire.
    pub fn service(mut self, service: impl Dispatch) -> Self {
        let added = self.router.add(Arc::new(service));
        self.note(added)
    }

    /// Has an [`crate::Authenticator`], or a closure, judge who a client is. Methods that are not `public` then need a
    /// user; without this, all methods are open to everybody.
    pub fn auth<Kind>(mut self, judge: impl IntoAuth<Kind>) -> Self {
        self.router.require_login();
        self.auth = Some(auth(judge));
        self
    }

    /// Allows web pages of these origins to connect, beside those of the server's own. All others are refused with 403.
    pub fn allow_origins<'a>(mut self, origins: impl IntoIterator<Item = &'a str>) -> Self {
        for origin in origins {
            let allowed = self.origins.allow(origin).map_err(ConfigError);
            self = self.note(allowed);
        }
        self
    }

    /// Takes connections on this path only, and answers 404 on others: any path is taken unless set.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        let valid = if path.starts_with('/') {
            Ok(())
        } else {
            Err(ConfigError(format!("the path `{path}` begins with `/`")))
        };
        self.path = Some(path);
        self.note(valid)
    }

    /// Serves the files of a folder by GET: enough for the page of an example.
    pub fn files(mut self, folder: impl Into<PathBuf>) -> Self {
        self.files = Some(Files::new(folder.into()));
        self
    }

    /// Rewrites every error that is not the application's before a client sees it: those of methods, extractors and
    /// guards, and refusals, such as those of guards, rate limits and unknown names. The log has what was rewritten, under
    /// the reference that the client is told; refusals are logged at level debug. If the closure panics, the client sees a
    /// bare internal error.
    ///
    /// What Trunkline itself says of calls that were cancelled, came too late, or have an answer that the client cannot
    /// take is not passed to it: these texts are fixed and tell nothing.
    pub fn redact(mut self, redact: impl Fn(Error) -> Error + Send + Sync + 'static) -> Self {
        self.router.redact(redact);
        self
    }

    /// Pings clients: every 25 s with 10 s to answer unless set.
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    /// All limits of a session at once, also those that have no setter here, such as how many bytes of parameters are
    /// held. Setters that follow change single ones.
    pub fn limits(mut self, limits: SessionConfig) -> Self {
        self.config = limits;
        self
    }

    /// The largest WebSocket message taken, in bytes: 1 MiB unless set. A larger one closes its connection with 1009.
    pub fn max_message_size(mut self, bytes: u32) -> Self {
        self.config.max_packet = bytes;
        self
    }

    /// How many calls of one connection may be unanswered at once: 1,024 unless set. Clients learn it and wait; one more
    /// is refused with `RESOURCE_EXHAUSTED`. As many calls of `oneway` methods may run beside them; one more has no effect,
    /// and the log says so.
    pub fn max_in_flight(mut self, calls: u32) -> Self {
        self.config.max_in_flight = calls;
        self
    }

    /// How long a call may take where its method does not say: 30 s unless set. Then it is ended with
    /// `DEADLINE_EXCEEDED` and the method's future is dropped.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.config.call_timeout = timeout;
        self
    }

    /// How deep values may be nested: 64 unless set, at most 127. A deeper one fails its call with `INVALID_ARGUMENT`.
    pub fn max_depth(mut self, levels: u16) -> Self {
        self.config.max_depth = levels;
        self
    }

    /// How long a client may take to log in before it is closed with 4408: 10 s unless set.
    pub fn login_timeout(mut self, timeout: Duration) -> Self {
        self.login_timeout = timeout;
        self
    }

    /// How long a client may take to send the head of its HTTP request: 10 s unless set.
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.head_timeout = timeout;
        self
    }

    /// Answers `rpc.discover` with an OpenRPC document of all services and `rpc.typescript` with the text of their TypeScript
    /// definitions, to those named: nobody unless set. Front ends then need no Rust toolchain to generate their client:
    /// `npx trunkline gen https://host/rpc --out src/rpc.ts`.
    #[cfg(feature = "introspect")]
    pub fn introspection(mut self, who: Introspection) -> Self {
        self.introspection = Some(who);
        self
    }

    /// Builds the server, listens on `addr` and serves for ever, for servers that need nothing more. The error is one that
    /// `main` can return.
    ///
    /// # Errors
    ///
    /// As [`Self::build`], and if the address cannot be listened on.
    pub async fn serve(self, addr: impl ToSocketAddrs) -> Result<(), Error> {
        let bound = self.build()?.bind(addr).await?;
        bound.run().await;
        Ok(())
    }

    /// The server.
    ///
    /// # Errors
    ///
    /// If two methods have the same name on the wire, or a setting cannot work; the message says what to change.
    pub fn build(self) -> Result<Server, ConfigError> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        self.config.check()?;
        let keep_alive = KeepAlive {
            ping_every: Some(self.heartbeat.every),
            pong_within: self.heartbeat.timeout,
            ..KeepAlive::server()
        };
        keep_alive.check().map_err(|ConfigError(rule)| ConfigError(format!("the heartbeat: {rule}")))?;
        let zero = [(self.login_timeout, "login_timeout"), (self.head_timeout, "head_timeout")];
        if let Some((_, name)) = zero.into_iter().find(|(duration, _)| duration.is_zero()) {
            return Err(ConfigError(format!("{name} is more than zero")));
        }
        let services: Vec<_> = self.router.services().collect();
        let router = self.router;
        #[cfg(feature = "introspect")]
        let router = introspected(router, self.introspection, &services)?;
        Ok(Server(Arc::new(Inner {
            contract: Contract::new(services),
            router: Arc::new(router),
            auth: self.auth,
            origins: self.origins,
            path: self.path,
            files: self.files,
            config: self.config,
            keep_alive,
            login_timeout: self.login_timeout,
            head_timeout: self.head_timeout,
            hub: Hub::default(),
        })))
    }

    /// Keeps the first problem for `build`.
    fn note(mut self, result: Result<(), ConfigError>) -> Self {
        if let Err(problem) = result {
            self.problem.get_or_insert(problem);
        }
        self
    }
}

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("router", &self.router)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
