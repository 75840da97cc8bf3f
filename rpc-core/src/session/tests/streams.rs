//! Streams: credit, slots, ends, and peers that break the rules.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::pair::*;
use crate::{
    CallKey, Code, Error, Event, Expects, Inflow, Items, Message, Payload, RequestId, Role, Session,
};

const STREAM: Expects = Expects { stream: true, uploads: 0 };

fn uploads(count: u32) -> Expects {
    Expects { stream: false, uploads: count }
}

impl Pair {
    /// The client makes a call with streams.
    fn call_streaming(&mut self, expects: Expects) -> CallKey {
        let params = payload(self.codec(), &json!([]));
        self.client.session.request_streaming(self.now, "s", None, params, None, expects).unwrap()
    }

    /// A stream from the server that has begun.
    fn stream(&mut self) -> (CallKey, RequestId) {
        let key = self.call_streaming(STREAM);
        self.run();
        let request = self.server.requests().pop().unwrap();
        let id = request.id.unwrap();
        assert!(self.server.session.has_room_for_stream(&request));
        self.server.session.take_streaming(self.now, id, true, None, None, request.params_len());
        (key, id)
    }

    /// A call with an upload that has begun.
    fn upload(&mut self) -> (CallKey, RequestId, RequestId) {
        let key = self.call_streaming(uploads(1));
        let Some(Event::Opened(opened, ids)) = self.client.session.poll_event() else { panic!("not opened") };
        assert_eq!((opened, ids.len()), (key, 1));
        self.run();
        let request = self.server.requests().pop().unwrap();
        let id = request.id.unwrap();
        assert_eq!(request.head.unwrap().streams, [json!(ids[0].0)]);
        self.server.session.take_streaming(self.now, id, false, None, None, 0);
        (key, id, ids[0])
    }

    /// Sends items as far as there is room; how many.
    fn produce(&mut self, from: Role, id: RequestId, items: impl IntoIterator<Item = Value>) -> usize {
        let session = self.session(from);
        let (mut batch, (mut count, mut bytes)) = (session.batch(id), session.room(id));
        for item in items {
            if count == 0 || bytes == 0 {
                break;
            }
            let len = batch.push(&item).unwrap();
            (count, bytes) = (count - 1, bytes.saturating_sub(len));
        }
        let sent = usize::try_from(batch.items()).unwrap();
        session.send_items(&mut batch);
        self.run();
        sent
    }

    fn session(&mut self, role: Role) -> &mut Session {
        match role {
            Role::Client => &mut self.client.session,
            Role::Server => &mut self.server.session,
        }
    }

    /// One frame as it comes from the other side.
    fn frame_to(&mut self, to: Role, frame: &Value) {
        let packet = frames(self.codec(), &[frame]);
        self.deliver(to, packet);
        self.run();
    }
}

/// The items that have arrived, and how the stream has ended.
fn received(events: impl IntoIterator<Item = Event>) -> (Vec<Value>, Vec<Result<Value, Error>>) {
    let (mut all, mut ends) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            Event::Items(_, items) => all.extend(values(items)),
            Event::Answered(_, outcome) | Event::Ended(_, outcome) => ends.push(plain(outcome)),
            Event::Credit(_) => {}
            event => panic!("{event:?}"),
        }
    }
    (all, ends)
}

fn values(mut items: Items) -> Vec<Value> {
    std::iter::from_fn(|| items.take::<Value>()).map(|(_, item)| item.unwrap()).collect()
}

fn numbers() -> impl Iterator<Item = Value> {
    (0..).map(|number: u64| number.into())
}

#[test]
fn items_come_in_order_and_the_end_last() {
    for mut pair in Pair::both() {
        let (key, id) = pair.stream();
        assert_eq!(pair.produce(Role::Server, id, numbers().take(700)), 700);
        pair.answer(id, &json!(null));
        pair.run();
        let events: Vec<Event> = pair.client.events.drain(..).collect();
        assert!(matches!(&events[0], Event::Items(Inflow::Call(of), _) if *of == key));
        let (items, ends) = received(events);
        assert_eq!(items, numbers().take(700).collect::<Vec<_>>());
        assert_eq!(ends, [Ok(json!(null))]);
        pair.assert_empty();
    }
}

