//! What each side takes from the other, and what happens beyond.

use serde_json::{Value, json};

use super::pair::*;
use crate::{
    Code, Codec, Error, Limits, Outcome, Packet, Payload, Request, RequestHead, RequestId, Role,
    SessionConfig,
};

/// Parameters whose encoding takes exactly `len` bytes.
fn params_of(codec: Codec, len: usize) -> Payload {
    let text = |len: usize| Payload::encode(codec, &["x".repeat(len)]).unwrap();
    let around = text(len - 16).bytes().len() - (len - 16);
    let params = text(len - around);
    assert_eq!(params.bytes().len(), len);
    params
}

#[test]
fn calls_beyond_the_peer_s_cap_wait_here() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 3) {
        let keys: Vec<_> = (0..5).map(|_| pair.call("m")).collect();
        pair.run();
        let ids = pair.take_requests();
        assert_eq!(ids, [1, 3, 5].map(RequestId));
        // A slot is free when a call is answered, whichever it is.
        pair.answer(ids[1], &json!("b"));
        pair.run();
        assert_eq!(pair.answers(), [(keys[1], Ok(json!("b")))]);
        assert_eq!(pair.take_requests(), [RequestId(7)]);
        pair.answer(ids[0], &json!("a"));
        pair.answer(ids[2], &json!("c"));
        pair.run();
        assert_eq!(pair.take_requests(), [RequestId(9)]);
        for id in [7, 9] {
            pair.answer(RequestId(id), &json!(id));
        }
        pair.run();
        assert_eq!(pair.answers().len(), 4);
        pair.assert_empty();
    }
}

#[test]
fn a_cancelled_call_holds_its_slot_until_it_is_answered() {
    for mut pair in Pair::both_with(|pair| {
        pair.server.config.max_in_flight = 1;
        pair.latency = 10 * MS;
    }) {
        let key = pair.call("first");
        let second = pair.call("second");
        pair.advance(10 * MS);
        pair.take_requests();
        pair.client.session.cancel(pair.now, key);
        pair.advance(10 * MS);
        assert_eq!(pair.server.cancelled(), [RequestId(1)]);
        assert_eq!(pair.client.session.outgoing.in_flight(), 1);
        pair.advance(20 * MS);
        assert_eq!(pair.take_requests(), [RequestId(3)], "after CANCELLED has arrived");
        pair.client.session.cancel(pair.now, second);
        pair.advance(20 * MS);
        pair.server.events.clear();
        pair.assert_empty();
    }
}

#[test]
fn notifications_need_no_slot_and_keep_their_place() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        let params = payload(pair.codec(), &json!([]));
        pair.call("first");
        assert_eq!(pair.client.session.notify(pair.now, "note", None, params.clone(), None), Ok(None));
        pair.call("second");
        let late = pair.client.session.notify(pair.now, "late", None, params, None).unwrap();
        assert!(late.is_some(), "it must not overtake the call before it");
        pair.run();
        let methods: Vec<_> =
            pair.server.requests().iter().map(|request| request.method().into_owned()).collect();
        assert_eq!(methods, ["first", "note"]);
        pair.server.session.answer(RequestId(1), Ok(payload(pair.codec(), &json!(1))));
        pair.run();
        let methods: Vec<_> =
            pair.server.requests().iter().map(|request| request.method().into_owned()).collect();
        assert_eq!(methods, ["second", "late"]);
    }
}

/// What a dispatcher does: a slot or a refusal.
fn admit(pair: &mut Pair, request: &Request) {
    let id = request.id.unwrap();
    if pair.server.session.has_room_for(request) {
        pair.server.session.take(pair.now, Some(id), None, None, request.params_len());
    } else {
        let refusal = pair.server.session.refusal();
        pair.server.session.answer(id, Err(refusal.into()));
    }
}

#[test]
fn a_peer_that_goes_beyond_its_cap_is_refused() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 2) {
        for id in [1, 3, 5, 7] {
            pair.send_to_server(&json!([3, id, "m", 0, []]));
        }
        for request in pair.server.requests() {
            admit(&mut pair, &request);
        }
        assert_eq!(pair.server.session.in_flight(), 2);
        pair.server.sent.clear();
        pair.run();
        assert_eq!(pair.server.failed(), [(5, Code::ResourceExhausted), (7, Code::ResourceExhausted)]);
    }
}

