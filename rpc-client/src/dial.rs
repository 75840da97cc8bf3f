//! From a URL to a link: TCP, the HTTP upgrade (RFC 6455, section 4.1), hello and welcome.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use trunkline_core::{AwaitWelcome, CloseCode, CloseReason, Escaped, Link, Packet, Protocol, Subprotocol};
use trunkline_peer::{ConnectionId, ConnectionState, End, PeerInfo, Transport, WebSocket, hang_up, now};

use crate::{builder::ClientBuilder, error::ConnectError, line::Line, socket::Socket};

/// The largest head of an answer.
const MAX_HEAD: usize = 16 << 10;

/// Where to dial.
#[derive(Debug)]
pub(crate) struct Url {
    host: String,
    port: u16,
    is_secure: bool,
    /// What the `Host` header says.
    authority: String,
    path: String,
}

impl Url {
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        let refuse = |reason| ConnectError::Url { url: shown(url), reason };
        let uri: http::Uri = url.parse().map_err(|_| refuse("write it as `wss://host:port/path`"))?;
        let is_secure = match uri.scheme_str() {
            // As in browsers, where `new WebSocket` takes both.
            Some("ws" | "http") => false,
            Some("wss" | "https") if cfg!(feature = "tls") => true,
            Some("wss" | "https") => {
                return Err(refuse("TLS needs the feature `tls` of the crate `trunkline`"));
            }
            _ => return Err(refuse("it must begin with `ws://` or `wss://`")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("the host is missing"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("credentials do not belong into the URL: use `.token(..)`"));
        }
        let after_host = authority.as_str().get(authority.host().len()..).unwrap_or_default();
        let port = match after_host.strip_prefix(':') {
            None | Some("") => {
                if is_secure {
                    443
                } else {
                    80
                }
            }
            Some(port) => port.parse().map_err(|_| refuse("the port is a number up to 65535"))?,
        };
        Ok(Self {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            is_secure,
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// A URL as it may be written to a log: without credentials and query.
pub(crate) fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    // Of a URL that is malformed nobody knows where its credentials end, except that it is before the last `@`.
    let rest = rest.rsplit_once('@').map_or_else(|| rest.to_owned(), |(_, rest)| format!("…@{rest}"));
    let rest = rest.split_once('?').map_or_else(|| rest.clone(), |(rest, _)| format!("{rest}?…"));
    if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") }
}

/// Refuses headers that cannot be sent.
pub(crate) fn check_headers(headers: &[(String, String)]) -> Result<(), ConnectError> {
    let valid = |name: &str, value: &str| {
        http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok()
    };
    match headers.iter().find(|(name, value)| !valid(name, value)) {
        Some((name, _)) => Err(ConnectError::Header(name.clone())),
        None => Ok(()),
    }
}

/// Dials and logs in, as long as the patience lasts.
pub(crate) async fn connect(
    builder: &ClientBuilder,
    url: &Url,
    line: &Line,
) -> Result<Joined<WebSocket<Socket>>, ConnectError> {
    line.reached(async {
        within(builder.connect_timeout, async {
            let (server, transport) = dial(builder, url).await?;
            login(builder, server, transport, line).await
        })
        .await
        .map_err(|error| error.at(shown(&builder.url)))
    })
    .await
}

/// Logs in over a transport that is there already, as long as the patience lasts.
pub(crate) async fn over<T: Transport>(
    builder: &ClientBuilder,
    transport: T,
    line: &Line,
) -> Result<Joined<T>, ConnectError> {
    line.reached(within(builder.connect_timeout, login(builder, PeerInfo::local(), transport, line))).await
}

/// Gives up `work` once the patience is at its end.
pub(crate) async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    tokio::time::timeout(patience, work).await.unwrap_or(Err(ConnectError::Timeout(patience)))
}

/// Opens a WebSocket.
async fn dial(builder: &ClientBuilder, url: &Url) -> Result<(PeerInfo, WebSocket<Socket>), ConnectError> {
    let stream = TcpStream::connect((url.host.as_str(), url.port)).await?;
    let server = PeerInfo::new(stream.peer_addr()?);
    // What is sent is gathered already; a delay would only add to it.
    stream.set_nodelay(true)?;
    let mut stream = secured(builder, url, stream).await?;
    let subprotocol = Subprotocol::native(builder.codec).name();
    let key = generate_key();
    stream.write_all(&request(builder, url, subprotocol, &key)).await?;
    let read = response(&mut stream, subprotocol, &key).await?;
    let socket = WebSocket::new(End::Client, stream, &read, builder.config.max_packet as usize).await;
    Ok((server, socket))
}

#[cfg(feature = "tls")]
async fn secured(builder: &ClientBuilder, url: &Url, stream: TcpStream) -> Result<Socket, ConnectError> {
    match url.is_secure {
        true => Ok(Socket::Tls(Box::new(builder.tls.connect(&url.host, stream).await?))),
        false => Ok(Socket::Plain(stream)),
    }
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unused_async, reason = "as with TLS")]
async fn secured(_: &ClientBuilder, url: &Url, stream: TcpStream) -> Result<Socket, ConnectError> {
    debug_assert!(!url.is_secure, "such a URL is refused");
    Ok(Socket::Plain(stream))
}

fn request(builder: &ClientBuilder, url: &Url, subprotocol: &str, key: &str) -> Vec<u8> {
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n",
        url.path, url.authority
    );
    for (name, value) in &builder.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Reads the answer to the request; gives what was read beyond it.
async fn response(stream: &mut Socket, subprotocol: &str, key: &str) -> Result<Vec<u8>, ConnectError> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ConnectError::NotWebSocket("it closed the connection without an answer"));
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut headers);
        let Ok(status) = answer.parse(&bytes) else {
            return Err(ConnectError::NotWebSocket("its answer is not HTTP"));
        };
        match status {
            httparse::Status::Complete(len) => {
                let rest = bytes.get(len..).unwrap_or_default().to_vec();
                check(&answer, &rest, subprotocol, key)?;
                return Ok(rest);
            }
            httparse::Status::Partial if bytes.len() > MAX_HEAD => {
                return Err(ConnectError::NotWebSocket("the head of its answer has no end"));
            }
            httparse::Status::Partial => {}
        }
    }
}