#[test]
fn credit_comes_when_the_application_has_taken_half() {
    for mut pair in Pair::both_with(|pair| pair.client.config.stream_items = 8) {
        let (key, id) = pair.stream();
        assert_eq!(pair.produce(Role::Server, id, numbers()), 8);
        assert_eq!(pair.server.session.room(id).0, 0);
        pair.client.session.consume(Inflow::Call(key), 3, 3);
        pair.run();
        assert_eq!(pair.server.session.room(id).0, 0, "arrival is no reason for more, nor is less than half");
        pair.client.session.consume(Inflow::Call(key), 1, 1);
        pair.run();
        assert_eq!(pair.produce(Role::Server, id, numbers()), 4);
        assert!(pair.server.events.drain(..).eq([Event::Credit(id)]));
    }
}

#[test]
fn bytes_are_credit_too_and_one_large_item_always_fits() {
    for mut pair in Pair::both_with(|pair| pair.client.config.stream_bytes = 100) {
        let (key, id) = pair.stream();
        let large = || std::iter::repeat(json!("x".repeat(1000)));
        assert_eq!(pair.produce(Role::Server, id, large()), 1);
        assert_eq!(pair.produce(Role::Server, id, large()), 0);
        pair.client.session.consume(Inflow::Call(key), 1, 1002);
        pair.run();
        assert_eq!(pair.produce(Role::Server, id, large()), 1);
        assert_eq!(pair.close_code(), None);
    }
}

#[test]
fn an_item_without_credit_closes_the_link() {
    for (config, frames) in
        [((2, 100), vec![json!(1), json!(2), json!(3)]), ((9, 4), vec![json!("xxxx"), json!(1)])]
    {
        for mut pair in Pair::both_with(|pair| {
            (pair.client.config.stream_items, pair.client.config.stream_bytes) = config;
        }) {
            let (key, id) = pair.stream();
            for (nth, value) in frames.iter().enumerate() {
                assert_eq!(pair.close_code(), None, "{nth}");
                pair.frame_to(Role::Client, &json!([8, id.0, 0, value]));
            }
            assert_eq!(pair.close_code(), Some(4400));
            let (items, ends) = received(pair.client.events.drain(..));
            assert_eq!(items.len(), frames.len() - 1, "what came before has been taken");
            assert_eq!(ends.len(), 1, "{key:?}");
        }
    }
}

#[test]
fn credit_that_shrinks_or_overflows_does_no_harm() {
    for mut pair in Pair::both_with(|pair| pair.client.config.stream_items = 4) {
        let (_, id) = pair.stream();
        assert_eq!(pair.produce(Role::Server, id, numbers()), 4);
        for (frame, room) in [
            (json!([10, id.0, 1, 1]), 0),
            (json!([10, id.0, 6, 0]), 2),
            (json!([10, id.0, 5, 0]), 2),
            (json!([10, id.0, 9_007_199_254_740_991_u64, 9_007_199_254_740_991_u64]), 9_007_199_254_740_987),
            // Of nobody.
            (json!([10, id.0 + 40, 5, 5]), 9_007_199_254_740_987),
            (json!([10, id.0 + 41, 5, 5]), 9_007_199_254_740_987),
        ] {
            pair.frame_to(Role::Server, &frame);
            assert_eq!(pair.server.session.room(id).0, room, "{frame}");
        }
        pair.frame_to(Role::Server, &json!([10, id.0, 9_007_199_254_740_992_u64, 1]));
        assert_eq!(pair.close_code(), Some(4400));
    }
}

#[test]
fn what_comes_behind_the_end_is_ignored() {
    for mut pair in Pair::both() {
        let (_, id) = pair.stream();
        pair.answer(id, &json!(null));
        pair.run();
        pair.client.events.clear();
        for frame in [json!([8, id.0, 0, 1]), json!([5, id.0, 0, null]), json!([8, id.0, 0])] {
            pair.frame_to(Role::Client, &frame);
        }
        pair.frame_to(Role::Server, &json!([10, id.0, 5000, 5000]));
        assert!(pair.client.events.is_empty() && pair.server.events.is_empty());
        assert_eq!(pair.close_code(), None);
        pair.assert_empty();
    }
}

