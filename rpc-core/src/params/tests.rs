use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{Bytes, Code};

const BOTH: [Codec; 2] = [Codec::Json, Codec::MessagePack];

macro_rules! schema {
    ($($name:literal)*) => {
        &[$(ParamSchema {
            name: $name,
            has_default: false, stream: false,
            ty: crate::TypeSchema::of::<u8>,
        }),*]
    };
}

const TWO: &[ParamSchema] = schema!("room" "limit");
const NONE: &[ParamSchema] = schema!();

fn payload(codec: Codec, value: &Value) -> Payload {
    Payload::encode(codec, value).unwrap()
}

fn json_text(text: &str) -> Payload {
    Payload::new(Codec::Json, text.as_bytes().to_vec())
}

/// A method `(room: String, limit: Option<u32>)`, as generated code reads it.
fn room_and_limit(payload: &Payload) -> Result<(String, Option<u32>), Error> {
    let mut params = Params::new(payload, TWO)?;
    let read = (params.next()?, params.next()?);
    params.end()?;
    Ok(read)
}

fn message(result: Result<impl std::fmt::Debug, Error>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    error.message().to_owned()
}

#[test]
fn params_are_read_by_position_and_by_name() {
    for codec in BOTH {
        for value in
            [json!(["lobby", 5]), json!({"room": "lobby", "limit": 5}), json!({"limit": 5, "room": "lobby"})]
        {
            assert_eq!(
                room_and_limit(&payload(codec, &value)),
                Ok(("lobby".to_owned(), Some(5))),
                "{codec} {value}"
            );
        }
    }
    for text in ["[\"lobby\",5]", " [ \"lobby\" , 5 ] ", "{\"li\\u006dit\" : 5, \"room\":\n\"lobby\" }"] {
        assert_eq!(room_and_limit(&json_text(text)), Ok(("lobby".to_owned(), Some(5))), "{text}");
    }
}

#[test]
fn an_option_may_be_null_or_left_out() {
    for codec in BOTH {
        for value in [
            json!(["lobby"]),
            json!(["lobby", null]),
            json!({"room": "lobby"}),
            json!({"room": "lobby", "limit": null}),
        ] {
            assert_eq!(
                room_and_limit(&payload(codec, &value)),
                Ok(("lobby".to_owned(), None)),
                "{codec} {value}"
            );
        }
    }
}

#[test]
fn no_params_may_be_written_in_several_ways() {
    let mut payloads =
        vec![json_text(""), json_text(" "), json_text("[ ]"), json_text("{ }"), json_text("null ")];
    payloads.push(Payload::new(Codec::MessagePack, Vec::new()));
    for codec in BOTH {
        payloads.extend([json!(null), json!([]), json!({})].map(|value| payload(codec, &value)));
    }
    for payload in payloads {
        assert_eq!(Params::new(&payload, NONE).unwrap().end(), Ok(()), "{payload:?}");
        let mut params = Params::new(&payload, TWO).unwrap();
        assert_eq!(params.next::<Option<u8>>(), Ok(None));
        assert_eq!(message(params.next::<u8>()), "missing parameter `limit`");
    }
}

#[test]
fn a_default_stands_in_for_what_is_left_out() {
    fn with_default(payload: &Payload) -> Result<(u32, Option<u32>, u32), Error> {
        let mut params = Params::new(payload, schema!("a" "b" "c"))?;
        let read = (params.next_or(|| 10)?, params.next_or(|| Some(20))?, params.next_or(|| 30)?);
        params.end()?;
        Ok(read)
    }
    for codec in BOTH {
        for (value, read) in [
            (json!([]), (10, Some(20), 30)),
            (json!([1, 2, 3]), (1, Some(2), 3)),
            (json!([null, null, 3]), (10, None, 3)),
            (json!([1, 2, null]), (1, Some(2), 30)),
            (json!({"c": 3}), (10, Some(20), 3)),
            (json!({"a": null, "b": null, "c": 3}), (10, None, 3)),
        ] {
            assert_eq!(with_default(&payload(codec, &value)), Ok(read), "{codec} {value}");
        }
        assert!(message(with_default(&payload(codec, &json!([1, "x"])))).starts_with("b: invalid type"));
    }
    assert!(message(with_default(&json_text("[nul]"))).starts_with("a: expected ident"));
}

#[derive(Debug, Deserialize)]
struct Order {
    #[expect(dead_code, reason = "only decoded")]
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    #[expect(dead_code, reason = "only decoded")]
    price: u32,
}

/// A method `(room: String, order: Order)`.
fn room_and_order(payload: &Payload) -> Result<(), Error> {
    let mut params = Params::new(payload, schema!("room" "order"))?;
    params.next::<String>()?;
    params.next::<Order>()?;
    params.end()
}

