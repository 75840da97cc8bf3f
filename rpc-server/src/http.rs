//! The HTTP that comes before a WebSocket: which requests are upgraded, and what the others are answered.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use trunkline_core::{Subprotocol, shown};

use crate::{
    files::Files,
    meters,
    post::{self, RequestBody},
    server::Inner,
};

/// What is answered.
type Answer = Response<Full<Bytes>>;

/// A request that has been answered with 101.
pub(crate) struct Upgrade {
    pub(crate) on_upgrade: OnUpgrade,
    pub(crate) headers: HeaderMap,
    pub(crate) subprotocol: Option<Subprotocol>,
}

/// Answers one request, which came from `addr`; an upgrade goes on after the answer.
pub(crate) async fn answer<B: RequestBody>(
    server: &Arc<Inner>,
    request: Request<B>,
    addr: Option<SocketAddr>,
) -> (Answer, Option<Upgrade>) {
    #[cfg(feature = "prometheus")]
    if server.metrics_path.as_deref() == Some(request.uri().path()) && request.method() == Method::GET {
        return (metrics(), None);
    }
    let wants_file = request.method() == Method::GET && !wants_upgrade(request.headers());
    match &server.files {
        Some(files) if wants_file => (file(files, request.uri().path()).await, None),
        _ if !is_ours(server, &request) => (text(StatusCode::NOT_FOUND, "not found"), None),
        _ => answer_ours(server, request, addr).await,
    }
}

/// Answers a request on the server's path, which the caller has found.
pub(crate) async fn answer_ours<B: RequestBody>(
    server: &Arc<Inner>,
    mut request: Request<B>,
    addr: Option<SocketAddr>,
) -> (Answer, Option<Upgrade>) {
    if !wants_upgrade(request.headers()) {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return (no_upgrade(), None);
        }
        let (head, body) = request.into_parts();
        return (post::answer(server, &head, body, addr).await.map(Full::new), None);
    }
    match check_upgrade(server, &request) {
        Err(refusal) => {
            let answer = refusal.answer();
            meters::refused(answer.status());
            (answer, None)
        }
        Ok(accepted) => {
            let on_upgrade = hyper::upgrade::on(&mut request);
            let headers = std::mem::take(request.headers_mut());
            let upgrade = Upgrade { on_upgrade, headers, subprotocol: accepted.subprotocol };
            (accepted.answer(), Some(upgrade))
        }
    }
}

/// A request that may be upgraded.
struct Accepted {
    /// The proof that the request was understood.
    accept: String,
    subprotocol: Option<Subprotocol>,
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
enum Refusal {
    Origin,
    Method,
    Version,
    Key,
    Subprotocol,
}

impl Refusal {
    fn answer(&self) -> Answer {
        match self {
            Self::Origin => text(StatusCode::FORBIDDEN, "this origin may not connect"),
            Self::Method => text(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is opened by GET"),
            Self::Version => {
                let mut answer =
                    text(StatusCode::UPGRADE_REQUIRED, "only version 13 of the WebSocket protocol is spoken");
                answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
                answer
            }
            Self::Key => text(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing"),
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

async fn file(files: &Files, path: &str) -> Answer {
    let Some(file) = files.read(path).await else { return text(StatusCode::NOT_FOUND, "not found") };
    let mut answer = Response::new(Full::new(file.body));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    answer
}

/// The numbers of this process, as Prometheus reads them.
#[cfg(feature = "prometheus")]
fn metrics() -> Answer {
    let mut answer = Response::new(Full::new(crate::prometheus::text().unwrap_or_default().into()));
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

/// Whether the request is one that RFC 6455, section 4.2.1 asks for, of a page that may connect.
fn check_upgrade<B>(server: &Inner, request: &Request<B>) -> Result<Accepted, Refusal> {
    let headers = request.headers();
    if let Err(origin) = server.origins.check(headers) {
        tracing::warn!(
            origin = shown(&origin, 128),
            "a page of another origin was refused: `.allow_origins([..])` would let it in"
        );
        return Err(Refusal::Origin);
    }
    if request.method() != Method::GET {
        return Err(Refusal::Method);
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::Version);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(Refusal::Key)?;
    Ok(Accepted { accept: derive_accept_key(key.as_bytes()), subprotocol: choose(headers)? })
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
    server.path.as_deref().is_none_or(|path| path == request.uri().path())
}

fn wants_upgrade(headers: &HeaderMap) -> bool {
    let has =
        |name: &HeaderName, token: &str| items(headers, name).any(|item| item.eq_ignore_ascii_case(token));
    has(&header::CONNECTION, "upgrade") && has(&header::UPGRADE, "websocket")
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}
