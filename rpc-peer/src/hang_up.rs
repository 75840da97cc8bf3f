//! Ending a connection that never became a session.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Poll, ready},
    time::Duration,
};

use trunkline_core::{CloseReason, Packet};

use crate::transport::{Transport, TransportError};

/// How long a peer has to take a close frame.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends a close frame and gives the peer a second to take it.
pub async fn hang_up<T: Transport>(mut transport: T, reason: CloseReason) {
    let mut packet = Some(Packet::Close(reason));
    let goodbye = poll_fn(|cx| -> Poll<Result<(), TransportError>> {
        let mut transport = Pin::new(&mut transport);
        if packet.is_some() {
            ready!(transport.as_mut().poll_ready(cx))?;
        }
        if let Some(packet) = packet.take() {
            transport.as_mut().start_send(packet)?;
        }
        transport.poll_close(cx)
    });
    // Whoever does not take it in time finds the connection closed without it.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
}
