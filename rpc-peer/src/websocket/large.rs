//! Large messages, which go past tungstenite: read into memory of exactly their size, and written from where they are.
//!
//! tungstenite copies a message into a buffer of its own, which then keeps that size for as long as the connection lives.

use std::{
    future::Future,
    hint::black_box,
    io::{self, Cursor, IoSlice},
    pin::{Pin, pin},
    sync::Once,
    task::{Context, Poll, ready},
};

use bytes::{
    Buf, BufMut, Bytes, BytesMut,
    buf::{Chain, Take},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use trunkline_core::{Packet, ProtocolError};

use super::{End, follower::Large};

/// A little more than the message is read, so that the header of the next one comes along.
const BEYOND: usize = 64;
/// As much is set aside for a message that is announced; more follows as it arrives, so that an announcement alone takes
/// little.
const AT_FIRST: usize = 256 << 10;

/// Lets the allocator keep the memory of large messages between two of them.
///
/// glibc gives memory at the end of its heap back to the system as soon as 128 KiB of it are free, so that the next message
/// faults in all of its pages again: for 64 KiB that is most of a call's cost. It raises the threshold by itself, to twice the
/// size of the largest block that was mapped and freed (mallopt(3), `M_MMAP_THRESHOLD`), as any message above 128 KiB would
/// bring about. This is such a block: never touched, and freed at once.
pub(super) fn keep_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(black_box(Vec::<u8>::with_capacity(1 << 20))));
}

/// A large message that is arriving.
#[derive(Debug)]
pub(super) struct Incoming {
    header: Large,
    /// What has arrived, and perhaps a little of what follows.
    bytes: BytesMut,
}

impl Incoming {
    /// Begins with what has arrived of the payload, and of what follows, in two pieces.
    pub(super) fn new(header: Large, begun: [&[u8]; 2]) -> Self {
        let mut bytes = BytesMut::with_capacity(header.len.min(AT_FIRST).saturating_add(BEYOND));
        begun.iter().for_each(|begun| bytes.extend_from_slice(begun));
        Self { header, bytes }
    }

    /// Reads until the message is whole; `false` at the end of the stream.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        while self.bytes.len() < self.header.len {
            if self.bytes.len() == self.bytes.capacity() {
                let left = (self.header.len - self.bytes.len()).saturating_add(BEYOND);
                self.bytes.reserve(left.min(self.bytes.len()));
            }
            // Cancel-safe, so that a new read may follow one that was pending.
            if ready!(pin!(stream.read_buf(&mut self.bytes)).poll(cx))? == 0 {
                return Poll::Ready(Ok(false));
            }
        }
        Poll::Ready(Ok(true))
    }

    /// How large the message is going to be, and how much of it is here.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.header.len, self.bytes.len())
    }

    /// The message, and what was read beyond it.
    pub(super) fn finish(mut self) -> (Result<Packet, ProtocolError>, Vec<u8>) {
        let Large { is_text, len, mask: key } = self.header;
        let beyond = self.bytes.get(len..).unwrap_or_default().to_vec();
        self.bytes.truncate(len);
        if key != [0; 4] {
            mask(&mut self.bytes, key);
        }
        let packet = match is_text {
            true if std::str::from_utf8(&self.bytes).is_err() => Err(ProtocolError::NotUtf8),
            true => Ok(Packet::Text(self.bytes.freeze())),
            false => Ok(Packet::Binary(self.bytes.freeze())),
        };
        (packet, beyond)
    }
}

/// A large message that is being written: its header, and its payload.
#[derive(Debug)]
pub(super) struct Outgoing(Chain<Take<Cursor<[u8; 14]>>, Bytes>);

impl Outgoing {
    /// What `end` sends.
    ///
    /// # Errors
    ///
    /// If there is no randomness for a mask, without which a client may not send (RFC 6455, section 5.3).
    pub(super) fn new(end: End, is_text: bool, payload: Bytes) -> io::Result<Self> {
        let mut header = [0; 14];
        let mut room = &mut header[..];
        room.put_u8(if is_text { 0x81 } else { 0x82 });
        let masked = if end == End::Client { 0x80 } else { 0 };
        match u16::try_from(payload.len()) {
            Ok(len) => {
                room.put_u8(masked | 126);
                room.put_u16(len);
            }
            Err(_) => {
                room.put_u8(masked | 127);
                room.put_u64(payload.len() as u64);
            }
        }
        let payload = match end {
            End::Server => payload,
            End::Client => {
                let mut key = [0; 4];
                getrandom::fill(&mut key).map_err(io::Error::other)?;
                room.put_slice(&key);
                // In place, unless somebody else holds the packet too.
                let mut payload = payload.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
                mask(&mut payload, key);
                payload.freeze()
            }
        };
        let header_len = 14 - room.len();
        Ok(Self(Buf::take(Cursor::new(header), header_len).chain(payload)))
    }

    /// Whether all of it is written.
    pub(super) fn is_done(&self) -> bool {
        !self.0.has_remaining()
    }

    /// Writes some of it, in one system call if the stream can.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); 2];
        let count = self.0.chunks_vectored(&mut slices);
        let slices = slices.get(..count).unwrap_or_default();
        let written = ready!(Pin::new(stream).poll_write_vectored(cx, slices))?;
        self.0.advance(written);
        Poll::Ready(Ok(written))
    }
}

/// Puts a mask on, or takes it off.
fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}
