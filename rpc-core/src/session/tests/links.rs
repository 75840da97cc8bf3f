//! Links come and go; the session stays.

use serde_json::json;

use super::pair::*;
use crate::{
    AwaitHello, AwaitWelcome, Code, Codec, Error, Event, Goaway, Hello, KeepAlive, Limits, Message, Packet,
    Protocol, ProtocolError, Request, RequestId, Role, Session, SessionConfig, Welcome,
};

fn lost() -> Error {
    Error::unavailable("the connection was lost before the answer").after_execution()
}

#[test]
fn a_lost_link_ends_calls_in_flight_as_unknown_and_keeps_the_unsent() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 2) {
        let keys: Vec<_> = (0..4).map(|_| pair.call("m")).collect();
        pair.run();
        let ids = pair.take_requests();
        assert_eq!(ids.len(), 2);
        pair.lose();
        assert_eq!(pair.answers(), [(keys[0], Err(lost())), (keys[1], Err(lost()))]);
        assert_eq!(pair.server.cancelled(), ids);
        assert!(!pair.client.session.is_attached());
        assert!(
            pair.client.session.poll_transmit(pair.now).is_none() && !pair.client.session.wants_to_transmit()
        );

        pair.connect();
        let ids = pair.take_requests();
        assert_eq!(ids, [5, 7].map(RequestId), "ids go on growing");
        for id in ids {
            pair.answer(id, &json!(id.0));
        }
        pair.run();
        assert_eq!(pair.answers(), [(keys[2], Ok(json!(5))), (keys[3], Ok(json!(7)))]);
        pair.assert_empty();
    }
}

#[test]
fn a_call_that_was_queued_for_the_lost_link_may_not_be_sent_again() {
    for mut pair in Pair::both() {
        let key = pair.call("m");
        assert!(pair.client.session.wants_to_transmit());
        pair.lose();
        assert_eq!(pair.answers(), [(key, Err(lost()))]);
        pair.connect();
        assert!(pair.take_requests().is_empty());
        pair.assert_empty();
    }
}

#[test]
fn a_cancelled_call_is_forgotten_with_its_link() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        let first = pair.call("first");
        pair.call("second");
        pair.run();
        pair.client.session.cancel(pair.now, first);
        pair.lose();
        assert_eq!(pair.answers(), []);
        pair.connect();
        let last = pair.server.events.pop_back();
        assert!(matches!(last, Some(Event::Request(Request { id: Some(RequestId(3)), .. }))), "{last:?}");
    }
}

#[test]
fn the_end_of_a_session_ends_every_call() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        let sent = pair.call("m");
        let unsent = pair.call("m");
        let params = payload(pair.codec(), &json!([]));
        let note = pair.client.session.notify(pair.now, "note", None, params, None).unwrap().unwrap();
        pair.run();
        let ids = pair.take_requests();
        let error = Error::new(Code::Unavailable, "closed");
        pair.client.session.end(&error);
        pair.server.session.end(&error);
        pair.client.collect(pair.now);
        pair.server.collect(pair.now);
        assert_eq!(
            pair.answers(),
            [(sent, Err(error.clone().after_execution())), (unsent, Err(error.clone())), (note, Err(error))]
        );
        assert_eq!(pair.server.cancelled(), ids);
        pair.assert_empty();
    }
}

/// A handler that ended before the link did has an answer for nobody.
#[test]
fn an_answer_for_a_lost_link_does_not_reach_the_next_one() {
    for mut pair in Pair::both() {
        let params = payload(pair.codec(), &json!([]));
        pair.call_from(Role::Server, params.clone()).unwrap();
        pair.run();
        // Told to the client's program, which has not answered it yet.
        assert_eq!(pair.client.requests().len(), 1);
        pair.client.session.take(pair.now, Some(RequestId(2)), None, None, 0);
        pair.lose();
        assert_eq!(pair.client.cancelled(), [RequestId(2)]);
        pair.server.events.clear();
        pair.connect();
        let key = pair.call_from(Role::Server, params.clone()).unwrap();
        pair.run();
        assert_eq!(
            pair.client.requests()[0].id,
            Some(RequestId(2)),
            "a new session of the server counts anew"
        );
        pair.client.session.answer_taken(RequestId(2), Ok(payload(pair.codec(), &json!("stale"))));
        pair.run();
        assert_eq!(pair.server.answers(), []);
        pair.client.session.answer(RequestId(2), Ok(payload(pair.codec(), &json!("fresh"))));
        pair.run();
        assert_eq!(pair.server.answers(), [(key, Ok(json!("fresh")))]);
    }
}

