//! Calls, notifications, cancellation and ids.

use serde_json::json;

use super::pair::*;
use crate::{
    Code, Codec, Error, Event, Failure, Message, Packet, Payload, RequestId, Role, session::CallKey,
};

#[test]
fn a_call_is_answered() {
    for mut pair in Pair::both() {
        let key = pair.call("say");
        pair.run();
        let requests = pair.server.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!((requests[0].id, &*requests[0].method()), (Some(RequestId(1)), "say"));
        assert_eq!(requests[0].clone().into_params().decode(), Ok(json!([])));

        let outcome = Ok(payload(pair.codec(), &json!({"ok": [true]})));
        pair.server.session.answer(RequestId(1), outcome.clone());
        pair.run();
        assert_eq!(pair.answers(), [(key, Ok(json!({"ok": [true]})))]);
        pair.assert_empty();
    }
}

#[test]
fn the_server_calls_under_even_ids() {
    for mut pair in Pair::both() {
        let params = payload(pair.codec(), &json!([7]));
        let keys = [(); 2].map(|()| pair.call_from(Role::Server, params.clone()).unwrap());
        pair.run();
        let ids: Vec<_> = pair.client.requests().into_iter().map(|request| request.id.unwrap().0).collect();
        assert_eq!(ids, [2, 4]);
        pair.client.session.answer(RequestId(4), Ok(params.clone()));
        pair.client.session.answer(RequestId(2), Ok(params));
        pair.run();
        assert_eq!(pair.server.answers(), [(keys[1], Ok(json!([7]))), (keys[0], Ok(json!([7])))]);
        pair.assert_empty();
    }
}

#[test]
fn errors_arrive_as_they_were_sent() {
    let error = Error::new(Code::Aborted, "not \"now\"")
        .with_retry_after(1500 * MS)
        .with_reference("r-1")
        .after_execution();
    for mut pair in Pair::both() {
        let typed = payload(pair.codec(), &json!({"code": "FULL", "data": {"max": 3}}));
        for failure in [Failure::Rpc(error.clone()), Failure::App(typed)] {
            let key = pair.call("m");
            pair.run();
            for id in pair.take_requests() {
                pair.server.session.answer_taken(id, Err(failure.clone()));
            }
            pair.run();
            assert_eq!(pair.client.events.pop_front(), Some(Event::Answered(key, Err(failure))));
        }
        pair.assert_empty();
    }
}

#[test]
fn many_calls_share_a_packet_and_so_do_their_answers() {
    for mut pair in Pair::both() {
        for _ in 0..64 {
            pair.call("m");
        }
        pair.run();
        assert_eq!(pair.client.sent.len(), 1);
        let ids = pair.take_requests();
        assert_eq!(ids.len(), 64);
        for id in ids {
            pair.answer(id, &json!(id.0));
        }
        pair.server.sent.clear();
        pair.run();
        assert_eq!(pair.server.sent.len(), 1);
        let answers: Vec<_> = pair.answers().into_iter().map(|(_, answer)| answer.unwrap()).collect();
        assert_eq!(answers, (0..64).map(|n| json!(2 * n + 1)).collect::<Vec<_>>());
        pair.assert_empty();
    }
}

#[test]
fn packets_are_filled_to_16_kib_and_a_larger_frame_travels_alone() {
    for mut pair in Pair::both() {
        let text = |len: usize| Payload::encode(pair.codec(), &["x".repeat(len)]).unwrap();
        let params = [vec![text(1000); 40], vec![text(20_000)], vec![text(1000); 2]].concat();
        for params in params {
            pair.call_from(Role::Client, params).unwrap();
        }
        pair.run();
        let packets = pair.client.sent.split_off(0);
        let sizes: Vec<usize> = packets.iter().map(Packet::len).collect();
        let frames: Vec<usize> = packets.into_iter().map(|packet| messages(packet).len()).collect();
        assert_eq!(frames, [16, 16, 8, 1, 2], "{sizes:?}");
        assert!(sizes[0] <= 16 << 10 && sizes[0] > 15_000 && sizes[3] > 20_000, "{sizes:?}");
        assert_eq!(pair.server.requests().len(), 43);
    }
}

