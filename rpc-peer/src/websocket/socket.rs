//! The byte stream below tungstenite, with what tungstenite does not have.
//!
//! It follows the frame headers and keeps large messages for itself: tungstenite reads and writes through buffers whose size is
//! fixed, or stays as large as the largest message; small ones keep idle connections cheap but take sixteen system calls and
//! two copies for 64 KiB. Small frames pass straight through. And it ends a connection whose peer takes nothing any more.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};
use trunkline_core::{Packet, ProtocolError};

use super::{
    End,
    follower::Follower,
    large::{Incoming, Outgoing},
};

/// How long the peer may take none of the bytes that wait for it.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A byte stream that carries WebSocket frames to the one who reads it.
#[derive(Debug)]
pub(super) struct Socket<S> {
    inner: S,
    end: End,
    follower: Follower,
    /// Read, and neither followed nor handed over.
    surplus: Vec<u8>,
    /// A large message that is arriving, and one that has arrived: nothing is read until it is taken.
    incoming: Option<Incoming>,
    arrived: Option<Result<Packet, ProtocolError>>,
    /// A large message that is being written: whatever else is written waits for it.
    outgoing: Option<Outgoing>,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Socket<S> {
    /// Follows `inner`, of which `read` has been read already.
    pub(super) fn new(end: End, inner: S, read: &[u8], max_message: usize) -> Self {
        Self {
            inner,
            end,
            follower: Follower::new(end, max_message),
            surplus: read.to_vec(),
            incoming: None,
            arrived: None,
            outgoing: None,
            stalled: None,
        }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The large message that has arrived. All that came before it has been handed over.
    pub(super) fn take_arrived(&mut self) -> Option<Result<Packet, ProtocolError>> {
        self.arrived.take()
    }

    /// Begins to write a large message. What was written before must have been flushed.
    pub(super) fn start_large(&mut self, is_text: bool, payload: Bytes) -> io::Result<()> {
        self.outgoing = Some(Outgoing::new(self.end, is_text, payload)?);
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    /// Pending also when a large message has arrived: see [`Self::take_arrived`].
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        loop {
            if let Some(incoming) = &mut this.incoming
                && !ready!(incoming.poll_fill(&mut this.inner, cx))?
            {
                return Poll::Ready(Ok(()));
            }
            if let Some(incoming) = this.incoming.take() {
                let (packet, beyond) = incoming.finish();
                (this.arrived, this.surplus) = (Some(packet), beyond);
            }
            if this.arrived.is_some() {
                return Poll::Pending;
            }
            ready!(this.poll_some(cx, buffer, before))?;
            let bytes = buffer.filled().get(before..).unwrap_or_default();
            if bytes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let found = this.follower.follow(bytes)?;
            if let Some((header, at)) = found.large {
                let begun = [bytes.get(at..).unwrap_or_default(), &this.surplus];
                this.incoming = Some(Incoming::new(header, begun));
                this.surplus.clear();
            }
            buffer.set_filled(before + found.handed_over);
            // Nothing at all would mean the end of the stream.
            if found.handed_over > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Socket<S> {
    /// Reads something behind the header that was held back; nothing but the end of the stream leaves `buffer` as it was.
    fn poll_some(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        before: usize,
    ) -> Poll<io::Result<()>> {
        buffer.put_slice(self.follower.held());
        let behind_held = buffer.filled().len();
        let read = if self.surplus.is_empty() {
            Pin::new(&mut self.inner).poll_read(cx, buffer)
        } else {
            let len = self.surplus.len().min(buffer.remaining());
            buffer.put_slice(self.surplus.get(..len).unwrap_or_default());
            self.surplus.drain(..len);
            Poll::Ready(Ok(()))
        };
        if buffer.filled().len() > behind_held {
            self.follower.forget_held();
        } else {
            buffer.set_filled(before);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> Socket<S> {
    /// Writes what is left of a large message.
    fn poll_large(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(mut outgoing) = self.outgoing.take() {
            let written = outgoing.poll_write(&mut self.inner, cx);
            if written.is_pending() || !outgoing.is_done() {
                self.outgoing = Some(outgoing);
            }
            if ready!(self.poll_stalled(cx, written))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Gives a peer that takes nothing its time, and no more.
    fn poll_stalled<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL_TIMEOUT)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::other(ProtocolError::SlowConsumer)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_large(cx))?;
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.poll_stalled(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_large(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_large(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
