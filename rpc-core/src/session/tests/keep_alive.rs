//! How each side notices that the other is gone.

use std::time::Duration;

use serde_json::json;

use super::pair::*;
use crate::{AwaitHello, AwaitWelcome, Hello, KeepAlive, Message, Protocol, Role, Welcome};

/// A pair with the defaults of both ends.
fn alive() -> impl Iterator<Item = Pair> {
    Pair::both_with(|pair| {
        pair.client.keep_alive = KeepAlive::client();
        pair.server.keep_alive = KeepAlive::server();
    })
}

#[test]
fn the_server_pings_every_25_seconds_and_the_client_answers() {
    for mut pair in alive() {
        pair.server.sent.clear();
        pair.advance(Duration::from_millis(24_999));
        assert_eq!(pair.server.messages().len(), 0);
        pair.advance(MS);
        assert_eq!(pair.server.messages(), [[Message::Ping(1)]]);
        assert_eq!(pair.client.messages(), [[Message::Pong(1)]]);
        pair.advance(3600 * SECOND);
        assert_eq!(pair.server.messages().len(), 3600 / 25);
        assert_eq!(pair.client.messages().len(), 3600 / 25);
        assert_eq!(pair.closed, None);
    }
}

#[test]
fn a_server_knows_how_long_its_pings_take_to_be_answered() {
    for mut pair in alive() {
        pair.latency = Duration::from_millis(40);
        pair.advance(24 * SECOND);
        assert_eq!(pair.server.session.take_round_trip(), None);
        pair.advance(2 * SECOND);
        assert_eq!(pair.server.session.take_round_trip(), Some(Duration::from_millis(80)));
        assert_eq!(pair.server.session.take_round_trip(), None);
    }
}

#[test]
fn the_first_ping_comes_at_a_random_part_of_the_interval() {
    for (jitter, first) in
        [(0.0, 25), (0.2, 20), (1.0, 0), (7.0, 0), (-1.0, 25), (f64::NAN, 25), (f64::INFINITY, 25)]
    {
        let pair = alive().next().unwrap();
        let protocol = Protocol::Native(pair.codec());
        let (_, packet) = AwaitWelcome::new(protocol, Hello::default());
        let pending = AwaitHello::new(protocol).handle_packet(packet).unwrap();
        let link = pending.accept(pair.now, KeepAlive::server(), Welcome::default()).with_jitter(jitter);
        assert_eq!(link.poll_timeout(), Some(pair.now + first * SECOND), "{jitter}");
    }
}

#[test]
fn a_ping_without_an_answer_closes_4410() {
    for mut pair in alive() {
        // So far away that the pong is late.
        pair.latency = Duration::from_millis(5_001);
        pair.advance(Duration::from_millis(34_999));
        assert_eq!(pair.close_code(), None);
        pair.advance(MS);
        assert_eq!(pair.close_code(), Some(4410));
    }
    for mut pair in alive() {
        pair.latency = Duration::from_millis(4_999);
        pair.advance(3600 * SECOND);
        assert_eq!(pair.close_code(), None);
    }
}

#[test]
fn any_packet_answers_a_ping() {
    for mut pair in Pair::both_with(|pair| pair.server.keep_alive = KeepAlive::server()) {
        pair.advance(25 * SECOND);
        pair.latency = 60 * SECOND;
        pair.advance(24 * SECOND);
        // The second ping's pong will not come in time.
        pair.advance(10 * SECOND);
        let packet = frames(pair.codec(), &[&json!([15, 0])]);
        pair.deliver(Role::Server, packet);
        pair.advance(SECOND);
        assert_eq!(pair.close_code(), None);
    }
}

#[test]
fn a_client_gives_up_after_35_seconds_of_silence() {
    for mut pair in alive() {
        pair.latency = 3600 * SECOND;
        pair.server.keep_alive = KeepAlive { ping_every: None, ..KeepAlive::server() };
        pair.advance(Duration::from_millis(34_999));
        assert_eq!(pair.close_code(), None);
        pair.advance(MS);
        assert_eq!(pair.close_code(), Some(4410));
    }
}

#[test]
fn a_client_takes_the_interval_that_the_server_advertises() {
    for (ping_every, patience) in [(10, Some(35)), (25, Some(35)), (60, Some(70)), (0, None)] {
        let ping_every = Some(ping_every * SECOND).filter(|every| !every.is_zero());
        for mut pair in Pair::both_with(|pair| {
            pair.client.keep_alive = KeepAlive::client();
            pair.server.keep_alive = KeepAlive { ping_every, ..KeepAlive::server() };
        }) {
            pair.latency = 36_000 * SECOND;
            let begin = pair.now;
            let patience = patience.map(|seconds| begin + seconds * SECOND);
            assert_eq!(pair.client.session.poll_timeout(), patience);
            pair.client.session.handle_timeout(begin + 34 * SECOND).unwrap();
        }
    }
}

#[test]
fn a_client_that_pings_itself_notices_silence() {
    for mut pair in Pair::both_with(|pair| {
        let ping_every = Some(20 * SECOND);
        pair.client.keep_alive = KeepAlive { ping_every, silence: None, pong_within: 5 * SECOND };
    }) {
        pair.advance(3600 * SECOND);
        assert_eq!(pair.close_code(), None);
        pair.latency = 3 * SECOND;
        pair.advance(25 * SECOND);
        assert_eq!(pair.close_code(), Some(4410));
    }
}

#[test]
fn one_pong_answers_many_pings() {
    for mut pair in alive() {
        pair.server.sent.clear();
        for round in 0..10 {
            let pings: Vec<_> = (0..500).map(|n| json!([16, round * 1000 + n])).collect();
            let pings: Vec<_> = pings.iter().collect();
            let packet = frames(pair.codec(), &pings);
            pair.deliver(Role::Server, packet);
        }
        pair.run();
        assert_eq!(pair.server.messages(), [[Message::Pong(9499)]]);
    }
}

#[test]
fn keep_alive_that_cannot_work_is_refused() {
    let zero = Some(Duration::ZERO);
    assert!(KeepAlive::server().check().is_ok() && KeepAlive::client().check().is_ok());
    assert!(KeepAlive { ping_every: zero, ..KeepAlive::server() }.check().is_err());
    assert!(KeepAlive { silence: zero, ..KeepAlive::server() }.check().is_err());
    assert!(KeepAlive { pong_within: Duration::ZERO, ..KeepAlive::server() }.check().is_err());
    // Never is not nonsense.
    let never = KeepAlive {
        ping_every: Some(Duration::MAX),
        pong_within: Duration::MAX,
        silence: Some(Duration::MAX),
    };
    for mut pair in Pair::both_with(|pair| pair.server.keep_alive = never.clone()) {
        pair.advance(3600 * SECOND);
        assert_eq!(pair.close_code(), None);
    }
}
