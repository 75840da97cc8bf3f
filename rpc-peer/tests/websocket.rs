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
    /// The most bytes that were to be written at once.
    longest: usize,
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
        self.longest = self.longest.max(bytes.len());
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

proptest! {
    #[test]
    fn any_bytes_end_in_packets_or_an_error(
        frames in prop::collection::vec((any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..40), 0_usize..6000), 0..12),
        cuts in prop::collection::vec(1_usize..6000, 1..10),
    ) {
        let mut bytes = Vec::new();
        for (header, rest, padding) in frames {
            bytes.extend(header);
            bytes.extend(rest);
            bytes.resize(bytes.len() + padding, 0x2a);
        }
        let taken = block_on(async {
            let mut incoming = VecDeque::new();
            let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, others) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                incoming.push_back(piece.to_vec());
                rest = others;
            }
            let mut socket = WebSocket::new(End::Server, Pieces { incoming, ..Pieces::default() }, &[], MAX_PACKET).await;
            let mut taken = 0;
            while let Some(Ok(packet)) = socket.next().await {
                taken += packet.len();
            }
            taken
        });
        prop_assert!(taken <= bytes.len());
    }
}

#[test]
fn every_single_byte_may_come_alone() {
    let (bytes, expected) = conversation(&[0, 1, 126, 5000]);
    assert_eq!(block_on(packets(&bytes, &[1], true, 0)), expected);
}

/// The frames in `bytes`: the first byte of each, and its payload without the mask.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (len, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            len => (len.into(), rest),
        };
        let (key, rest) = if second & 0x80 == 0 { (&[0; 4][..], rest) } else { rest.split_at(4) };
        let payload = rest[..len].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        frames.push((*first, payload.collect()));
        bytes = &rest[len..];
    }
    frames
}

#[test]
fn packets_of_any_size_leave_whole_and_in_order() {
    let bodies: Vec<Vec<u8>> = [2, 20_000, 65_535, 3, 65_536, 200_001, 17_000].map(body).into();
    for end in [End::Server, End::Client] {
        let written = block_on(async {
            let mut socket = WebSocket::new(end, Pieces::default(), &[], MAX_PACKET).await;
            for (index, body) in bodies.iter().enumerate() {
                let body = Bytes::from(body.clone());
                // One that is shared must not be masked in place.
                let packet =
                    if index % 2 == 0 { Packet::Binary(body.clone()) } else { Packet::Text(body.clone()) };
                socket.feed(packet).await.unwrap();
                assert_eq!(body, bodies[index]);
            }
            socket.flush().await.unwrap();
            socket.get_ref().written.clone()
        });
        let expected = bodies
            .iter()
            .enumerate()
            .map(|(index, body)| (if index % 2 == 0 { 0x82 } else { 0x81 }, body.clone()));
        assert!(frames(&written) == expected.collect::<Vec<_>>(), "{end:?}");
    }
}

#[test]
fn a_large_text_that_is_not_utf_8_is_refused() {
    let mut bytes = body(50_000);
    bytes[40_000] = 0xff;
    block_on(async {
        let stream = Pieces { incoming: [frame(0x81, &bytes)].into(), ..Pieces::default() };
        let mut socket = WebSocket::new(End::Server, stream, &[], MAX_PACKET).await;
        let refused = socket.next().await.unwrap();
        assert!(matches!(refused, Err(TransportError::Peer(ProtocolError::NotUtf8))), "{refused:?}");
    });
}

#[test]
fn a_stream_that_ends_inside_a_large_packet_is_a_loss() {
    block_on(async {
        let mut bytes = frame(0x82, &body(50_000));
        bytes.truncate(30_000);
        let stream = Pieces { incoming: [bytes].into(), ..Pieces::default() };
        let mut socket = WebSocket::new(End::Server, stream, &[], MAX_PACKET).await;
        assert!(matches!(socket.next().await, Some(Err(TransportError::Io(_)))));
    });
}

#[test]
fn pings_of_a_peer_that_does_not_read_take_no_memory() {
    block_on(async {
        let pings = vec![frame(0x89, &[b'x'; 125]); 20_000];
        let stream = Pieces { incoming: pings.into(), full: true, ..Pieces::default() };
        let mut socket = WebSocket::new(End::Server, stream, &[], MAX_PACKET).await;
        while let Some(Ok(_)) = socket.next().await {}
        let longest = socket.get_ref().longest;
        assert!((1..=64 << 10).contains(&longest), "{longest} bytes wait");
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

#[test]
fn what_is_thrown_away_at_the_end_is_not_gathered_to_messages() {
    let done = block_on(async {
        let large = frame(0x82, &body(50_000));
        let stream = Pieces { incoming: [large.clone(), large].into(), ..Pieces::default() };
        let mut socket = WebSocket::new(End::Server, stream, &[], MAX_PACKET).await;
        SinkExt::close(&mut socket).now_or_never()
    });
    assert!(matches!(done, Some(Ok(()))), "{done:?}");
}
