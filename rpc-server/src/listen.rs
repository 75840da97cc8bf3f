//! Listening: an accept loop with a deadline on the head of every request.

use std::{
    convert::Infallible,
    future::{Future, IntoFuture, pending},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::watch,
    task::JoinSet,
};
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;
use trunkline_core::{CloseReason, Code, Error};
use trunkline_peer::{End, WebSocket};

use crate::{
    admission::Admitted,
    config::is_private,
    http::{self, Door, Ends, Line, Upgrade},
    meters::{Measured, Phase},
    server::{Inner, Server},
    session::{self, Arrival},
    shutdown::{self, Stop, stopped},
};

/// How long to wait when no connection can be accepted, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How many connections are answered at once while the server ends.
const TURNED_AWAY_AT_ONCE: usize = 256;
/// The longest that a timer need wait.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

/// What a connection is made of, secure or not.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

/// Why a server does not serve, or not this connection.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Bind {
        /// The address, or all that its name stands for.
        addr: String,
        /// What the system says.
        source: io::Error,
    },
    /// A connection did not become a session, for this reason.
    #[error("the connection did not become a session: {0}")]
    NoSession(CloseReason),
}

/// For `main` functions that return [`Error`]: an internal error with the same text, which no client is told.
impl From<ServeError> for Error {
    fn from(error: ServeError) -> Self {
        Self::new(Code::Internal, error.to_string()).with_detail(error)
    }
}

/// A server that will listen when it is awaited.
///
/// # Cancel safety
///
/// Dropping it stops the listening; sessions go on until they end.
#[must_use = "nothing is served until it is awaited"]
#[derive(Debug)]
pub struct Serve<A, S = std::future::Pending<()>> {
    server: Server,
    addr: A,
    shutdown: S,
}

impl<A: ToSocketAddrs> Serve<A> {
    pub(crate) fn new(server: Server, addr: A) -> Self {
        Self { server, addr, shutdown: pending() }
    }
}

impl<A, S> Serve<A, S> {
    /// Stops when `signal` resolves: accepts nothing more, lets the calls that run end, and returns when all sessions have ended,
    /// which is as [`Server::shutdown`] says.
    pub fn with_graceful_shutdown<F: Future<Output = ()>>(self, signal: F) -> Serve<A, F> {
        Serve { server: self.server, addr: self.addr, shutdown: signal }
    }
}

impl<A, S> IntoFuture for Serve<A, S>
where
    A: ToSocketAddrs + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    type Output = Result<(), ServeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let listener = listen(self.addr).await?;
            Bound::over(self.server, listener).run_until(self.shutdown).await;
            Ok(())
        })
    }
}

async fn listen(addr: impl ToSocketAddrs) -> Result<TcpListener, ServeError> {
    let unknown = |source| ServeError::Bind { addr: "an address that nobody knows".to_owned(), source };
    let addrs: Vec<SocketAddr> = tokio::net::lookup_host(addr).await.map_err(unknown)?.collect();
    TcpListener::bind(addrs.as_slice()).await.map_err(|source| {
        let addrs: Vec<String> = addrs.iter().map(ToString::to_string).collect();
        ServeError::Bind { addr: addrs.join(" or "), source }
    })
}

/// A server that listens and has not begun to serve.
#[derive(Debug)]
pub struct Bound {
    server: Server,
    listener: TcpListener,
}

impl Bound {
    pub(crate) async fn new(server: Server, addr: impl ToSocketAddrs) -> Result<Self, ServeError> {
        Ok(Self::over(server, listen(addr).await?))
    }

    pub(crate) fn over(server: Server, listener: TcpListener) -> Self {
        if server.services().next().is_none() && server.0.router.has_services_only() {
            tracing::warn!("the server has no services: `.service(..)` on its builder adds them");
        }
        warn_if_open(&server, &listener);
        let (addr, settings) = (listener.local_addr().ok(), server.config().line());
        tracing::info!(?addr, version = env!("CARGO_PKG_VERSION"), settings, "the server listens");
        Self { server, listener }
    }

