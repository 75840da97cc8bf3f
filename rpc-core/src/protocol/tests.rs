mod arbitrary;
mod close_codes;
mod vectors;

use bytes::Bytes;
use proptest::{collection, prelude::*};
use serde_json::{Value, json};

use self::arbitrary::message;
use super::*;

const BOTH: [Codec; 2] = [Codec::Json, Codec::MessagePack];

fn encoded(protocol: Protocol, messages: &[Message]) -> Bytes {
    let mut body = Vec::new();
    for message in messages {
        protocol.encode(message, &mut body);
    }
    body.into()
}

fn decoded(protocol: Protocol, body: Bytes) -> Result<Vec<Message>, ProtocolError> {
    let mut frames = protocol.frames(body);
    let mut messages = Vec::new();
    while let Some(frame) = frames.next()? {
        messages.push(protocol.decode(frame)?);
    }
    Ok(messages)
}

/// One frame, given as bytes.
fn decode(codec: Codec, frame: &[u8]) -> Result<Message, ProtocolError> {
    Protocol::Native(codec).decode(Bytes::copy_from_slice(frame))
}

/// One frame, given as a value.
fn decode_value(codec: Codec, frame: &Value) -> Result<Message, ProtocolError> {
    decode(codec, Payload::encode(codec, frame).unwrap().bytes())
}

#[test]
fn subprotocols_have_names() {
    for (codec, name) in [(Codec::Json, "trunkline.v1.json"), (Codec::MessagePack, "trunkline.v1.msgpack")] {
        assert_eq!(Subprotocol::native(codec).name(), name);
        assert_eq!(Subprotocol::choose([name]), Some(Subprotocol::native(codec)));
    }
    // The client's order counts, and what is not spoken is passed over.
    let offered = ["trunkline.v2.json", "TRUNKLINE.V1.JSON", "trunkline.v1.json", "trunkline.v1.msgpack"];
    assert_eq!(Subprotocol::choose(offered), Some(Subprotocol::native(Codec::Json)));
    assert_eq!(Subprotocol::choose(["chat"]), None);
}

#[test]
fn small_frames_are_copied_and_large_ones_are_not() {
    for codec in BOTH {
        let protocol = Protocol::Native(codec);
        let large = Payload::encode(codec, &["x".repeat(1000)]).unwrap();
        let request = Message::Request(crate::Request::new(None, "m", None, &large));
        let body = encoded(protocol, &[Message::Ping(1), request]);
        let within = |frame: &Bytes| body.as_ptr_range().contains(&frame.as_ptr());
        let mut frames = protocol.frames(body.clone());
        assert!(!within(&frames.next().unwrap().unwrap()));
        assert!(within(&frames.next().unwrap().unwrap()));
    }
}

#[test]
fn fields_that_a_later_version_adds_are_ignored() {
    for frame in [
        json!([9, 1, "later"]),
        json!([16, 1, {"deep": [[[]]]}, null]),
        json!([1, {"v": 1, "later": [1]}, 2]),
        json!([7, 1, {"code": "LATER", "later": true}, 5]),
        json!([11, [], [], 5]),
        json!([18, {"reason": "", "later": 1}]),
    ] {
        for codec in BOTH {
            assert!(decode_value(codec, &frame).is_ok(), "{codec} {frame}");
        }
    }
    // Behind a payload there can be nothing: it makes the payload one that cannot be read.
    for frame in [json!([3, 1, "m", 0, [1], 2]), json!([5, 1, 0, 1, 2])] {
        for codec in BOTH {
            let payload = match decode_value(codec, &frame).unwrap() {
                Message::Request(request) => request.into_params(),
                Message::Answer { outcome, .. } => outcome.unwrap(),
                message => panic!("{message:?}"),
            };
            assert!(payload.decode::<Value>().is_err(), "{codec} {frame}");
        }
    }
}

#[test]
fn fields_at_the_end_may_be_left_out_where_they_can_be_nothing() {
    for codec in BOTH {
        for frame in [json!([3, 1, "m"]), json!([3, 1, "m", 0])] {
            let Message::Request(request) = decode_value(codec, &frame).unwrap() else { panic!("a request") };
            assert!(request.head.is_none());
            assert!(request.into_params().bytes().is_empty(), "{codec} {frame}");
        }
        for frame in [json!([5, 1]), json!([5, 1, 0]), json!([5, 1, {}])] {
            let Message::Answer { outcome: Ok(value), .. } = decode_value(codec, &frame).unwrap() else {
                panic!("an answer")
            };
            assert_eq!(value.decode::<Option<u8>>(), Ok(None), "{codec} {frame}");
        }
    }
}

