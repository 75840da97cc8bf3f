//! What carries packets: anything that is a stream and a sink of them. Nobody implements [`Transport`]; adapters are
//! assembled from streams and sinks.

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
}

impl<T> Transport for T where
    T: Stream<Item = Result<Packet, TransportError>>
        + Sink<Packet, Error = TransportError>
        + Send
        + Unpin
        + 'static
{
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
