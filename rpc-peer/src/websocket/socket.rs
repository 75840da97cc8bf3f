//! The byte stream below tungstenite, with what tungstenite does not have.
//!
//! It reads ahead: tungstenite reads into one buffer per connection whose size is fixed; a small one keeps idle connections
//! cheap but takes sixteen system calls for 64 KiB. [`Socket`] follows the frame headers, so it knows what is still to come:
//! it passes small frames straight through and reads the rest of a large one in larger pieces, into a buffer that it keeps
//! only as long. It counts the fragments of a message. And it ends a connection whose peer takes nothing any more.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::Sleep,
};
use trunkline_core::ProtocolError;

/// The most that is read at once: enough to make system calls rare, and small enough that handing it on is done in the
/// processor's cache.
const AHEAD: usize = 16 << 10;
/// The most fragments that one message may have.
const MAX_FRAGMENTS: u32 = 256;
/// How long the peer may take none of the bytes that wait for it.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A byte stream that carries WebSocket frames to the one who reads it.
#[derive(Debug)]
pub(super) struct Socket<S> {
    inner: S,
    /// Read and not yet handed over; without memory unless a large frame is on its way.
    ahead: BytesMut,
    follower: Follower,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Socket<S> {
    /// Follows `inner`, of which `read` has been read already.
    pub(super) fn new(inner: S, read: &[u8]) -> Self {
        let mut follower = Follower::default();
        // What is wrong in here shows again when the next bytes are followed.
        let _ = follower.follow(read);
        Self { inner, ahead: BytesMut::from(read), follower, stalled: None }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.inner
    }

    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) {
        let len = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead.split_to(len));
        if self.ahead.is_empty() && self.follower.payload == 0 {
            self.ahead = BytesMut::new();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            this.hand_over(buffer);
            return Poll::Ready(Ok(()));
        }
        let coming = usize::try_from(this.follower.payload).unwrap_or(usize::MAX);
        if coming <= buffer.remaining() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(cx, buffer))?;
            this.follower.follow(buffer.filled().get(before..).unwrap_or_default())?;
            return Poll::Ready(Ok(()));
        }
        // A little more than the frame, so that the header of the next one comes along.
        this.ahead.reserve(coming.saturating_add(64).min(AHEAD));
        let read = pin!(this.inner.read_buf(&mut this.ahead)).poll(cx);
        if !matches!(read, Poll::Ready(Ok(_))) && this.ahead.is_empty() {
            this.ahead = BytesMut::new();
        }
        ready!(read)?;
        this.follower.follow(&this.ahead)?;
        this.hand_over(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.inner).poll_write(cx, bytes) {
            self.stalled = None;
            return Poll::Ready(written);
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL_TIMEOUT)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::other(ProtocolError::SlowConsumer)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Finds the frames in a stream of bytes (RFC 6455, section 5.2). It judges only what tungstenite does not.
#[derive(Debug, Default)]
struct Follower {
    /// The header that is being read.
    header: [u8; 14],
    header_len: usize,
    /// Bytes of the current frame's payload that have not come yet.
    payload: u64,
    /// Frames of the current message so far.
    fragments: u32,
}

impl Follower {
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
            self.payload -= skipped as u64;
            bytes.advance(skipped);
            while self.payload == 0 && bytes.has_remaining() {
                let byte = bytes.get_u8();
                if self.header_byte(byte)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Takes one byte of a header; whether it was the last one.
    fn header_byte(&mut self, byte: u8) -> io::Result<bool> {
        if let Some(place) = self.header.get_mut(self.header_len) {
            *place = byte;
        }
        self.header_len += 1;
        let [first, second, extended @ ..] = &self.header;
        let length_len = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_len = if second & 0x80 == 0 { 0 } else { 4 };
        if self.header_len < 2 || self.header_len < 2 + length_len + mask_len {
            return Ok(false);
        }
        self.payload = match length_len {
            0 => u64::from(second & 0x7f),
            len => extended.iter().take(len).fold(0, |length, byte| (length << 8) | u64::from(*byte)),
        };
        let (is_final, is_control) = (first & 0x80 != 0, first & 0x08 != 0);
        self.header_len = 0;
        if !is_control {
            self.fragments += 1;
            if self.fragments > MAX_FRAGMENTS {
                return Err(io::Error::other(ProtocolError::TooManyFragments(MAX_FRAGMENTS)));
            }
            if is_final {
                self.fragments = 0;
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
