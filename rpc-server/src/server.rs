//! The built server: a value that can be shared, and the ways to bring connections to it.

use std::{fmt, num::NonZeroUsize, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, ToSocketAddrs},
    sync::watch,
};
use trunkline_core::{CloseReason, ConfigError, Error, KeepAlive, ServiceSchema};
use trunkline_peer::{
    End, IntoMethod, Memory, PeerInfo, Registration, Router, SocketLimits, TrafficLimits, User, WebSocket,
    hang_up, memory,
};

use crate::{
    admission::{Admission, Admitted, Ticket},
    auth::{IntoAuth, auth},
    builder::ServerBuilder,
    config::Config,
    contract::Contract,
    files::Files,
    hosts::Hosts,
    hub::Hub,
    lines::Lines,
    listen::{Bound, Serve, ServeError},
    logins::Logins,
    origin::Origins,
    proxy::Proxies,
    session::{self, Arrival},
    shutdown::Stop,
};

/// How many packets an end of an in-memory pair holds.
const IN_MEMORY_PACKETS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Services, and what a connection has to go through to reach them. Cheap to clone; all clones are one server.
#[derive(Clone)]
pub struct Server(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) router: Arc<Router>,
    pub(crate) contract: Contract,
    pub(crate) logins: Option<Arc<Logins>>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) socket_limits: Arc<SocketLimits>,
    pub(crate) traffic: Arc<TrafficLimits>,
    pub(crate) origins: Origins,
    pub(crate) hosts: Hosts,
    pub(crate) proxies: Proxies,
    pub(crate) files: Option<Files>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::Tls>,
    /// Which doors are open beside that of the native protocol.
    pub(crate) json_rpc: bool,
    pub(crate) post: bool,
    pub(crate) config: Config,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) stop: watch::Sender<Stop>,
    pub(crate) hub: Hub,
    pub(crate) lines: Lines,
    /// Where the numbers of the process are served.
    #[cfg(feature = "prometheus")]
    pub(crate) metrics_path: Option<String>,
}

impl Inner {
    pub(crate) fn has_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }
}

impl Server {
    /// Begins to put a server together.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// All sessions of this server.
    pub fn hub(&self) -> Hub {
        self.0.hub.clone()
    }

    /// The numbers of this process as Prometheus reads them (version 0.0.4 of its text format): for an application that serves them
    /// itself, where its users cannot see them. `None` if no server of the process has called
    /// [`ServerBuilder::metrics`] or [`ServerBuilder::record_metrics`].
    #[cfg(feature = "prometheus")]
    pub fn metrics(&self) -> Option<String> {
        crate::prometheus::text()
    }

    /// The configuration as it is in effect: defaults, file, variables, and what the builder has set. It has no secrets.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Listens on the address and port of the [configuration](Self::config) and serves for ever. For one that can be told to
    /// stop, or to know the port, use [`Self::serve`] or [`Self::bind`] with [`Config::addr`].
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn run(&self) -> Result<(), Error> {
        self.serve(self.0.config.addr()).await?;
        Ok(())
    }

    /// Has another [`crate::Authenticator`], or closure, judge who a client is, from now on: sessions that are there keep their
    /// users until their logins end, are refreshed, or are [taken back](crate::Audience::revoke).
    ///
    /// # Errors
    ///
    /// If the server was built without one.
    pub fn set_auth<Kind>(&self, judge: impl IntoAuth<Kind>) -> Result<(), ConfigError> {
        let none =
            || ConfigError("this server was built without `.auth(..)`, so nobody has to log in".to_owned());
        self.0.logins.as_ref().ok_or_else(none)?.set_auth(auth(judge));
        Ok(())
    }

