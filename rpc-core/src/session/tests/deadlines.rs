//! Deadlines, on both sides and on the way.

use std::time::Duration;

use serde_json::json;

use super::pair::*;
use crate::{Code, Error, RequestHead, RequestId};

fn late() -> Error {
    Error::new(Code::DeadlineExceeded, "no answer within the deadline")
}

#[test]
fn a_late_call_ends_on_both_sides() {
    for mut pair in Pair::both() {
        let key = pair.call("slow");
        let timed = pair.call_within("slow", Some(5 * SECOND));
        pair.run();
        let ids = pair.take_requests();
        pair.advance(Duration::from_millis(4999));
        assert!(pair.answers().is_empty() && pair.server.cancelled().is_empty());
        pair.advance(MS);
        // Both clocks are the same, so both ends see the deadline at once.
        assert_eq!(pair.answers(), [(timed, Err(late().after_execution()))]);
        assert_eq!(pair.server.cancelled(), ids[1..]);
        // The first has no deadline at the client, and the server's usual one.
        pair.advance(25 * SECOND);
        let error = Error::new(Code::DeadlineExceeded, "the method took too long").after_execution();
        assert_eq!(pair.answers(), [(key, Err(error))]);
        assert_eq!(pair.server.cancelled(), ids[..1]);
        pair.assert_empty();
    }
}

#[test]
fn a_deadline_that_passes_at_the_client_alone_cancels_the_call() {
    for mut pair in Pair::both_with(|pair| pair.latency = 300 * MS) {
        let params = payload(pair.codec(), &json!([]));
        let key = pair.client.session.request(pair.now, "slow", None, params, Some(SECOND)).unwrap();
        pair.advance(SECOND / 2);
        let ids = pair.take_requests();
        pair.advance(SECOND / 2);
        assert_eq!(pair.answers(), [(key, Err(late().after_execution()))]);
        assert_eq!(pair.server.cancelled(), []);
        assert_eq!(pair.client.session.outgoing.in_flight(), 1);
        pair.advance(300 * MS);
        assert_eq!(pair.server.cancelled(), ids);
        pair.advance(300 * MS);
        assert_eq!(pair.answers(), []);
        pair.assert_empty();
    }
}

#[test]
fn the_earliest_of_three_deadlines_counts_on_the_server() {
    for (usual, method, asked, expected) in [
        (30, None, None, 30),
        (30, Some(60), None, 60),
        (30, Some(5), None, 5),
        (30, None, Some(10), 10),
        (30, None, Some(40), 30),
        (30, Some(60), Some(40), 40),
    ] {
        for mut pair in Pair::both_with(|pair| pair.server.config.call_timeout = usual * SECOND) {
            pair.call("m");
            pair.run();
            let id = pair.server.requests()[0].id.unwrap();
            let seconds = |seconds: Option<u32>| seconds.map(|seconds| seconds * SECOND);
            pair.server.session.take(pair.now, Some(id), seconds(method), seconds(asked), 0);
            pair.advance(expected * SECOND - MS);
            assert_eq!(pair.server.cancelled(), []);
            pair.advance(MS);
            assert_eq!(pair.server.cancelled(), [id], "{usual} {method:?} {asked:?}");
        }
    }
}

#[test]
fn the_time_that_is_left_travels_with_the_call() {
    for mut pair in Pair::both() {
        pair.call_within("m", Some(Duration::from_micros(4_999_001)));
        pair.call("m");
        pair.run();
        let timeouts: Vec<_> = pair.server.requests().iter().map(|request| request.timeout()).collect();
        assert_eq!(timeouts, [Some(5 * SECOND), None]);
    }
}

#[test]
fn a_call_that_had_to_wait_has_less_time_left() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        pair.call("first");
        pair.call_within("second", Some(5 * SECOND));
        // What travels may be less than what the caller waits.
        let head = RequestHead { timeout: Some(SECOND), ..RequestHead::default() };
        let params = payload(pair.codec(), &json!([]));
        let timeout = Some(10 * SECOND);
        pair.client.session.request(pair.now, "third", Some(Box::new(head)), params, timeout).unwrap();
        pair.run();
        let mut timeouts = Vec::new();
        for _ in 0..3 {
            pair.advance(SECOND);
            let request = pair.server.requests().pop().unwrap();
            timeouts.push(request.timeout());
            let outcome = Ok(payload(pair.codec(), &json!(1)));
            pair.server.session.answer(request.id.unwrap(), outcome.clone());
            pair.run();
        }
        assert_eq!(timeouts, [None, Some(4 * SECOND), Some(SECOND)]);
        assert_eq!(pair.answers().len(), 3);
        pair.assert_empty();
    }
}

