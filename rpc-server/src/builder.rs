//! How a server is put together: services, who may come in, and limits.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{net::ToSocketAddrs, sync::watch};
use trunkline_core::{CloseReason, ConfigError, Error, KeepAlive};
use trunkline_peer::{
    CallLog, Connection, Dispatch, Expiry, LinkError, LinkEvent, LoadInfo, Rate, Reassembly, Router,
    SocketLimits, TrafficLimits, Untyped,
};

#[cfg(feature = "introspect")]
use crate::introspect::{Introspection, introspected};
#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{
    admission::Admission,
    auth::{Auth, IntoAuth, auth},
    config::Config,
    contract::Contract,
    files::Files,
    hooks::{HookOutput, Hooks, hook},
    hosts::Hosts,
    hub::Hub,
    info::{Infos, IntoInfo},
    limits::Limits,
    lines::Lines,
    logins::{FailedLogins, LoginService, Logins},
    origin::Origins,
    proxy::Proxies,
    server::{Inner, Server},
    shutdown::Stop,
    users::Users,
};

/// Gathers what a [`Server`] is made of. What is wrong with it is said by [`Self::build`].
#[must_use = "a builder does nothing until `build`"]
pub struct ServerBuilder {
    router: Router,
    auth: Option<Auth>,
    login_is_optional: bool,
    info: Option<LoadInfo>,
    hooks: Hooks,
    files: Option<Files>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    json_rpc: bool,
    post: bool,
    config: Option<Config>,
    /// What the setters have set, in their order: it goes on top of the configuration, whenever that was given.
    changes: Vec<Change>,
    #[cfg(feature = "introspect")]
    introspection: Option<Introspection>,
    #[cfg(feature = "prometheus")]
    metrics_path: Option<String>,
    problem: Option<ConfigError>,
}

