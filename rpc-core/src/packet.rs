//! What a transport carries.

use bytes::Bytes;

use crate::error::CloseReason;

/// One WebSocket message, or the end of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// A text message; its bytes are UTF-8.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A WebSocket ping (RFC 6455, section 5.5.2), for protocols that have none of their own. A transport only sends it: what
    /// the peer pings is answered below.
    Ping,
    /// The answer to such a ping.
    Pong,
    /// A close frame: received, the peer has closed; sent, nothing may follow.
    Close(CloseReason),
}

impl Packet {
    /// The number of bytes, without any framing.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(body) | Self::Binary(body) => body.len(),
            Self::Ping | Self::Pong => 0,
            Self::Close(close) => close.reason.len() + 2,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