#[test]
fn white_space_between_tokens_is_nothing() {
    let frame = b" [ 3 , 1 , \"m\" , { \"t\" : 5 } , [ 1 , 2 ] ] ";
    let Message::Request(request) = decode(Codec::Json, frame).unwrap() else { panic!("a request") };
    assert_eq!((&*request.method(), request.timeout()), ("m", Some(std::time::Duration::from_millis(5))));
    assert_eq!(request.into_params().decode(), Ok([1, 2]));
    assert!(decode(Codec::Json, b"\r\n\t[16,1]\t\r\n ").is_ok());
}

#[test]
fn a_name_may_be_escaped() {
    let frame = br#"[3,1,"\u0073a\"y\u00e9",0,[]]"#;
    let Message::Request(request) = decode(Codec::Json, frame).unwrap() else { panic!("a request") };
    assert_eq!(request.method(), "sa\"yé");
}

#[test]
fn frames_that_cannot_be_read_are_refused_alike() {
    for frame in [
        json!([]),
        json!({}),
        json!(5),
        json!("hello"),
        json!(null),
        json!(["3", 1, "m", 0, []]),
        json!([3.5]),
        json!([-3]),
        json!([[3]]),
        json!([3]),
        json!([3, "1", "m", 0, []]),
        json!([3, 1.5, "m", 0, []]),
        json!([3, -1, "m", 0, []]),
        json!([3, null, "m", 0, []]),
        json!([3, 1]),
        json!([3, 1, 5, 0, []]),
        json!([3, 1, null, 0, []]),
        json!([3, 1, "m", 1, []]),
        json!([3, 1, "m", -0.0, []]),
        json!([3, 1, "m", null, []]),
        json!([3, 1, "m", [], []]),
        json!([3, 1, "m", "x", []]),
        json!([3, 1, "m", {"t": "5"}, []]),
        json!([3, 1, "m", {"t": -5}, []]),
        json!([3, 1, "m", {"m": []}, []]),
        json!([3, 1, "m", {"o": "x"}, []]),
        json!([3, 1, "m", {"p": 1}, []]),
        json!([3, 1, "m", {"k": "yes"}, []]),
        json!([3, 1, "m", {"c": {}}, []]),
        json!([3, 1, "m", {"i": 5}, []]),
        json!([4]),
        json!([4, 5]),
        json!([5]),
        json!([5, 0, 0, 1]),
        json!([5, 1, 7, 1]),
        json!([5, 1, {"o": 1}, 1]),
        json!([7, 1]),
        json!([7, 1, "INTERNAL"]),
        json!([7, 1, {}]),
        json!([7, 1, {"code": 13}]),
        json!([7, 1, {"code": "INTERNAL", "retry_ms": -1}]),
        json!([9]),
        json!([9, 0]),
        json!([9, 9_007_199_254_740_992_u64]),
        json!([10, 1, 2]),
        json!([10, 1, 2, "3"]),
        json!([11, [1], []]),
        json!([11, [[1, 2, 3]], []]),
        json!([11, []]),
        json!([12, 1]),
        json!([13, "ch", "e", 1]),
        json!([13, 1, "e", 1, "m", 0]),
        json!([14, "ch", "e", 1]),
        json!([15]),
        json!([15, u64::MAX]),
        json!([16, "x"]),
        json!([16, 9_007_199_254_740_992_u64]),
        json!([18]),
        json!([18, {}]),
        json!([18, {"reason": 5}]),
        json!([0, 1]),
        json!([19, 1]),
    ] {
        for codec in BOTH {
            let error = decode_value(codec, &frame).unwrap_err();
            assert_eq!(error.close_code().0, 4400, "{codec} {frame}: {error}");
        }
    }
}