    /// Where it listens, with the real port.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn local_addr(&self) -> Result<SocketAddr, ServeError> {
        let unknown = |source| ServeError::Bind { addr: "a listener without an address".to_owned(), source };
        self.listener.local_addr().map_err(unknown)
    }

    /// Serves for ever.
    pub async fn run(self) {
        self.run_until(pending()).await;
    }

    /// Serves until `signal` resolves, or the server is told to [shut down](Server::shutdown): then accepts nothing more, lets the
    /// calls that run end, and returns when all sessions have ended, which is as [`Server::shutdown`] says.
    pub async fn run_until(self, signal: impl Future<Output = ()>) {
        let mut signal = pin!(signal);
        let stop = watch::Sender::new(Stop::Never);
        let mut server_stop = self.server.0.stop.subscribe();
        let mut fresh = pin!(keep_fresh(&self.server.0));
        let how = loop {
            let accepted = tokio::select! {
                never = &mut fresh => match never {},
                () = &mut signal => break Stop::Gracefully,
                stop = server_stop.wait_for(|stop| *stop != Stop::Never) => break stop.map_or(Stop::Now, |stop| *stop),
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, addr)) => admit(&self.server.0, stream, addr, &stop),
                Err(error) => pause(&self.server.0, &error).await,
            }
        };
        // Before the sessions are told, so that none begins unnoticed.
        stop.send_replace(how);
        tokio::select! {
            () = shutdown::drain(&self.server.0, stop.closed()) => {}
            never = turn_away(&self.server.0, &self.listener) => match never {},
        }
    }
}

/// Says what an operator may not have meant: a server that everybody reaches, and everybody on the way can read.
fn warn_if_open(server: &Server, listener: &TcpListener) {
    let is_private = listener.local_addr().is_ok_and(|addr| is_private(addr.ip()));
    if !is_private && !server.0.has_tls() && server.config().trusted_proxies.is_empty() {
        tracing::warn!(
            "tokens and calls can be read on their way: use TLS (`.tls(..)`), or a proxy that does, and name it \
             (`.trusted_proxies([..])`)"
        );
    }
}

/// Looks for new certificates from time to time.
#[cfg(feature = "tls")]
async fn keep_fresh(server: &Inner) -> Infallible {
    match &server.tls {
        Some(tls) => tls.keep_fresh().await,
        None => pending().await,
    }
}

#[cfg(not(feature = "tls"))]
async fn keep_fresh(_: &Inner) -> Infallible {
    pending().await
}

/// Serves a connection if there is room for it, and else tells some that there is none.
fn admit(server: &Arc<Inner>, stream: TcpStream, addr: SocketAddr, stop: &watch::Sender<Stop>) {
    let address = (!server.proxies.trusts(addr.ip())).then(|| addr.ip());
    let full = match server.admission.accept(address) {
        Ok(ticket) => {
            tokio::spawn(serve(Arc::clone(server), stream, addr, Door::Open(ticket), stop.subscribe()));
            return;
        }
        Err(full) => full,
    };
    let Some(told) = server.admission.tell() else { return };
    tracing::debug!(%addr, ?full, "there is no room for a connection");
    let (server, stop) = (Arc::clone(server), stop.subscribe());
    tokio::spawn(async move {
        serve(server, stream, addr, Door::Full(full), stop).await;
        drop(told);
    });
}

/// Serves one TCP connection, with TLS if this server has it.
async fn serve(
    server: Arc<Inner>,
    stream: TcpStream,
    addr: SocketAddr,
    door: Door,
    stop: watch::Receiver<Stop>,
) {
    // What is sent is gathered already; a delay would only add to it.
    let _ = stream.set_nodelay(true);
    let ends = ends(&stream, addr);
    #[cfg(feature = "tls")]
    if let Some(tls) = &server.tls {
        // Boxed, so that the memory of the handshake does not stay with the session.
        let accepted = Box::pin(async {
            tokio::select! {
                _ = stopped(stop.clone()) => None,
                accepted = secured(&server, tls, stream) => accepted,
            }
        });
        let Some(stream) = accepted.await else { return };
        let certificate = crate::tls::peer_certificate(&stream).map(Arc::new);
        return connection(Arc::clone(&server), stream, Line::new(Ends { certificate, ..ends }, door), stop)
            .await;
    }
    connection(server, stream, Line::new(ends, door), stop).await;
}

#[cfg(feature = "tls")]
async fn secured(server: &Inner, tls: &crate::tls::Tls, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    match tokio::time::timeout(server.config.limits.tls_timeout, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake has failed");
            None
        }
        Err(_) => {
            tracing::debug!("a TLS handshake took too long");
            None
        }
    }
}

