//! The HTTP that comes before a WebSocket: which requests are upgraded, and what the others are answered.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use trunkline_core::Subprotocol;

use crate::server::Inner;

/// A request that has been answered with 101.
pub(crate) struct Upgrade {
    pub(crate) on_upgrade: OnUpgrade,
    pub(crate) headers: HeaderMap,
    pub(crate) subprotocol: Option<Subprotocol>,
}

/// Answers one request; an upgrade goes on after the answer.
pub(crate) async fn answer(server: &Inner, mut request: Request<Incoming>) -> (Response<Full<Bytes>>, Option<Upgrade>) {
    if !wants_upgrade(request.headers()) {
        return (answer_plain(server, &request).await, None);
    }
    match check_upgrade(server, &request) {
        Err(response) => (response, None),
        Ok((response, subprotocol)) => {
            let on_upgrade = hyper::upgrade::on(&mut request);
            let headers = std::mem::take(request.headers_mut());
            (response, Some(Upgrade { on_upgrade, headers, subprotocol }))
        }
    }
}

async fn answer_plain(server: &Inner, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if let (Some(files), &Method::GET) = (&server.files, request.method())
        && let Some(file) = files.read(request.uri().path()).await
    {
        let mut response = Response::new(Full::new(file.body));
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(file.content_type));
        return response;
    }
    if !is_ours(server, request) || server.files.is_some() {
        return text(StatusCode::NOT_FOUND, "not found");
    }
    let mut response = text(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket endpoint");
    response.headers_mut().insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    response
}

/// Whether the request is one that RFC 6455, section 4.2.1 asks for, of a page that may connect.
fn check_upgrade(
    server: &Inner,
    request: &Request<Incoming>,
) -> Result<(Response<Full<Bytes>>, Option<Subprotocol>), Response<Full<Bytes>>> {
    let headers = request.headers();
    if !is_ours(server, request) {
        return Err(text(StatusCode::NOT_FOUND, "not found"));
    }
    if let Err(origin) = server.origins.check(headers) {
        let shown: String = origin.chars().take(128).flat_map(char::escape_debug).collect();
        tracing::warn!(origin = shown, "a page of another origin was refused: `.allow_origins([..])` would let it in");
        return Err(text(StatusCode::FORBIDDEN, "this origin may not connect"));
    }
    if request.method() != Method::GET {
        return Err(text(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket is opened by GET"));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = text(StatusCode::UPGRADE_REQUIRED, "only version 13 of the WebSocket protocol is spoken");
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, header::HeaderValue::from_static("13"));
        return Err(response);
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
        return Err(text(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing"));
    };
    let subprotocol = choose(headers)?;
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accept = derive_accept_key(key.as_bytes());
    let told = response.headers_mut();
    told.insert(header::CONNECTION, header::HeaderValue::from_static("upgrade"));
    told.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    if let Ok(accept) = header::HeaderValue::from_str(&accept) {
        told.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(subprotocol) = subprotocol {
        told.insert(header::SEC_WEBSOCKET_PROTOCOL, header::HeaderValue::from_static(subprotocol.name()));
    }
    Ok((response, subprotocol))
}

/// The first subprotocol that is spoken here. A client that offers none is told apart by its first packet.
fn choose(headers: &HeaderMap) -> Result<Option<Subprotocol>, Response<Full<Bytes>>> {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let offered: Vec<&str> = offered.flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect();
    match Subprotocol::choose(offered.iter().copied()) {
        None if !offered.is_empty() => {
            let known: Vec<&str> = Subprotocol::ALL.iter().map(|known| known.name()).collect();
            Err(text(StatusCode::BAD_REQUEST, format!("none of the subprotocols is spoken here: offer {}", known.join(" or "))))
        }
        chosen => Ok(chosen),
    }
}

fn is_ours(server: &Inner, request: &Request<Incoming>) -> bool {
    server.path.as_deref().is_none_or(|path| path == request.uri().path())
}

fn wants_upgrade(headers: &HeaderMap) -> bool {
    let contains = |name: header::HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    };
    contains(header::CONNECTION, "upgrade") && contains(header::UPGRADE, "websocket")
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}