#[test]
fn a_call_that_was_never_sent_may_not_have_run() {
    for mut pair in Pair::both() {
        pair.lose();
        let keys = [1, 2, 3].map(|seconds| pair.call_within("m", Some(seconds * SECOND)));
        pair.advance(2 * SECOND);
        assert_eq!(pair.answers(), [(keys[0], Err(late())), (keys[1], Err(late()))]);
        pair.connect();
        assert_eq!(pair.server.requests().len(), 1);
    }
}

#[test]
fn what_waits_behind_a_call_that_is_over_goes_on() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        pair.call("first");
        pair.call_within("second", Some(SECOND));
        let params = payload(pair.codec(), &json!([]));
        let note = pair.client.session.notify(pair.now, "note", None, params, None).unwrap().unwrap();
        pair.run();
        assert_eq!(pair.take_requests(), [RequestId(1)]);
        pair.advance(SECOND);
        let methods: Vec<_> =
            pair.server.requests().iter().map(|request| request.method().into_owned()).collect();
        assert_eq!(methods, ["note"]);
        assert_eq!(pair.answers().last(), Some(&(note, Ok(json!(null)))));
    }
}

#[test]
fn a_deadline_beyond_all_time_is_none() {
    for mut pair in Pair::both_with(|pair| pair.server.config.call_timeout = Duration::MAX) {
        let params = payload(pair.codec(), &json!([]));
        let timeout = Some(Duration::MAX);
        let key = pair.client.session.request(pair.now, "m", None, params, timeout).unwrap();
        pair.run();
        let ids = pair.take_requests();
        pair.advance(1_000_000 * SECOND);
        pair.answer(ids[0], &json!(1));
        pair.run();
        assert_eq!(pair.answers(), [(key, Ok(json!(1)))]);
        assert_eq!((pair.client.session.poll_timeout(), pair.server.session.poll_timeout()), (None, None));
        // On the way it is as long as a number can be.
        pair.call_within("m", Some(Duration::MAX));
        pair.run();
        let timeout = pair.server.requests()[0].timeout();
        assert_eq!(timeout, Some(Duration::from_millis((1 << 53) - 1)));
    }
}

#[test]
fn a_call_that_ends_in_time_costs_one_look_per_time_out() {
    let mut pair = Pair::both().next().unwrap();
    for _ in 0..1000 {
        pair.call_within("m", Some(30 * SECOND));
        pair.run();
        let ids = pair.take_requests();
        pair.answer(ids[0], &json!(1));
        pair.advance(MS);
    }
    let bound = pair.client.session.poll_timeout().unwrap();
    assert_eq!(bound, pair.server.session.poll_timeout().unwrap());
    assert_eq!(bound - pair.now, 29 * SECOND, "the first call's deadline");
    pair.advance(29 * SECOND);
    assert_eq!(pair.client.session.poll_timeout(), None);
    assert_eq!(pair.server.session.poll_timeout(), None);
}

/// Every deadline is another one, and the peer answers nothing: looks must not become as many as calls.
#[test]
fn many_different_deadlines_are_looked_at_together() {
    let mut pair = Pair::both().next().unwrap();
    pair.lose();
    const CALLS: u32 = 20_000;
    for n in 0..CALLS {
        pair.call_within("m", Some(SECOND + n * Duration::from_micros(50)));
    }
    let mut looks = 0;
    while let Some(at) = pair.client.session.poll_timeout() {
        pair.now = at;
        pair.client.session.handle_timeout(at).unwrap();
        looks += 1;
    }
    pair.client.collect(pair.now);
    assert_eq!(pair.client.answers().len(), CALLS as usize);
    assert!(looks < 200, "{looks}");
    pair.assert_empty();
}

#[test]
fn a_notification_that_waits_has_a_deadline() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        pair.call("holds the slot");
        pair.call("waits");
        let params = payload(pair.codec(), &json!([]));
        let note = pair.client.session.notify(pair.now, "note", None, params, Some(2 * SECOND));
        let note = note.unwrap().expect("it must not overtake the call before it");
        pair.advance(2 * SECOND);
        assert_eq!(pair.answers(), [(note, Err(late()))]);
        assert!(pair.server.requests().iter().all(|request| request.id.is_some()));
    }
}

#[test]
fn a_call_that_waited_tells_the_time_that_is_left_when_it_goes() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_in_flight = 1) {
        let first = pair.call("first");
        let second = pair.call_within("second", Some(10 * SECOND));
        pair.run();
        pair.now += 4 * SECOND;
        pair.client.session.cancel(pair.now, first);
        pair.run();
        pair.take_requests();
        pair.client.sent.clear();
        // The slot is free once the cancellation was answered; nothing else has told the client the time since.
        pair.server.session.answer(RequestId(1), Err(Error::unavailable("cancelled").into()));
        pair.run();
        let asked: Vec<_> = pair.server.requests().iter().map(|request| request.timeout()).collect();
        assert_eq!(asked, [Some(6 * SECOND)]);
        pair.client.session.cancel(pair.now, second);
    }
}