#[test]
fn requests_that_nobody_was_told_of_go_with_their_link() {
    for mut pair in Pair::both() {
        let packet = frames(pair.codec(), &[&json!([3, 1, "m", 0, []]), &json!([4, "note", 0, []])]);
        pair.server.session.handle_packet(pair.now, packet).unwrap();
        pair.server.session.detach();
        let events: Vec<_> = std::iter::from_fn(|| pair.server.session.poll_event()).collect();
        assert!(matches!(&events[..], [Event::Request(Request { id: None, .. })]), "{events:?}");
        // One that was told of and not yet taken is over at once.
        pair.server.session.take(pair.now, Some(RequestId(1)), None, None, 10);
        assert_eq!(pair.server.session.poll_event(), Some(Event::Cancelled(RequestId(1))));
        pair.assert_empty();
    }
}

#[test]
fn frames_behind_the_hello_wait_for_the_link() {
    for codec in [Codec::Json, Codec::MessagePack] {
        let hello = json!([1, {"v": 1, "client": "eager"}]);
        let call = json!([3, 1, "m", 0, [1]]);
        let packet = frames(codec, &[&hello, &call]);
        let pending = AwaitHello::new(Protocol::Native(codec)).handle_packet(packet).unwrap();
        assert_eq!(pending.hello().client, "eager");
        let mut session = Session::new(Role::Server, SessionConfig::default(), codec);
        let now = crate::some_time();
        session.attach(pending.accept(now, KeepAlive::server(), Welcome::default())).unwrap();
        let Some(Event::Request(request)) = session.poll_event() else { panic!("a request") };
        session.answer(request.id.unwrap(), Ok(request.into_params()));
        let sent: Vec<_> = std::iter::from_fn(|| session.poll_transmit(now)).flat_map(messages).collect();
        assert!(
            matches!(&sent[..], [Message::Welcome(_), Message::Answer { id: RequestId(1), .. }]),
            "{sent:?}"
        );
    }
}

#[test]
fn frames_behind_the_welcome_are_read() {
    for codec in [Codec::Json, Codec::MessagePack] {
        let (await_welcome, _) = AwaitWelcome::new(Protocol::Native(codec), Hello::default());
        let welcome = json!([2, {"v": 1, "session": "s"}]);
        let packet = frames(codec, &[&welcome, &json!([18, {"reason": "full"}])]);
        let now = crate::some_time();
        let (_, link) = await_welcome.handle_packet(now, KeepAlive::client(), packet).unwrap();
        let mut session = Session::new(Role::Client, SessionConfig::default(), codec);
        session.attach(link).unwrap();
        let goaway = Goaway { reason: "full".to_owned(), ..Goaway::default() };
        assert_eq!(session.poll_event(), Some(Event::Goaway(goaway)));
    }
}

#[test]
fn the_handshake_tells_each_side_what_the_other_takes() {
    for mut pair in Pair::both_with(|pair| {
        pair.client.config.max_in_flight = 7;
        pair.server.config.max_packet = 9999;
    }) {
        assert_eq!(pair.server.session.peer_limits, Limits { in_flight: 7, ..Limits::default() });
        assert_eq!(pair.client.session.peer_limits, Limits { packet: 9999, ..Limits::default() });
        // What is not said is the default.
        let hello = frames(pair.codec(), &[&json!([1, {"v": 1, "limits": {"in_flight": 3}}])]);
        let pending = AwaitHello::new(Protocol::Native(pair.codec())).handle_packet(hello).unwrap();
        assert_eq!(pending.hello().limits, Limits { in_flight: 3, ..Limits::default() });
        pair.run();
    }
}