#[test]
fn a_refusal_names_the_parameter_and_the_field() {
    for codec in BOTH {
        for (value, expected) in [
            (
                json!(["lobby", {"items": [{"price": 1}, {"price": "x"}]}]),
                "order.items[1].price: invalid type: string \"x\"",
            ),
            (
                json!({"order": {"items": [{"price": -1}]}, "room": "lobby"}),
                "order.items[0].price: invalid value",
            ),
            (json!([5, {}]), "room: invalid type: integer `5`, expected a string"),
            (json!({"room": 5, "order": {}}), "room: invalid type: integer `5`, expected a string"),
            (json!(["lobby", {}]), "order: missing field `items`"),
            (json!({"room": "lobby", "order": {}}), "order: missing field `items`"),
            (json!(["lobby", [5]]), "order[0]: invalid type: integer `5`"),
            (json!(["lobby"]), "missing parameter `order`"),
            (json!({"room": "lobby"}), "missing parameter `order`"),
            (json!([]), "missing parameter `room`"),
            (json!([null, {"items": []}]), "room: invalid type: null"),
            (json!(["lobby", {"items": []}, 3]), "too many parameters: the method takes (room, order)"),
            (json!(["lobby", {"items": []}, null]), "too many parameters: the method takes (room, order)"),
            (json!({"romm": "lobby"}), "unknown parameter `romm`: the method takes (room, order)"),
            (json!("lobby"), "parameters are an array or a map"),
            (json!(5), "parameters are an array or a map"),
        ] {
            let message = message(room_and_order(&payload(codec, &value)));
            // JSON and MessagePack have different words for nothing.
            let message = message.replace("unit value", "null");
            assert!(message.starts_with(expected), "{codec} {value}: {message}");
        }
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for (text, expected) in [
        ("[\"lobby\",", "limit: a value is missing"),
        ("[\"lobby\"", "room: the list of parameters is cut off"),
        ("[\"lobby\" 5]", "room: the list of parameters is cut off"),
        ("[\"lobby\",5,]", "expected value"),
        ("[\"lobby\",5]]", "unexpected characters after the value"),
        ("[\"lobby\",5] 1", "unexpected characters after the value"),
        ("[\"lobby\",,5]", "limit: expected value"),
        ("[,]", "room: expected value"),
        ("[", "room: a value is missing"),
        ("{\"room\":\"lobby\",}", "the name of a parameter is missing"),
        ("{\"room\":\"lobby\"", "the map of parameters is cut off"),
        ("{\"room\":\"lobby\"}}", "unexpected characters after the value"),
        ("{\"room\" \"lobby\"}", "parameter `room` has no value"),
        ("{\"room\":}", "expected value"),
        ("{\"room\":\"a\",\"room\":\"b\"}", "parameter `room` is given twice"),
        ("{room:1}", "the name of a parameter is missing"),
        ("{", "the name of a parameter is missing"),
        ("nil", "expected ident"),
        ("null,", "missing parameter `room`"),
    ] {
        let message = message(room_and_limit(&json_text(text)));
        assert!(message.starts_with(expected), "{text}: {message}");
    }
}

#[test]
fn what_is_not_messagepack_is_refused() {
    for (bytes, expected) in [
        (&b"\x92\xa1a"[..], "limit: the value is cut off"),
        (b"\x92", "room: the value is cut off"),
        (b"\x91\xa1a\x05", "unexpected bytes after the value"),
        (b"\x93\xa1a\x05", "the value is cut off"),
        (b"\x93\xa1a\x05\x06", "too many parameters"),
        (b"\xdd\xff\xff\xff\xff\xa1a\x05", "the value is cut off"),
        (b"\xdf\xff\xff\xff\xff\xa4room\xa1a", "the name of a parameter is missing"),
        (b"\x81\x05\xa1a", "the name of a parameter is missing"),
        (b"\x81\xa4room", "the value is cut off"),
        (b"\x81\xa4room\xa1a\xc0", "unexpected bytes after the value"),
        (b"\x82\xa4room\xa1a\xa4room\xa1b", "parameter `room` is given twice"),
        (b"\xc1", "parameters are an array or a map"),
        (b"\xc0\xc0", "parameters are an array or a map"),
        (b"\xc4\x01\x00", "parameters are an array or a map"),
    ] {
        let message = message(room_and_limit(&Payload::new(Codec::MessagePack, bytes.to_vec())));
        assert!(message.starts_with(expected), "{bytes:?}: {message}");
    }
}

#[test]
fn a_name_that_the_peer_chose_is_cut_and_escaped() {
    for codec in BOTH {
        let value = json!({"\n\u{7}".repeat(10_000): 1});
        let message = message(room_and_limit(&payload(codec, &value)));
        assert!(message.len() < 512 && message.starts_with("unknown parameter `\\n\\u{7}"), "{message}");
    }
}

#[test]
fn the_list_of_params_is_one_level_of_the_depth() {
    fn nested(depth: usize) -> Value {
        (1..depth).fold(json!([]), |inner, _| json!([inner]))
    }
    for codec in BOTH {
        for (depth, fits) in [(62, true), (63, true), (64, false)] {
            for value in [json!([nested(depth)]), json!({"room": nested(depth)})] {
                let payload = payload(codec, &value);
                let read = Params::new(&payload, TWO).and_then(|mut params| params.next::<Value>());
                assert_eq!(read.is_ok(), fits, "{codec} {depth}");
            }
        }
    }
}

#[test]
fn the_writer_writes_what_the_reader_reads() {
    for codec in BOTH {
        let mut writer = ParamsWriter::new(codec, 2);
        writer.push("lobby");
        writer.push(&Some(7));
        assert_eq!(room_and_limit(&writer.finish().unwrap()), Ok(("lobby".to_owned(), Some(7))));
        assert_eq!(Params::new(&ParamsWriter::new(codec, 0).finish().unwrap(), NONE).unwrap().end(), Ok(()));
    }
    let mut writer = ParamsWriter::new(Codec::Json, 2);
    writer.push(&BTreeMap::from([(vec![1], 1)]));
    writer.push(&1);
    assert!(writer.finish().is_err());
}

proptest! {
    #[test]
    fn by_position_and_by_name_agree(room in any::<String>(), limit in any::<Option<u32>>(), data in any::<Vec<u8>>()) {
        for codec in BOTH {
            let data = Bytes::from(data.clone());
            let mut writer = ParamsWriter::new(codec, 3);
            writer.push(&room);
            writer.push(&limit);
            writer.push(&data);
            #[derive(Serialize)]
            struct Named<'a> {
                data: &'a Bytes,
                room: &'a str,
                limit: Option<u32>,
            }
            let named = Payload::encode(codec, &Named { data: &data, room: &room, limit }).unwrap();
            for payload in [writer.finish().unwrap(), named] {
                let mut params = Params::new(&payload, schema!("room" "limit" "data")).unwrap();
                prop_assert_eq!(params.next::<String>().unwrap(), room.clone());
                prop_assert_eq!(params.next::<Option<u32>>().unwrap(), limit);
                prop_assert_eq!(params.next::<Bytes>().unwrap(), data.clone());
                prop_assert!(params.end().is_ok());
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}\",:0-9a-z\\\\. \n-]{0,64}") {
        for payload in [
            Payload::new(Codec::Json, bytes.clone()),
            Payload::new(Codec::MessagePack, bytes),
            json_text(&text),
        ] {
            let _ = room_and_limit(&payload);
            let _ = room_and_order(&payload);
            if let Ok(mut params) = Params::new(&payload, TWO) {
                let _ = params.next_or(|| 1_u8);
                let _ = params.next::<Value>();
                let _ = params.next::<()>();
                let _ = params.end();
            }
        }
    }
}

#[test]
fn a_stream_among_the_parameters_is_its_place() {
    for codec in BOTH {
        let mut writer = ParamsWriter::new(codec, 3);
        writer.push("lobby");
        writer.push_stream(0);
        writer.push_stream(200);
        let payload = writer.finish().unwrap();
        let mut params = Params::new(&payload, schema!("room" "first" "second")).unwrap();
        assert_eq!(params.next::<String>().unwrap(), "lobby");
        assert_eq!((params.next_stream().unwrap(), params.next_stream().unwrap()), (0, 200));
        assert!(params.next_stream().unwrap_err().message().contains("is a stream"), "it is left out");
    }
    let stream =
        |payload: &Payload| Params::new(payload, schema!("room")).and_then(|mut it| it.next_stream());
    for text in [r#"[ { "$stream" : 7 } ]"#, r#"{"room":{"$stream":7}}"#] {
        assert_eq!(stream(&json_text(text)).unwrap(), 7);
    }
    for text in [
        "[]",
        "[null]",
        "[7]",
        r#"[{"$stream":-1}]"#,
        r#"[{"$stream":1,"b":2}]"#,
        r#"[{"$cap":1}]"#,
        r#"["$stream"]"#,
    ] {
        let error = stream(&json_text(text)).unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (Code::InvalidArgument, "parameter `room` is a stream"),
            "{text}"
        );
    }
    let msgpack = |bytes: &[u8]| stream(&Payload::new(Codec::MessagePack, bytes.to_vec()));
    for bytes in [
        &[0x91, 0xd4, 2, 7][..],
        &[0x91, 0xc7, 1, 2, 7],
        &[0x91, 0xd5, 2, 0xcc, 7],
        &[0x91, 0xc7, 3, 2, 0xcd, 0, 7],
    ] {
        assert_eq!(msgpack(bytes).unwrap(), 7, "{bytes:x?}");
    }
    for bytes in [
        &[0x91, 7][..],
        &[0x91, 0xd4, 1, 7],
        &[0x91, 0xd5, 2, 7, 7],
        &[0x91, 0xc7, 0, 2],
        &[0x91, 0xd4, 2, 0xff],
    ] {
        assert!(msgpack(bytes).is_err(), "{bytes:x?}");
    }
}