#[test]
fn a_frame_that_turns_out_larger_than_expected_begins_the_next_packet() {
    for mut pair in Pair::both() {
        let first = Payload::encode(pair.codec(), &["x".repeat(8000)]).unwrap();
        pair.call_from(Role::Client, first).unwrap();
        // The head is not part of what is expected.
        let mut head = crate::RequestHead::default();
        head.meta.insert("k".to_owned(), "x".repeat(16_000).into());
        let params = payload(pair.codec(), &json!([]));
        pair.client.session.request(pair.now, "second", Some(Box::new(head)), params, None).unwrap();
        pair.call("third");
        pair.run();
        let frames: Vec<usize> = pair.client.messages().iter().map(Vec::len).collect();
        assert_eq!(frames, [1, 2]);
        assert_eq!(pair.take_requests().len(), 3);
    }
}

#[test]
fn line_feeds_in_a_payload_do_not_end_its_frame() {
    for len in [1, 20_000] {
        let mut pair = Pair::both().next().unwrap();
        let value = json!([{"text": "a\nb".repeat(len)}, 1]);
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        pair.call_from(Role::Client, Payload::new(Codec::Json, pretty)).unwrap();
        pair.run();
        let request = pair.server.requests().pop().unwrap();
        assert_eq!(request.into_params().decode(), Ok(value));
    }
}

/// Small payloads are copied into their packet, large ones become it; from outside nobody can tell.
#[test]
fn payloads_of_every_size_arrive_with_what_stands_before_them() {
    let long = "long".repeat(50);
    let sizes = [0, 1, 16_000, 16_370, 16_384, 16_385, 20_000, 200_000];
    for mut pair in Pair::both() {
        for (len, method) in sizes.into_iter().flat_map(|len| [(len, "m"), (len, long.as_str())]) {
            let value = json!(["x".repeat(len)]);
            let encoded = payload(pair.codec(), &value);
            let shared = Payload::new(pair.codec(), encoded.bytes().to_vec());
            let mut head = crate::RequestHead::default();
            head.meta.insert("k".to_owned(), json!(len));
            for (params, head) in [(encoded, None), (shared, Some(Box::new(head)))] {
                let note = payload(pair.codec(), &json!([]));
                pair.client.session.notify(pair.now, "before", None, note.clone(), None).unwrap();
                let key = pair.client.session.request(pair.now, method, head.clone(), params, None).unwrap();
                pair.client.session.notify(pair.now, "behind", None, note, None).unwrap();
                pair.run();
                let mut requests = pair.server.requests();
                let methods: Vec<_> = requests.iter().map(|request| request.method()).collect();
                assert_eq!(methods, ["before", method, "behind"]);
                let request = requests.swap_remove(1);
                assert_eq!(request.head, head);
                pair.server.session.answer(request.id.unwrap(), Ok(request.into_params()));
                pair.run();
                assert!(pair.answers() == [(key, Ok(value.clone()))], "{len} {method}");
            }
        }
        assert_eq!(pair.close_code(), None);
        pair.assert_empty();
    }
}

#[test]
fn a_notification_leaves_at_once_or_tells_when_it_has_left() {
    for mut pair in Pair::both() {
        let params = payload(pair.codec(), &json!(["hi"]));
        assert_eq!(pair.client.session.notify(pair.now, "typing", None, params.clone(), None), Ok(None));
        pair.run();
        let requests = pair.server.requests();
        assert_eq!((requests[0].id, &*requests[0].method()), (None, "typing"));
        assert_eq!(pair.answers(), []);

        pair.lose();
        let key = pair.client.session.notify(pair.now, "typing", None, params, None).unwrap().unwrap();
        pair.run();
        assert_eq!(pair.answers(), []);
        pair.connect();
        assert_eq!(pair.answers(), [(key, Ok(json!(null)))]);
        assert_eq!(pair.server.requests().len(), 1);
        pair.assert_empty();
    }
}