#[test]
fn what_is_no_handshake_is_refused() {
    let hello = json!([1, {"v": 1}]);
    for (frame, error) in [
        (json!([1, {"v": 2}]), ProtocolError::Version(2)),
        (json!([1, {}]), ProtocolError::BadFrame("the hello is not valid")),
        (json!([1, 5]), ProtocolError::BadFrame("the hello is not valid")),
        (json!([1]), ProtocolError::BadFrame("the hello is not valid")),
        (json!([2, {"v": 1, "session": "s"}]), ProtocolError::Unexpected("first")),
        (json!([3, 1, "m", 0, []]), ProtocolError::Unexpected("first")),
        (json!([99]), ProtocolError::UnknownKind(99)),
        (json!({}), ProtocolError::BadFrame("it is not an array")),
    ] {
        for codec in [Codec::Json, Codec::MessagePack] {
            let protocol = Protocol::Native(codec);
            let refused = AwaitHello::new(protocol).handle_packet(frames(codec, &[&frame])).unwrap_err();
            assert_eq!((&refused, refused.close_code().0), (&error, 4400), "{frame}");
        }
    }
    for codec in [Codec::Json, Codec::MessagePack] {
        let protocol = Protocol::Native(codec);
        let (await_welcome, _) = AwaitWelcome::new(protocol, Hello::default());
        let now = crate::some_time();
        let refused =
            await_welcome.handle_packet(now, KeepAlive::client(), frames(codec, &[&hello])).unwrap_err();
        assert_eq!(refused, ProtocolError::Unexpected("first"));
        let refused = AwaitHello::new(protocol).handle_packet(frames(codec, &[])).unwrap_err();
        assert_eq!(refused.close_code().0, 4400);
    }
    // The packets of the other subprotocol.
    for (codec, other) in [(Codec::Json, Codec::MessagePack), (Codec::MessagePack, Codec::Json)] {
        let refused =
            AwaitHello::new(Protocol::Native(codec)).handle_packet(frames(other, &[&hello])).unwrap_err();
        assert_eq!(refused.close_code().0, 1003);
    }
}

#[test]
fn a_link_in_another_codec_is_not_attached() {
    let mut pair = Pair::both().next().unwrap();
    let protocol = Protocol::Native(Codec::MessagePack);
    let (_, packet) = AwaitWelcome::new(protocol, Hello::default());
    let pending = AwaitHello::new(protocol).handle_packet(packet).unwrap();
    let link = pending.accept(pair.now, KeepAlive::server(), Welcome::default());
    let error = pair.server.session.attach(link).unwrap_err();
    assert_eq!(error.close_code().0, 1003);
    assert!(!pair.server.session.is_attached());
}

#[test]
fn the_client_hears_that_the_server_is_about_to_go() {
    let goaway = Goaway { reason: "restart".to_owned(), after_ms: 10, grace_ms: 15_000, is_final: true };
    for mut pair in Pair::both() {
        pair.server.session.goaway(goaway.clone());
        pair.run();
        assert_eq!(pair.client.events.pop_front(), Some(Event::Goaway(goaway.clone())));
    }
}

#[test]
fn packets_without_a_link_are_ignored() {
    for mut pair in Pair::both() {
        pair.lose();
        let packet = frames(pair.codec(), &[&json!([3, 1, "m", 0, []])]);
        assert_eq!(pair.server.session.handle_packet(pair.now, packet), Ok(()));
        assert_eq!(pair.server.session.handle_timeout(pair.now + 1000 * SECOND), Ok(()));
        assert_eq!(pair.server.session.poll_event(), None);
        assert_eq!(pair.server.session.poll_timeout(), None);
    }
}

#[test]
fn a_packet_that_carries_nothing_does_nothing() {
    for mut pair in Pair::both() {
        let packet = frames(pair.codec(), &[]);
        pair.deliver(Role::Server, packet);
        assert_eq!(pair.close_code(), None);
    }
    let mut pair = Pair::both().next().unwrap();
    pair.deliver(Role::Server, Packet::Text("[16,1]\n".into()));
    assert_eq!(pair.close_code(), None, "one line feed may end the last line");
    pair.deliver(Role::Server, Packet::Text("[16,1]\n\n[16,2]".into()));
    assert_eq!(pair.close_code(), Some(4400));
}
