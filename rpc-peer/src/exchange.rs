//! A session that lasts as long as one HTTP request: what came with its link is answered, and that is all.
//!
//! It is driven by the same driver as every other session, so that each call passes the same checks in the same order.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use trunkline_core::{CloseReason, Packet, ProtocolError, Session};

use crate::{
    driver::{Driver, Services},
    handle::Handle,
    transport::{Transport, TransportError},
};

/// Answers what came with the link of `session`, and gives the bodies of the packets that it has sent. The close reason is 1000
/// if nothing went wrong, else it says which rule was broken, and not all calls may have been answered.
///
/// # Cancel safety
///
/// Dropping it ends the methods that run, as the end of a connection does.
pub async fn answer_once(
    session: Session,
    handle: Handle,
    services: Services,
    attached: Result<(), ProtocolError>,
) -> (Vec<Bytes>, CloseReason) {
    let mut driver = Driver::once(Collected::default(), session, handle, services, attached);
    let reason = (&mut driver).await;
    (std::mem::take(&mut driver.transport_mut().0), reason)
}

/// A transport from which nothing comes, and which keeps what is sent.
#[derive(Debug, Default)]
pub(crate) struct Collected(Vec<Bytes>);

impl Transport for Collected {}

impl Stream for Collected {
    type Item = Result<Packet, TransportError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

impl Sink<Packet> for Collected {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, packet: Packet) -> Result<(), TransportError> {
        match packet {
            Packet::Text(body) | Packet::Binary(body) => self.0.push(body),
            Packet::Ping | Packet::Pong | Packet::Close(_) => {}
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }
}