#[test]
fn a_call_cancelled_before_it_was_sent_is_never_sent() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        pair.call("first");
        let second = pair.call("second");
        let third = pair.call("third");
        pair.client.session.cancel(pair.now, second);
        pair.run();
        let ids = pair.take_requests();
        assert_eq!(ids, [RequestId(1)]);
        pair.answer(ids[0], &json!(1));
        pair.run();
        let requests = pair.server.requests();
        assert_eq!(
            (requests.len(), &*requests[0].method(), requests[0].id),
            (1, "third", Some(RequestId(3)))
        );
        pair.client.session.cancel(pair.now, third);
        pair.run();
    }
}

#[test]
fn a_cancelled_call_ends_on_the_server_and_reports_nothing_to_its_caller() {
    for mut pair in Pair::both() {
        let key = pair.call("slow");
        pair.run();
        let ids = pair.take_requests();
        pair.client.session.cancel(pair.now, key);
        assert_eq!(pair.client.session.outgoing.in_flight(), 1, "the server counts it until it has answered");
        pair.server.sent.clear();
        pair.run();
        assert_eq!(pair.server.cancelled(), ids);
        let failures = pair.server.failures();
        assert_eq!(failures, [(1, Error::new(Code::Cancelled, "cancelled by the caller").after_execution())]);
        assert_eq!(pair.answers(), []);
        // An answer that comes too late does nothing.
        pair.answer(ids[0], &json!(1));
        pair.run();
        assert_eq!(pair.server.messages(), Vec::<Vec<Message>>::new());
        pair.assert_empty();
    }
}

#[test]
fn a_cancellation_in_the_packet_of_its_call_is_not_lost() {
    for mut pair in Pair::both_with(|pair| pair.server.takes = true) {
        pair.call("first");
        let key = pair.call("second");
        pair.call("third");
        pair.client.session.cancel(pair.now, key);
        pair.run();
        assert_eq!(pair.client.sent.len(), 1);
        assert_eq!(pair.server.events.pop_back(), Some(Event::Cancelled(RequestId(3))));
        let methods: Vec<_> =
            pair.server.requests().iter().map(|request| request.method().into_owned()).collect();
        assert_eq!(methods, ["first", "second", "third"]);
        let failures = pair.server.failures();
        assert_eq!(failures, [(3, Error::new(Code::Cancelled, "cancelled by the caller").after_execution())]);
        assert_eq!(pair.client.session.outgoing.in_flight(), 2);
    }
}

#[test]
fn a_cancellation_that_crosses_the_answer_does_nothing() {
    for mut pair in Pair::both_with(|pair| pair.latency = 10 * MS) {
        let key = pair.call("m");
        pair.advance(10 * MS);
        let ids = pair.take_requests();
        pair.answer(ids[0], &json!(1));
        pair.client.session.cancel(pair.now, key);
        pair.advance(10 * MS);
        assert_eq!(pair.answers(), []);
        assert_eq!(pair.server.cancelled(), []);
        pair.assert_empty();

        // After the answer the key names nothing.
        let key = pair.call("m");
        pair.advance(10 * MS);
        let ids = pair.take_requests();
        pair.answer(ids[0], &json!(2));
        pair.advance(10 * MS);
        assert_eq!(pair.answers(), [(key, Ok(json!(2)))]);
        pair.client.session.cancel(pair.now, key);
        pair.advance(10 * MS);
        pair.assert_empty();
    }
}

#[test]
fn a_key_names_one_call_at_a_time() {
    fn answer_all(pair: &mut Pair) {
        pair.run();
        for request in pair.server.requests() {
            let outcome = Ok(payload(pair.codec(), &json!(0)));
            pair.server.session.answer(request.id.unwrap(), outcome.clone());
        }
    }
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 2) {
        let mut live: Vec<CallKey> = Vec::new();
        for round in 0..50 {
            for _ in 0..3 {
                let key = pair.call("m");
                assert!(!live.contains(&key), "{key:?} in {round}");
                live.push(key);
            }
            pair.client.session.cancel(pair.now, live.remove(round % live.len()));
            answer_all(&mut pair);
            answer_all(&mut pair);
            for (key, _) in pair.answers() {
                live.retain(|other| *other != key);
            }
        }
        for key in live {
            pair.client.session.cancel(pair.now, key);
        }
        answer_all(&mut pair);
        answer_all(&mut pair);
        pair.assert_empty();
    }
}

