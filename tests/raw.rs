//! A client that sends whatever a test wants, for what no real client would do.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};
use trunkline::Server;

/// Serves on a free port for as long as the test runs.
pub(crate) async fn serve(server: &Server) -> std::net::SocketAddr {
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr().unwrap();
    tokio::spawn(bound.run());
    addr
}

/// Whatever takes longer hangs.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it should not take so long")
}

/// A WebSocket with a subprotocol, after the upgrade and before the hello.
pub(crate) struct Raw(WebSocketStream<TcpStream>);

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Close(u16, String),
    /// Without a close frame.
    Eof,
}

impl Raw {
    pub(crate) async fn connect(addr: std::net::SocketAddr, subprotocol: &str) -> Self {
        Self::at(addr, "/", subprotocol).await
    }

    /// A WebSocket on this path; without a subprotocol if it is empty.
    pub(crate) async fn at(addr: std::net::SocketAddr, path: &str, subprotocol: &str) -> Self {
        let headers = [("sec-websocket-protocol", subprotocol)];
        Self::with_headers(addr, path, headers.iter().filter(|(_, value)| !value.is_empty())).await
    }

    /// A WebSocket without a subprotocol, whose request had these headers too.
    pub(crate) async fn bare(addr: std::net::SocketAddr, headers: &[(&'static str, &str)]) -> Self {
        Self::with_headers(addr, "/", headers).await
    }

    async fn with_headers<'a>(
        addr: std::net::SocketAddr,
        path: &str,
        headers: impl IntoIterator<Item = &'a (&'static str, &'a str)>,
    ) -> Self {
        let mut request = format!("ws://{addr}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(addr).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        Self(socket)
    }

    /// Whether the next that comes is a WebSocket ping.
    pub(crate) async fn is_pinged(&mut self) -> bool {
        matches!(within(self.0.next()).await, Some(Ok(Message::Ping(_))))
    }

    /// A WebSocket in JSON on which hello and welcome have been said.
    pub(crate) async fn hello(addr: std::net::SocketAddr, hello: &str) -> Self {
        let mut raw = Self::connect(addr, "trunkline.v1.json").await;
        raw.text(hello).await;
        let welcome = raw.receive().await.expect("a welcome");
        assert!(welcome.starts_with("[2,"), "{welcome}");
        raw
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn binary(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// Closes with a code and a text of its own.
    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.0.send(Message::Close(Some(frame))).await.unwrap();
    }

    /// Bytes below the WebSocket.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    /// One byte below the WebSocket, if the peer still takes it.
    pub(crate) async fn drip(&mut self, byte: u8) {
        let _ = self.0.get_mut().write_all(&[byte]).await;
    }

    /// The next text that is not a ping, or how the connection ended.
    pub(crate) async fn receive(&mut self) -> Result<String, End> {
        loop {
            match within(self.0.next()).await {
                Some(Ok(Message::Text(text))) if !text.starts_with("[16,") => return Ok(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => return Ok(format!("{bytes:?}")),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err(End::Close(frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(End::Eof),
            }
        }
    }

    /// The close code, after whatever else is still sent.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.receive().await {
                Ok(_) => {}
                Err(End::Close(code, _)) => return code,
                Err(End::Eof) => panic!("the connection ended without a close frame"),
            }
        }
    }
}

/// One request and its answer, as text.
pub(crate) async fn http(addr: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let len = within(stream.read(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer[..len]).into_owned()
}