#[test]
fn the_bytes_of_requests_are_bounded_but_one_always_fits() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_params = 1000) {
        let send = |pair: &mut Pair, len: usize| {
            let params = params_of(pair.codec(), len);
            pair.call_from(Role::Client, params).unwrap();
            pair.run();
            let request = pair.server.requests().pop().unwrap();
            admit(pair, &request);
        };
        send(&mut pair, 5000);
        assert_eq!(pair.server.session.in_flight(), 1);
        send(&mut pair, 20);
        assert_eq!(pair.server.session.in_flight(), 1);
        pair.answer(RequestId(1), &json!(1));
        send(&mut pair, 450);
        send(&mut pair, 450);
        send(&mut pair, 450);
        assert_eq!(pair.server.session.in_flight(), 2);
        // A head weighs as much as parameters do.
        for id in [5, 7] {
            pair.answer(RequestId(id), &json!(1));
        }
        for _ in 0..3 {
            let mut head = RequestHead::default();
            head.meta.insert("k".to_owned(), "x".repeat(450).into());
            let params = payload(pair.codec(), &json!([]));
            pair.client.session.request(pair.now, "m", Some(Box::new(head)), params, None).unwrap();
            pair.run();
            let request = pair.server.requests().pop().unwrap();
            admit(&mut pair, &request);
        }
        assert_eq!(pair.server.session.in_flight(), 2);
    }
}

#[test]
fn above_the_outbound_mark_calls_wait_and_handlers_are_told_to() {
    for mut pair in Pair::both_with(|pair| pair.client.config.outbound_mark = 50_000) {
        let params = params_of(pair.codec(), 10_000);
        for _ in 0..8 {
            pair.call_from(Role::Client, params.clone()).unwrap();
        }
        assert!(!pair.client.session.wants_more());
        assert_eq!(pair.client.session.outgoing.in_flight(), 5);
        let note = pair
            .client
            .session
            .notify(pair.now, "note", None, payload(pair.codec(), &json!([])), None)
            .unwrap();
        assert!(note.is_some());
        // Each packet that leaves makes room.
        assert!(pair.client.session.poll_transmit(pair.now).is_some());
        assert!(pair.client.session.outgoing.in_flight() > 5);
        pair.run();
        assert_eq!(pair.client.session.outgoing.in_flight(), 8);
        assert!(pair.client.session.wants_more());
        assert_eq!(pair.answers(), [(note.unwrap(), Ok(json!(null)))]);
    }
}

#[test]
fn params_that_the_peer_would_not_take_are_refused_here() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_packet = 2000) {
        let overhead = frame_len(&pair, "m", None, 100) - 100;
        for (len, fits) in [(2000 - overhead, true), (2001 - overhead, false), (2000, false), (5000, false)] {
            let params = params_of(pair.codec(), len);
            let result = pair.call_from(Role::Client, params.clone());
            assert_eq!(result.is_ok(), fits, "{len}");
            if let Err(error) = result {
                assert_eq!((error.code(), error.maybe_executed()), (Code::InvalidArgument, false));
                assert!(error.message().ends_with("the peer accepts packets of 2000"), "{error}");
            }
            assert_eq!(
                pair.client.session.notify(pair.now, "m", None, params, None).is_ok(),
                len <= 2001 - overhead
            );
            pair.run();
            pair.server.events.clear();
            assert_eq!(pair.closed, None);
        }
        // A refusal uses no id.
        pair.call("m");
        pair.run();
        assert_eq!(pair.take_requests(), [RequestId(3)]);
    }
}

/// The size of a packet with a first call whose params take so many bytes.
fn frame_len(pair: &Pair, method: &str, head: Option<Box<RequestHead>>, params: usize) -> usize {
    let mut body = Vec::new();
    let params = params_of(pair.codec(), params);
    let request = Request::new(Some(RequestId(1)), method, head, &params);
    crate::Protocol::Native(pair.codec()).encode(&crate::Message::Request(request), &mut body);
    body.len()
}

