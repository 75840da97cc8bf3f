use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::*;
use crate::{Bytes, I64, U64, Wire, payload::DEFAULT_DEPTH};

const BOTH: [Codec; 2] = [Codec::Json, Codec::MessagePack];

fn encoded<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Vec<u8> {
    let mut buffer = Vec::new();
    encode(codec, value, &mut buffer).unwrap();
    buffer
}

fn decoded<T: DeserializeOwned>(codec: Codec, bytes: &[u8]) -> Result<T, DecodeError> {
    decode(codec, bytes, DEFAULT_DEPTH.into())
}

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: &T) {
    for codec in BOTH {
        assert_eq!(decoded::<T>(codec, &encoded(codec, value)).as_ref(), Ok(value), "{codec}");
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: U64,
    customer: Customer,
    items: Vec<Item>,
    notes: BTreeMap<String, Option<Vec<u8>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    photo: Option<Bytes>,
    payment: Payment,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Customer {
    name: String,
    age: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    price: f64,
    tags: (bool, char),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Payment {
    Cash,
    Card { number: String, year: u16 },
    Transfer(I64, Bytes),
    Voucher(Bytes),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Empty,
    Picture { data: Bytes, size: U64, by: Option<Customer> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(I64),
    Picture { data: Bytes },
    Many(Vec<Self>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flattened {
    before: Bytes,
    #[serde(flatten)]
    tagged: Tagged,
    #[serde(flatten)]
    customer: Customer,
}

fn order() -> Order {
    Order {
        id: U64(u64::MAX),
        customer: Customer { name: "Ada".to_owned(), age: 36 },
        items: vec![Item { price: 0.1, tags: (true, 'ß') }, Item { price: -1e300, tags: (false, '\u{0}') }],
        notes: [("a\nb".to_owned(), None), ("🦀".to_owned(), Some(vec![0, 255]))].into(),
        photo: Some(Bytes::from(vec![0, 1, 254, 255])),
        payment: Payment::Transfer(I64(i64::MIN), Bytes::default()),
    }
}

#[test]
fn values_come_back_as_they_were() {
    round_trip(&order());
    round_trip(&Order { photo: None, payment: Payment::Cash, ..order() });
    round_trip(&Payment::Card { number: "4".to_owned(), year: 2030 });
    round_trip(&Payment::Voucher(Bytes::from(vec![7; 300])));
    round_trip(&(1_u8, -1_i64, 1.5_f32, "x".to_owned(), Some(1), None::<u8>));
    round_trip(&BTreeMap::from([(1_u32, true), (2, false)]));
    round_trip(&json!({"a": [1, -2, 3.5, null, true, "é", {}]}));
}

/// With `is_human_readable` in the place of [`current`], these fail in MessagePack.
#[test]
fn bytes_and_large_integers_travel_inside_tagged_untagged_and_flattened_types() {
    let picture = Tagged::Picture {
        data: Bytes::from(vec![0, 200]),
        size: U64(1 << 60),
        by: Some(Customer { name: "Ada".to_owned(), age: 36 }),
    };
    round_trip(&Tagged::Empty);
    round_trip(&picture);
    round_trip(&Untagged::Picture { data: Bytes::from(vec![1, 2, 3]) });
    round_trip(&Untagged::Many(vec![Untagged::Number(I64(i64::MIN)), Untagged::Many(vec![])]));
    round_trip(&Flattened { before: Bytes::from(vec![9]), tagged: picture, customer: order().customer });
}

#[test]
fn bytes_are_bin_or_base64_and_large_integers_are_text() {
    let bytes = Bytes::from(vec![1, 2, 255]);
    assert_eq!(encoded(Codec::Json, &bytes), br#""AQL/""#);
    assert_eq!(encoded(Codec::MessagePack, &bytes), [0xc4, 3, 1, 2, 255]);
    assert_eq!(encoded(Codec::Json, &I64(-5)), br#""-5""#);
    assert_eq!(encoded(Codec::MessagePack, &U64(5)), [0xa1, b'5']);
}

#[test]
fn bytes_and_large_integers_have_one_form_in_each_codec() {
    for text in ["\"AQ\"", "\"AQ=\"", "\"A Q=\"", "\"_-==\"", "[1]", "1", "null"] {
        assert!(decoded::<Bytes>(Codec::Json, text.as_bytes()).is_err(), "{text}");
    }
    assert!(decoded::<Bytes>(Codec::MessagePack, &encoded(Codec::MessagePack, "AQL/")).is_err());
    assert!(decoded::<Bytes>(Codec::MessagePack, &[0x91, 1]).is_err());
    for text in ["+1", "", "1.0", " 1", "1e3", "0x1", "9223372036854775808", "-"] {
        for codec in BOTH {
            assert!(decoded::<I64>(codec, &encoded(codec, text)).is_err(), "{text}");
        }
    }
    for codec in BOTH {
        assert!(decoded::<U64>(codec, &encoded(codec, &5)).is_err());
        assert!(decoded::<U64>(codec, &encoded(codec, "-1")).is_err());
    }
}

#[test]
fn nothing_may_follow_a_value() {
    for (codec, bytes) in [
        (Codec::Json, &b"1 2"[..]),
        (Codec::Json, b"[1]]"),
        (Codec::Json, b"{}x"),
        (Codec::Json, b"1,"),
        (Codec::MessagePack, b"\x01\x02"),
        (Codec::MessagePack, b"\x90\xc0"),
    ] {
        assert!(decoded::<Value>(codec, bytes).is_err(), "{bytes:?}");
    }
    assert_eq!(decoded::<Value>(Codec::Json, b" 1\r\n\t"), Ok(json!(1)));
    for codec in BOTH {
        assert!(decoded::<Value>(codec, b"").is_err());
    }
}

#[test]
fn a_failed_encoding_leaves_the_buffer_as_it_was() {
    struct Half;
    impl Serialize for Half {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{Error, SerializeSeq};
            let mut seq = serializer.serialize_seq(Some(2))?;
            seq.serialize_element(&1)?;
            Err(S::Error::custom("no second element"))
        }
    }
    for codec in BOTH {
        let mut buffer = b"before".to_vec();
        assert_eq!(encode(codec, &Half, &mut buffer), Err(EncodeError("no second element".to_owned())));
        assert_eq!(buffer, b"before");
    }
    let map = HashMap::from([(vec![1], 2)]);
    assert!(encode(Codec::Json, &map, &mut Vec::new()).is_err());
}

#[test]
fn the_codec_in_use_is_restored_after_a_panic() {
    struct Panics;
    impl Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            assert_eq!(current(), Form::MessagePack);
            panic!("on purpose")
        }
    }
    let result = std::panic::catch_unwind(|| encode(Codec::MessagePack, &Panics, &mut Vec::new()));
    assert!(result.is_err());
    assert_eq!(current(), Form::Json);
}

/// Encodes `value` in each codec and decodes it as a `T`, which must fail at `path`.
fn check_path<T: DeserializeOwned + fmt::Debug>(value: &Value, path: &str, message: &str) {
    for codec in BOTH {
        check_bytes::<T>(codec, &encoded(codec, value), path, message);
    }
    // The same with white space.
    check_bytes::<T>(Codec::Json, serde_json::to_string_pretty(value).unwrap().as_bytes(), path, message);
}

fn check_bytes<T: DeserializeOwned + fmt::Debug>(codec: Codec, bytes: &[u8], path: &str, message: &str) {
    let error = decoded::<T>(codec, bytes).unwrap_err();
    let input = String::from_utf8_lossy(bytes);
    assert_eq!(error.path, path, "{codec} {input}: {error}");
    assert!(error.message.contains(message), "{codec} {input}: {error}");
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only decoded")]
struct Nested {
    a: Option<u32>,
    list: Option<Vec<u32>>,
    lists: Option<Vec<Vec<u8>>>,
    map: Option<BTreeMap<String, Inner>>,
    numbered: Option<BTreeMap<u32, Inner>>,
    inner: Option<Inner>,
    inners: Option<Vec<Inner>>,
    payment: Option<Payment>,
    tagged: Option<Tagged>,
    pair: Option<(u32, bool)>,
    bytes: Option<Bytes>,
    big: Option<I64>,
    z: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only decoded")]
struct Inner {
    need: bool,
    #[serde(default)]
    also: u8,
}

#[test]
fn an_error_names_the_path_to_what_does_not_fit() {
    for (value, path, message) in [
        // Mistyped.
        (json!({"a": "x"}), "a", "invalid type: string \"x\", expected u32"),
        (json!({"a": true, "z": true}), "a", "invalid type: boolean `true`"),
        (json!({"a": [], "z": true}), "a", "invalid type: sequence"),
        (json!({"a": {}}), "a", "invalid type: map"),
        (json!({"a": -1}), "a", "invalid value: integer `-1`"),
        (json!({"a": 1.5}), "a", "invalid type: floating point `1.5`"),
        (json!({"a": 4_294_967_296_u64, "z": false}), "a", "invalid value: integer `4294967296`"),
        (json!({"z": null, "a": "x"}), "a", "invalid type: string"),
        (json!({"inner": 7}), "inner", "invalid type: integer `7`, expected struct Inner"),
        (json!({"inner": {"need": "x", "also": 1}}), "inner.need", "expected a boolean"),
        (json!({"inner": {"also": 300, "need": true}}), "inner.also", "invalid value: integer `300`"),
        // In arrays and maps.
        (json!({"list": [1, 2, "x"]}), "list[2]", "invalid type: string"),
        (json!({"list": ["x", 2]}), "list[0]", "invalid type: string"),
        (json!({"list": [1, {}, 3]}), "list[1]", "invalid type: map"),
        (json!({"list": [[], 2]}), "list[0]", "invalid type: sequence"),
        (json!({"lists": [[], [1, 2], [3, 256]]}), "lists[2][1]", "invalid value: integer `256`"),
        (json!({"lists": [[1], 5]}), "lists[1]", "invalid type: integer `5`, expected a sequence"),
        (
            json!({"map": {"x y": {"need": true}, "\"q\"": {"need": 1}}}),
            "map.\"q\".need",
            "expected a boolean",
        ),
        (
            json!({"numbered": {"7": {"need": true}, "8": {"need": 1}}}),
            "numbered.8.need",
            "expected a boolean",
        ),
        (json!({"inners": [{"need": true}, {"need": true, "also": null}]}), "inners[1].also", "invalid type"),
        // Missing.
        (json!({"inner": {}}), "inner", "missing field `need`"),
        (json!({"inner": {"also": 1}}), "inner", "missing field `need`"),
        (json!({"a": 1, "inner": {"also": 1, "extra": [1, {}]}, "z": true}), "inner", "missing field `need`"),
        (
            json!({"inners": [{"need": true}, {"also": 1}, {"need": true}]}),
            "inners[1]",
            "missing field `need`",
        ),
        (json!({"map": {"k": {}}}), "map.k", "missing field `need`"),
        (json!({"pair": [1]}), "pair", "invalid length 1"),
        (json!({"pair": [1, true, 3]}), "pair[2]", "more elements than expected"),
        // Enums.
        (json!({"payment": "Barter"}), "payment", "unknown variant `Barter`, expected one of"),
        (json!({"payment": {"Barter": 1}, "z": true}), "payment", "unknown variant `Barter`"),
        (
            json!({"payment": {"Card": {"number": 4, "year": 1}}}),
            "payment.Card.number",
            "invalid type: integer",
        ),
        (json!({"payment": {"Card": {"year": 1}}}), "payment.Card", "missing field `number`"),
        (json!({"payment": {"Transfer": ["1", 5]}}), "payment.Transfer[1]", "expected bytes"),
        (json!({"tagged": {"kind": "None"}}), "tagged.kind", "unknown variant `None`"),
        // Types of our own.
        (json!({"bytes": 5, "z": true}), "bytes", "invalid type: integer `5`, expected bytes"),
        (json!({"big": 5}), "big", "invalid type: integer `5`, expected a string with a signed"),
        (json!({"big": "+5"}), "big", "invalid value: string \"+5\""),
        (json!({"big": "five", "z": true}), "big", "invalid value: string \"five\""),
        // At the top.
        (json!([1, 2]), "[1]", "invalid type: integer `2`, expected a sequence"),
        (json!(5), "", "invalid type: integer `5`, expected struct Nested"),
    ] {
        check_path::<Nested>(&value, path, message);
    }
    check_path::<Vec<Inner>>(&json!([{"need": true}, {}]), "[1]", "missing field `need`");
    check_path::<BTreeMap<String, u8>>(&json!({"a": 1, "b": 256}), "b", "invalid value");
    check_path::<u8>(&json!("x"), "", "invalid type");
    check_path::<Inner>(&json!({"need": true, "also": "x"}), "also", "invalid type");
}

/// The error of a conversion has no place of its own.
#[test]
fn an_error_of_a_conversion_names_at_least_what_contains_it() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Even(#[expect(dead_code, reason = "only decoded")] String);
    impl TryFrom<String> for Even {
        type Error = String;
        fn try_from(text: String) -> Result<Self, String> {
            if text.len().is_multiple_of(2) { Ok(Self(text)) } else { Err(format!("`{text}` is odd")) }
        }
    }
    #[derive(Debug, Deserialize)]
    struct Holder {
        #[expect(dead_code, reason = "only decoded")]
        even: Even,
        #[expect(dead_code, reason = "only decoded")]
        #[serde(default)]
        other: u8,
    }
    check_path::<Vec<Even>>(&json!(["aa", "b", "cc"]), "[1]", "`b` is odd");
    check_path::<Vec<Vec<Even>>>(&json!([["aa"], ["b", "cc"], []]), "[1][0]", "`b` is odd");
    check_path::<Holder>(&json!({"even": "b", "other": 1}), "even", "`b` is odd");
    check_bytes::<Holder>(Codec::Json, br#"{"other": 1, "even": "b"}"#, "", "`b` is odd");
    check_path::<Vec<Holder>>(&json!([{"even": "b"}, {"even": "bb"}]), "[0]", "`b` is odd");
    check_path::<Vec<Untagged>>(&json!([[], "1", false, "2"]), "[2]", "did not match any variant");
}

#[test]
fn text_that_is_not_json_names_where_it_stops_to_be() {
    for (text, path, message) in [
        (r#"{"list": [1, 2,]}"#, "list", "trailing comma"),
        (r#"{"list": [1, 2"#, "list[1]", "EOF while parsing a list"),
        (r#"{"list": [1 2]}"#, "list[0]", "expected `,` or `]`"),
        (r#"{"a": 1,}"#, "", "trailing comma"),
        (r#"{"a": 01}"#, "a", "invalid number"),
        (r#"{"a": 1 "z": true}"#, "a", "expected `,` or `}`"),
        (r#"{"a" 1}"#, "", "expected `:`"),
        (r#"{"a": nil}"#, "a", "expected ident"),
        (r#"{"a": "#, "a", "EOF while parsing a value"),
        (r#"{"inner": {"need": tru"#, "inner.need", "EOF"),
        (r#"{a: 1}"#, "", "key must be a string"),
        (r#"{"a": NaN}"#, "a", "expected value"),
        ("", "", "missing"),
    ] {
        check_bytes::<Nested>(Codec::Json, text.as_bytes(), path, message);
    }
    check_bytes::<Nested>(Codec::Json, b"{\"a\": 1, \"a\": 2}", "", "duplicate field `a`");
    check_bytes::<String>(Codec::Json, b"\"\xff\"", "", "invalid unicode code point");
    check_bytes::<Vec<String>>(Codec::Json, b"[\"\", \"a\nb\"]", "[1]", "control character");
}

/// JavaScript has no other keys, and a codec that knows no types cannot tell `1` from `"1"` there.
#[test]
fn keys_of_a_map_may_be_text_in_messagepack_too() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Maps {
        numbers: BTreeMap<u32, Bytes>,
        signed: BTreeMap<i8, bool>,
        flags: BTreeMap<bool, f64>,
        words: BTreeMap<String, I64>,
        anything: Value,
    }
    let sent = (
        [("numbers", json!({"1": null, "4294967295": null})), ("signed", json!({"-128": true}))],
        [("flags", json!({"true": 5e-324})), ("words", json!({"1": "9007199254740993"}))],
        ("anything", json!({"1": ["true", u64::MAX]})),
    );
    let mut map: BTreeMap<&str, Value> = sent.0.into_iter().chain(sent.1).chain([sent.2]).collect();
    map.remove("numbers");
    let mut bytes = encoded(Codec::MessagePack, &map);
    bytes[0] += 1;
    // Bytes stay bytes, also such as are no UTF-8.
    bytes.extend(encoded(Codec::MessagePack, "numbers"));
    bytes.extend(encoded(
        Codec::MessagePack,
        &BTreeMap::from([("1", Bytes::from(vec![0, 255])), ("4294967295", Bytes::from(vec![]))]),
    ));
    let expected = Maps {
        numbers: BTreeMap::from([(1, vec![0, 255].into()), (u32::MAX, vec![].into())]),
        signed: BTreeMap::from([(-128, true)]),
        flags: BTreeMap::from([(true, 5e-324)]),
        words: BTreeMap::from([("1".to_owned(), I64(9_007_199_254_740_993))]),
        anything: json!({"1": ["true", u64::MAX]}),
    };
    assert_eq!(decoded::<Maps>(Codec::MessagePack, &bytes), Ok(expected));
}

/// Nothing else fits that did not before.
#[test]
fn reading_messagepack_as_json_makes_no_value_another_one() {
    let infinite = encoded(Codec::MessagePack, &BTreeMap::from([("1", f64::INFINITY)]));
    assert!(decoded::<BTreeMap<u8, f64>>(Codec::MessagePack, &infinite).is_err());
    let bytes = Bytes::from(vec![0, 255]);
    for wrong in
        [encoded(Codec::MessagePack, &bytes), encoded(Codec::MessagePack, &BTreeMap::from([("1", bytes)]))]
    {
        assert!(decoded::<String>(Codec::MessagePack, &wrong).is_err());
        assert!(decoded::<BTreeMap<u8, String>>(Codec::MessagePack, &wrong).is_err());
    }
    for text in ["AP8=", "", "[0, 255]"] {
        let wrong = encoded(Codec::MessagePack, &BTreeMap::from([("1", text)]));
        assert!(decoded::<BTreeMap<u8, Bytes>>(Codec::MessagePack, &wrong).is_err());
        assert!(decoded::<BTreeMap<u8, u8>>(Codec::MessagePack, &wrong).is_err());
    }
    check_bytes::<BTreeMap<u8, u8>>(Codec::MessagePack, b"\x81\xa1x\x01", "", "expected key to be a number");
    let list = encoded(Codec::MessagePack, &BTreeMap::from([("1", [0, 255])]));
    assert!(decoded::<BTreeMap<u8, Bytes>>(Codec::MessagePack, &list).is_err());
    let number = encoded(Codec::MessagePack, &BTreeMap::from([(1, 1)]));
    assert!(decoded::<BTreeMap<String, u8>>(Codec::MessagePack, &number).is_err());
    check_bytes::<BTreeMap<u8, u8>>(
        Codec::MessagePack,
        b"\x81\xa3256\x01",
        "",
        "invalid value: integer `256`, expected u8",
    );
}

#[test]
fn messagepack_that_json_cannot_express_is_explained_without_a_path() {
    // A map whose key is an array, an extension, text that is not UTF-8.
    for bytes in [&b"\x81\x91\x01\x02"[..], b"\xd4\x01\x00", b"\x81\xa1a\xa1\xff"] {
        assert!(decoded::<Nested>(Codec::MessagePack, bytes).is_err());
    }
    // Numbers without a form in JSON stand in the way of nothing.
    let value = (f64::NAN, f32::INFINITY, "x");
    let bytes = encoded(Codec::MessagePack, &value);
    check_bytes::<(f64, f64, u8)>(Codec::MessagePack, &bytes, "[2]", "invalid type: string");
}

#[test]
fn addresses_are_text_and_arrays_are_lists_in_every_codec() {
    fn travels<T: Wire + PartialEq + fmt::Debug>(value: &T, json: &Value) {
        for codec in BOTH {
            let bytes = encoded(codec, value);
            assert_eq!(decoded::<Value>(codec, &bytes).as_ref(), Ok(json));
            assert_eq!(decoded::<T>(codec, &bytes).as_ref(), Ok(value));
        }
    }
    travels(&std::net::IpAddr::from([127, 0, 0, 1]), &json!("127.0.0.1"));
    travels(&std::net::Ipv6Addr::LOCALHOST, &json!("::1"));
    travels(&[1_u8, 2, 3], &json!([1, 2, 3]));
}

#[test]
fn numbers_that_json_does_not_have_are_called_by_their_names() {
    for (number, name) in
        [(f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity"), (0.5, "0.5")]
    {
        let bytes = encoded(Codec::MessagePack, &[number]);
        let expected = format!("invalid type: floating point `{name}`, expected i64");
        check_bytes::<[i64; 1]>(Codec::MessagePack, &bytes, "[0]", &expected);
    }
}

#[test]
fn an_error_is_not_as_large_as_the_packet_it_is_about() {
    let text = "é".repeat(100_000);
    for codec in BOTH {
        let error = decoded::<u8>(codec, &encoded(codec, &text)).unwrap_err();
        assert!(error.message.len() <= 256, "{}", error.message.len());
        let map = BTreeMap::from([(text.as_str(), "x")]);
        let error = decoded::<BTreeMap<String, u8>>(codec, &encoded(codec, &map)).unwrap_err();
        assert!(error.path.starts_with('é') && error.path.len() <= 256, "{}", error.path.len());
    }
}

fn nested(codec: Codec, depth: usize) -> Vec<u8> {
    match codec {
        Codec::Json => [vec![b'['; depth], vec![b']'; depth]].concat(),
        Codec::MessagePack => [vec![0x91; depth - 1], vec![0x90]].concat(),
    }
}

#[test]
fn depth_is_limited_exactly_also_in_skipped_values() {
    for codec in BOTH {
        for (depth, fits) in [(1, true), (63, true), (64, true), (65, false), (1000, false)] {
            let bytes = nested(codec, depth);
            assert_eq!(decoded::<Value>(codec, &bytes).is_ok(), fits, "{codec} {depth}");
            assert_eq!(decoded::<serde::de::IgnoredAny>(codec, &bytes).is_ok(), fits, "{codec} {depth}");
        }
    }
    // Brackets in text do not count, and neither do those beside one another.
    let text = format!("[{:?}, {:?}]", "[{".repeat(500), r#"\"[["#.repeat(500));
    assert!(decoded::<Value>(Codec::Json, text.as_bytes()).is_ok());
    let wide = format!("[{}]", vec!["[{}]"; 500].join(","));
    assert!(decoded::<Value>(Codec::Json, wide.as_bytes()).is_ok());
}

/// With a type that uses much stack: the usual depth on half the stack of a worker, the largest on a whole one.
#[test]
fn depth_is_no_danger_to_the_stack() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tree {
        Leaf { names: BTreeMap<String, Value>, note: Option<String> },
        Node { next: Box<Self>, note: Option<String> },
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Plain {
        next: Option<Box<Self>>,
        other: Option<[String; 8]>,
    }
    let work = |depth| {
        for codec in BOTH {
            let value: Value = decode(codec, &nested(codec, depth), depth).unwrap();
            assert_eq!(encoded(codec, &value), nested(codec, depth));
            assert!(decode::<Value>(codec, &nested(codec, depth + 1), depth).is_err());

            let leaf = json!({"kind": "Leaf", "names": {}});
            let tree = (2..depth).fold(leaf, |next, _| json!({"kind": "Node", "next": next}));
            let tree: Tree = decode(codec, &encoded(codec, &tree), depth).unwrap();
            assert!(decode::<Tree>(codec, &encoded(codec, &tree), depth).is_ok());

            let plain = (1..depth).fold(json!({}), |next, _| json!({ "next": next }));
            assert!(decode::<Plain>(codec, &encoded(codec, &plain), depth).is_ok());
        }
    };
    for (depth, stack) in [(DEFAULT_DEPTH, 1 << 20), (crate::session::MAX_DEPTH, 2 << 20)] {
        let thread = std::thread::Builder::new().stack_size(stack);
        thread.spawn(move || work(depth.into())).unwrap().join().unwrap();
    }
}

#[test]
fn false_lengths_are_refused_before_anything_is_allocated() {
    for bytes in [
        // Arrays and maps of 2^32 − 1, 65,535 and 15 elements that are not there.
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\xdf\xff\xff\xff\xff",
        b"\xdc\xff\xff\x01",
        b"\xde\xff\xff\x01\x01",
        b"\x9f",
        b"\x8f\x01",
        // Text, bytes and extensions.
        b"\xdb\xff\xff\xff\xffa",
        b"\xc6\xff\xff\xff\xffa",
        b"\xc9\xff\xff\xff\xff\x01a",
        b"\xd9\x02a",
        b"\xc4\x02a",
        b"\xc7\x02\x01a",
        // Heads and numbers cut off.
        b"\xdd\xff",
        b"\xd9",
        b"\xcf\x01",
        b"\xcb\x00\x00",
        b"\xd4\x01",
        // Inside something that is true.
        b"\x92\x01\xdd\x00\x01\x00\x00",
        // The one marker without a meaning.
        b"\xc1",
        b"",
    ] {
        let error = decoded::<Vec<u64>>(Codec::MessagePack, bytes).unwrap_err();
        assert_eq!(error, DecodeError::new("the value is cut off"), "{bytes:?}");
    }
}

#[test]
fn integers_beyond_what_javascript_holds_are_found() {
    let largest = (1_i64 << 53) - 1;
    for codec in BOTH {
        let check = |value: Value| check_integers(codec, &encoded(codec, &value));
        for safe in
            [json!(largest), json!(-largest), json!(1e300), json!(-1e16), json!(0), json!("9007199254740992")]
        {
            assert_eq!(check(safe.clone()), Ok(()), "{codec} {safe}");
            assert_eq!(check(json!([{"k": safe}, 1])), Ok(()), "{codec} {safe}");
        }
        for large in [json!(largest + 1), json!(-largest - 1), json!(u64::MAX), json!(i64::MIN)] {
            assert!(check(large.clone()).is_err(), "{codec} {large}");
            let error = check(json!([1, "x", {"k": [2.5, large]}])).unwrap_err();
            assert!(error.to_string().starts_with(&large.to_string()), "{error}");
        }
        assert_eq!(check_integers(codec, &encoded(codec, &(U64(u64::MAX), I64(i64::MIN)))), Ok(()));
    }
    assert!(
        check_integers(Codec::MessagePack, &encoded(Codec::MessagePack, &BTreeMap::from([(u64::MAX, 1)])))
            .is_err()
    );
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_comes_back(value in value(), bytes in any::<Vec<u8>>(), big in any::<(i64, u64)>()) {
        round_trip(&value);
        round_trip(&Bytes::from(bytes));
        round_trip(&(I64(big.0), U64(big.1)));
    }

    #[test]
    fn the_walk_agrees_with_the_decoder_on_what_is_well_formed(value in value(), rest in any::<Vec<u8>>()) {
        let mut bytes = encoded(Codec::MessagePack, &value);
        let len = bytes.len();
        bytes.extend(rest);
        let mut reader = MsgpackReader::new(&bytes, 64);
        prop_assert_eq!(reader.skip().unwrap().len(), len);
        prop_assert_eq!(rmp_serde::from_slice::<Value>(&bytes[..len]).unwrap(), value);
        for cut in 0..len {
            prop_assert!(MsgpackReader::new(&bytes[..cut], 64).skip().is_err());
        }
    }

    #[test]
    fn what_the_walk_lets_through_the_decoder_reads_to_its_end(bytes in any::<Vec<u8>>()) {
        let mut reader = MsgpackReader::new(&bytes, 64);
        if let Ok(value) = reader.skip() {
            let mut decoder = rmp_serde::Deserializer::from_read_ref(value);
            serde::de::IgnoredAny::deserialize(&mut decoder).unwrap();
            let mut at_end = rmp_serde::Deserializer::from_read_ref(&bytes[value.len()..]);
            prop_assert_eq!(
                serde::de::IgnoredAny::deserialize(&mut at_end).is_ok(),
                reader.skip().is_ok()
            );
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}\",:0-9a-z\\\\. \n-]{0,64}") {
        for (codec, bytes) in [(Codec::Json, &bytes[..]), (Codec::MessagePack, &bytes), (Codec::Json, text.as_bytes())] {
            let _ = decoded::<Value>(codec, bytes);
            let _ = decoded::<Order>(codec, bytes);
            let _ = decoded::<Nested>(codec, bytes);
            let _ = decoded::<Vec<Untagged>>(codec, bytes);
            let _ = decoded::<Flattened>(codec, bytes);
            let _ = check_integers(codec, bytes);
        }
    }

    /// One byte of something valid is changed, so that errors deep inside are reached.
    #[test]
    fn damaged_values_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for codec in BOTH {
            let mut bytes = encoded(codec, &order());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decoded::<Order>(codec, &bytes);
            let _ = decoded::<Value>(codec, &bytes);
        }
    }

    #[test]
    fn the_reader_of_json_agrees_with_serde_json(text in any::<String>(), number in any::<u64>()) {
        let quoted = serde_json::to_string(&text).unwrap();
        let mut reader = JsonReader::unchecked(quoted.as_bytes());
        let read = reader.str();
        prop_assert_eq!(read.as_deref(), Some(text.as_str()));
        prop_assert!(reader.end().is_ok());
        for cut in 0..quoted.len() {
            prop_assert_eq!(JsonReader::unchecked(&quoted.as_bytes()[..cut]).str(), None);
        }
        let digits = number.to_string();
        let read = JsonReader::unchecked(digits.as_bytes()).integer();
        prop_assert_eq!(read, Some(number).filter(|_| digits.len() < 20));
    }
}