/// Answers requests while sessions end: that the server lives, that it is not ready, and that nobody is let in.
async fn turn_away(server: &Arc<Inner>, listener: &TcpListener) -> Infallible {
    // They end with this future, and by nothing that they are told.
    let (_, stop) = watch::channel(Stop::Never);
    let mut tasks = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, addr)) => {
                while tasks.try_join_next().is_some() {}
                if tasks.len() < TURNED_AWAY_AT_ONCE {
                    tasks.spawn(serve(Arc::clone(server), stream, addr, Door::Closing, stop.clone()));
                }
            }
            Err(error) => pause(server, &error).await,
        }
    }
}

/// Waits for what is wrong to get better.
async fn pause(server: &Inner, error: &io::Error) {
    if let Some(left_out) = server.lines.speak("accept") {
        tracing::warn!(%error, left_out, "no connection can be accepted");
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

fn ends(stream: &TcpStream, remote: SocketAddr) -> Ends {
    Ends { remote: Some(remote), local: stream.local_addr().ok().map(|addr| addr.ip()), ..Ends::default() }
}

/// Serves one connection: HTTP until a request is upgraded, and the session then. Whoever waits for its end holds the other
/// end of `stop`.
async fn connection<S: Socket>(server: Arc<Inner>, stream: S, line: Line, stop: watch::Receiver<Stop>) {
    let pending = server.hub.arrive();
    // Boxed, so that the memory of these phases does not stay with the session.
    let started = Box::pin(async {
        let (transport, arrival) = upgrade(&server, stream, line, stop.clone()).await?;
        session::login(&server, transport, arrival, stopped(stop.clone())).await.ok()
    });
    let started = started.await;
    drop(pending);
    if let Some(started) = started {
        started.run(|| stop.borrow().reason()).await;
    }
}

/// Answers requests until one is upgraded, and begins to speak WebSocket.
async fn upgrade<S: Socket>(
    server: &Arc<Inner>,
    stream: S,
    line: Line,
    stop: watch::Receiver<Stop>,
) -> Option<(Admitted<WebSocket<S>>, Arrival)> {
    let measured = Measured::begin();
    let Upgrade { on_upgrade, peer, subprotocol, ticket } =
        requests(Arc::clone(server), stream, line, stop).await?;
    let timeout = server.config.limits.upgrade_timeout;
    let (stream, read) = tokio::time::timeout(timeout, upgraded(on_upgrade)).await.ok()??;
    measured.end(Phase::Upgrade);
    let limits = Arc::clone(&server.socket_limits);
    let transport = Admitted::new(WebSocket::with_limits(End::Server, stream, &read, limits).await, ticket);
    Some((transport, Arrival { peer, subprotocol, user: None }))
}

/// Answers requests until one is upgraded, or the server stops: gracefully, a request that is being answered has its time.
async fn requests<S: Socket>(
    server: Arc<Inner>,
    stream: S,
    line: Line,
    stop: watch::Receiver<Stop>,
) -> Option<Upgrade> {
    let (limits, grace) = (server.config.limits.clone(), server.config.shutdown_grace);
    let line = Arc::new(line);
    let has_asked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&has_asked);
    let found = Arc::new(Mutex::new(None));
    let service = service_fn(|request| {
        asked.store(true, Ordering::Relaxed);
        let (server, line, found) = (Arc::clone(&server), Arc::clone(&line), Arc::clone(&found));
        async move {
            let (response, upgrade) = http::answer(&server, &line, request).await;
            if let Some(upgrade) = upgrade {
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout.min(LONGEST))
        .max_buf_size(limits.max_head)
        .max_headers(limits.max_headers)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        _ = stopped(stop.clone()) => {
            if *stop.borrow() != Stop::Gracefully || !has_asked.load(Ordering::Relaxed) {
                return None;
            }
            serving.as_mut().graceful_shutdown();
            tokio::time::timeout(grace, serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a request was not answered");
    }
    found.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The byte stream below the HTTP, and what of it has been read already.
async fn upgraded<S: Socket>(on_upgrade: hyper::upgrade::OnUpgrade) -> Option<(S, Vec<u8>)> {
    let parts = on_upgrade.await.ok()?.downcast::<TokioIo<S>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}