#[test]
fn a_long_name_and_a_large_head_count_as_well() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_packet = 4096) {
        let params = payload(pair.codec(), &json!([]));
        let mut head = RequestHead::default();
        head.meta.insert("k".to_owned(), "x".repeat(5000).into());
        let request = |pair: &mut Pair, method: &str, head: Option<Box<RequestHead>>| {
            pair.client.session.request(pair.now, method, head, params.clone(), None)
        };
        assert!(request(&mut pair, "m", Some(Box::new(head.clone()))).is_err());
        // No peer takes a larger head than this.
        head.meta.insert("k".to_owned(), "x".repeat(16 << 10).into());
        let error = request(&mut pair, "m", Some(Box::new(head.clone()))).unwrap_err();
        assert!(error.message().ends_with("bytes of at most 16384"), "{error}");
        assert!(
            pair.client.session.notify(pair.now, "m", Some(Box::new(head)), params.clone(), None).is_err()
        );
        assert!(request(&mut pair, &"m".repeat(5000), None).is_err());
        assert!(pair.client.session.notify(pair.now, &"m".repeat(5000), None, params.clone(), None).is_err());
        pair.run();
        assert!(pair.client.messages().is_empty());
        assert!(request(&mut pair, "m", None).is_ok());
        pair.run();
        assert_eq!(pair.take_requests().len(), 1);
    }
}

#[test]
fn what_waited_for_a_link_is_checked_against_that_link() {
    for mut pair in Pair::both() {
        pair.lose();
        let params = params_of(pair.codec(), 5000);
        let large = pair.call_from(Role::Client, params.clone()).unwrap();
        let note = pair.client.session.notify(pair.now, "m", None, params, None).unwrap().unwrap();
        pair.call("m");
        pair.server.config.max_packet = 4096;
        pair.connect();
        let answers = pair.answers();
        assert_eq!(answers.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [large, note]);
        for (_, answer) in answers {
            let error = answer.unwrap_err();
            assert_eq!((error.code(), error.maybe_executed()), (Code::InvalidArgument, false));
        }
        assert_eq!(pair.take_requests().len(), 1);
    }
}

#[test]
fn results_that_the_peer_would_not_take_become_failures() {
    for mut pair in Pair::both_with(|pair| pair.client.config.max_packet = 1024) {
        let large = payload(pair.codec(), &Value::from("x".repeat(1024)));
        let fits = payload(pair.codec(), &Value::from("x".repeat(1000)));
        let outcomes: [Outcome; 4] = [
            Ok(large.clone()),
            Err(crate::Failure::App(large)),
            Err(Error::new(Code::NotFound, "x".repeat(5000)).into()),
            Ok(fits),
        ];
        for outcome in outcomes {
            pair.call("m");
            pair.run();
            let id = pair.take_requests()[0];
            pair.server.session.answer_taken(id, outcome.clone());
            pair.run();
        }
        assert_eq!(pair.closed, None);
        let answers: Vec<_> = pair.answers().into_iter().map(|(_, answer)| answer).collect();
        for answer in &answers[..3] {
            let error = answer.as_ref().unwrap_err();
            assert_eq!((error.code(), error.maybe_executed()), (Code::ResourceExhausted, true));
            assert!(error.message().ends_with("the peer accepts packets of 1024"), "{error}");
        }
        assert!(answers[3].is_ok());
    }
}

#[test]
fn packets_are_no_larger_than_the_peer_takes() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_packet = 2000) {
        let params = params_of(pair.codec(), 300);
        for _ in 0..50 {
            pair.call_from(Role::Client, params.clone()).unwrap();
        }
        pair.run();
        assert_eq!(pair.closed, None);
        assert_eq!(pair.take_requests().len(), 50);
        assert!(pair.client.sent.iter().skip(1).all(|packet| packet.len() <= 2000));
        assert!(pair.client.sent.len() < 12, "{}", pair.client.sent.len());
    }
    // Less than 1,024 counts as that: a failure must always fit.
    let tiny = Limits { packet: 1, in_flight: 10, ..Limits::default() };
    for mut pair in Pair::both_with(|pair| pair.client.config.max_packet = tiny.packet) {
        pair.call("m");
        pair.run();
        let id = pair.take_requests()[0];
        pair.answer(id, &Value::from("x".repeat(2000)));
        assert!(pair.server.session.poll_transmit(pair.now).unwrap().len() > 1);
    }
}

