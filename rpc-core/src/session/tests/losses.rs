//! The link is lost at every step of a scenario: each call ends exactly once, and nothing is left.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::pair::*;
use crate::{Code, Error, Event, RequestId, Role, session::CallKey};

/// What a program on each side knows: which calls it waits for and which requests it works on.
#[derive(Default)]
struct Programs {
    waiting: BTreeMap<CallKey, &'static str>,
    ended: BTreeMap<&'static str, Result<Value, Error>>,
    working: BTreeMap<RequestId, String>,
    /// Ids of the current link.
    ids: BTreeSet<RequestId>,
    /// Methods that were begun, by name; a call is never begun twice.
    begun: BTreeSet<String>,
}

impl Programs {
    fn call(&mut self, pair: &mut Pair, name: &'static str) {
        let key = pair.call_within(name, Some(60 * SECOND));
        assert_eq!(self.waiting.insert(key, name), None, "{key:?} is taken");
    }

    fn cancel(&mut self, pair: &mut Pair, name: &str) {
        let key = self.waiting.iter().find(|(_, known)| **known == name).map(|(key, _)| *key);
        if let Some(key) = key {
            self.waiting.remove(&key);
            pair.client.session.cancel(pair.now, key);
        }
    }

    /// Lets both sides look at what has happened.
    fn look(&mut self, pair: &mut Pair) {
        while let Some(event) = pair.client.events.pop_front() {
            let Event::Answered(key, outcome) = event else { panic!("{event:?}") };
            let name = self.waiting.remove(&key).expect("a call that somebody waits for");
            assert!(self.ended.insert(name, plain(outcome)).is_none(), "{name} ended twice");
        }
        while let Some(event) = pair.server.events.pop_front() {
            match event {
                Event::Request(request) => {
                    let id = request.id.unwrap();
                    let name = request.method().into_owned();
                    assert!(self.ids.insert(id), "{id} came twice");
                    assert!(self.begun.insert(name.clone()), "{name} was begun twice");
                    self.working.insert(id, name);
                }
                Event::Cancelled(id) | Event::Expired(id) => {
                    assert!(self.working.remove(&id).is_some(), "{id} was not begun")
                }
                event => panic!("{event:?}"),
            }
        }
    }

    fn finish(&mut self, pair: &mut Pair) {
        self.look(pair);
        for (id, name) in std::mem::take(&mut self.working) {
            pair.answer(id, &json!(name));
        }
        pair.run();
        self.look(pair);
    }
}

/// Calls that are answered, wait for a slot, are cancelled before and after sending, and run into a deadline. Returns
/// how many packets were sent.
fn scenario(mut pair: Pair, lost_after: Option<usize>) -> usize {
    let mut programs = Programs::default();
    pair.lost_after = lost_after;
    let sent = pair.client.sent.len() + pair.server.sent.len();
    for name in ["a", "b", "c", "d", "e"] {
        programs.call(&mut pair, name);
        pair.advance(10 * MS);
        programs.look(&mut pair);
    }
    programs.cancel(&mut pair, "a");
    programs.cancel(&mut pair, "e");
    pair.advance(10 * MS);
    programs.finish(&mut pair);
    programs.call(&mut pair, "f");
    pair.advance(30 * MS);
    programs.finish(&mut pair);
    pair.advance(30 * MS);
    programs.look(&mut pair);
    if !pair.client.session.is_attached() {
        // What waited goes out on the next link, and is answered.
        pair.server.events.clear();
        programs.working.clear();
        programs.ids.clear();
        pair.connect();
        for _ in 0..4 {
            pair.advance(30 * MS);
            programs.finish(&mut pair);
        }
    }
    pair.advance(60 * SECOND);
    programs.finish(&mut pair);
    pair.advance(SECOND);
    programs.look(&mut pair);

    assert!(programs.waiting.is_empty(), "{:?}", programs.waiting);
    for (name, outcome) in &programs.ended {
        match outcome {
            Ok(value) => assert_eq!(value, name),
            Err(error) if error.maybe_executed() => {
                assert!(
                    matches!(error.code(), Code::Unavailable | Code::DeadlineExceeded),
                    "{name}: {error}"
                );
            }
            Err(error) => panic!("{name} was not begun and not sent again: {error}"),
        }
    }
    for name in ["b", "c", "d", "f"] {
        assert!(programs.ended.contains_key(name), "{name}");
    }
    pair.assert_empty();
    pair.client.sent.len() + pair.server.sent.len() - sent
}

