//! What a peer may do below the packets: each limit with its exact refusal, on a clock that tests turn.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};
use trunkline_core::{Packet, ProtocolError};
use trunkline_peer::{End, Rate, Reassembly, SocketLimits, Transport, TransportError, WebSocket};

const SECOND: Duration = Duration::from_secs(1);

/// The header of a client's frame, with a mask that changes nothing.
fn header(first: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..126 => bytes.push(0x80 | len as u8),
        126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [header(first, payload.len()), payload.to_vec()].concat()
}

struct Served {
    socket: WebSocket<DuplexStream>,
    peer: DuplexStream,
}

impl Served {
    async fn new(limits: SocketLimits) -> Self {
        let (ours, peer) = duplex(1 << 20);
        Self { socket: WebSocket::with_limits(End::Server, ours, &[], Arc::new(limits)).await, peer }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.peer.write_all(bytes).await.unwrap();
    }

    /// What has come, if it is whole.
    fn polled(&mut self) -> Option<Result<Packet, TransportError>> {
        self.socket.next().now_or_never().map(Option::unwrap)
    }

    /// How the peer was refused, and after what time.
    async fn refused(&mut self) -> (ProtocolError, Duration) {
        let begin = Instant::now();
        loop {
            match self.socket.next().await.unwrap() {
                Ok(_) => {}
                Err(TransportError::Peer(error)) => return (error, begin.elapsed()),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn limits() -> SocketLimits {
    SocketLimits { message_timeout: Some(30 * SECOND), ..SocketLimits::new(1 << 20) }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_does_not_end_is_cut_off_however_it_drips() {
    let (small, large) = (frame(0x82, &[1; 300]), frame(0x82, &[1; 50_000]));
    let fragments = [frame(0x02, &[1; 100]), frame(0x00, b"").repeat(100)].concat();
    for (message, begun) in
        [(&small, 1), (&small, 4), (&small, 100), (&large, 3), (&large, 20_000), (&fragments, 106)]
    {
        let (begun, rest) = message.split_at(begun);
        let mut served = Served::new(limits()).await;
        served.send(&frame(0x82, b"before")).await;
        assert!(served.polled().unwrap().is_ok());
        served.send(begun).await;
        let (mut socket, mut peer) = (served.socket, served.peer);
        // A byte per second extends nothing, be it of the message itself or of empty fragments.
        let rest = rest.to_vec();
        let dripping = tokio::spawn(async move {
            for byte in rest {
                tokio::time::sleep(SECOND).await;
                peer.write_all(&[byte]).await.unwrap();
            }
        });
        let start = Instant::now();
        let refused = socket.next().await.unwrap().unwrap_err();
        let expected = ProtocolError::MessageTimeout(30 * SECOND);
        assert!(matches!(&refused, TransportError::Peer(error) if *error == expected), "{refused}");
        assert_eq!(start.elapsed(), 30 * SECOND);
        dripping.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn many_messages_on_a_slow_line_each_have_their_own_time() {
    let mut served = Served::new(limits()).await;
    let bytes = [frame(0x82, &[1; 300]), frame(0x82, &[2; 20_000])].concat();
    let mut packets = 0;
    // Every read ends inside of a message, for minutes.
    for piece in bytes.repeat(5).chunks(1000) {
        served.send(piece).await;
        while let Some(packet) = served.polled() {
            assert!(packet.is_ok());
            packets += 1;
        }
        tokio::time::advance(Duration::from_millis(1400)).await;
    }
    assert_eq!(packets, 10);
}

#[tokio::test(start_paused = true)]
async fn an_idle_peer_is_not_late() {
    let mut served = Served::new(limits()).await;
    served.send(&frame(0x82, b"whole")).await;
    assert!(served.polled().unwrap().is_ok());
    assert!(tokio::time::timeout(3600 * SECOND, served.socket.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_arrives_of_a_message_is_a_sign_of_life_and_what_does_not_is_none() {
    let mut served = Served::new(limits()).await;
    served.send(&frame(0x82, b"whole")).await;
    assert!(served.polled().unwrap().is_ok());
    assert!(!served.socket.has_progressed(), "a packet speaks for itself");
    for piece in [&header(0x82, 50_000)[..], &[0; 10_000], &[0; 10_000]] {
        served.send(piece).await;
        assert!(served.polled().is_none());
        assert!(served.socket.has_progressed());
        assert!(!served.socket.has_progressed(), "nothing has come since");
    }
    served.send(&[0; 30_000]).await;
    assert!(served.polled().unwrap().is_ok());
    assert!(!served.socket.has_progressed());
}

#[tokio::test]
async fn what_is_too_large_before_the_login_is_refused_by_its_header() {
    let before = SocketLimits { before_login: Some(16 << 10), ..limits() };
    let half = frame(0x02, &[1; 9 << 10]);
    for bytes in [
        header(0x82, (16 << 10) + 1),
        header(0x02, (16 << 10) + 1),
        [half.clone(), header(0x80, (7 << 10) + 1)].concat(),
    ] {
        let mut served = Served::new(before.clone()).await;
        served.send(&bytes).await;
        assert_eq!(served.refused().await.0, ProtocolError::TooMuchBeforeLogin);
    }
    let mut served = Served::new(before.clone()).await;
    served.send(&frame(0x82, &[1; 16 << 10])).await;
    assert_eq!(served.polled().unwrap().unwrap().len(), 16 << 10, "exactly the limit passes");
    served.send(&[half, frame(0x80, &[1; 7 << 10])].concat()).await;
    assert_eq!(served.polled().unwrap().unwrap().len(), 16 << 10);

    // Sent on trust together with the hello, and looked at when the login is through.
    let mut served = Served::new(before).await;
    served.send(&[frame(0x82, b"hello"), frame(0x82, &[1; 100_000])].concat()).await;
    assert_eq!(served.polled().unwrap().unwrap().len(), 5);
    served.socket.logged_in();
    assert_eq!(served.polled().unwrap().unwrap().len(), 100_000);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_refused_by_its_header() {
    for bytes in [
        header(0x82, (1 << 20) + 1),
        header(0x82, usize::MAX >> 1),
        header(0x01, (1 << 20) + 1),
        [frame(0x02, &[1; 600_000]), header(0x80, 600_000)].concat(),
    ] {
        let mut served = Served::new(limits()).await;
        served.send(&[frame(0x82, b"before"), bytes].concat()).await;
        assert_eq!(served.polled().unwrap().unwrap().len(), 6, "what came before is taken");
        assert_eq!(served.refused().await, (ProtocolError::PacketTooLarge(1 << 20), Duration::ZERO));
    }
}

#[tokio::test]
async fn fragments_count_also_when_they_are_empty() {
    let mut served = Served::new(SocketLimits { max_fragments: 4, ..limits() }).await;
    let four = [frame(0x02, b""), frame(0x00, b"").repeat(2), frame(0x80, b"x")].concat();
    served.send(&four).await;
    assert!(served.polled().unwrap().is_ok());
    served.send(&[frame(0x02, b""), frame(0x00, b"").repeat(4)].concat()).await;
    assert_eq!(served.refused().await.0, ProtocolError::TooManyFragments(4));
}

#[tokio::test(start_paused = true)]
async fn pings_and_pongs_have_a_rate_and_a_burst() {
    for first in [0x89, 0x8a] {
        let rate = Rate::new(10, SECOND).with_burst(20);
        let mut served = Served::new(SocketLimits { control_frames: Some(rate), ..limits() }).await;
        served.send(&frame(first, b"x").repeat(20)).await;
        assert!(served.polled().is_none());
        for _ in 0..50 {
            tokio::time::advance(Duration::from_millis(100)).await;
            served.send(&frame(first, b"x")).await;
            assert!(served.polled().is_none());
        }
        served.send(&frame(first, b"x")).await;
        assert_eq!(served.refused().await.0, ProtocolError::TooManyControlFrames);
    }
}

#[tokio::test]
async fn unfinished_messages_of_all_share_one_memory_and_announcements_take_none_of_it() {
    let reassembly = Arc::new(Reassembly::new(100_000));
    let shared = SocketLimits { reassembly: Some(Arc::clone(&reassembly)), ..limits() };
    let mut idle = Vec::new();
    for _ in 0..100 {
        let mut served = Served::new(shared.clone()).await;
        served.send(&header(0x82, 1 << 20)).await;
        assert!(served.polled().is_none());
        idle.push(served);
    }
    let mut one = Served::new(shared.clone()).await;
    one.send(&[header(0x82, 70_000), vec![1; 60_000]].concat()).await;
    assert!(one.polled().is_none());
    let mut two = Served::new(shared.clone()).await;
    two.send(&frame(0x02, &[1; 30_000])).await;
    assert!(two.polled().is_none());
    assert_eq!(reassembly.used(), 90_000);
    let mut three = Served::new(shared.clone()).await;
    three.send(&[header(0x82, 20_000), vec![1; 15_000]].concat()).await;
    assert_eq!(three.refused().await.0, ProtocolError::NoRoom);
    // What is whole, or gone, gives its room back.
    one.send(&[1; 10_000]).await;
    assert_eq!(one.polled().unwrap().unwrap().len(), 70_000);
    assert!(one.polled().is_none());
    drop((two, three));
    assert_eq!(reassembly.used(), 0);
}

#[test]
fn rates_are_written_as_people_write_them() {
    for (text, rate) in [
        ("5/1s", Rate::new(5, SECOND)),
        ("5 / 1m", Rate::new(5, 60 * SECOND)),
        ("50/1s burst 100", Rate::new(50, SECOND).with_burst(100)),
        ("256 KiB/1s burst 1 MiB", Rate::new(256 << 10, SECOND).with_burst(1 << 20)),
        ("100/500ms", Rate::new(100, SECOND / 2)),
    ] {
        assert_eq!(text.parse::<Rate>().unwrap(), rate, "{text}");
        assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate, "{rate}");
    }
    for text in
        ["", "5", "5/", "/1s", "x/1s", "5/x", "0/1s", "5/0s", "5/1s burst", "5/1s burst 0", "-1/1s", "5G/1s"]
    {
        let error = text.parse::<Rate>().unwrap_err();
        assert!(error.to_string().contains("5/1s"), "{text}: {error}");
    }
}
