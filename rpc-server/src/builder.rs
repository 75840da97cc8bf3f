//! How a server is put together: services, who may come in, and limits.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{net::ToSocketAddrs, sync::watch};
use trunkline_core::{CloseReason, ConfigError, Error, KeepAlive, SessionConfig};
use trunkline_peer::{
    CallLog, Connection, Dispatch, Expiry, LinkError, LinkEvent, LoadInfo, Router, Untyped,
};

#[cfg(feature = "introspect")]
use crate::introspect::{Introspection, introspected};
use crate::{
    auth::{Auth, IntoAuth, auth},
    contract::Contract,
    files::Files,
    hooks::{HookOutput, Hooks, hook},
    hub::Hub,
    info::{Infos, IntoInfo},
    logins::{FailedLogins, LoginService, Logins},
    origin::Origins,
    server::{Inner, Server},
    shutdown::Stop,
};

/// Gathers what a [`Server`] is made of. What is wrong with it is said by [`Self::build`].
#[must_use = "a builder does nothing until `build`"]
pub struct ServerBuilder {
    router: Router,
    auth: Option<Auth>,
    login_is_optional: bool,
    failed_logins: FailedLogins,
    expiry: Expiry,
    info: Option<LoadInfo>,
    hooks: Hooks,
    shutdown_grace: Duration,
    origins: Origins,
    path: Option<String>,
    files: Option<Files>,
    json_rpc: bool,
    post: bool,
    config: SessionConfig,
    heartbeat: Heartbeat,
    login_timeout: Duration,
    head_timeout: Duration,
    #[cfg(feature = "introspect")]
    introspection: Option<Introspection>,
    #[cfg(feature = "prometheus")]
    metrics_path: Option<String>,
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

/// What happens to a connection that calls a method before the login that is not public.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unauthenticated {
    /// The call is refused with `UNAUTHENTICATED`, and the connection stays.
    #[default]
    Refuse,
    /// The connection is closed with 4401 as well, once the call is answered; and at once when a login fails.
    Close,
}

