//! The byte stream below tungstenite, with what tungstenite does not have.
//!
//! It follows the frame headers and keeps large messages for itself: tungstenite reads and writes through buffers whose size is
//! fixed, or stays as large as the largest message; small ones keep idle connections cheap but take sixteen system calls and
//! two copies for 64 KiB. Small frames pass straight through. And it ends a connection whose peer takes nothing any more, does not
//! finish what it has begun, or sends more than it may before the login.
//!
//! What comes whole costs none of this: clocks and counts are looked at when there is nothing to read in the middle of a message.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
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
    limits::{Share, SocketLimits},
};

/// A byte stream that carries WebSocket frames to the one who reads it.
#[derive(Debug)]
pub(super) struct Socket<S> {
    inner: S,
    end: End,
    limits: Arc<SocketLimits>,
    /// The largest packet before the login, until then.
    before_login: Option<usize>,
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
    /// Runs while the message of this number is not finished.
    unfinished: Option<(u64, Pin<Box<Sleep>>)>,
    /// What the unfinished message takes of the memory that all connections share.
    share: Share,
    /// Whether something has arrived since a packet did.
    progressed: bool,
}

impl<S> Socket<S> {
    /// Follows `inner`, of which `read` has been read already.
    pub(super) fn new(end: End, inner: S, read: &[u8], limits: Arc<SocketLimits>) -> Self {
        Self {
            inner,
            end,
            before_login: limits.before_login,
            follower: Follower::new(end, &limits),
            limits,
            surplus: read.to_vec(),
            incoming: None,
            arrived: None,
            outgoing: None,
            stalled: None,
            unfinished: None,
            share: Share::default(),
            progressed: false,
        }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The large message that has arrived. All that came before it has been handed over.
    pub(super) fn take_arrived(&mut self) -> Option<Result<Packet, ProtocolError>> {
        self.arrived.take()
    }

    /// The peer has logged in: from now on packets may have their full size.
    pub(super) fn logged_in(&mut self) {
        self.before_login = None;
    }

    /// A packet was taken: what has arrived until now shows no more than that does.
    pub(super) fn packet_taken(&mut self) {
        self.progressed = false;
    }

    /// Whether something of a message has arrived that is not whole yet, since this was asked or a packet was taken.
    pub(super) fn has_progressed(&mut self) -> bool {
        std::mem::take(&mut self.progressed) && self.unfinished_message().is_some()
    }

    /// The number of the message that has begun and not ended.
    fn unfinished_message(&self) -> Option<u64> {
        match &self.incoming {
            Some(_) => Some(self.follower.begun()),
            None => self.follower.unfinished(),
        }
    }

    /// Refuses a message that is too large before the login, by what its headers announce.
    fn check_before_login(&self) -> Result<(), ProtocolError> {
        let Some(max) = self.before_login else { return Ok(()) };
        let len = match &self.incoming {
            Some(incoming) => incoming.len().0 as u64,
            None if self.follower.unfinished().is_some() => self.follower.message_len(),
            None => 0,
        };
        if len > max as u64 { Err(ProtocolError::TooMuchBeforeLogin) } else { Ok(()) }
    }

    /// Looks at clock and counts while nothing can be read: pending unless the rest of a message comes too late, or takes
    /// more memory than there is.
    fn poll_unfinished(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(number) = self.unfinished_message() else {
            if self.unfinished.is_some() || !self.share.is_empty() {
                self.unfinished = None;
                self.share.resize(self.limits.reassembly.as_ref(), 0);
            }
            return Poll::Pending;
        };
        let arrived =
            self.incoming.as_ref().map_or_else(|| self.follower.arrived(), |incoming| incoming.len().1);
        if !self.share.resize(self.limits.reassembly.as_ref(), arrived) {
            return Poll::Ready(Err(io::Error::other(ProtocolError::NoRoom)));
        }
        let Some(timeout) = self.limits.message_timeout else { return Poll::Pending };
        if self.unfinished.as_ref().is_none_or(|(known, _)| *known != number) {
            self.unfinished = Some((number, Box::pin(tokio::time::sleep(timeout))));
        }
        let Some((_, late)) = &mut self.unfinished else { return Poll::Pending };
        ready!(late.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::other(ProtocolError::MessageTimeout(timeout))))
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
        match this.poll_frames(cx, buffer) {
            // A large message that has arrived is looked at first.
            Poll::Pending if this.arrived.is_none() => this.poll_unfinished(cx),
            read => read,
        }
    }
}

impl<S> Drop for Socket<S> {
    fn drop(&mut self) {
        self.share.resize(self.limits.reassembly.as_ref(), 0);
    }
}

impl<S: AsyncRead + Unpin> Socket<S> {
    /// Reads what nobody wants to know.
    pub(super) fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }

    /// Reads whole frames, or pieces of one, for tungstenite, and large messages for themselves.
    fn poll_frames(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self;
        let before = buffer.filled().len();
        loop {
            this.check_before_login().map_err(io::Error::other)?;
            if let Some(broken) = this.follower.take_broken() {
                return Poll::Ready(Err(io::Error::other(broken)));
            }
            if let Some(incoming) = &mut this.incoming {
                let before = incoming.len().1;
                let filled = incoming.poll_fill(&mut this.inner, cx);
                this.progressed |= incoming.len().1 > before;
                if !ready!(filled)? {
                    return Poll::Ready(Ok(()));
                }
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
            this.progressed = true;
            let found = this.follower.follow(bytes).map_err(io::Error::other)?;
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
        let timeout = self.limits.stall_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
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
