//! The HTTP that comes before a WebSocket: which requests are upgraded, and what the others are answered.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::field;
use trunkline_core::{Escaped, Subprotocol};
use trunkline_peer::{PeerCertificate, PeerInfo};

use crate::{
    admission::{Full as NoRoom, Ticket},
    config::is_private,
    files::Files,
    hosts::BadHost,
    meters,
    post::{self, RequestBody},
    server::Inner,
};

/// What is answered.
pub(crate) type Answer = Response<Bytes>;

/// When to come back to a server that is about to go.
const AFTER_DRAIN: Duration = Duration::from_secs(5);

/// The connection that requests come over.
pub(crate) struct Line {
    ends: Ends,
    door: Mutex<Door>,
}

/// Who is at the two ends of a connection, as far as that is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) local: Option<IpAddr>,
    /// What the client has shown in the TLS handshake.
    pub(crate) certificate: Option<Arc<PeerCertificate>>,
}

/// Whether a request may be upgraded.
pub(crate) enum Door {
    /// It may, and is counted by this ticket.
    Open(Ticket),
    /// There are too many already.
    Full(NoRoom),
    /// The server is about to go.
    Closing,
    /// A request was upgraded.
    Left,
}

impl Ends {
    /// Those of a connection of which only the other end is known. Who comes from a private network has come to an address that
    /// only this network has, as far as anybody can tell.
    pub(crate) fn of_remote(remote: Option<SocketAddr>) -> Self {
        let local = remote.map(|addr| addr.ip()).filter(|addr| is_private(*addr));
        Self { remote, local, ..Self::default() }
    }

    /// Where the client is that a request with these headers comes from.
    pub(crate) fn client(&self, server: &Inner, headers: &HeaderMap) -> Option<SocketAddr> {
        Some(server.proxies.client(self.remote?, headers))
    }

    /// Who the client is that a request with these headers comes from.
    pub(crate) fn peer(&self, server: &Inner, headers: &HeaderMap) -> PeerInfo {
        let peer = self.client(server, headers).map_or_else(PeerInfo::local, PeerInfo::new).headers(headers);
        match &self.certificate {
            Some(certificate) => peer.certificate(Arc::clone(certificate)),
            None => peer,
        }
    }
}

impl Line {
    pub(crate) fn new(ends: Ends, door: Door) -> Self {
        Self { ends, door: Mutex::new(door) }
    }

    /// Why nobody is served on it, if that is so.
    fn refuses(&self) -> Option<Refusal> {
        match *self.door.lock().unwrap_or_else(PoisonError::into_inner) {
            Door::Open(_) | Door::Left => None,
            Door::Full(full) => Some(Refusal::NoRoom(full)),
            Door::Closing => Some(Refusal::Closing),
        }
    }

    /// Lets in a client at `address`, if that is known.
    fn enter(&self, address: Option<IpAddr>) -> Result<Ticket, Refusal> {
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *door {
            Door::Open(ticket) => {
                address.map_or(Ok(()), |address| ticket.upgrade(address)).map_err(Refusal::NoRoom)?;
            }
            Door::Full(full) => return Err(Refusal::NoRoom(*full)),
            Door::Closing | Door::Left => return Err(Refusal::Closing),
        }
        match std::mem::replace(&mut *door, Door::Left) {
            Door::Open(ticket) => Ok(ticket),
            _ => Err(Refusal::Closing),
        }
    }
}

/// A request that has been answered with 101.
pub(crate) struct Upgrade {
    pub(crate) on_upgrade: OnUpgrade,
    pub(crate) peer: PeerInfo,
    pub(crate) subprotocol: Option<Subprotocol>,
    pub(crate) ticket: Ticket,
}

/// Answers one request; an upgrade goes on after the answer.
pub(crate) async fn answer<B: RequestBody>(
    server: &Arc<Inner>,
    line: &Line,
    request: Request<B>,
) -> (Response<Full<Bytes>>, Option<Upgrade>) {
    let (answer, upgrade) = route(server, line, request).await;
    (answer.map(Full::new), upgrade)
}

