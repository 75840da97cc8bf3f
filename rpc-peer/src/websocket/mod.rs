//! Packets over a WebSocket of tokio-tungstenite, for both ends.

mod follower;
mod large;
mod limits;
mod socket;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        error::CapacityError,
        protocol::{
            CloseFrame, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};
use trunkline_core::{CloseCode, CloseReason, Packet, ProtocolError};

pub use self::limits::{Reassembly, SocketLimits};
use self::socket::Socket;
use crate::transport::{Transport, TransportError};

/// tungstenite allocates this for every connection. What is larger goes past it, see [`large`].
const READ_BUFFER: usize = 4 << 10;
/// tungstenite hands this much to the socket without being asked: a full packet leaves while the next one is filled.
const WRITE_BUFFER: usize = 12 << 10;
/// Packets above this size go past tungstenite when they are sent: up to here, gathering them saves more than copying costs.
const LARGE: usize = 16 << 10;
/// The most that tungstenite keeps for a peer that does not read: pings are then answered with the newest pong alone.
const MAX_WRITE_BUFFER: usize = 64 << 10;
/// How many bytes are thrown away while waiting for the peer to take the close frame.
const DRAIN: usize = 64 << 10;

/// Which end of a WebSocket this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The end that dialled: what it sends is masked.
    Client,
    /// The end that was dialled.
    Server,
}

/// A transport over a WebSocket whose HTTP upgrade is done.
#[derive(Debug)]
pub struct WebSocket<S> {
    inner: WebSocketStream<Socket<S>>,
    max_packet: usize,
    /// A large packet that waits for what tungstenite still has to write.
    large: Option<Packet>,
    closing: Closing,
    /// Whether pings have been sent, so that somebody waits for their answers.
    pings: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Closing {
    Flush,
    Shutdown,
    Drain(usize),
    Done,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Speaks WebSocket over `stream`, whose first bytes, `read`, have been read already. Packets of the peer may have
    /// `max_packet` bytes; the rest is as in [`SocketLimits::new`].
    pub async fn new(end: End, stream: S, read: &[u8], max_packet: usize) -> Self {
        Self::with_limits(end, stream, read, Arc::new(SocketLimits::new(max_packet))).await
    }

    /// Speaks WebSocket over `stream`, whose first bytes, `read`, have been read already, within these limits.
    pub async fn with_limits(end: End, stream: S, read: &[u8], limits: Arc<SocketLimits>) -> Self {
        large::keep_memory();
        let max_packet = limits.max_packet;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_write_buffer_size(MAX_WRITE_BUFFER)
            .max_message_size(Some(max_packet))
            .max_frame_size(Some(max_packet));
        let role = match end {
            End::Client => tungstenite::protocol::Role::Client,
            End::Server => tungstenite::protocol::Role::Server,
        };
        let stream = Socket::new(end, stream, read, limits);
        let inner = WebSocketStream::from_raw_socket(stream, role, Some(config)).await;
        Self { inner, max_packet, large: None, closing: Closing::Flush, pings: false }
    }

    /// The byte stream below.
    pub fn get_ref(&self) -> &S {
        self.inner.get_ref().get_ref()
    }

    /// Hands a large packet to the socket, once all before it is written.
    fn poll_large(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        if self.large.is_none() {
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.inner).poll_flush(cx)).map_err(|error| self.explain(error))?;
        let socket = self.inner.get_mut();
        match self.large.take() {
            Some(Packet::Text(body)) => socket.start_large(true, body)?,
            Some(Packet::Binary(body)) => socket.start_large(false, body)?,
            Some(Packet::Ping | Packet::Pong | Packet::Close(_)) | None => {}
        }
        Poll::Ready(Ok(()))
    }