#[test]
fn a_stream_that_is_given_up_keeps_its_slot_until_its_end() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_streams = 1) {
        let (key, id) = pair.stream();
        assert_eq!(pair.produce(Role::Server, id, numbers().take(5)), 5);
        pair.client.events.clear();
        pair.client.session.cancel(pair.now, key);
        let second = pair.call_streaming(STREAM);
        // Items that were on their way do nobody harm.
        let packet = frames(pair.codec(), &[&json!([8, id.0, 0, 7])]);
        pair.deliver(Role::Client, packet);
        pair.run();
        let events: Vec<Event> = pair.server.events.drain(..).collect();
        assert!(matches!(&events[..], [Event::Cancelled(of), Event::Request(_)] if *of == id), "{events:?}");
        assert!(pair.client.events.is_empty());
        let Event::Request(request) = &events[1] else { unreachable!() };
        let id = request.id.unwrap();
        pair.server.session.answer(id, Err(Error::invalid("no").into()));
        pair.run();
        assert!(matches!(pair.client.events.pop_front(), Some(Event::Answered(key, _)) if key == second));
        pair.assert_empty();
    }
}

#[test]
fn calls_wait_for_no_stream_and_streams_wait_for_slots() {
    for mut pair in Pair::both_with(|pair| {
        (pair.server.config.max_streams, pair.server.config.max_in_flight) = (1, 1);
    }) {
        let (_, id) = pair.stream();
        let waiting = pair.call_streaming(STREAM);
        let plain = pair.call("m");
        pair.run();
        let requests = pair.server.requests();
        assert_eq!(requests.len(), 1, "the stream waits, the call does not");
        assert_eq!(requests[0].method(), "m");
        pair.server.session.answer(requests[0].id.unwrap(), Ok(payload(pair.codec(), &json!(1))));
        pair.run();
        assert_eq!(pair.answers(), [(plain, Ok(json!(1)))]);
        pair.answer(id, &json!(null));
        pair.run();
        assert_eq!(pair.server.requests().len(), 1);
        let _ = waiting;
    }
}

#[test]
fn a_peer_that_does_not_wait_for_slots_is_refused() {
    for mut pair in Pair::both_with(|pair| pair.server.config.max_streams = 2) {
        let (_, id) = pair.stream();
        assert_eq!(id.0, 1);
        pair.server.sent.clear();
        pair.send_to_server(&json!([3, 3, "s", {"s": [5, 7]}, []]));
        assert_eq!(pair.server.failed(), [(3, Code::ResourceExhausted)]);
        pair.send_to_server(&json!([3, 9, "s", {"s": [11]}, []]));
        let request = pair.server.requests().pop().unwrap();
        assert!(!pair.server.session.has_room_for_stream(&request));
        assert_eq!(pair.server.session.streams_refusal().code(), Code::ResourceExhausted);
        assert_eq!(pair.close_code(), None);
    }
}

#[test]
fn ids_of_uploads_keep_to_the_rules() {
    for (streams, code) in [
        (json!([3]), None),
        (json!([3, 9, 11]), None),
        (json!([2]), Some(4400)),
        (json!([1]), Some(4400)),
        (json!([5, 3]), Some(4400)),
        (json!([5, 5]), Some(4400)),
        (json!([0]), Some(4400)),
        (json!([-3]), Some(4400)),
        (json!(["3"]), Some(4400)),
        (json!([9_007_199_254_740_993_u64]), Some(4400)),
        (json!((0..16).map(|nth| 3 + 2 * nth).collect::<Vec<_>>()), None),
        (json!((0..17).map(|nth| 3 + 2 * nth).collect::<Vec<_>>()), Some(4400)),
    ] {
        for mut pair in Pair::both() {
            pair.send_to_server(&json!([3, 1, "s", {"s": streams}, []]));
            assert_eq!(pair.close_code(), code, "{streams}");
            if let (None, Some(last)) = (code, streams.as_array().unwrap().last()) {
                // They count as used.
                pair.send_to_server(&json!([3, last, "s", 0, []]));
                assert_eq!(pair.close_code(), Some(4400));
            }
        }
    }
}

#[test]
fn an_upload_flows_and_ends() {
    for mut pair in Pair::both_with(|pair| pair.server.config.stream_items = 4) {
        let (key, id, upload) = pair.upload();
        assert_eq!(upload.0, id.0 + 2);
        assert_eq!(pair.produce(Role::Client, upload, numbers()), 4);
        pair.server.session.consume(Inflow::Upload(upload), 4, 4);
        pair.run();
        assert!(pair.client.events.drain(..).eq([Event::Credit(upload)]));
        assert_eq!(pair.produce(Role::Client, upload, numbers().skip(4).take(2)), 2);
        pair.client.session.end_upload(upload, Ok(Payload::null(pair.codec())));
        pair.run();
        let (items, ends) = received(pair.server.events.drain(..));
        assert_eq!((items, ends), (numbers().take(6).collect(), vec![Ok(json!(null))]));
        pair.answer(id, &json!(6));
        pair.run();
        assert_eq!(pair.answers(), [(key, Ok(json!(6)))]);
        pair.assert_empty();
    }
}