fn check(
    answer: &httparse::Response<'_, '_>,
    body: &[u8],
    subprotocol: &str,
    key: &str,
) -> Result<(), ConnectError> {
    let status = StatusCode::from_u16(answer.code.unwrap_or_default()).unwrap_or_default();
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let text = String::from_utf8_lossy(body.get(..body.len().min(256)).unwrap_or_default());
        let text = Escaped(&text).to_string();
        return Err(ConnectError::Refused { url: String::new(), status, text });
    }
    let header = |name: &str| {
        let found = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };
    if header("sec-websocket-accept") != Some(&derive_accept_key(key.as_bytes())) {
        return Err(ConnectError::NotWebSocket("it did not prove that it understood the request"));
    }
    if header("sec-websocket-protocol") != Some(subprotocol) {
        return Err(ConnectError::NotWebSocket("it does not speak the subprotocol that was asked for"));
    }
    Ok(())
}

/// A transport on which both sides have said hello.
pub(crate) struct Joined<T> {
    pub(crate) transport: T,
    pub(crate) link: Link,
    /// Where the server is.
    pub(crate) server: PeerInfo,
    /// The number that it gave the session.
    pub(crate) id: ConnectionId,
}

/// Says hello and waits for the welcome.
pub(crate) async fn login<T: Transport>(
    builder: &ClientBuilder,
    server: PeerInfo,
    mut transport: T,
    line: &Line,
) -> Result<Joined<T>, ConnectError> {
    line.enter(ConnectionState::Connected);
    let token = match &builder.token {
        None => None,
        Some(token) => Some(token.fetch().await.map_err(ConnectError::Token)?),
    };
    let has_token = token.is_some();
    if has_token || !builder.headers.is_empty() {
        line.enter(ConnectionState::Authenticating);
    }
    let (hello, packet) = AwaitWelcome::new(Protocol::Native(builder.codec), builder.hello(token));
    transport.send(packet).await?;
    let packet = match transport.next().await {
        Some(Ok(Packet::Close(reason))) if reason.code == CloseCode::UNAUTHENTICATED => {
            return Err(ConnectError::Unauthenticated);
        }
        Some(Ok(Packet::Close(reason))) => return Err(ConnectError::Closed(reason)),
        Some(packet) => packet?,
        None => return Err(ConnectError::Closed(CloseReason::abnormal())),
    };
    let (welcome, link) = match hello.handle_packet(now(), builder.keep_alive(), packet) {
        Ok(welcomed) => welcomed,
        Err(error) => {
            hang_up(transport, CloseReason::from(&error)).await;
            return Err(error.into());
        }
    };
    if has_token && welcome.user.is_none() {
        hang_up(transport, CloseReason::new(CloseCode::NORMAL, "")).await;
        return Err(ConnectError::Unauthenticated);
    }
    line.welcomed(&welcome);
    let id = ConnectionId(welcome.session.parse().unwrap_or_default());
    Ok(Joined { transport, link, server, id })
}