#[test]
fn text_that_is_no_frame_is_refused() {
    for text in [
        "",
        " ",
        "[",
        "]",
        "[16,1",
        "[16,1}",
        "[16 1]",
        "[16,,1]",
        "[16,1,]",
        "[,16,1]",
        "[16,1]]",
        "[16,1]x",
        "[16,1][16,2]",
        "[16,01]",
        "[16,1.0]",
        "[16,1e2]",
        "[16,+1]",
        "[16,0x1]",
        "[16,1,x]",
        "[9,1 2]",
        "[3,1,\"m",
        "[3,1,\"m]",
        "[3,1,\"m\\\"]",
        "[3,1,\"m\",0",
        "[3,1,\"m\",00,[]]",
        "[3,1,\"m\",0 5]",
        "[3,1,\"m\",0,]",
        "[3,1,\"m\" 0,[]]",
        "[3,1,\"m\",{\"t\":5,[]]",
        "[3,1,\"\\x\",0,[]]",
        "[3,1,\"\u{1}\",0,[]]",
        "[3,1,\"m\",0,[]] x",
        "[5,1,0]]",
        "[5,1]1]",
        "\u{feff}[16,1]",
        "'[16,1]'",
    ] {
        let error = decode(Codec::Json, text.as_bytes()).unwrap_err();
        assert_eq!(error.close_code().0, 4400, "{text}: {error}");
    }
    assert!(decode(Codec::Json, b"[3,1,\"\xff\",0,[]]").is_err());
}

#[test]
fn bytes_that_are_no_frame_are_refused() {
    for bytes in [
        &b""[..],
        b"\x90",
        b"\x92\x10",
        b"\x92\x10\x01\x01",
        b"\x93\x10\x01",
        b"\xdd\xff\xff\xff\xff\x10\x01",
        b"\x92\xc1\x01",
        // A name that is not UTF-8, a request whose array says that it has no params but has.
        b"\x95\x03\x01\xa1\xff\x00\x90",
        b"\x94\x03\x01\xa1m\x00\x90",
        b"\x93\x03\x01\xa1m\x00",
        b"\x95\x03\x01\xa1m\x00",
        b"\x94\x05\x01\x00",
        // A head that is a map with a key that is no string.
        b"\x95\x03\x01\xa1m\x81\x01\x01\x90",
    ] {
        let error = decode(Codec::MessagePack, bytes).unwrap_err();
        assert_eq!(error.close_code().0, 4400, "{bytes:?}: {error}");
    }
    // Integers may be wider than they need be.
    assert_eq!(
        decode(Codec::MessagePack, b"\xdc\x00\x02\xcc\x10\xcf\0\0\0\0\0\0\0\x01"),
        Ok(Message::Ping(1))
    );
    assert!(decode(Codec::MessagePack, b"\x94\x03\x01\xa1m\xcd\x00\x00").is_ok());
}

#[test]
fn bodies_that_are_no_frames_are_refused() {
    for (codec, body) in [
        (Codec::Json, &b"\n"[..]),
        (Codec::Json, b"\n[16,1]"),
        (Codec::Json, b"[16,1]\n\n"),
        (Codec::MessagePack, b"\x00"),
        (Codec::MessagePack, b"\x00\x00\x00"),
        (Codec::MessagePack, b"\x00\x00\x00\x00"),
        (Codec::MessagePack, b"\x00\x00\x00\x04\x92\x10\x01"),
        (Codec::MessagePack, b"\xff\xff\xff\xff\x92\x10\x01"),
        (Codec::MessagePack, b"\x00\x00\x00\x03\x92\x10\x01\x00"),
    ] {
        let error = decoded(Protocol::Native(codec), Bytes::from_static(body)).unwrap_err();
        assert_eq!(error.close_code().0, 4400, "{codec} {body:?}: {error}");
    }
}

#[test]
fn the_depth_of_a_head_is_limited_alike() {
    for (depth, fits) in [(61, true), (62, true), (63, false), (500, false)] {
        let inner = match depth {
            500 => Value::Null,
            depth => (1..depth).fold(json!([]), |inner, _| json!([inner])),
        };
        for codec in BOTH {
            let mut meta = Payload::encode(codec, &inner).unwrap().bytes().to_vec();
            if depth == 500 {
                meta = match codec {
                    Codec::Json => [vec![b'['; depth], vec![b']'; depth]].concat(),
                    Codec::MessagePack => [vec![0x91; depth - 1], vec![0x90]].concat(),
                };
            }
            let frame = match codec {
                Codec::Json => [&b"[4,\"m\",{\"m\":{\"k\":"[..], &meta, b"}},[]]"].concat(),
                Codec::MessagePack => [&b"\x94\x04\xa1m\x81\xa1m\x81\xa1k"[..], &meta, b"\x90"].concat(),
            };
            assert_eq!(decode(codec, &frame).is_ok(), fits, "{codec} {depth}");
        }
    }
}