#[test]
fn integers_beyond_what_javascript_holds_are_refused_both_ways() {
    let large = json!([{"n": 9_007_199_254_740_992_u64}]);
    for mut pair in Pair::both_with(|pair| pair.js = true) {
        let large = payload(pair.codec(), &large);
        let error = pair.call_from(Role::Server, large.clone()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().starts_with("9007199254740992 is beyond"), "{error}");
        assert!(pair.server.session.notify(pair.now, "m", None, large.clone(), None).is_err());

        for outcome in [Ok(large.clone()), Err(crate::Failure::App(large.clone()))] {
            pair.call("m");
            pair.run();
            let id = pair.take_requests()[0];
            pair.server.session.answer_taken(id, outcome.clone());
            pair.run();
            let (_, answer) = pair.answers().pop().unwrap();
            let error = answer.unwrap_err();
            assert_eq!((error.code(), error.maybe_executed()), (Code::OutOfRange, true));
        }
        // The client may send what it cannot receive.
        assert!(pair.call_from(Role::Client, large).is_ok());
    }
    for mut pair in Pair::both() {
        let large = payload(pair.codec(), &large);
        assert!(pair.call_from(Role::Server, large).is_ok());
    }
}

#[test]
fn a_payload_in_the_wrong_codec_is_not_sent() {
    for mut pair in Pair::both() {
        let other = match pair.codec() {
            Codec::Json => Codec::MessagePack,
            Codec::MessagePack => Codec::Json,
        };
        let foreign = payload(other, &json!([1]));
        let error = pair.call_from(Role::Client, foreign.clone()).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        pair.call("m");
        pair.run();
        let id = pair.take_requests()[0];
        pair.server.session.answer_taken(id, Ok(foreign));
        pair.run();
        assert_eq!(pair.answers()[0].1.as_ref().unwrap_err().code(), Code::Internal);
    }
}

#[test]
fn a_packet_beyond_the_limit_closes_1009() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_packet = 4096) {
        let packet = |len: usize| match pair.codec() {
            Codec::Json => Packet::Text(format!("{:<len$}", "[16,1]").into()),
            Codec::MessagePack => {
                let mut body = vec![0, 0, 0, 3, 0x92, 16, 1];
                body.resize(len, 0);
                let rest = u32::try_from(len - 7 - 4).unwrap();
                body[7..11].copy_from_slice(&rest.to_be_bytes());
                body[11] = 0x93;
                body[12] = 16;
                body[13] = 1;
                body[14] = 0xc5;
                body[15..17].copy_from_slice(&u16::try_from(len - 17).unwrap().to_be_bytes());
                Packet::Binary(body.into())
            }
        };
        let (fits, large) = (packet(4096), packet(4097));
        pair.deliver(Role::Server, fits);
        assert_eq!(pair.close_code(), None);
        pair.deliver(Role::Server, large);
        assert_eq!(pair.close_code(), Some(1009));
    }
}

#[test]
fn too_many_frames_in_a_packet_close_4400() {
    for mut pair in Pair::both() {
        let ping = json!([16, 1]);
        let packet = frames(pair.codec(), &vec![&ping; 4096]);
        pair.deliver(Role::Server, packet);
        assert_eq!(pair.close_code(), None);
        let packet = frames(pair.codec(), &vec![&ping; 4097]);
        pair.deliver(Role::Server, packet);
        assert_eq!(pair.close_code(), Some(4400));
    }
}

#[test]
fn no_packet_of_ours_has_too_many_frames() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1 << 20) {
        // The smallest frames there are.
        let params = Payload::new(pair.codec(), Vec::new());
        for _ in 0..10_000 {
            assert_eq!(pair.client.session.notify(pair.now, "", None, params.clone(), None), Ok(None));
        }
        pair.run();
        assert_eq!(pair.closed, None);
        assert_eq!(pair.server.requests().len(), 10_000);
    }
}

#[test]
fn a_peer_that_causes_answers_and_does_not_read_them_is_closed_with_4431() {
    for mut pair in Pair::both_with(|pair| {
        pair.server.config.outbound_mark = 10_000;
        pair.server.config.max_outbound = 20_000;
        pair.server.config.max_packet = 10_000;
    }) {
        let mut id = 1;
        let mut packets = 0;
        while pair.closed.is_none() {
            let requests: Vec<_> = (0..50).map(|n| json!([3, id + 2 * n, "m", {"k": 1}, []])).collect();
            id += 100;
            let packet = frames(pair.codec(), &requests.iter().collect::<Vec<_>>());
            pair.deliver(Role::Server, packet);
            packets += 1;
            assert!(pair.server.session.outbox.len() < 50_000);
            assert!(packets < 100);
        }
        assert_eq!(pair.close_code(), Some(4431));
    }
}