#[test]
fn wherever_the_link_is_lost_each_call_ends_once_and_nothing_is_left() {
    for latency in [0, 4, 25] {
        let pairs = || {
            Pair::both_with(move |pair| {
                pair.latency = latency * MS;
                pair.server.config.max_in_flight = 3;
                pair.server.takes = true;
            })
        };
        let packets = pairs().map(|pair| scenario(pair, None)).max().unwrap();
        assert!(packets > 5, "{packets}");
        for lost_after in 0..packets {
            for pair in pairs() {
                scenario(pair, Some(lost_after));
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Call { from: Role, timeout: Option<u8> },
    Notify { from: Role },
    Cancel { from: Role, nth: usize },
    Answer { from: Role, nth: usize },
    Advance(u16),
    Latency(u8),
    Lose,
    Connect,
}

fn step() -> impl Strategy<Value = Step> {
    let role = || prop_oneof![Just(Role::Client), Just(Role::Server)];
    prop_oneof![
        6 => (role(), any::<Option<u8>>()).prop_map(|(from, timeout)| Step::Call { from, timeout }),
        2 => role().prop_map(|from| Step::Notify { from }),
        3 => (role(), any::<usize>()).prop_map(|(from, nth)| Step::Cancel { from, nth }),
        6 => (role(), any::<usize>()).prop_map(|(from, nth)| Step::Answer { from, nth }),
        4 => (0_u16..500).prop_map(Step::Advance),
        1 => (0_u8..100).prop_map(Step::Latency),
        1 => Just(Step::Lose),
        2 => Just(Step::Connect),
    ]
}

/// One side of the model: the calls that are waited for, and the requests that hold a slot.
#[derive(Default)]
struct Side {
    waiting: BTreeSet<CallKey>,
    working: BTreeSet<RequestId>,
    last_id: u64,
}

impl Side {
    fn look(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            match event {
                Event::Answered(key, _) => assert!(self.waiting.remove(&key), "{key:?} is not waited for"),
                Event::Request(request) => {
                    let id = request.id.expect("a slot");
                    if !id.is_notification() {
                        assert!(id.0 > self.last_id, "{id} after {}", self.last_id);
                        self.last_id = id.0;
                    }
                    assert!(self.working.insert(id), "{id} is worked on");
                }
                Event::Cancelled(id) | Event::Expired(id) => {
                    assert!(self.working.remove(&id), "{id} is not worked on")
                }
                Event::Goaway(_) => {}
                event => panic!("there are no streams: {event:?}"),
            }
        }
    }
}

fn run_model(mut pair: Pair, steps: Vec<Step>) {
    let (mut client, mut server) = (Side::default(), Side::default());
    for step in steps {
        let params = payload(pair.codec(), &json!([]));
        match step {
            Step::Call { from, timeout } => {
                let (end, side) = sides(&mut pair, &mut client, &mut server, from);
                let timeout = timeout.map(|timeout| u32::from(timeout) * MS);
                let key = end.session.request(end.now, "m", None, params, timeout).unwrap();
                assert!(side.waiting.insert(key), "{key:?} is taken");
            }
            Step::Notify { from } => {
                let (end, side) = sides(&mut pair, &mut client, &mut server, from);
                if let Some(key) = end.session.notify(end.now, "m", None, params, None).unwrap() {
                    assert!(side.waiting.insert(key), "{key:?} is taken");
                }
            }
            Step::Cancel { from, nth } => {
                let (end, side) = sides(&mut pair, &mut client, &mut server, from);
                let key = side.waiting.iter().nth(nth % side.waiting.len().max(1)).copied();
                if let Some(key) = key {
                    side.waiting.remove(&key);
                    end.session.cancel(end.now, key);
                }
            }
            Step::Answer { from, nth } => {
                let (end, side) = sides(&mut pair, &mut client, &mut server, from);
                let id = side.working.iter().nth(nth % side.working.len().max(1)).copied();
                if let Some(id) = id {
                    side.working.remove(&id);
                    end.session.answer_taken(id, Ok(params));
                }
            }
            Step::Advance(ms) => pair.advance(u32::from(ms) * MS),
            Step::Latency(ms) => pair.latency = u32::from(ms) * MS,
            Step::Lose => pair.lose(),
            Step::Connect if pair.client.session.is_attached() => {}
            Step::Connect => {
                pair.end_server();
                server.look(pair.server.events.drain(..));
                assert!(server.waiting.is_empty() && server.working.is_empty());
                (client.last_id, server.last_id) = (0, 0);
                pair.connect();
            }
        }
        client.look(pair.client.events.drain(..));
        server.look(pair.server.events.drain(..));
        assert_eq!(pair.closed, None);
        assert_eq!(pair.client.session.in_flight(), client.working.len());
        assert_eq!(pair.server.session.in_flight(), server.working.len());
    }
    pair.lose();
    for end in [&mut pair.client, &mut pair.server] {
        end.session.end(&Error::unavailable("over"));
    }
    let now = pair.now;
    for (end, side) in [(&mut pair.client, &mut client), (&mut pair.server, &mut server)] {
        end.collect(now);
        side.look(end.events.drain(..));
        assert!(side.waiting.is_empty() && side.working.is_empty());
    }
    pair.assert_empty();
}

fn sides<'a>(
    pair: &'a mut Pair,
    client: &'a mut Side,
    server: &'a mut Side,
    role: Role,
) -> (At<'a>, &'a mut Side) {
    let now = pair.now;
    match role {
        Role::Client => (At { session: &mut pair.client.session, now }, client),
        Role::Server => (At { session: &mut pair.server.session, now }, server),
    }
}

struct At<'a> {
    session: &'a mut crate::Session,
    now: std::time::Instant,
}

proptest! {
    #[test]
    fn whatever_happens_each_call_ends_once(steps in prop::collection::vec(step(), 0..80), cap in 1_u32..6) {
        for pair in Pair::both_with(|pair| {
            for end in [&mut pair.client, &mut pair.server] {
                end.takes = true;
                end.config.max_in_flight = cap;
                end.config.outbound_mark = 100;
                end.config.call_timeout = 10 * SECOND;
            }
        }) {
            run_model(pair, steps.clone());
        }
    }
}