/// What a setter does.
type Change = Box<dyn FnOnce(&mut Config) + Send>;

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
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::every(Duration::from_secs(25))
    }
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

    pub(crate) fn keep_alive(self) -> KeepAlive {
        KeepAlive { ping_every: Some(self.every), pong_within: self.timeout, ..KeepAlive::server() }
    }

    pub(crate) fn check(self) -> Result<(), ConfigError> {
        let checked = self.keep_alive().check();
        checked.map_err(|ConfigError(rule)| ConfigError(format!("the heartbeat: {rule}")))
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
            info: None,
            hooks: Hooks::default(),
            files: None,
            #[cfg(feature = "tls")]
            tls: None,
            json_rpc: true,
            post: true,
            config: None,
            changes: Vec::new(),
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
    ///
    /// ```
    /// use trunkline_core::Error;
    /// use trunkline_peer::User;
    /// use trunkline_server::{Credentials, Server};
    ///
    /// let server = Server::builder()
    ///     .auth(|credentials: &Credentials| match credentials.bearer() {
    ///         Some("opensesame") => Ok::<_, Error>(Some(User::new("ali"))),
    ///         _ => Ok(None),
    ///     })
    ///     .build()?;
    /// # Ok::<(), trunkline_core::ConfigError>(())
    /// ```
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
    pub fn max_failed_logins(self, logins: u32) -> Self {
        self.change(move |config| config.limits.max_failed_logins = logins)
    }

    /// How many logins may fail in a minute: 10 unless set, from one address (of IPv6 one /64) and of those who say that they are
    /// one user. Whoever has used them up is refused without being judged, with `RESOURCE_EXHAUSTED` or close code 4429.
    pub fn failed_logins_per_minute(self, logins: u32) -> Self {
        self.change(move |config| config.limits.failed_logins_per_minute = logins)
    }

    /// What happens around the [end](trunkline_peer::User::expires_at) of a login: a notice 60 s before and 30 s to log in
    /// again after, unless set.
    pub fn expiry(self, expiry: Expiry) -> Self {
        self.change(move |config| config.expiry = expiry)
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

    /// Runs a closure for each session when it has begun: what it does before it first waits for something has happened before the
    /// session's first call. It may go on for as long as it likes; calls to
    /// the client can be made from it, and their errors returned: `WorkerClient::new(&conn).scan(jobs).await?`. Several may be
    /// added, as of all hooks; what one fails with is logged, and the session goes on.
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
    pub fn shutdown_grace(self, grace: Duration) -> Self {
        self.change(move |config| config.shutdown_grace = grace)
    }

    /// Allows web pages of these origins to connect, beside those of the server's own. All others are refused with 403.
    pub fn allow_origins<'a>(self, origins: impl IntoIterator<Item = &'a str>) -> Self {
        let origins = texts(origins);
        self.change(move |config| config.allow_origins.extend(origins))
    }

    /// The names under which the server is reached, as in `chat.example` or `chat.example:8080`. Requests for others are refused
    /// with 403, except those of [`/health`](Self::build).
    ///
    /// Unless set, any name will do for clients that are no browsers. For the pages of browsers, a name is no proof that a page
    /// is the server's own where that listens in a private network, since anybody can let a name of theirs point there (DNS
    /// rebinding): there, only pages under an address or `localhost` are, and all others need this list or
    /// [`Self::allow_origins`].
    pub fn allow_hosts<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        let hosts = texts(hosts);
        self.change(move |config| config.allow_hosts.extend(hosts))
    }

    /// The proxies in front of the server, as addresses or networks such as `10.0.0.0/8`: none unless set. What they say of a
    /// client's address, in `Forwarded` (RFC 7239) or `X-Forwarded-For`, is believed: the last address that is no trusted proxy
    /// is the client's. All limits per address go by it. Of others, these headers have no meaning.
    pub fn trusted_proxies<'a>(self, networks: impl IntoIterator<Item = &'a str>) -> Self {
        let networks = texts(networks);
        self.change(move |config| config.trusted_proxies.extend(networks))
    }

    /// Speaks TLS on every connection that this server listens for: `https` and `wss`. It takes the place of the files in the
    /// configuration.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Takes connections on this path only, and answers 404 on others: any path is taken unless set.
    pub fn path(self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.change(move |config| config.path = Some(path))
    }

    /// Serves the files of a folder by GET: enough for the page of an example. The folder has to be there already.
    pub fn files(mut self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let found = match folder.is_dir() {
            true => Ok(()),
            false => {
                let folder = folder.display();
                Err(ConfigError(format!("`{folder}` is not a folder, whose files could be served")))
            }
        };
        self.files = Some(Files::new(folder));
        self.note(found)
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
    pub fn max_batch(self, entries: usize) -> Self {
        self.change(move |config| config.limits.session.max_batch = entries)
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
            false => Err(ConfigError(format!("the path of the metrics, `{path}`, must begin with `/`"))),
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
    pub fn heartbeat(self, heartbeat: Heartbeat) -> Self {
        self.change(move |config| config.heartbeat = heartbeat)
    }

    /// The configuration, as from [`Config::from_env`]: everything that the setters of this builder do not set, whether they
    /// are called before it or after.
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// All limits at once, also those that have no setter here: [`Limits::test`], for example. Setters that follow change
    /// single ones.
    pub fn limits(self, limits: Limits) -> Self {
        self.change(move |config| config.limits = limits)
    }

    /// How often one address (for IPv6, one /64) may connect, as in `"5/1s"` or `"10/1s burst 20"`: no limit unless set. Whoever
    /// comes more often is answered with 429 and `Retry-After`.
    pub fn limit_connections(self, rate: &str) -> Self {
        self.rate("limit_connections", rate, |limits, rate| limits.connection_rate = Some(rate))
    }

    /// How many calls and notifications may come on a connection, and on all connections of one user, as in `"100/1s burst
    /// 200"`: no limit unless set. More are refused with `RESOURCE_EXHAUSTED` and the time to wait; whoever goes on like that for
    /// 5 s is closed with 4429.
    pub fn limit_messages(self, rate: &str) -> Self {
        self.rate("limit_messages", rate, |limits, rate| limits.messages = Some(rate))
    }

    /// How many bytes may come on a connection, and on all connections of one user, as in `"256 KiB/1s burst 1 MiB"`: no
    /// limit unless set. The calls in what is beyond are treated as by [`Self::limit_messages`].
    pub fn limit_bytes(self, rate: &str) -> Self {
        self.rate("limit_bytes", rate, |limits, rate| limits.bytes = Some(rate))
    }

    fn rate(self, name: &str, rate: &str, set: impl FnOnce(&mut Limits, Rate) + Send + 'static) -> Self {
        match rate.parse() {
            Ok(rate) => self.change(move |config| set(&mut config.limits, rate)),
            Err(ConfigError(why)) => self.note(Err(ConfigError(format!("{name}: {why}")))),
        }
    }

    /// How many connections there may be at once: 10,000 unless set. One more is answered with 503 and `Retry-After`.
    pub fn max_connections(self, connections: usize) -> Self {
        self.change(move |config| config.limits.max_connections = connections)
    }

    /// How many connections one user may have: 16 unless set. One more is closed with 4413 after its login.
    pub fn max_connections_per_user(self, connections: usize) -> Self {
        self.change(move |config| config.limits.max_connections_per_user = Some(connections))
    }

    /// The largest WebSocket message taken, in bytes: 1 MiB unless set. A larger one closes its connection with 1009.
    pub fn max_message_size(self, bytes: u32) -> Self {
        self.change(move |config| config.limits.session.max_packet = bytes)
    }

    /// How many calls of one connection may be unanswered at once: 1,024 unless set. Clients learn it and wait; one more
    /// is refused with `RESOURCE_EXHAUSTED`. As many calls of `oneway` methods may run beside them; one more has no effect,
    /// and the log says so.
    pub fn max_in_flight(self, calls: u32) -> Self {
        self.change(move |config| config.limits.session.max_in_flight = calls)
    }

    /// How many streams of one connection there may be at once: 128 unless set. Calls that give one count, and the streams
    /// that are sent along with calls. Clients learn it and wait; one more is refused with `RESOURCE_EXHAUSTED`.
    pub fn max_streams(self, streams: u32) -> Self {
        self.change(move |config| config.limits.session.max_streams = streams)
    }

    /// How long a call may take where its method does not say: 30 s unless set. Then it is ended with
    /// `DEADLINE_EXCEEDED` and the method's future is dropped. The same for calls that this server makes to its clients.
    pub fn call_timeout(self, timeout: Duration) -> Self {
        self.change(move |config| config.limits.session.call_timeout = timeout)
    }

    /// How deep values may be nested: 64 unless set, at most 127. A deeper one fails its call with `INVALID_ARGUMENT`.
    pub fn max_depth(self, levels: u16) -> Self {
        self.change(move |config| config.limits.session.max_depth = levels)
    }

    /// How long a client may take to log in before it is closed with 4408: 10 s unless set.
    pub fn login_timeout(self, timeout: Duration) -> Self {
        self.change(move |config| config.limits.login_timeout = timeout)
    }

    /// How long a client may take to send the head of its HTTP request: 10 s unless set.
    pub fn head_timeout(self, timeout: Duration) -> Self {
        self.change(move |config| config.limits.head_timeout = timeout)
    }

    /// Answers `rpc.discover` with an OpenRPC document of all services and `rpc.typescript` with the text of their TypeScript
    /// definitions, to those named: nobody unless set. Front ends then need no Rust toolchain to generate their client:
    /// `npx trunkline gen https://host/rpc --out src/rpc.ts`.
    ///
    /// ```
    /// use trunkline_peer::is;
    /// use trunkline_server::{Introspection, Server};
    ///
    /// let server = Server::builder().introspection(Introspection::Requires(is("developer"))).build()?;
    /// # Ok::<(), trunkline_core::ConfigError>(())
    /// ```
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
        let mut config = self.config.unwrap_or_default();
        self.changes.into_iter().for_each(|change| change(&mut config));
        config.check()?;
        if cfg!(panic = "abort") {
            tracing::warn!("a panic in one method ends this whole process: build with `panic = \"unwind\"`");
        }
        let limits = &config.limits;
        #[cfg(feature = "tls")]
        let tls = self.tls.map_or_else(|| tls_of(&config), |tls| Ok(Some(tls)))?;
        #[cfg(feature = "tls")]
        tls.as_ref().map_or(Ok(()), Tls::check)?;
        #[cfg(not(feature = "tls"))]
        if config.has_tls() {
            return Err(ConfigError(
                "tls_certificate_file needs the feature `tls` of the crate `trunkline`".to_owned(),
            ));
        }
        let mut origins = Origins::default();
        config.allow_origins.iter().try_for_each(|origin| origins.allow(origin)).map_err(ConfigError)?;
        let mut hosts = Hosts::default();
        config.allow_hosts.iter().try_for_each(|host| hosts.allow(host))?;
        let mut proxies = Proxies::default();
        config.trusted_proxies.iter().try_for_each(|network| proxies.trust(network))?;
        let services: Vec<_> = self.router.services().collect();
        let mut router = self.router;
        if let Some(take) = self.hooks.take_messages() {
            router.untyped(take);
        }
        let traffic = Arc::new(traffic_limits(limits));
        let users = Users::new(Arc::clone(&traffic), limits.max_connections_per_user);
        let hub = Hub::new(self.hooks, self.info.map(Infos::new), users);
        let failed_logins = FailedLogins {
            per_connection: limits.max_failed_logins,
            per_minute: limits.failed_logins_per_minute,
        };
        let logins = self.auth.map(|auth| Arc::new(Logins::new(auth, failed_logins)));
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
            stop: watch::Sender::new(Stop::Never),
            admission: Admission::new(limits),
            socket_limits: Arc::new(socket_limits(limits)),
            traffic,
            origins,
            hosts,
            proxies,
            json_rpc: self.json_rpc,
            post: self.post,
            files: self.files,
            #[cfg(feature = "tls")]
            tls,
            keep_alive: config.heartbeat.keep_alive(),
            config,
            hub,
            lines: Lines::default(),
        })))
    }

    /// Sets something on top of the configuration.
    fn change(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Keeps the first problem for `build`.
    fn note(mut self, result: Result<(), ConfigError>) -> Self {
        if let Err(problem) = result {
            self.problem.get_or_insert(problem);
        }
        self
    }
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

/// TLS as the configuration has it.
#[cfg(feature = "tls")]
fn tls_of(config: &Config) -> Result<Option<Tls>, ConfigError> {
    let tls = match (&config.tls_certificate_file, &config.tls_key_file) {
        (Some(certificate), Some(key)) => Tls::files(certificate, key),
        (None, None) if !config.has_tls() => return Ok(None),
        _ => return Err(ConfigError("TLS needs tls_certificate_file and tls_key_file".to_owned())),
    };
    Ok(Some(match &config.tls_client_roots_file {
        Some(roots) => tls.client_roots_file(roots),
        None => tls,
    }))
}

fn traffic_limits(limits: &Limits) -> TrafficLimits {
    TrafficLimits {
        messages: limits.messages,
        bytes: limits.bytes,
        in_flight_per_user: limits.max_in_flight_per_user,
        denials: limits.max_denials,
        packets_before_login: limits.max_messages_before_login,
        bytes_before_login: limits.max_bytes_before_login,
    }
}

fn socket_limits(limits: &Limits) -> SocketLimits {
    SocketLimits {
        max_packet: limits.session.max_packet as usize,
        before_login: Some(limits.max_bytes_before_login),
        max_fragments: limits.max_fragments,
        message_timeout: Some(limits.message_timeout),
        stall_timeout: limits.stall_timeout,
        control_frames: limits.control_frames,
        reassembly: Some(Arc::new(Reassembly::new(limits.max_reassembly))),
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
