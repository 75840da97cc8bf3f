//! Frames that have no place, and what is not built yet.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::pair::*;
use crate::{Code, Codec, Event, Packet, Role};

#[test]
fn what_is_not_built_yet_answers_unimplemented() {
    for (head, what) in [
        (json!({"o": 3}), "calls on capabilities"),
        (json!({"p": [1, "a"]}), "calls on results that are not there yet"),
        (json!({"c": [1]}), "capabilities in parameters"),
        (json!({"r": [[0, 1, "a"]]}), "results of other calls as parameters"),
        (json!({"k": 1}), "kept results"),
        (json!({"k": true}), "kept results"),
    ] {
        for mut pair in Pair::both() {
            pair.server.sent.clear();
            pair.send_to_server(&json!([3, 1, "m", head, []]));
            let failures = pair.server.failures();
            assert_eq!(failures.len(), 1);
            let (id, error) = &failures[0];
            assert_eq!((*id, error.code(), error.maybe_executed()), (1, Code::Unimplemented, false));
            assert_eq!(error.message(), format!("{what} are not available in this version"));
            // A notification has nobody to tell.
            pair.send_to_server(&json!([4, "m", head, []]));
            assert!(pair.server.messages().is_empty() && pair.server.requests().is_empty());
            pair.assert_empty();
        }
    }
}

#[test]
fn an_answer_that_brings_what_is_not_built_yet_is_a_failure() {
    for (head, code) in [
        (json!({"c": [1]}), Some(Code::Unimplemented)),
        (json!({"s": [1]}), Some(Code::Unimplemented)),
        (json!({"X": 1}), Some(Code::Unimplemented)),
        (json!({"x": 1}), None),
        (json!({"c": []}), None),
    ] {
        for mut pair in Pair::both() {
            let key = pair.call("m");
            pair.run();
            let packet = frames(pair.codec(), &[&json!([5, 1, head, {"$cap": 0}])]);
            pair.deliver(Role::Client, packet);
            let (answered, result) = pair.answers().pop().unwrap();
            assert_eq!(answered, key);
            assert_eq!(
                result.as_ref().err().map(|error| (error.code(), error.maybe_executed())),
                code.map(|c| (c, true))
            );
        }
    }
}

#[test]
fn frames_of_what_is_not_built_yet_do_no_harm() {
    for mut pair in Pair::both() {
        let to_both = [
            json!([8, 1, 0, "item"]),
            json!([8, 2, {"o": ["e", 1]}, "item"]),
            json!([9, 1]),
            json!([9, 2]),
            json!([10, 1, 5, 500]),
            json!([11, [[1, 2], [3, 4]], [5]]),
            json!([11, [], []]),
            json!([12, 5, {"code": "UNAVAILABLE"}]),
            json!([15, 77]),
            json!([17, 5]),
            // The end of an upload, which has an id of its producer.
            json!([5, 1, 0, null]),
            json!([5, 2, 0, null]),
        ];
        let to_client = [json!([13, "ch", "e", 1, "m", {}]), json!([14, "ch", "e", 1, 0])];
        for role in [Role::Client, Role::Server] {
            let packet = frames(pair.codec(), &to_both.iter().collect::<Vec<_>>());
            pair.deliver(role, packet);
        }
        let packet = frames(pair.codec(), &to_client.iter().collect::<Vec<_>>());
        pair.deliver(Role::Client, packet);
        assert_eq!(pair.close_code(), None);
        assert!(pair.client.events.is_empty() && pair.server.events.is_empty());
        pair.assert_empty();
    }
}

#[test]
fn an_unknown_head_key_is_ignored_in_lower_case_and_fails_the_call_in_upper_case() {
    for mut pair in Pair::both() {
        pair.server.sent.clear();
        pair.send_to_server(&json!([3, 1, "m", {"z": [1, {}], "later": 1, "i": "key", "_": 0}, []]));
        assert_eq!(pair.server.requests().len(), 1);
        pair.send_to_server(&json!([3, 3, "m", {"t": 1, "Zeal": "x"}, []]));
        assert!(pair.server.requests().is_empty());
        let failures = pair.server.failures();
        assert_eq!((failures[0].0, failures[0].1.code()), (3, Code::Unimplemented));
        assert_eq!(failures[0].1.message(), "the head's key Zeal is not known here");
        pair.send_to_server(&json!([3, 5, "m", {"Z\n".repeat(1000): "x"}, []]));
        assert!(pair.server.failures()[0].1.message().len() < 256);
    }
}

#[test]
fn frames_that_have_no_place_close_4400() {
    for (frame, to) in [
        (json!([1, {"v": 1}]), Role::Server),
        (json!([1, {"v": 1}]), Role::Client),
        (json!([2, {"v": 1, "session": "s"}]), Role::Server),
        (json!([2, {"v": 1, "session": "s"}]), Role::Client),
        (json!([13, "ch", "e", 1, "m", {}]), Role::Server),
        (json!([14, "ch", "e", 1, 0]), Role::Server),
        (json!([18, {"reason": "x"}]), Role::Server),
        (json!([0]), Role::Server),
        (json!([19, 1]), Role::Client),
        (json!([99, "x"]), Role::Server),
        (json!([3, 1, "m", 0, []]), Role::Client),
    ] {
        for mut pair in Pair::both() {
            let packet = frames(pair.codec(), &[&frame]);
            pair.deliver(to, packet);
            assert_eq!(pair.close_code(), Some(4400), "{frame} to {to:?}");
        }
    }
}