    /// Whose fault an error is. tungstenite itself only ends the stream, without a close frame.
    fn explain(&self, error: tungstenite::Error) -> TransportError {
        use tungstenite::Error;

        match error {
            Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                ProtocolError::PacketTooLarge(self.max_packet).into()
            }
            Error::Utf8(_) => ProtocolError::NotUtf8.into(),
            Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
                io::Error::from(io::ErrorKind::ConnectionReset).into()
            }
            Error::Protocol(error) => ProtocolError::WebSocket(error.to_string()).into(),
            Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<ProtocolError>())
            {
                Some(broken) => broken.clone().into(),
                None => error.into(),
            },
            error => io::Error::other(error).into(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for WebSocket<S> {
    fn has_progressed(&mut self) -> bool {
        self.inner.get_mut().has_progressed()
    }

    fn logged_in(&mut self) {
        self.inner.get_mut().logged_in();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Packet, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let polled = Pin::new(&mut self.inner).poll_next(cx);
            if let (Poll::Pending, Some(arrived)) = (&polled, self.inner.get_mut().take_arrived()) {
                self.inner.get_mut().packet_taken();
                return Poll::Ready(Some(arrived.map_err(Into::into)));
            }
            let packet = match ready!(polled) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(self.explain(error)))),
                Some(Ok(Message::Text(text))) => Packet::Text(text.into()),
                Some(Ok(Message::Binary(bytes))) => Packet::Binary(bytes),
                Some(Ok(Message::Close(frame))) => Packet::Close(received(frame)),
                Some(Ok(Message::Pong(_))) if self.pings => Packet::Pong,
                // tungstenite answers pings by itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            };
            self.inner.get_mut().packet_taken();
            return Poll::Ready(Some(Ok(packet)));
        }
    }
}

fn received(frame: Option<CloseFrame>) -> CloseReason {
    match frame {
        Some(frame) => CloseReason::new(CloseCode(frame.code.into()), frame.reason.as_str()),
        // RFC 6455, section 7.1.5: 1005 stands for a close frame without a code.
        None => CloseReason::new(CloseCode(1005), ""),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Packet> for WebSocket<S> {
    type Error = TransportError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        ready!(self.poll_large(cx))?;
        Pin::new(&mut self.inner).poll_ready(cx).map_err(|error| self.explain(error))
    }

    fn start_send(mut self: Pin<&mut Self>, packet: Packet) -> Result<(), TransportError> {
        if packet.len() > LARGE && !matches!(packet, Packet::Close(_)) {
            self.large = Some(packet);
            return Ok(());
        }
        let message = match packet {
            // As a frame, text is not checked to be UTF-8 once more.
            Packet::Text(body) => Message::Frame(Frame::message(body, OpCode::Data(Data::Text), true)),
            Packet::Binary(body) => Message::Binary(body),
            Packet::Ping => {
                self.pings = true;
                Message::Ping(Default::default())
            }
            // What the peer pings is answered below.
            Packet::Pong => return Ok(()),
            Packet::Close(close) => {
                Message::Close(Some(CloseFrame { code: close.code.0.into(), reason: close.reason.into() }))
            }
        };
        Pin::new(&mut self.inner).start_send(message).map_err(|error| self.explain(error))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        ready!(self.poll_large(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx).map_err(|error| self.explain(error))
    }

    /// Flushes, says that nothing follows, and reads on for a while: closing a socket with unread bytes resets the
    /// connection, and a reset destroys what the peer has not read, the close frame included (RFC 9293, section 3.6.1).
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        loop {
            match self.closing {
                Closing::Flush => {
                    ready!(self.as_mut().poll_flush(cx))?;
                    self.closing = Closing::Shutdown;
                }
                Closing::Shutdown => {
                    ready!(Pin::new(self.inner.get_mut()).poll_shutdown(cx))?;
                    self.closing = Closing::Drain(DRAIN);
                }
                Closing::Drain(left) => {
                    let mut buffer = [0; 1024];
                    let mut buffer = ReadBuf::new(&mut buffer);
                    let read = ready!(self.inner.get_mut().poll_discard(cx, &mut buffer));
                    let taken = buffer.filled().len();
                    self.closing = match read {
                        Ok(()) if taken > 0 && taken < left => Closing::Drain(left - taken),
                        _ => Closing::Done,
                    };
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}