#[test]
fn a_key_is_not_given_out_again_before_its_end_was_reported() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        pair.call("first");
        let second = pair.call("second");
        let params = payload(pair.codec(), &json!([]));
        let [wanted, unwanted] = [(); 2].map(|()| {
            pair.client.session.notify(pair.now, "note", None, params.clone(), None).unwrap().unwrap()
        });
        // Both notifications leave, and nobody asks for events before the next calls.
        pair.client.session.cancel(pair.now, second);
        pair.client.session.cancel(pair.now, unwanted);
        let others = [(); 3].map(|()| pair.call("third"));
        assert!(!others.contains(&wanted) && !others.contains(&unwanted), "{others:?}");
        pair.run();
        assert_eq!(pair.answers(), [(wanted, Ok(json!(null)))]);
    }
}

#[test]
fn ids_only_grow_and_have_their_side_s_parity() {
    for (first, second, code) in [
        (json!([3, 2, "m", 0, []]), json!(null), Some(4400)),
        (json!([3, 1, "m", 0, []]), json!([3, 1, "m", 0, []]), Some(4400)),
        (json!([3, 7, "m", 0, []]), json!([3, 5, "m", 0, []]), Some(4400)),
        (json!([3, 0, "m", 0, []]), json!(null), Some(4400)),
        (json!([3, 9_007_199_254_740_993_i64, "m", 0, []]), json!(null), Some(4400)),
        (json!([3, 9_007_199_254_740_991_i64, "m", 0, []]), json!([3, 1, "m", 0, []]), Some(4400)),
        (json!([3, 7, "m", 0, []]), json!([3, 99, "m", 0, []]), None),
    ] {
        for mut pair in Pair::both() {
            pair.send_to_server(&first);
            if !second.is_null() {
                assert_eq!(pair.close_code(), None, "{first}");
                pair.send_to_server(&second);
            }
            assert_eq!(pair.close_code(), code, "{first} {second}");
        }
    }
}

#[test]
fn an_id_may_not_come_back_after_its_answer() {
    for mut pair in Pair::both() {
        pair.call("m");
        pair.run();
        let ids = pair.take_requests();
        pair.answer(ids[0], &json!(1));
        pair.run();
        pair.send_to_server(&json!([3, 1, "m", 0, []]));
        assert_eq!(pair.close_code(), Some(4400));
    }
}

#[test]
fn when_ids_are_used_up_calls_fail_and_the_link_closes_with_4440() {
    for mut pair in Pair::both() {
        pair.client.session.outgoing.skip_ids_to(RequestId::MAX);
        let last = pair.call("last");
        let params = payload(pair.codec(), &json!([]));
        let error = pair.call_from(Role::Client, params).unwrap_err();
        assert_eq!((error.code(), error.maybe_executed()), (Code::Unavailable, false));
        pair.advance(SECOND);
        assert_eq!(pair.close_code(), None, "the last call is still in flight");
        let ids = pair.take_requests();
        assert_eq!(ids, [RequestId::MAX]);
        pair.answer(ids[0], &json!(1));
        pair.advance(SECOND);
        assert_eq!(pair.answers(), [(last, Ok(json!(1)))]);
        assert_eq!(pair.close_code(), Some(4440));
        pair.assert_empty();
    }
}

#[test]
fn answers_to_nothing_are_ignored() {
    for mut pair in Pair::both() {
        for id in [1, 2, 99] {
            for frame in [json!([5, id, 0, 1]), json!([6, id, 0, {}]), json!([7, id, {"code": "INTERNAL"}])] {
                let packet = frames(pair.codec(), &[&frame]);
                pair.deliver(Role::Client, packet);
            }
        }
        let key = pair.call("m");
        pair.run();
        let ids = pair.take_requests();
        pair.answer(ids[0], &json!(1));
        pair.answer(ids[0], &json!(2));
        pair.run();
        assert_eq!(pair.answers(), [(key, Ok(json!(1)))]);
        assert_eq!(pair.close_code(), None);
    }
}
