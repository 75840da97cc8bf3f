//! From a URL to a link: TCP, the HTTP upgrade (RFC 6455, section 4.1), hello and welcome.

use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use trunkline_core::{AwaitWelcome, CloseReason, Link, Packet, Protocol, Subprotocol, Welcome};
use trunkline_peer::{End, Transport, WebSocket, hang_up};

use crate::{builder::ClientBuilder, error::ConnectError};

/// The largest head of an answer.
const MAX_HEAD: usize = 16 << 10;

/// Where to dial.
#[derive(Debug)]
pub(crate) struct Url {
    host: String,
    port: u16,
    /// What the `Host` header says.
    authority: String,
    path: String,
}

impl Url {
    pub(crate) fn parse(url: &str) -> Result<Self, ConnectError> {
        let refuse = |reason| ConnectError::Url { url: url.to_owned(), reason };
        let uri: http::Uri = url.parse().map_err(|_| refuse("write it as `ws://host:port/path`"))?;
        match uri.scheme_str() {
            Some("ws") => {}
            Some("wss") => {
                return Err(refuse(
                    "TLS is not available in this version: put a proxy before it and use `ws://`",
                ));
            }
            _ => return Err(refuse("it begins with `ws://`")),
        }
        let authority = uri.authority().ok_or_else(|| refuse("the host is missing"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("credentials do not belong into the URL: use `.token(..)`"));
        }
        Ok(Self {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// Opens a WebSocket.
pub(crate) async fn dial(builder: &ClientBuilder, url: &Url) -> Result<WebSocket<TcpStream>, ConnectError> {
    let mut stream = TcpStream::connect((url.host.as_str(), url.port)).await?;
    // What is sent is gathered already; a delay would only add to it.
    stream.set_nodelay(true)?;
    let subprotocol = Subprotocol::native(builder.codec).name();
    let key = generate_key();
    stream.write_all(&request(builder, url, subprotocol, &key)?).await?;
    let read = response(&mut stream, subprotocol, &key).await?;
    Ok(WebSocket::new(End::Client, stream, &read, builder.config.max_packet as usize).await)
}

fn request(
    builder: &ClientBuilder,
    url: &Url,
    subprotocol: &str,
    key: &str,
) -> Result<Vec<u8>, ConnectError> {
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n",
        url.path, url.authority
    );
    for (name, value) in &builder.headers {
        let valid = http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok();
        if !valid {
            let reason = "a header added to the request has a name or a value that HTTP forbids";
            return Err(ConnectError::Url { url: builder.url.clone(), reason });
        }
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    Ok(head.into_bytes())
}

/// Reads the answer to the request; gives what was read beyond it.
async fn response(stream: &mut TcpStream, subprotocol: &str, key: &str) -> Result<Vec<u8>, ConnectError> {
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
        let text = String::from_utf8_lossy(body.get(..body.len().min(256)).unwrap_or_default()).into_owned();
        return Err(ConnectError::Refused { status, text });
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
    pub(crate) welcome: Welcome,
}

/// Says hello and waits for the welcome.
pub(crate) async fn login<T: Transport>(
    builder: &ClientBuilder,
    mut transport: T,
) -> Result<Joined<T>, ConnectError> {
    let token = match &builder.token {
        None => None,
        Some(fetch) => Some(fetch().await.map_err(ConnectError::Token)?),
    };
    let has_token = token.is_some();
    let (hello, packet) = AwaitWelcome::new(Protocol::Native(builder.codec), builder.hello(token));
    transport.send(packet).await?;
    let packet = match transport.next().await {
        Some(Ok(Packet::Close(reason))) => return Err(ConnectError::Closed(reason)),
        Some(packet) => packet?,
        None => return Err(ConnectError::Closed(CloseReason::abnormal())),
    };
    let (welcome, link) = match hello.handle_packet(Instant::now(), builder.keep_alive(), packet) {
        Ok(welcomed) => welcomed,
        Err(error) => {
            hang_up(transport, CloseReason::from(&error)).await;
            return Err(error.into());
        }
    };
    if has_token && welcome.user.is_none() {
        hang_up(transport, CloseReason::new(trunkline_core::CloseCode::NORMAL, "")).await;
        return Err(ConnectError::Unauthenticated);
    }
    Ok(Joined { transport, link, welcome })
}