#[test]
fn an_upload_ends_with_its_call_and_by_its_receiver() {
    for mut pair in Pair::both() {
        // The call is answered.
        let (key, id, upload) = pair.upload();
        pair.answer(id, &json!(0));
        pair.run();
        let events: Vec<Event> = pair.client.events.drain(..).collect();
        assert!(
            matches!(&events[..], [Event::Cancelled(up), Event::Answered(of, Ok(_))] if (*up, *of) == (upload, key))
        );
        let (_, ends) = received(pair.server.events.drain(..));
        assert_eq!(ends[0].as_ref().unwrap_err().code(), Code::Cancelled);
        // What crosses is ignored.
        pair.frame_to(Role::Server, &json!([8, upload.0, 0, 1]));
        pair.frame_to(Role::Server, &json!([5, upload.0, 0, null]));
        pair.frame_to(Role::Client, &json!([9, upload.0]));
        assert!(pair.server.events.is_empty() && pair.client.events.is_empty());

        // The receiver wants no more, and the call goes on.
        let (_, id, upload) = pair.upload();
        pair.server.session.leave_upload(upload);
        pair.run();
        assert!(pair.client.events.drain(..).eq([Event::Cancelled(upload)]));
        assert!(pair.server.events.is_empty());
        assert_eq!(pair.produce(Role::Client, upload, numbers()), 0);
        pair.answer(id, &json!(0));
        pair.run();
        pair.client.events.clear();

        // The caller gives up.
        let (key, id, upload) = pair.upload();
        pair.client.session.cancel(pair.now, key);
        pair.run();
        assert!(pair.client.events.drain(..).eq([Event::Cancelled(upload)]));
        let events: Vec<Event> = pair.server.events.drain(..).collect();
        assert!(events.contains(&Event::Cancelled(id)), "{events:?}");
        assert_eq!(pair.close_code(), None);
        pair.assert_empty();
    }
}

#[test]
fn who_expects_something_else_is_told() {
    for mut pair in Pair::both() {
        let key = pair.call("m");
        pair.run();
        pair.client.sent.clear();
        pair.frame_to(Role::Client, &json!([8, 1, 0, 5]));
        let (answered, result) = pair.answers().pop().unwrap();
        let error = result.unwrap_err();
        assert_eq!((answered, error.code(), error.maybe_executed()), (key, Code::Unimplemented, true));
        assert_eq!(pair.client.messages().concat(), [Message::Cancel(RequestId(1))]);
        pair.frame_to(Role::Client, &json!([8, 1, 0, 6]));
        pair.frame_to(Role::Client, &json!([5, 1, 0, null]));
        assert!(pair.client.events.is_empty());

        let key = pair.call_streaming(STREAM);
        pair.run();
        pair.frame_to(Role::Client, &json!([5, 3, 0, "one result"]));
        let (answered, result) = pair.answers().pop().unwrap();
        assert_eq!((answered, result.unwrap_err().code()), (key, Code::Unimplemented));
    }
}

#[test]
fn an_item_with_what_is_not_built_yet_ends_its_stream() {
    for head in [json!({"c": [1]}), json!({"s": [1]}), json!({"X": 1})] {
        for mut pair in Pair::both() {
            let (_, id) = pair.stream();
            pair.frame_to(Role::Client, &json!([8, id.0, {"o": ["e", 1]}, 1]));
            pair.frame_to(Role::Client, &json!([8, id.0, head, 1]));
            let (_, ends) = received(pair.client.events.drain(..));
            assert_eq!(ends[0].as_ref().unwrap_err().code(), Code::Unimplemented, "{head}");
            assert!(pair.server.events.drain(..).eq([Event::Cancelled(id)]));
            pair.assert_empty();
        }
    }
}

