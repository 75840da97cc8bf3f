//! What carries packets: a stream and a sink of them. Most adapters are assembled from those and need nothing more.

use std::io;

use futures_core::Stream;
use futures_sink::Sink;
use trunkline_core::{Packet, ProtocolError};

/// A connection to a peer, as packets.
///
/// The stream ends when the peer is gone. Closing the sink flushes, and ends the connection so that a close frame sent
/// before still arrives.
pub trait Transport:
    Stream<Item = Result<Packet, TransportError>> + Sink<Packet, Error = TransportError> + Send + Unpin + 'static
{
    /// Whether something of a packet that is not whole yet has arrived since this was asked, or since the last packet: a
    /// sign of life. Asked only when the peer would else be taken for gone.
    fn has_progressed(&mut self) -> bool {
        false
    }

    /// The peer has logged in: limits that hold before the login hold no longer.
    fn logged_in(&mut self) {}
}

/// Why a transport failed.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The peer broke a rule below the packets; it can still be told.
    #[error(transparent)]
    Peer(#[from] ProtocolError),
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
}