impl ServerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            router: Router::default(),
            auth: None,
            login_is_optional: false,
            failed_logins: FailedLogins::default(),
            expiry: Expiry::default(),
            info: None,
            hooks: Hooks::default(),
            shutdown_grace: Duration::from_secs(15),
            origins: Origins::default(),
            path: None,
            files: None,
            json_rpc: true,
            post: true,
            config: SessionConfig::default(),
            heartbeat: Heartbeat::every(Duration::from_secs(25)),
            login_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            #[cfg(feature = "introspect")]
            introspection: None,
            #[cfg(feature = "prometheus")]
            metrics_path: None,
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
        self.auth = Some(auth(judge));
        self
    }

    /// Lets everybody call every method, logged in or not, although there is an [authenticator](Self::auth). Methods tell
    /// the two apart by `Option<User>` and guards.
    pub fn optional_login(mut self) -> Self {
        self.login_is_optional = true;
        self
    }

    /// What happens to a connection that calls a method before the login that is not public: [`Unauthenticated::Refuse`]
    /// unless set.
    pub fn unauthenticated(mut self, policy: Unauthenticated) -> Self {
        match policy {
            Unauthenticated::Refuse => {}
            Unauthenticated::Close => self.router.close_unauthenticated(),
        }
        self
    }

    /// How many logins may fail on one connection: the third closes it with 4401 unless set.
    pub fn max_failed_logins(mut self, logins: u32) -> Self {
        self.failed_logins.per_connection = logins;
        self
    }

    /// How many logins may fail in a minute: 10 unless set, from one address (of IPv6 one /64) and of those who say that they are
    /// one user. Whoever has used them up is refused without being judged, with `RESOURCE_EXHAUSTED` or close code 4429.
    pub fn failed_logins_per_minute(mut self, logins: u32) -> Self {
        self.failed_logins.per_minute = logins;
        self
    }

    /// What happens around the [end](trunkline_peer::User::expires_at) of a login: a notice 60 s before and 30 s to log in
    /// again after, unless set.
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        self.expiry = expiry;
        self
    }

    /// Has a closure, sync or async, tell more of a user than the login does: `user.info::<Profile>().await`. It is called when
    /// that is first asked for, once for all sessions that the user has at the same time; what it gave is kept until the
    /// last of them ends.
    ///
    /// ```
    /// # use trunkline_peer::User;
    /// # use trunkline_server::Server;
    /// #[derive(Debug, Clone)]
    /// struct Profile { full_name: String }
    ///
    /// let server = Server::builder().user_info(|user: &User| Profile { full_name: user.id().to_uppercase() }).build()?;
    /// # Ok::<(), trunkline_core::ConfigError>(())
    /// ```
    pub fn user_info<Kind>(mut self, load: impl IntoInfo<Kind>) -> Self {
        self.info = Some(load.load());
        self
    }

    /// Runs a closure for each session when it has begun, before any of its calls. It may go on for as long as it likes; calls to
    /// the client can be made from it. Several may be added, as of all hooks; what one fails with is logged.
    ///
    /// ```
    /// # use trunkline_server::Server;
    /// let server = Server::builder()
    ///     .on_connect(|conn| async move { println!("{} is there: {}", conn.id(), conn.remote_addr()) })
    ///     .on_disconnect(|conn, close| async move { println!("{} left: {} {}", conn.id(), close.code, close.reason) })
    ///     .build()?;
    /// # Ok::<(), trunkline_core::ConfigError>(())
    /// ```
    pub fn on_connect<F, R>(mut self, run: F) -> Self
    where
        F: Fn(Connection) -> R + Send + Sync + 'static,
        R: Future + Send + 'static,
        R::Output: HookOutput,
    {
        self.hooks.on_connect(hook(run));
        self
    }

    /// Runs a closure for each session once, when its user is known: right after [`Self::on_connect`] if the hello has proven it.
    pub fn on_authenticated<F, R>(mut self, run: F) -> Self
    where
        F: Fn(Connection) -> R + Send + Sync + 'static,
        R: Future + Send + 'static,
        R::Output: HookOutput,
    {
        self.hooks.on_authenticated(hook(run));
        self
    }

    /// Runs a closure for each session once, when it has ended, with the code and reason of the close frame: 1006 if there was
    /// none. The hub does not know the session any more.
    pub fn on_disconnect<F, R>(mut self, run: F) -> Self
    where
        F: Fn(Connection, CloseReason) -> R + Send + Sync + 'static,
        R: Future + Send + 'static,
        R::Output: HookOutput,
    {
        self.hooks.on_disconnect(hook(move |(conn, close)| run(conn, close)));
        self
    }

    /// Runs a closure when something has happened to the socket of a session.
    pub fn on_link<F, R>(mut self, run: F) -> Self
    where
        F: Fn(Connection, LinkEvent) -> R + Send + Sync + 'static,
        R: Future + Send + 'static,
        R::Output: HookOutput,
    {
        self.hooks.on_link(hook(move |(conn, event)| run(conn, event)));
        self
    }

    /// Runs a closure for a session that breaks, once and before [`Self::on_disconnect`]: the client broke the protocol or was
    /// silent, or is gone without a close frame.
    pub fn on_error<F, R>(mut self, run: F) -> Self
    where
        F: Fn(Connection, LinkError) -> R + Send + Sync + 'static,
        R: Future + Send + 'static,
        R::Output: HookOutput,
    {
        self.hooks.on_error(hook(move |(conn, error)| run(conn, error)));
        self
    }

    /// Runs a closure for each message that no service takes: a call or notification of an unknown name, from a client that
    /// may call something. A call is answered with `UNIMPLEMENTED` behind it. It holds a slot like a method, and ends with the
    /// deadline of calls.
    pub fn on_message<F, R>(mut self, run: F) -> Self
    where
        F: Fn(Connection, Untyped) -> R + Send + Sync + 'static,
        R: Future + Send + 'static,
        R::Output: HookOutput,
    {
        self.hooks.on_message(hook(move |(conn, message)| run(conn, message)));
        self
    }

    /// How long calls that run have to end when the server shuts down gracefully: 15 s unless set.
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.shutdown_grace = grace;
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

    /// Does not speak JSON-RPC 2.0, which else any client may that offers no subprotocol: `docs/jsonrpc.md`. Such a client is
    /// closed with 1003, and a POST of it answered with 415.
    pub fn without_json_rpc(mut self) -> Self {
        self.json_rpc = false;
        self
    }

    /// Does not answer POST, which else carries a document of JSON-RPC or a packet of the native protocol: it is answered
    /// with 405.
    pub fn without_post(mut self) -> Self {
        self.post = false;
        self
    }

    /// The most entries of a JSON-RPC batch: 1,024 unless set. A larger one is refused as a whole, with −32600.
    pub fn max_batch(mut self, entries: usize) -> Self {
        self.config.max_batch = entries;
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

    /// Tells `hook` of every call that has ended, once: which method, how it ended, how long it took, whose it was. An entry has
    /// no parameter, result, header or token of the call.
    ///
    /// ```
    /// use trunkline_peer::CallLog;
    /// use trunkline_server::Server;
    ///
    /// let builder = Server::builder().on_log(|entry: &CallLog| println!("{entry}"));
    /// # let _ = builder;
    /// ```
    ///
    /// The hook runs on a thread of its own, so it may block and slows no call down. It may be behind by 1,024 entries; what comes
    /// then is dropped, and [`CallLog::dropped`](trunkline_peer::CallLog::dropped) of the next entry says how many were. If it
    /// panics, the log says so once a minute, and it is told of the next entry. Entries that have not been handled when the
    /// process ends are lost. Every hook that is added is told of all calls.
    pub fn on_log(mut self, hook: impl Fn(&CallLog) + Send + 'static) -> Self {
        let told = self.router.on_log(hook);
        self.note(told)
    }

    /// Serves the numbers of this process for Prometheus by GET on this path, for example `/metrics`: nowhere unless set. Everybody
    /// who reaches the server reads them there; they name services and methods, and no user. What is counted is in
    /// `docs/operations.md`.
    ///
    /// Installs the recorder of the process for the crate `metrics`, before anything is counted. If the application has
    /// installed another, [`Self::build`] fails.
    #[cfg(feature = "prometheus")]
    pub fn metrics(self, path: impl Into<String>) -> Self {
        let path = path.into();
        let valid = match path.starts_with('/') {
            true => Ok(()),
            false => Err(ConfigError(format!("the path of the metrics, `{path}`, begins with `/`"))),
        };
        let mut this = self.record_metrics();
        this.metrics_path = Some(path);
        this.note(valid)
    }

    /// Counts and measures as [`Self::metrics`] does, and leaves it to the application where [`Server::metrics`] is served.
    #[cfg(feature = "prometheus")]
    pub fn record_metrics(self) -> Self {
        let installed = crate::prometheus::install().map(drop);
        self.note(installed)
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
        self.failed_logins.check()?;
        let mut router = self.router;
        if let Some(take) = self.hooks.take_messages() {
            router.untyped(take);
        }
        let hub = Hub::new(self.hooks, self.info.map(Infos::new));
        let logins = self.auth.map(|auth| Arc::new(Logins::new(auth, self.failed_logins)));
        if let Some(logins) = &logins {
            if !self.login_is_optional {
                router.require_login();
            }
            let strict = router.closes_unauthenticated();
            router.add(Arc::new(LoginService::new(Arc::clone(logins), hub.clone(), strict)))?;
        }
        #[cfg(feature = "introspect")]
        let router = introspected(router, self.introspection, &services)?;
        Ok(Server(Arc::new(Inner {
            #[cfg(feature = "prometheus")]
            metrics_path: self.metrics_path,
            contract: Contract::new(services),
            router: Arc::new(router),
            logins,
            expiry: self.expiry,
            shutdown_grace: self.shutdown_grace,
            stop: watch::Sender::new(Stop::Never),
            origins: self.origins,
            path: self.path,
            files: self.files,
            json_rpc: self.json_rpc,
            post: self.post,
            config: self.config,
            keep_alive,
            login_timeout: self.login_timeout,
            head_timeout: self.head_timeout,
            hub,
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