#[test]
fn answers_overtake_items_and_ends() {
    for mut pair in Pair::both() {
        let (_, id) = pair.stream();
        pair.call("m");
        pair.run();
        let call = pair.take_requests()[0];
        let mut batch = pair.server.session.batch(id);
        for item in numbers().take(5) {
            batch.push(&item).unwrap();
        }
        pair.server.session.send_items(&mut batch);
        pair.answer(id, &json!(null));
        pair.answer(call, &json!("first"));
        pair.run();
        let events: Vec<Event> = pair.client.events.drain(..).collect();
        assert!(
            matches!(&events[0], Event::Answered(_, Ok(value)) if value.decode::<String>().unwrap() == "first")
        );
        assert_eq!(received(events).0.len(), 5);
    }
}

#[test]
fn packets_of_items_keep_to_the_limits() {
    for mut pair in Pair::both_with(|pair| pair.client.config.max_packet = 2048) {
        let (_, id) = pair.stream();
        let texts = (0..300_usize).map(|len| json!("x".repeat(len * 7 % 1500)));
        assert_eq!(pair.produce(Role::Server, id, texts.clone().take(170)), 170);
        assert!(pair.server.sent.iter().all(|packet| packet.len() <= 2048));
        let error = pair.server.session.batch(id).push(&"x".repeat(3000)).unwrap_err();
        assert_eq!((error.code(), error.maybe_executed()), (Code::ResourceExhausted, true));
        assert_eq!(received(pair.client.events.drain(..)).0, texts.take(170).collect::<Vec<_>>());
    }
}

#[test]
fn a_client_in_javascript_gets_no_item_that_it_would_round() {
    for pair in Pair::both_with(|pair| pair.js = true) {
        let mut batch = pair.server.session.batch(RequestId(1));
        assert_eq!(batch.push(&(1_u64 << 60)).unwrap_err().code(), Code::OutOfRange);
        assert!(batch.push(&1).is_ok());
        assert_eq!(batch.items(), 1);
    }
}