/// More than anybody may be owed in refusals, for a peer that takes it.
#[test]
fn a_large_frame_that_has_not_left_is_no_reason_to_close() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_packet = 16 << 20) {
        let large = params_of(pair.codec(), 5 << 20);
        pair.call_from(Role::Client, large).unwrap();
        let ping = frames(pair.codec(), &[&json!([16, 1])]);
        assert_eq!(pair.client.session.handle_packet(pair.now, ping), Ok(()));
        pair.run();
        assert_eq!(pair.take_requests().len(), 1);
        assert_eq!(pair.client.session.outbox.small(), 0);
    }
    for mut pair in Pair::both_with(|pair| pair.client.config.max_packet = 16 << 20) {
        pair.call("m");
        pair.run();
        let large = params_of(pair.codec(), 5 << 20);
        let id = pair.take_requests()[0];
        pair.server.session.answer_taken(id, Ok(large));
        let ping = frames(pair.codec(), &[&json!([16, 1])]);
        assert_eq!(pair.server.session.handle_packet(pair.now, ping), Ok(()));
        pair.run();
        assert_eq!(pair.client.events.len(), 1);
    }
}

#[test]
fn params_nested_too_deep_fail_their_call_and_not_the_link() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_depth = 10) {
        for (depth, fits) in [(9, true), (10, true), (11, false), (5000, false)] {
            let bytes = match pair.codec() {
                Codec::Json => [vec![b'['; depth], vec![b']'; depth]].concat(),
                Codec::MessagePack => [vec![0x91; depth - 1], vec![0x90]].concat(),
            };
            let params = Payload::new(pair.codec(), bytes);
            pair.call_from(Role::Client, params).unwrap();
            pair.run();
            let params = pair.server.requests().pop().unwrap().into_params();
            assert_eq!(params.decode::<Value>().is_ok(), fits, "{depth}");
        }
        assert_eq!(pair.closed, None);
    }
}

#[test]
fn results_nested_too_deep_fail_their_call_and_not_the_link() {
    for mut pair in Pair::both_with(|pair| pair.client.config.max_depth = 10) {
        pair.call("m");
        pair.run();
        pair.take_requests();
        let deep = (1..11).fold(json!([]), |inner, _| json!([inner]));
        pair.answer(RequestId(1), &deep);
        pair.run();
        let Some(crate::Event::Answered(_, Ok(value))) = pair.client.events.pop_front() else {
            panic!("an answer")
        };
        assert!(value.decode::<Value>().is_err());
        assert_eq!(pair.closed, None);
    }
}

#[test]
fn memory_of_a_burst_is_given_back() {
    for mut pair in Pair::both() {
        for _ in 0..1000 {
            pair.call("m");
        }
        pair.run();
        for id in pair.take_requests() {
            pair.answer(id, &json!(1));
        }
        pair.run();
        assert_eq!(pair.answers().len(), 1000);
        pair.client.session.shrink();
        pair.server.session.shrink();
        assert_eq!(pair.client.session.outgoing.capacity(), 0);
        // Ids go on.
        pair.call("m");
        pair.run();
        assert_eq!(pair.take_requests(), [RequestId(2001)]);
    }
}