async fn route<B: RequestBody>(
    server: &Arc<Inner>,
    line: &Line,
    request: Request<B>,
) -> (Answer, Option<Upgrade>) {
    #[cfg(feature = "prometheus")]
    if server.metrics_path.as_deref() == Some(request.uri().path()) && request.method() == Method::GET {
        let checked = check_host(server, request.headers());
        return (checked.map_or_else(|refusal| refusal.answer(), |()| metrics()), None);
    }
    let is_read =
        matches!(*request.method(), Method::GET | Method::HEAD) && !wants_upgrade(request.headers());
    // Whoever asks these comes by an address and not by a name.
    match request.uri().path() {
        "/health" if is_read => return (text(StatusCode::OK, "ok"), None),
        "/ready" if is_read => {
            let ready = || text(StatusCode::OK, "ready");
            return (line.refuses().map_or_else(ready, |refusal| refusal.answer()), None);
        }
        _ => {}
    }
    let wants_file = is_read && request.method() == Method::GET;
    match &server.files {
        Some(files) if wants_file => match check_host(server, request.headers()) {
            Ok(()) => (file(server, files, &request).await, None),
            Err(refusal) => (refusal.answer(), None),
        },
        _ if !is_ours(server, &request) => (text(StatusCode::NOT_FOUND, "not found"), None),
        _ => answer_ours(server, line, request).await,
    }
}

/// Answers a request on the server's path, which the caller has found.
pub(crate) async fn answer_ours<B: RequestBody>(
    server: &Arc<Inner>,
    line: &Line,
    mut request: Request<B>,
) -> (Answer, Option<Upgrade>) {
    if !wants_upgrade(request.headers()) {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            let refused = check_host(server, request.headers()).err();
            return (refused.map_or_else(no_upgrade, |refusal| refusal.answer()), None);
        }
        if let Some(refusal) = line.refuses() {
            return (refusal.answer(), None);
        }
        let (head, body) = request.into_parts();
        return (post::answer(server, &head, body, &line.ends).await, None);
    }
    match check_upgrade(server, line, &request) {
        Err(refusal) => {
            let answer = refusal.answer();
            meters::refused(answer.status());
            (answer, None)
        }
        Ok(accepted) => {
            let on_upgrade = hyper::upgrade::on(&mut request);
            let peer = line.ends.peer(server, request.headers());
            let answer = accepted.answer();
            let Accepted { subprotocol, ticket, .. } = accepted;
            (answer, Some(Upgrade { on_upgrade, peer, subprotocol, ticket }))
        }
    }
}

/// A request that may be upgraded.
struct Accepted {
    /// The proof that the request was understood.
    accept: String,
    subprotocol: Option<Subprotocol>,
    ticket: Ticket,
}

impl Accepted {
    fn answer(&self) -> Answer {
        let mut answer = Answer::default();
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(subprotocol) = self.subprotocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol.name()));
        }
        answer
    }
}

/// Why a request is not upgraded.
pub(crate) enum Refusal {
    Host(BadHost),
    Origin,
    Method,
    Version,
    Key,
    Subprotocol,
    NoRoom(NoRoom),
    Closing,
}