#[test]
fn streams_end_with_the_link() {
    for mut pair in Pair::both() {
        let (key, id) = pair.stream();
        let (call, up_call, upload) = pair.upload();
        pair.lose();
        let events: Vec<Event> = pair.client.events.drain(..).collect();
        assert!(events.contains(&Event::Cancelled(upload)));
        let answered: BTreeMap<CallKey, bool> = events
            .into_iter()
            .filter_map(|event| match event {
                Event::Answered(key, Err(crate::Failure::Rpc(error))) => Some((key, error.maybe_executed())),
                _ => None,
            })
            .collect();
        assert_eq!(answered, BTreeMap::from([(key, true), (call, true)]));
        let events: Vec<Event> = pair.server.events.drain(..).collect();
        assert!(events.contains(&Event::Cancelled(id)) && events.contains(&Event::Cancelled(up_call)));
        assert!(events.iter().any(|event| matches!(event, Event::Ended(of, Err(_)) if *of == upload)));
        pair.assert_empty();
        // On the next link everything begins anew.
        pair.connect();
        let (_, id) = pair.stream();
        assert_eq!(pair.produce(Role::Server, id, numbers().take(3)), 3);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Call { stream: bool, uploads: u32 },
    Cancel(usize),
    Produce { from: Role, nth: usize, count: usize },
    Consume { at: Role, nth: usize },
    EndUpload(usize),
    Leave(usize),
    Answer(usize),
    Advance,
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    let role = || prop_oneof![Just(Role::Client), Just(Role::Server)];
    prop_oneof![
        4 => (any::<bool>(), 0_u32..3).prop_map(|(stream, uploads)| Step::Call { stream, uploads }),
        2 => any::<usize>().prop_map(Step::Cancel),
        8 => (role(), any::<usize>(), 0_usize..20)
            .prop_map(|(from, nth, count)| Step::Produce { from, nth, count }),
        6 => (role(), any::<usize>()).prop_map(|(at, nth)| Step::Consume { at, nth }),
        2 => any::<usize>().prop_map(Step::EndUpload),
        1 => any::<usize>().prop_map(Step::Leave),
        3 => any::<usize>().prop_map(Step::Answer),
        4 => Just(Step::Advance),
        1 => Just(Step::Lose),
    ]
}

/// What the programs at both ends know.
#[derive(Default)]
struct Model {
    waiting: BTreeSet<CallKey>,
    working: BTreeSet<RequestId>,
    /// Uploads that the client sends, and that the server takes.
    sending: BTreeSet<RequestId>,
    taking: BTreeSet<RequestId>,
    /// Calls of the client that give a stream, as the server knows them.
    giving: BTreeSet<RequestId>,
    /// Items that arrived and were not consumed, in items and bytes.
    unread: BTreeMap<Inflow2, (u64, u64)>,
    /// The next number expected.
    next: BTreeMap<Inflow2, u64>,
    /// The next number to send.
    made: BTreeMap<(Role2, RequestId), u64>,
}

type Inflow2 = (bool, u64);
type Role2 = bool;

fn name(inflow: Inflow) -> Inflow2 {
    match inflow {
        Inflow::Call(key) => (true, key.0 as u64),
        Inflow::Upload(id) => (false, id.0),
    }
}

impl Model {
    fn arrived(&mut self, inflow: Inflow, mut items: Items) {
        let (unread, next) =
            (self.unread.entry(name(inflow)).or_default(), self.next.entry(name(inflow)).or_default());
        while let Some((bytes, item)) = items.take::<u64>() {
            assert_eq!(item.unwrap(), *next, "{inflow:?}");
            *next += 1;
            *unread = (unread.0 + 1, unread.1 + bytes);
        }
        assert!(unread.0 <= 8, "{inflow:?} is ahead of its reader");
    }

    fn forget(&mut self, inflow: Inflow) {
        self.unread.remove(&name(inflow));
        self.next.remove(&name(inflow));
    }

    fn look(&mut self, pair: &mut Pair) {
        let now = pair.now;
        for event in pair.client.events.drain(..) {
            match event {
                Event::Answered(key, _) => {
                    assert!(self.waiting.remove(&key), "{key:?} is not waited for");
                    self.forget(Inflow::Call(key));
                }
                Event::Opened(key, ids) => {
                    assert!(self.waiting.contains(&key));
                    self.sending.extend(ids);
                }
                // A call that was given up before anybody was told of its uploads has them cancelled all the same.
                Event::Cancelled(id) => drop(self.sending.remove(&id)),
                Event::Items(inflow @ Inflow::Call(key), items) => {
                    assert!(self.waiting.contains(&key), "{key:?} is over");
                    self.arrived(inflow, items);
                }
                Event::Credit(_) => {}
                event => panic!("{event:?}"),
            }
        }
        while let Some(event) = pair.server.events.pop_front() {
            match event {
                Event::Request(request) => self.begin(pair, now, &request),
                Event::Cancelled(id) => {
                    assert!(self.working.remove(&id), "{id} is not worked on");
                    self.giving.remove(&id);
                }
                Event::Ended(id, _) => {
                    // One that the program has left has no end, nor one whose call did not begin.
                    self.taking.remove(&id);
                    self.forget(Inflow::Upload(id));
                }
                Event::Items(inflow @ Inflow::Upload(id), items) if self.taking.contains(&id) => {
                    self.arrived(inflow, items);
                }
                Event::Items(..) | Event::Credit(_) => {}
                event => panic!("{event:?}"),
            }
        }
    }

    fn begin(&mut self, pair: &mut Pair, now: std::time::Instant, request: &crate::Request) {
        let id = request.id.unwrap();
        let gives = request.method() == "gives";
        let sent = request.head.as_ref().map(|head| head.streams.clone()).unwrap_or_default();
        assert!(!gives || pair.server.session.has_room_for_stream(request), "the client keeps to the slots");
        pair.server.session.take_streaming(now, id, gives, None, None, request.params_len());
        self.working.insert(id);
        self.taking.extend(sent.iter().map(|id| RequestId(id.as_u64().unwrap())));
        if gives {
            self.giving.insert(id);
        }
        pair.server.collect(now);
    }
}

fn pick<T: Copy>(of: &BTreeSet<T>, nth: usize) -> Option<T> {
    of.iter().nth(nth % of.len().max(1)).copied()
}

fn run_model(mut pair: Pair, steps: Vec<Step>) {
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Call { stream, uploads } => {
                let expects = Expects { stream, uploads };
                let (method, params) =
                    (if stream { "gives" } else { "takes" }, payload(pair.codec(), &json!([])));
                let now = pair.now;
                let called = pair.client.session.request_streaming(now, method, None, params, None, expects);
                if let Ok(key) = called {
                    assert!(model.waiting.insert(key));
                }
            }
            Step::Cancel(nth) => {
                if let Some(key) = pick(&model.waiting, nth) {
                    model.waiting.remove(&key);
                    model.forget(Inflow::Call(key));
                    pair.client.session.cancel(pair.now, key);
                }
            }
            Step::Produce { from, nth, count } => {
                let of = if from == Role::Client { &model.sending } else { &model.giving };
                if let Some(id) = pick(of, nth) {
                    let made = model.made.entry((from == Role::Client, id)).or_default();
                    let items = (*made..).map(Value::from).take(count);
                    let session = if from == Role::Client {
                        &mut pair.client.session
                    } else {
                        &mut pair.server.session
                    };
                    let (mut batch, room) = (session.batch(id), session.room(id));
                    for item in items.take(if room.1 == 0 { 0 } else { usize::try_from(room.0).unwrap() }) {
                        batch.push(&item).unwrap();
                        *made += 1;
                    }
                    session.send_items(&mut batch);
                }
            }
            Step::Consume { at, nth } => {
                let mine = |inflow: &&Inflow2| inflow.0 == (at == Role::Client);
                let inflows: BTreeSet<Inflow2> = model.unread.keys().filter(mine).copied().collect();
                if let Some(inflow) = pick(&inflows, nth)
                    && let Some((items, bytes)) = model.unread.insert(inflow, (0, 0))
                {
                    match inflow {
                        (true, key) => {
                            let inflow = Inflow::Call(CallKey(usize::try_from(key).unwrap()));
                            pair.client.session.consume(inflow, items, bytes);
                        }
                        (false, id) => {
                            pair.server.session.consume(Inflow::Upload(RequestId(id)), items, bytes)
                        }
                    }
                }
            }
            Step::EndUpload(nth) => {
                if let Some(id) = pick(&model.sending, nth) {
                    model.sending.remove(&id);
                    let null = Payload::null(pair.codec());
                    pair.client.session.end_upload(id, Ok(null));
                }
            }
            Step::Leave(nth) => {
                if let Some(id) = pick(&model.taking, nth) {
                    model.taking.remove(&id);
                    model.forget(Inflow::Upload(id));
                    pair.server.session.leave_upload(id);
                }
            }
            Step::Answer(nth) => {
                if let Some(id) = pick(&model.working, nth) {
                    model.working.remove(&id);
                    model.giving.remove(&id);
                    pair.answer(id, &json!(null));
                }
            }
            Step::Advance => pair.advance(10 * MS),
            Step::Lose => {
                pair.lose();
                model.look(&mut pair);
                assert!(model.working.is_empty() && model.sending.is_empty());
                pair.end_server();
                model = Model { waiting: model.waiting, ..Model::default() };
                pair.connect();
            }
        }
        model.look(&mut pair);
        assert_eq!(pair.closed, None);
    }
    pair.advance(SECOND);
    model.look(&mut pair);
    pair.lose();
    model.look(&mut pair);
    pair.client.session.end(&Error::unavailable("over"));
    pair.client.collect(pair.now);
    model.look(&mut pair);
    assert!(model.waiting.is_empty() && model.working.is_empty() && model.sending.is_empty());
    assert!(model.taking.is_empty(), "{:?}", model.taking);
    pair.assert_empty();
    for end in [&pair.client, &pair.server] {
        assert!(end.session.streams.is_none() && end.session.bulk.is_none());
    }
}