#[test]
fn the_size_of_a_head_is_limited_alike() {
    for codec in BOTH {
        let frame = |len: usize| {
            let head = |text: usize| json!({"m": {"k": "x".repeat(text)}});
            let around = Payload::encode(codec, &head(1000)).unwrap().bytes().len() - 1000;
            let head = head(len - around);
            assert_eq!(Payload::encode(codec, &head).unwrap().bytes().len(), len);
            json!([5, 1, head, null])
        };
        assert!(decode_value(codec, &frame(16_384)).is_ok());
        assert!(decode_value(codec, &frame(16_385)).is_err());
    }
}

#[test]
fn a_payload_with_line_feeds_stays_on_its_line() {
    let protocol = Protocol::Native(Codec::Json);
    let pretty = Payload::new(Codec::Json, "[\n  1,\n  \"a\\nb\"\n]");
    let request = Message::Request(crate::Request::new(None, "m", None, &pretty));
    let body = encoded(protocol, &[request, Message::Ping(1)]);
    assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), 1);
    let messages = decoded(protocol, body).unwrap();
    let Message::Request(request) = messages[0].clone() else { panic!("a request") };
    assert_eq!(request.into_params().decode(), Ok(json!([1, "a\nb"])));
    assert_eq!(messages[1], Message::Ping(1));
}

/// What may stand in a frame, or may not.
fn field() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0_u64..5).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::sample::select(vec![
            json!(null),
            json!(true),
            json!(-1),
            json!(0.0),
            json!(1.5),
            json!("m"),
            json!("m\n\"\u{1}é"),
            json!([]),
            json!([[1, 2]]),
            json!([1, [[]]]),
            json!({}),
            json!({"t": 1}),
            json!({"t": null, "m": {}}),
            json!({"c": [1], "z": 0}),
            json!({"o": ["e", 1]}),
            json!({"Z": 1}),
            json!({"k": 2}),
            json!({"v": 1, "session": "s"}),
            json!({"v": 1, "limits": {"packet": 5}}),
            json!({"v": 1, "js": 300}),
            json!({"code": "INTERNAL", "retry_ms": 5}),
            json!({"code": 1}),
            json!({"reason": "x", "final": true}),
        ]),
    ]
}

proptest! {
    #[test]
    fn every_message_comes_back(
        (codec, messages) in prop_oneof![Just(Codec::Json), Just(Codec::MessagePack)]
            .prop_flat_map(|codec| (Just(codec), collection::vec(message(codec), 1..5))),
    ) {
        let protocol = Protocol::Native(codec);
        let body = encoded(protocol, &messages);
        let again = decoded(protocol, body.clone()).unwrap();
        prop_assert_eq!(&again, &messages);
        // What was decoded is written as it was.
        prop_assert_eq!(encoded(protocol, &again), body);
    }

    #[test]
    fn random_bytes_never_panic(bytes in any::<Vec<u8>>(), text in "\\[[0-9]{1,2}(,([0-9]|\"[a-z]\"|\\{\\}|\\[\\]|[\\[\\]{}\",:\\\\]))*\\]?") {
        for (codec, bytes) in [(Codec::Json, &bytes[..]), (Codec::MessagePack, &bytes), (Codec::Json, text.as_bytes())] {
            let protocol = Protocol::Native(codec);
            let _ = decoded(protocol, Bytes::copy_from_slice(bytes));
            let _ = decode(codec, bytes);
        }
    }

    /// The same array in both codecs is a frame in both or in neither, and says the same.
    #[test]
    fn the_codecs_agree_on_what_is_a_frame(kind in 0_u8..20, fields in collection::vec(field(), 0..6)) {
        let frame = Value::Array([vec![json!(kind)], fields].concat());
        let [json, msgpack] = BOTH.map(|codec| {
            decode_value(codec, &frame).map(vectors::describe).map_err(|error| error.close_code())
        });
        prop_assert_eq!(json, msgpack, "{}", frame);
    }

    /// An array with a kind in front, so that what is behind it is looked at.
    #[test]
    fn random_fields_never_panic(kind in 0_u8..20, fields in 0_u8..8, bytes in any::<Vec<u8>>()) {
        let frame = [&[0x90 | (fields + 1), kind][..], &bytes].concat();
        if let Ok(message) = decode(Codec::MessagePack, &frame) {
            let again = encoded(Protocol::Native(Codec::MessagePack), std::slice::from_ref(&message));
            // A payload is not looked at, so that what is no value may be in it.
            let _ = decoded(Protocol::Native(Codec::MessagePack), again);
        }
    }
}