    /// The services, in the order in which they were added.
    pub fn services(&self) -> impl Iterator<Item = &'static ServiceSchema> {
        self.0.contract.services().iter().copied()
    }

    /// The services as data, with all of their types: what generators of other languages and comparisons of versions need.
    #[cfg(feature = "schema")]
    pub fn describe(&self) -> trunkline_core::Description {
        trunkline_core::Description::of(self.services())
    }

    /// Serves a closure or an `async fn` under a name, also on connections that there are already. It passes the same checks as
    /// the methods of services; what it takes and gives is said in [`IntoMethod`], who may call it in [`Registration`].
    /// Generated clients, `describe` and `rpc.discover` do not know it.
    ///
    /// ```
    /// use trunkline_core::Error;
    /// use trunkline_peer::{Connection, Registration, has};
    /// use trunkline_server::Server;
    ///
    /// async fn sum((a, b): (i64, i64)) -> i64 {
    ///     a + b
    /// }
    ///
    /// let server = Server::builder().build()?;
    /// server.register("sum", sum)?;
    /// server.register(Registration::new("whoami").requires(has("name")), |conn: Connection| async move {
    ///     conn.get::<String>("name").ok_or_else(Error::internal)
    /// })?;
    /// assert!(server.register("sum", sum).is_err(), "a name leads to one method");
    /// assert!(server.unregister("sum"));
    /// # Ok::<(), trunkline_core::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the name is taken, or begins with `rpc.`.
    pub fn register<Kind>(
        &self,
        method: impl Into<Registration>,
        run: impl IntoMethod<Kind>,
    ) -> Result<(), ConfigError> {
        self.0.router.register(method, run)
    }

    /// Serves what was [registered](Self::register) under this name no longer; whether there was something. Calls of it that run
    /// go on to their end. Methods of services stay.
    pub fn unregister(&self, name: &str) -> bool {
        self.0.router.unregister(name)
    }

    /// Listens on `addr` and serves until it is told to stop; see [`Serve`].
    pub fn serve<A: ToSocketAddrs>(&self, addr: A) -> Serve<A> {
        Serve::new(self.clone(), addr)
    }

    /// Listens on `addr`, so that the port is known before anything is served: port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on.
    pub async fn bind(&self, addr: impl ToSocketAddrs) -> Result<Bound, ServeError> {
        Bound::new(self.clone(), addr).await
    }

    /// Serves what connects to `listener`.
    pub fn listen(&self, listener: TcpListener) -> Bound {
        Bound::over(self.clone(), listener)
    }

    /// Speaks to a peer over a byte stream whose upgrade to a WebSocket is done, as any other HTTP stack does it, until
    /// the session ends. Whether it is the native protocol in JSON or MessagePack, or JSON-RPC, is told by the first packet.
    ///
    /// # Errors
    ///
    /// If the peer did not say hello, or was sent away; also if there are too many connections.
    pub async fn handle<S>(&self, stream: S, peer: PeerInfo) -> Result<CloseReason, ServeError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.remote_addr().map(|addr| addr.ip());
        let admitted = self.0.admission.accept(address).and_then(|mut ticket| {
            address.map_or(Ok(()), |address| ticket.upgrade(address))?;
            Ok(ticket)
        });
        match admitted {
            Ok(ticket) => {
                self.speak(stream, &[], ticket, Arrival { peer, subprotocol: None, user: None }).await
            }
            Err(full) => {
                let limits = Arc::clone(&self.0.socket_limits);
                hang_up(WebSocket::with_limits(End::Server, stream, &[], limits).await, full.close_reason())
                    .await;
                Err(ServeError::NoSession(full.close_reason()))
            }
        }
    }

    /// Speaks WebSocket over `stream`, the first bytes of which have been `read` already, until the session ends.
    pub(crate) async fn speak<S>(
        &self,
        stream: S,
        read: &[u8],
        ticket: Ticket,
        arrival: Arrival,
    ) -> Result<CloseReason, ServeError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = Arc::clone(&self.0.socket_limits);
        let transport = WebSocket::with_limits(End::Server, stream, read, limits).await;
        session::run(&self.0, Admitted::new(transport, ticket), arrival).await
    }

    /// A connection to this server without a network, for tests: hand it to `Client::over`.
    ///
    /// Must be called within a tokio runtime, in which the session runs.
    pub fn in_memory(&self) -> Memory {
        self.in_memory_with(None)
    }

    /// A connection to this server without a network, on which `user` is logged in.
    ///
    /// Must be called within a tokio runtime, in which the session runs.
    pub fn in_memory_as(&self, user: User) -> Memory {
        self.in_memory_with(Some(user))
    }

    fn in_memory_with(&self, user: Option<User>) -> Memory {
        let (ours, theirs) = memory(IN_MEMORY_PACKETS);
        let inner = Arc::clone(&self.0);
        let arrival = Arrival { peer: PeerInfo::local(), subprotocol: None, user };
        tokio::spawn(async move { session::run(&inner, ours, arrival).await });
        theirs
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("router", &self.0.router)
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}