proptest! {
    #[test]
    fn whatever_happens_streams_keep_to_their_credit_and_nothing_is_left(
        steps in prop::collection::vec(step(), 0..80),
        latency in 0_u32..3,
    ) {
        for pair in Pair::both_with(|pair| {
            pair.latency = latency * 7 * MS;
            for end in [&mut pair.client, &mut pair.server] {
                (end.config.stream_items, end.config.max_streams) = (8, 5);
                end.config.outbound_mark = 100;
            }
        }) {
            run_model(pair, steps.clone());
        }
    }
}

#[test]
fn a_credit_right_behind_its_request_counts() {
    for mut pair in Pair::both() {
        let all = (1_u64 << 53) - 1;
        let (request, credit) = (json!([3, 1, "s", 0, []]), json!([10, 1, all, all]));
        let packet = frames(pair.codec(), &[&request, &credit]);
        let session = &mut pair.server.session;
        session.handle_packet(pair.now, packet).unwrap();
        // As a driver does: each request is taken before the next event is asked for.
        assert!(matches!(session.poll_event(), Some(Event::Request(_))));
        session.take_streaming(pair.now, RequestId(1), true, None, None, 0);
        assert_eq!(session.poll_event(), Some(Event::Credit(RequestId(1))));
        assert_eq!(session.room(RequestId(1)), (all, all));
    }
}