/// Calls that wait for a link are gone when they are over, not when they would have been sent.
#[test]
fn calls_given_up_while_they_wait_leave_nothing_behind() {
    for mut pair in Pair::both() {
        pair.lose();
        let first = pair.call("first");
        for _ in 0..1000 {
            let key = pair.call_within("m", Some(SECOND));
            pair.client.session.cancel(pair.now, key);
            pair.call_within("m", Some(SECOND));
            pair.advance(SECOND);
        }
        assert_eq!(pair.answers().len(), 1000);
        assert_eq!(pair.client.session.outgoing.live(), 1);
        assert!(pair.client.session.outgoing.capacity() < 10);
        pair.client.session.cancel(pair.now, first);
        pair.assert_empty();
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let good = SessionConfig::default();
    assert!(good.check().is_ok());
    let bad = [
        SessionConfig { max_packet: 1023, ..good.clone() },
        SessionConfig { max_frames: 4095, ..good.clone() },
        SessionConfig { max_depth: 0, ..good.clone() },
        SessionConfig { max_depth: 128, ..good.clone() },
        SessionConfig { max_in_flight: 0, ..good.clone() },
        SessionConfig { call_timeout: std::time::Duration::ZERO, ..good.clone() },
        SessionConfig { outbound_mark: 0, ..good.clone() },
        SessionConfig { max_outbound: (256 << 10) - 1, ..good },
    ];
    for config in bad {
        assert!(config.check().is_err(), "{config:?}");
    }
}

#[test]
fn a_notification_that_goes_on_has_a_slot_and_a_deadline_and_no_answer() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        let params = payload(pair.codec(), &json!([]));
        pair.client.session.notify(pair.now, "m", None, params.clone(), None).unwrap();
        pair.client.session.notify(pair.now, "m", None, params, None).unwrap();
        pair.run();
        let [first, second] = &pair.server.requests()[..] else { panic!("not two notifications") };
        assert!(pair.server.session.has_room_for(first));
        let id = pair.server.session.take(pair.now, first.id, None, None, first.params_len());
        assert!(!pair.server.session.has_room_for(second), "it holds the only slot");

        pair.advance(30 * SECOND);
        assert_eq!(pair.server.cancelled(), [id]);
        pair.server.session.answer_taken(id, Ok(payload(pair.codec(), &json!(1))));
        assert!(pair.server.session.has_room_for(second));
        let other = pair.server.session.take(pair.now, second.id, None, None, 0);
        assert_ne!(id, other);
        pair.server.session.answer_taken(other, Ok(payload(pair.codec(), &json!(1))));
        assert!(!pair.server.session.wants_to_transmit());
        pair.assert_empty();
    }
}

#[test]
fn notifications_have_slots_of_their_own() {
    for mut pair in Pair::both_with(|pair| {
        pair.server.config.max_in_flight = 2;
        pair.server.config.max_params = 100;
    }) {
        let mut running = Vec::new();
        for _ in 0..3 {
            let params = payload(pair.codec(), &json!(["x".repeat(60)]));
            pair.client.session.notify(pair.now, "note", None, params, None).unwrap();
            pair.run();
            let request = pair.server.requests().remove(0);
            if pair.server.session.has_room_for(&request) {
                let len = request.params_len();
                running.push(pair.server.session.take(pair.now, None, None, None, len));
            }
        }
        assert_eq!(running.len(), 1, "their bytes are counted as well");

        // A client that keeps to the cap on requests is not refused.
        pair.call("one");
        pair.call("two");
        pair.run();
        for request in pair.server.requests() {
            assert!(pair.server.session.has_room_for(&request));
            pair.server.session.take(pair.now, request.id, None, None, request.params_len());
        }
        assert_eq!(pair.server.session.in_flight(), 3);
        for id in running {
            assert!(id.is_notification());
            pair.server.session.answer_taken(id, Ok(payload(pair.codec(), &json!(null))));
        }
        let params = payload(pair.codec(), &json!(["x"]));
        pair.client.session.notify(pair.now, "note", None, params, None).unwrap();
        pair.run();
        let again = pair.server.requests().remove(0);
        assert!(pair.server.session.has_room_for(&again), "the slot is free again");
        for id in [1, 3] {
            pair.answer(RequestId(id), &json!(null));
        }
        pair.run();
        pair.answers();
        pair.assert_empty();
    }
}

#[test]
fn what_is_sent_beside_the_parameters_is_refused_where_it_is_too_deep_for_the_peer() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |value, _| json!([value]));
    for mut pair in Pair::both() {
        let head = |levels: usize| {
            let mut head = RequestHead::default();
            head.meta.insert("k".to_owned(), nested(levels));
            Some(Box::new(head))
        };
        let mut deepest = 0;
        for levels in 55..=70 {
            let params = payload(pair.codec(), &json!([]));
            if pair.client.session.request(pair.now, "m", head(levels), params, None).is_ok() {
                deepest = levels;
                pair.run();
                assert_eq!(pair.take_requests().len(), 1, "{levels}");
                assert_eq!(pair.closed, None, "the peer takes whatever is sent");
            }
        }
        // The head and the map of values are the first two of 64 levels.
        assert_eq!(deepest, 62);
    }
}
