//! The WebSocket adapter over a byte stream: however the bytes come in, the packets are the same.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use trunkline_core::{CloseCode, CloseReason, Packet, ProtocolError};
use trunkline_peer::{End, TransportError, WebSocket};

/// A stream whose bytes come in the given pieces, and which keeps what is written.
#[derive(Default)]
struct Pieces {
    incoming: VecDeque<Vec<u8>>,
    /// Whether a read finds nothing between two pieces.
    pauses: bool,
    paused: bool,
    written: Vec<u8>,
    /// Whether nothing can be written.
    full: bool,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pauses && !std::mem::replace(&mut self.paused, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.paused = false;
        let Some(mut piece) = self.incoming.pop_front() else { return Poll::Ready(Ok(())) };
        let rest = piece.split_off(piece.len().min(buffer.remaining()));
        buffer.put_slice(&piece);
        if !rest.is_empty() {
            self.incoming.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.full {
            return Poll::Pending;
        }
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const MAX_PACKET: usize = 1 << 20;

/// A masked frame, as a client sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len @ 126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    let mask = [0x12, 0x34, 0x56, 0x78];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn body(len: usize) -> Vec<u8> {
    (0..len).map(|index| b'a' + (index % 26) as u8).collect()
}

/// What a client sends, and the packets that it is.
fn conversation(sizes: &[usize]) -> (Vec<u8>, Vec<Packet>) {
    let (mut bytes, mut packets) = (Vec::new(), Vec::new());
    for (index, size) in sizes.iter().enumerate() {
        let body = body(*size);
        match index % 3 {
            0 => {
                bytes.extend(frame(0x82, &body));
                packets.push(Packet::Binary(Bytes::from(body)));
            }
            1 => {
                bytes.extend(frame(0x89, b"ping"));
                bytes.extend(frame(0x81, &body));
                packets.push(Packet::Text(Bytes::from(body)));
            }
            _ => {
                let (one, two) = body.split_at(body.len() / 3);
                bytes.extend(frame(0x01, one));
                bytes.extend(frame(0x89, b""));
                bytes.extend(frame(0x00, two));
                bytes.extend(frame(0x80, b""));
                packets.push(Packet::Text(Bytes::from(body)));
            }
        }
    }
    bytes.extend(frame(0x88, &[0x03, 0xe8, b'b', b'y', b'e']));
    packets.push(Packet::Close(CloseReason::new(CloseCode::NORMAL, "bye")));
    (bytes, packets)
}

async fn packets(bytes: &[u8], cuts: &[usize], pauses: bool, read_before: usize) -> Vec<Packet> {
    let (before, bytes) = bytes.split_at(read_before.min(bytes.len()));
    let mut incoming = VecDeque::new();
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, others) = rest.split_at((*cut).clamp(1, rest.len()));
        incoming.push_back(piece.to_vec());
        rest = others;
    }
    let stream = Pieces { incoming, pauses, ..Pieces::default() };
    let mut socket = WebSocket::new(End::Server, stream, before, MAX_PACKET).await;
    let mut packets = Vec::new();
    while let Some(packet) = socket.next().await {
        packets.push(packet.unwrap());
        if matches!(packets.last(), Some(Packet::Close(_))) {
            break;
        }
    }
    packets
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_of_the_bytes_gives_the_same_packets(
        sizes in prop::collection::vec(prop_oneof![0_usize..300, 4000_usize..5000, 60_000_usize..140_000], 1..6),
        cuts in prop::collection::vec(prop_oneof![1_usize..20, 1000_usize..100_000], 1..20),
        pauses: bool,
        read_before in 0_usize..300,
    ) {
        let (bytes, expected) = conversation(&sizes);
        let found = block_on(packets(&bytes, &cuts, pauses, read_before));
        prop_assert!(found == expected, "{} packets for {}", found.len(), expected.len());
    }
}

#[test]
fn every_single_byte_may_come_alone() {
    let (bytes, expected) = conversation(&[0, 1, 126, 5000]);
    assert_eq!(block_on(packets(&bytes, &[1], true, 0)), expected);
}

#[test]
fn large_packets_leave_in_fragments_of_64_kib() {
    block_on(async {
        let mut socket = WebSocket::new(End::Server, Pieces::default(), &[], MAX_PACKET).await;
        let sent = body(200_000);
        socket.send(Packet::Binary(Bytes::from(sent.clone()))).await.unwrap();
        socket.send(Packet::Text(Bytes::from_static(b"[]"))).await.unwrap();
        let written = socket.get_ref().written.clone();

        let (mut rest, mut fragments, mut received) = (&written[..], Vec::new(), Vec::new());
        while !rest.is_empty() {
            let (header, len) = match rest[1] {
                126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
                127 => (10, u64::from_be_bytes(rest[2..10].try_into().unwrap()) as usize),
                len => (2, len.into()),
            };
            fragments.push((rest[0], len));
            received.extend_from_slice(&rest[header..header + len]);
            rest = &rest[header + len..];
        }
        let kib64 = 64 << 10;
        assert_eq!(
            fragments,
            [(0x02, kib64), (0x00, kib64), (0x00, kib64), (0x80, 200_000 - 3 * kib64), (0x81, 2)]
        );
        assert_eq!(received, [&sent[..], b"[]"].concat());
    });
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_for_ten_seconds_is_a_slow_consumer() {
    let stream = Pieces { full: true, ..Pieces::default() };
    let mut socket = WebSocket::new(End::Server, stream, &[], MAX_PACKET).await;
    let packet = Packet::Binary(Bytes::from_static(b"x"));
    let sent = socket.send(packet);
    tokio::pin!(sent);
    assert!(sent.as_mut().now_or_never().is_none());
    assert!(tokio::time::timeout(Duration::from_millis(9_900), sent.as_mut()).await.is_err());
    let error = tokio::time::timeout(Duration::from_secs(1), sent).await.unwrap().unwrap_err();
    assert!(matches!(error, TransportError::Peer(ProtocolError::SlowConsumer)), "{error:?}");
}