#[test]
fn the_packets_of_the_other_subprotocol_close_1003() {
    for mut pair in Pair::both() {
        let packet = match pair.codec() {
            Codec::Json => Packet::Binary("[16,1]".into()),
            Codec::MessagePack => Packet::Text("[16,1]".into()),
        };
        pair.deliver(Role::Server, packet);
        assert_eq!(pair.close_code(), Some(1003));
    }
}

#[test]
fn what_was_read_before_a_bad_frame_counts() {
    for mut pair in Pair::both() {
        let packet = frames(pair.codec(), &[&json!([4, "note", 0, []]), &json!([99])]);
        let error = pair.server.session.handle_packet(pair.now, packet).unwrap_err();
        assert_eq!(error.close_code().0, 4400);
        assert!(matches!(pair.server.session.poll_event(), Some(Event::Request(_))));
    }
}

/// As many cancellations as fit, while as many requests wait.
#[test]
fn a_packet_of_calls_and_cancellations_takes_linear_time() {
    for mut pair in Pair::both_with(|pair| pair.server.takes = true) {
        let requests = (0..2048).map(|n| json!([3, 2 * n + 1, "m", 0, []]));
        let cancels = (0..2048).rev().map(|n| json!([9, 2 * n + 1]));
        let all: Vec<Value> = requests.chain(cancels).collect();
        let packet = frames(pair.codec(), &all.iter().collect::<Vec<_>>());
        pair.server.sent.clear();
        pair.deliver(Role::Server, packet);
        assert_eq!(pair.server.events.drain(..).len(), 2 * 2048);
        pair.run();
        assert_eq!(pair.server.failed().len(), 2048);
        pair.assert_empty();
    }
}

/// One session after the handshake, fed with `packets`; what it reports and sends.
fn fed(codec: Codec, packets: Vec<Packet>) -> (Vec<Event>, Vec<Packet>, Option<u16>) {
    let mut pair =
        Pair::both_with(|pair| pair.server.takes = true).find(|pair| pair.codec() == codec).unwrap();
    pair.server.sent.clear();
    for packet in packets {
        pair.deliver(Role::Server, packet);
        if pair.closed.is_some() {
            break;
        }
    }
    let code = pair.close_code();
    pair.run();
    let sent: Vec<_> = pair.server.sent.drain(..).collect();
    (pair.server.events.into_iter().collect(), sent, code)
}

fn frame() -> impl Strategy<Value = Value> {
    let id = 0_u64..12;
    prop_oneof![
        4 => id.clone().prop_map(|id| json!([3, 2 * id + 1, "m", 0, [id]])),
        1 => Just(json!([4, "note", 0, []])),
        2 => id.clone().prop_map(|id| json!([9, 2 * id + 1])),
        1 => id.clone().prop_map(|n| json!([16, n])),
        1 => id.clone().prop_map(|id| json!([3, 2 * id + 1, "m", {"k": 1}, []])),
        1 => id.prop_map(|id| json!([5, 2 * id, 0, "value"])),
        1 => prop_oneof![Just(json!([99])), Just(json!([3, 2, "m", 0, []])), Just(json!([15, 3]))],
    ]
}

proptest! {
    #[test]
    fn any_split_of_frames_into_packets_gives_the_same_events(
        all in prop::collection::vec(frame(), 0..20),
        splits in prop::collection::vec(0_usize..20, 0..5),
        codec in prop_oneof![Just(Codec::Json), Just(Codec::MessagePack)],
    ) {
        // Ids that only grow, but for a few.
        let whole = fed(codec, vec![frames(codec, &all.iter().collect::<Vec<_>>())]);
        let mut splits: Vec<usize> = splits.into_iter().map(|split| split.min(all.len())).collect();
        splits.extend([0, all.len()]);
        splits.sort_unstable();
        let parts = splits.windows(2).map(|range| frames(codec, &all[range[0]..range[1]].iter().collect::<Vec<_>>()));
        let parts = fed(codec, parts.collect());
        let requests = |events: &[Event]| -> Vec<String> { events.iter().map(|event| format!("{event:?}")).collect() };
        prop_assert_eq!(whole.2, parts.2);
        prop_assert_eq!(requests(&whole.0), requests(&parts.0));
        let sent = |packets: Vec<Packet>| -> Vec<_> { packets.into_iter().flat_map(messages).collect() };
        prop_assert_eq!(sent(whole.1), sent(parts.1));
    }

    #[test]
    fn random_bytes_never_panic(packets in prop::collection::vec(any::<Vec<u8>>(), 0..4)) {
        for codec in [Codec::Json, Codec::MessagePack] {
            let packets = packets.iter().map(|body| match codec {
                Codec::Json => Packet::Text(body.clone().into()),
                Codec::MessagePack => Packet::Binary(body.clone().into()),
            });
            fed(codec, packets.collect());
        }
    }

    /// A packet that was valid before one byte of it was changed.
    #[test]
    fn damaged_packets_never_panic(
        all in prop::collection::vec(frame(), 1..8),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        codec in prop_oneof![Just(Codec::Json), Just(Codec::MessagePack)],
    ) {
        let (Packet::Text(body) | Packet::Binary(body)) = frames(codec, &all.iter().collect::<Vec<_>>()) else {
            unreachable!()
        };
        let mut body = body.to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        let packet = match codec {
            Codec::Json => Packet::Text(body.into()),
            Codec::MessagePack => Packet::Binary(body.into()),
        };
        fed(codec, vec![packet]);
    }
}