impl Refusal {
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::Host(BadHost::Malformed) => text(StatusCode::BAD_REQUEST, "there is one Host header"),
            Self::Host(BadHost::Unknown(_)) => text(StatusCode::FORBIDDEN, "this host is not served here"),
            Self::Origin => text(StatusCode::FORBIDDEN, "this origin may not connect"),
            Self::Method => text(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is opened by GET"),
            Self::Version => {
                let mut answer =
                    text(StatusCode::UPGRADE_REQUIRED, "only version 13 of the WebSocket protocol is spoken");
                answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
                answer
            }
            Self::Key => text(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing"),
            Self::NoRoom(full @ NoRoom::Rate(_)) => {
                let text = text(StatusCode::TOO_MANY_REQUESTS, "too many new connections from this address");
                turned_away(text, full.retry_after())
            }
            Self::NoRoom(full) => {
                let text = text(StatusCode::SERVICE_UNAVAILABLE, "there are too many connections");
                turned_away(text, full.retry_after())
            }
            Self::Closing => {
                let text = text(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down");
                turned_away(text, AFTER_DRAIN)
            }
            Self::Subprotocol => {
                let known = Subprotocol::ALL.map(Subprotocol::name).join(" or ");
                text(
                    StatusCode::BAD_REQUEST,
                    format!("none of the subprotocols is spoken here: offer {known}"),
                )
            }
        }
    }
}

/// Tells when to come back: in whole seconds (RFC 9110, section 10.2.3), and never too early.
pub(crate) fn retry_after(mut answer: Answer, wait: Duration) -> Answer {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    answer
}

/// Tells when to come back, on another connection.
fn turned_away(answer: Answer, wait: Duration) -> Answer {
    let mut answer = retry_after(answer, wait);
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// A file; where there is none, it matters whether this is the path that the server was given for connections.
async fn file<B>(server: &Inner, files: &Files, request: &Request<B>) -> Answer {
    let Some(file) = files.read(request.uri().path()).await else {
        let is_endpoint = server.config.path.is_some() && is_ours(server, request);
        return if is_endpoint { no_upgrade() } else { text(StatusCode::NOT_FOUND, "not found") };
    };
    let mut answer = Response::new(file.body);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    answer
}

/// The numbers of this process, as Prometheus reads them.
#[cfg(feature = "prometheus")]
fn metrics() -> Answer {
    let mut answer = Response::new(Bytes::from(crate::prometheus::text().unwrap_or_default()));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn no_upgrade() -> Answer {
    let mut answer = text(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket endpoint");
    answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer
}

/// Whether the request is one that RFC 6455, section 4.2.1 asks for, of a page that may connect, and there is room for it.
fn check_upgrade<B>(server: &Inner, line: &Line, request: &Request<B>) -> Result<Accepted, Refusal> {
    let headers = request.headers();
    check_page(server, &line.ends, headers)?;
    if request.method() != Method::GET {
        return Err(Refusal::Method);
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::Version);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(Refusal::Key)?;
    let (accept, subprotocol) = (derive_accept_key(key.as_bytes()), choose(headers)?);
    let ticket = line.enter(line.ends.client(server, headers).map(|client| client.ip()))?;
    Ok(Accepted { accept, subprotocol, ticket })
}

/// Whether a request is for this server, and from a page that may send it.
pub(crate) fn check_page(server: &Inner, ends: &Ends, headers: &HeaderMap) -> Result<(), Refusal> {
    check_host(server, headers)?;
    check_origin(server, ends, headers)
}

fn check_host(server: &Inner, headers: &HeaderMap) -> Result<(), Refusal> {
    server.hosts.check(headers).map_err(|bad| {
        if let BadHost::Unknown(host) = &bad
            && let Some(left_out) = server.lines.speak(("host", host))
        {
            tracing::warn!(
                host = %Escaped(host),
                left_out,
                "a request for another host was refused: see `.allow_hosts([..])`"
            );
        }
        Refusal::Host(bad)
    })
}

fn check_origin(server: &Inner, ends: &Ends, headers: &HeaderMap) -> Result<(), Refusal> {
    // A trusted proxy answers for the host.
    let by_proxy = ends.remote.is_some_and(|remote| server.proxies.trusts(remote.ip()));
    let is_proof = by_proxy || server.hosts.are_proof(headers, ends.local);
    let Err(origin) = server.origins.check(headers, is_proof) else { return Ok(()) };
    let Some(left_out) = server.lines.speak(("origin", is_proof, &origin)) else {
        return Err(Refusal::Origin);
    };
    let origin = field::display(Escaped(&origin));
    if is_proof {
        tracing::warn!(
            origin,
            left_out,
            "a page of another origin was refused: `.allow_origins([..])` would let it in"
        );
    } else {
        tracing::warn!(
            origin,
            left_out,
            "a page was refused whose host name could be anybody's, as this is a private network: `.allow_hosts([..])` with \
             the server's names would let its own pages in, `.allow_origins([..])` those of others"
        );
    }
    Err(Refusal::Origin)
}

/// The first subprotocol that is spoken here. A client that offers none is told apart by its first packet.
fn choose(headers: &HeaderMap) -> Result<Option<Subprotocol>, Refusal> {
    let offered = || items(headers, &header::SEC_WEBSOCKET_PROTOCOL);
    match Subprotocol::choose(offered()) {
        None if offered().next().is_some() => Err(Refusal::Subprotocol),
        chosen => Ok(chosen),
    }
}

/// The items of a header that is a list (RFC 9110, section 5.6.1).
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).filter(|item| !item.is_empty())
}

fn is_ours<B>(server: &Inner, request: &Request<B>) -> bool {
    server.config.path.as_deref().is_none_or(|path| path == request.uri().path())
}

pub(crate) fn wants_upgrade(headers: &HeaderMap) -> bool {
    let has =
        |name: &HeaderName, token: &str| items(headers, name).any(|item| item.eq_ignore_ascii_case(token));
    has(&header::CONNECTION, "upgrade") && has(&header::UPGRADE, "websocket")
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
}
