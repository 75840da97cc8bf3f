//! A raw client over a byte stream in memory, for tests that stop the clock.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::io::DuplexStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use trunkline::{PeerInfo, Server};

/// A WebSocket in JSON to a server that believes it is spoken to from an address.
pub(crate) struct Duplex(WebSocketStream<DuplexStream>);

impl Duplex {
    pub(crate) async fn open(server: &Server, from: &str) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (server, peer) = (server.clone(), PeerInfo::new(from.parse::<SocketAddr>().unwrap()));
        tokio::spawn(async move { server.handle(ours, peer).await });
        Self(WebSocketStream::from_raw_socket(theirs, Role::Client, None).await)
    }

    /// Says hello, and gives back the welcome.
    pub(crate) async fn hello(server: &Server, hello: &str) -> (Self, String) {
        let mut duplex = Self::open(server, "192.0.2.1:1000").await;
        let welcome = duplex.ask(hello).await;
        assert!(welcome.starts_with("[2,"), "{welcome}");
        (duplex, welcome)
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next text that is not a ping; a close frame is its code.
    pub(crate) async fn receive(&mut self) -> String {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) if text.starts_with("[16,") => self.send("[17,1]").await,
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Close(Some(frame)))) => return u16::from(frame.code).to_string(),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return "gone".to_owned(),
            }
        }
    }

    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.receive().await
    }
}
