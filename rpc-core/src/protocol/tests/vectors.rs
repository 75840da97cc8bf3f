//! `tests/vectors/native.json`, which other implementations read as well: its forms are in `docs/protocol.md`.
//!
//! The cases are written here; with `UPDATE_VECTORS` set the test writes the file, otherwise it checks it.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    AwaitHello, Failure, Hello, I64, KeepAlive, Publication, Request, Role, Session, SessionConfig, U64,
    Welcome,
    message::{Head, RequestHead, ValueHead, WireError},
};

const JSON: Protocol = Protocol::Native(Codec::Json);
const MSGPACK: Protocol = Protocol::Native(Codec::MessagePack);

#[test]
fn the_vectors_say_what_this_version_does() {
    let cases: Vec<Value> =
        frames().into_iter().chain(read_only()).chain(packets()).chain(values()).chain(refused()).collect();
    let lines: Vec<String> = cases.iter().map(line).collect();
    let expected = format!("[\n{}\n]\n", lines.join(",\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/native.json");
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for (found, expected) in found.iter().zip(&cases) {
        assert_eq!(
            found, expected,
            "if this is intended: UPDATE_VECTORS=1 cargo test -p trunkline-core vectors"
        );
    }
    assert_eq!(found.len(), cases.len());
}

/// A case on one line, its keys in an order that reads well.
fn line(case: &Value) -> String {
    const KEYS: [&str; 13] = [
        "name",
        "to",
        "subprotocol",
        "message",
        "messages",
        "type",
        "value",
        "json",
        "text",
        "msgpack",
        "binary",
        "close",
        "read_only",
    ];
    assert!(case.as_object().unwrap().keys().all(|key| KEYS.contains(&key.as_str())), "{case}");
    let fields = KEYS.iter().filter_map(|key| Some(format!("{key:?}: {}", case.get(key)?)));
    format!("  {{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// Every kind of frame, with and without its optional parts.
fn frames() -> Vec<Value> {
    let head = json!({
        "t": 5000, "m": {"trace": "4bf9"}, "o": 7, "p": [3, "user", 0], "k": 1, "c": [9], "s": [11],
        "r": [[0, 3, "id"]], "i": "order-17",
    });
    let limits = json!({"packet": 65536, "in_flight": 16});
    let failure = json!({
        "code": "RESOURCE_EXHAUSTED", "message": "too many", "retry_ms": 1500, "ref": "r-17", "executed": true,
    });
    [
        ("hello", json!({"kind": "hello", "v": 1, "client": "", "limits": {"packet": 1048576, "in_flight": 1024}})),
        (
            "hello with everything",
            json!({
                "kind": "hello", "v": 1, "client": "example 1.0", "uid": "ada", "token": "secret", "js": 1,
                "resume": {"session": "s-81", "token": "once", "taken": 17}, "limits": limits,
                "services": {"Chat": "5f2a"},
            }),
        ),
        (
            "hello with limits of streams",
            json!({
                "kind": "hello", "v": 1, "client": "",
                "limits": {
                    "packet": 1048576, "in_flight": 1024, "streams": 16, "stream_items": 32, "stream_bytes": 4096,
                },
            }),
        ),
        (
            "welcome",
            json!({
                "kind": "welcome", "v": 1, "session": "s-81", "resumed": false, "taken": 0, "token": "",
                "resume_ms": 0, "ping_ms": 25000, "spread_ms": 5000,
                "limits": {"packet": 1048576, "in_flight": 1024},
            }),
        ),
        (
            "welcome with everything",
            json!({
                "kind": "welcome", "v": 1, "session": "s-81", "user": "ada", "resumed": true, "taken": 17,
                "token": "next", "resume_ms": 120000, "ping_ms": 25000, "spread_ms": 5000, "expires_ms": 3600000,
                "limits": limits, "services": {"Chat": "91c0"},
            }),
        ),
        ("request", json!({"kind": "request", "id": 1, "method": "say", "head": {}, "params": ["lobby", "hi"]})),
        (
            "request by name",
            json!({"kind": "request", "id": 2, "method": "chat.say", "head": {}, "params": {"text": "hi"}}),
        ),
        ("request without params", json!({"kind": "request", "id": 3, "method": "list", "head": {}, "params": null})),
        (
            "request with a deadline",
            json!({"kind": "request", "id": 5, "method": "say", "head": {"t": 30000}, "params": []}),
        ),
        (
            "request with everything",
            json!({"kind": "request", "id": 7, "method": "say", "head": head, "params": [null]}),
        ),
        (
            "request with the last id",
            json!({"kind": "request", "id": 9_007_199_254_740_991_u64, "method": "m", "head": {}, "params": []}),
        ),
        (
            "request whose name is escaped",
            json!({"kind": "request", "id": 1, "method": "a\"b\\\n\u{1}é🦀", "head": {}, "params": []}),
        ),
        ("notify", json!({"kind": "notify", "method": "typing", "head": {}, "params": [true]})),
        (
            "notify with a head",
            json!({"kind": "notify", "method": "typing", "head": {"m": {"a": [1, {}]}}, "params": []}),
        ),
        ("ok", json!({"kind": "ok", "id": 1, "head": {}, "value": {"f": 0.5, "l": [true, null], "n": -1, "s": "é"}})),
        ("ok without a value", json!({"kind": "ok", "id": 1, "head": {}, "value": null})),
        ("ok with a head", json!({"kind": "ok", "id": 1, "head": {"c": [4], "s": [6]}, "value": {"$cap": 0}})),
        ("error", json!({"kind": "error", "id": 1, "head": {}, "value": {"code": "ROOM_FULL", "data": {"max": 3}}})),
        ("fail", json!({"kind": "fail", "id": 1, "failure": {"code": "UNAUTHENTICATED", "message": "log in first"}})),
        ("fail with everything", json!({"kind": "fail", "id": 1, "failure": failure})),
        ("item", json!({"kind": "item", "id": 1, "head": {}, "value": 7})),
        ("item with a head", json!({"kind": "item", "id": 1, "head": {"c": [4], "s": [6], "o": ["e1", 9]}, "value": 7})),
        ("cancel", json!({"kind": "cancel", "id": 1})),
        ("credit", json!({"kind": "credit", "id": 1, "items": 128, "bytes": 65536})),
        ("release", json!({"kind": "release", "capabilities": [[4, 1], [6, 2]], "ids": [3]})),
        ("release of nothing", json!({"kind": "release", "capabilities": [], "ids": []})),
        (
            "broken",
            json!({"kind": "broken", "capability": 4, "failure": {"code": "UNAVAILABLE", "message": "gone"}}),
        ),
        (
            "publication",
            json!({
                "kind": "publication", "channel": "lobby", "epoch": "e1", "offset": 9, "method": "said",
                "value": ["hi"],
            }),
        ),
        ("position", json!({"kind": "position", "channel": "lobby", "epoch": "e1", "offset": 9, "missed": 2})),
        ("ack", json!({"kind": "ack", "count": 17})),
        ("ping", json!({"kind": "ping", "token": 1})),
        ("pong", json!({"kind": "pong", "token": 9_007_199_254_740_991_u64})),
        (
            "goaway",
            json!({"kind": "goaway", "reason": "restart", "after_ms": 1000, "grace_ms": 15000, "final": false}),
        ),
    ]
    .into_iter()
    .map(|(name, message)| {
        let [json, msgpack] = [JSON, MSGPACK].map(|protocol| encoded(protocol, &[parse(protocol, &message)]));
        for (protocol, frame) in [(JSON, json.clone()), (MSGPACK, msgpack.slice(4..))] {
            assert_eq!(described(protocol, &frame), message, "{name}");
        }
        json!({"name": name, "message": message, "json": text(&json), "msgpack": hex(&msgpack[4..])})
    })
    .collect()
}

/// Frames that are read but not written like this.
fn read_only() -> Vec<Value> {
    let request = json!({"kind": "request", "id": 1, "method": "m", "head": {}, "params": null});
    let with_deadline = json!({"kind": "request", "id": 1, "method": "m", "head": {"t": 5}, "params": [1]});
    let ping = json!({"kind": "ping", "token": 1});
    let hello =
        json!({"kind": "hello", "v": 1, "client": "", "limits": {"packet": 1048576, "in_flight": 1024}});
    let goaway = json!({"kind": "goaway", "reason": "", "after_ms": 0, "grace_ms": 0, "final": false});
    let fail = json!({"kind": "fail", "id": 1, "failure": {"code": "UNKNOWN", "message": ""}});
    let kept = json!({"kind": "request", "id": 1, "method": "m", "head": {"k": 1}, "params": null});
    let ok = json!({"kind": "ok", "id": 1, "head": {}, "value": null});
    [
        ("request that ends with its name", request.clone(), r#"[3,1,"m"]"#, "930301a16d"),
        ("request that ends with its head", request.clone(), r#"[3,1,"m",0]"#, "940301a16d00"),
        ("request with an empty head", request.clone(), r#"[3,1,"m",{}]"#, "940301a16d80"),
        ("request with an unknown key", request, r#"[3,1,"m",{"z":[1]}]"#, "940301a16d81a17a9101"),
        (
            "request with white space and wide integers",
            with_deadline,
            " [ 3 , 1 , \"m\" , {\t\"t\" : 5 } , [1] ] ",
            "dc0005cc03cd0001d9016ddf00000001a174cf0000000000000005dd0000000101",
        ),
        ("request whose k is true", kept, r#"[3,1,"m",{"k":true}]"#, "940301a16d81a16bc3"),
        ("ok that ends with its id", ok, "[5,1]", "920501"),
        ("ping with a later field", ping, "[16,1,{\"later\":[]}]", "93100181a56c6174657290"),
        ("hello that says nothing", hello.clone(), r#"[1,{"v":1}]"#, "920181a17601"),
        (
            "hello with later keys",
            hello,
            r#"[1,{"v":1,"z":{},"limits":{"z":1}}]"#,
            "920183a17601a17a80a66c696d69747381a17a01",
        ),
        ("goaway that says little", goaway, r#"[18,{"reason":""}]"#, "921281a6726561736f6ea0"),
        ("fail with a later code", fail, r#"[7,1,{"code":"LATER"}]"#, "93070181a4636f6465a54c41544552"),
    ]
    .into_iter()
    .map(|(name, message, json, msgpack)| {
        assert_eq!(described(JSON, &Bytes::copy_from_slice(json.as_bytes())), message, "{name}");
        assert_eq!(described(MSGPACK, &unhex(msgpack).into()), message, "{name}");
        json!({"name": name, "message": message, "json": json, "msgpack": msgpack, "read_only": true})
    })
    .collect()
}

/// Packets of several frames.
fn packets() -> Vec<Value> {
    let request = |id: u64| json!({"kind": "request", "id": id, "method": "say", "head": {}, "params": [id]});
    let ok = |id: u64| json!({"kind": "ok", "id": id, "head": {}, "value": "a\nb"});
    let item = |id: u64, value: u64| json!({"kind": "item", "id": id, "head": {}, "value": value});
    let upload = json!({"kind": "request", "id": 1, "method": "store", "head": {"s": [3]}, "params": []});
    let hello =
        json!({"kind": "hello", "v": 1, "client": "", "limits": {"packet": 1048576, "in_flight": 1024}});
    [
        ("three requests", vec![request(1), request(3), request(5)]),
        ("a call and its cancellation", vec![request(1), json!({"kind": "cancel", "id": 1})]),
        ("line feeds in text are escaped", vec![ok(1), json!({"kind": "ping", "token": 1}), ok(3)]),
        ("a request behind the hello", vec![hello, request(1)]),
        ("items and the end of their stream", vec![item(1, 0), item(1, 1), ok(1)]),
        ("a request, its upload and the end of that", vec![upload, item(3, 0), item(3, 1), ok(3)]),
    ]
    .into_iter()
    .map(|(name, messages)| {
        let [json, msgpack] = [JSON, MSGPACK].map(|protocol| {
            let parsed: Vec<Message> = messages.iter().map(|message| parse(protocol, message)).collect();
            let body = encoded(protocol, &parsed);
            let read: Vec<Value> =
                decoded(protocol, body.clone()).unwrap().into_iter().map(describe).collect();
            assert_eq!(read, messages, "{name}");
            body
        });
        json!({"name": name, "messages": messages, "json": text(&json), "msgpack": hex(&msgpack)})
    })
    .collect()
}

/// Values whose form is not that of their type in JSON or MessagePack.
fn values() -> Vec<Value> {
    fn case<T: serde::Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
        ty: &str,
        value: &str,
        it: &T,
    ) -> Value {
        let [json, msgpack] = [Codec::Json, Codec::MessagePack].map(|codec| {
            let payload = Payload::encode(codec, it).unwrap();
            assert_eq!(payload.decode::<T>().as_ref(), Ok(it));
            payload.bytes().to_vec()
        });
        json!({"name": format!("{ty} {value}"), "type": ty, "value": value, "json": text(&json), "msgpack": hex(&msgpack)})
    }
    let bytes = |bytes: &[u8]| case("bytes", &hex(bytes), &crate::Bytes::from(bytes.to_vec()));
    let i64 = |value: i64| case("i64", &value.to_string(), &I64(value));
    let u64 = |value: u64| case("u64", &value.to_string(), &U64(value));
    vec![
        bytes(&[]),
        bytes(&[0]),
        bytes(&[0, 1]),
        bytes(&[0xfb, 0xff, 0xbf]),
        i64(0),
        i64(-1),
        i64(i64::MIN),
        i64(i64::MAX),
        u64(0),
        u64(1 << 53),
        u64(u64::MAX),
    ]
}

/// Packets that close the link.
fn refused() -> Vec<Value> {
    let both = [
        ("no array", json!({}), "server", 4400),
        ("an empty array", json!([]), "server", 4400),
        ("a kind that is no integer", json!(["16", 1]), "server", 4400),
        ("an unknown kind", json!([19, 1]), "server", 4400),
        ("kind 0", json!([0]), "client", 4400),
        ("a request with an even id", json!([3, 2, "m", 0, []]), "server", 4400),
        ("a request with an odd id", json!([3, 1, "m", 0, []]), "client", 4400),
        ("id 0", json!([3, 0, "m", 0, []]), "server", 4400),
        ("an id beyond 2^53 − 1", json!([3, 9_007_199_254_740_993_u64, "m", 0, []]), "server", 4400),
        ("an id that is no integer", json!([3, "1", "m", 0, []]), "server", 4400),
        ("a name that is no string", json!([3, 1, 5, 0, []]), "server", 4400),
        ("a head that is neither 0 nor a map", json!([3, 1, "m", [], []]), "server", 4400),
        ("a head that is null", json!([3, 1, "m", null, []]), "server", 4400),
        ("a deadline that is no integer", json!([3, 1, "m", {"t": "5"}, []]), "server", 4400),
        ("an upload with the id of its call", json!([3, 1, "m", {"s": [1]}, []]), "server", 4400),
        ("an upload with an even id", json!([3, 1, "m", {"s": [4]}, []]), "server", 4400),
        ("uploads whose ids do not grow", json!([3, 1, "m", {"s": [5, 3]}, []]), "server", 4400),
        ("an upload of no id", json!([3, 1, "m", {"s": ["3"]}, []]), "server", 4400),
        (
            "more than 16 uploads",
            json!([3, 1, "m", {"s": [3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35]}, []]),
            "server",
            4400,
        ),
        ("credit beyond 2^53 − 1", json!([10, 1, 9_007_199_254_740_992_u64, 0]), "server", 4400),
        ("a cancel without an id", json!([9]), "server", 4400),
        ("a failure without a code", json!([7, 1, {}]), "client", 4400),
        ("a token beyond 2^53 − 1", json!([16, 9_007_199_254_740_992_u64]), "server", 4400),
        ("a second hello", json!([1, {"v": 1}]), "server", 4400),
        ("a welcome from the client", json!([2, {"session": "s", "v": 1}]), "server", 4400),
        ("a second welcome", json!([2, {"session": "s", "v": 1}]), "client", 4400),
        ("a publication from the client", json!([13, "c", "e", 1, "m", 0]), "server", 4400),
        ("a goaway from the client", json!([18, {"reason": ""}]), "server", 4400),
        ("a version that does not exist", json!([1, {"v": 2}]), "handshake", 4400),
        ("a hello without a version", json!([1, {}]), "handshake", 4400),
        ("a request in the place of the hello", json!([3, 1, "m", 0, []]), "handshake", 4400),
    ];
    let both = both.into_iter().map(|(name, frame, to, close)| {
        let msgpack = Payload::encode(Codec::MessagePack, &frame).unwrap();
        let msgpack =
            [&u32::try_from(msgpack.bytes().len()).unwrap().to_be_bytes(), msgpack.bytes()].concat();
        json!({"name": name, "to": to, "json": frame.to_string(), "msgpack": hex(&msgpack), "close": close})
    });
    let json = [
        ("text that is not JSON", "hello"),
        ("an array without its end", "[16,1"),
        ("a comma too many", "[16,1,]"),
        ("a leading zero", "[16,01]"),
        ("two frames without a line feed", "[16,1][16,2]"),
        ("an empty line", "[16,1]\n\n[16,2]"),
        ("a name without its end", "[3,1,\"m]"),
    ];
    let json = json
        .into_iter()
        .map(|(name, text)| json!({"name": name, "to": "server", "json": text, "close": 4400}));
    let msgpack = [
        ("a length that is cut off", "000000"),
        ("a length beyond the packet", "00000004921001"),
        ("a frame of length 0", "00000000"),
        ("bytes behind the array", "0000000492100100"),
        ("an array longer than its frame", "00000005ddffffffff"),
        ("params that the array does not count", "00000007940301a16d0090"),
        ("a name that is not UTF-8", "00000007950301a1ff0090"),
    ];
    let msgpack = msgpack
        .into_iter()
        .map(|(name, hex)| json!({"name": name, "to": "server", "msgpack": hex, "close": 4400}));
    let kinds = [
        json!({"name": "a text packet in MessagePack", "to": "server", "text": "[16,1]", "subprotocol": "trunkline.v1.msgpack", "close": 1003}),
        json!({"name": "a binary packet in JSON", "to": "server", "binary": hex(b"[16,1]"), "subprotocol": "trunkline.v1.json", "close": 1003}),
    ];
    let cases: Vec<Value> = both.chain(json).chain(msgpack).chain(kinds).collect();
    cases.iter().for_each(check_refused);
    cases
}

fn check_refused(case: &Value) {
    let field = |key: &str| case.get(key).and_then(Value::as_str);
    let text = |text: &str| Packet::Text(text.to_owned().into());
    let binary = |hex: &str| Packet::Binary(unhex(hex).into());
    let foreign = field("subprotocol").and_then(|name| Subprotocol::choose([name])).map(|it| it.protocol);
    let packets = [
        (foreign.unwrap_or(JSON), field("json").or(field("text")).map(text)),
        (foreign.unwrap_or(MSGPACK), field("msgpack").or(field("binary")).map(binary)),
    ];
    for (protocol, packet) in packets {
        let Some(packet) = packet else { continue };
        let error = match field("to").unwrap() {
            "handshake" => AwaitHello::new(protocol).handle_packet(packet).map(drop).unwrap_err(),
            to => {
                let role = if to == "server" { Role::Server } else { Role::Client };
                let mut session = joined(protocol, role);
                session.handle_packet(crate::some_time(), packet).unwrap_err()
            }
        };
        assert_eq!(u64::from(error.close_code().0), case["close"], "{case}: {error}");
    }
}

/// A session right after its handshake.
fn joined(protocol: Protocol, role: Role) -> Session {
    let now = crate::some_time();
    let (client, hello) = crate::AwaitWelcome::new(protocol, Hello::default());
    let pending = AwaitHello::new(protocol).handle_packet(hello).unwrap();
    let link = pending.accept(now, KeepAlive::server(), Welcome::default());
    let mut session = Session::new(Role::Server, SessionConfig::default(), protocol.codec());
    session.attach(link).unwrap();
    if role == Role::Server {
        return session;
    }
    let welcome = session.poll_transmit(now).unwrap();
    let (_, link) = client.handle_packet(now, KeepAlive::client(), welcome).unwrap();
    let mut session = Session::new(Role::Client, SessionConfig::default(), protocol.codec());
    session.attach(link).unwrap();
    session
}

fn described(protocol: Protocol, frame: &Bytes) -> Value {
    describe(protocol.decode(frame.clone()).unwrap())
}

/// A message in the form of the vectors.
pub(super) fn describe(message: Message) -> Value {
    let (kind, fields) = match message {
        Message::Hello(hello) => ("hello", json!(hello)),
        Message::Welcome(welcome) => ("welcome", json!(welcome)),
        Message::Request(request) => {
            let (method, head) =
                (request.method().into_owned(), json!(request.head.clone().unwrap_or_default()));
            let id = request.id;
            let params = Some(request.into_params()).filter(|params| !params.bytes().is_empty());
            let params = params.map_or(Value::Null, |params| read(&params));
            match id {
                Some(id) => {
                    ("request", json!({"id": id.0, "method": method, "head": head, "params": params}))
                }
                None => ("notify", json!({"method": method, "head": head, "params": params})),
            }
        }
        Message::Answer { id, head, outcome: Ok(value) } => ("ok", valued(id, head, &value)),
        Message::Answer { id, head, outcome: Err(Failure::App(value)) } => {
            ("error", valued(id, head, &value))
        }
        Message::Answer { id, outcome: Err(Failure::Rpc(error)), .. } => {
            ("fail", json!({"id": id.0, "failure": WireError::from(&error)}))
        }
        Message::Item { id, head, value } => ("item", valued(id, head, &value)),
        Message::Cancel(id) => ("cancel", json!({"id": id.0})),
        Message::Credit { id, items, bytes } => {
            ("credit", json!({"id": id.0, "items": items, "bytes": bytes}))
        }
        Message::Release { caps, kept } => {
            let ids: Vec<u64> = kept.iter().map(|id| id.0).collect();
            ("release", json!({"capabilities": caps, "ids": ids}))
        }
        Message::Broken { cap, error } => {
            ("broken", json!({"capability": cap, "failure": WireError::from(&error)}))
        }
        Message::Publication(it) => {
            let value = read(&it.value);
            let at = json!({"channel": it.channel, "epoch": it.epoch, "offset": it.offset});
            ("publication", merged(at, json!({"method": it.method, "value": value})))
        }
        Message::Position { channel, epoch, offset, missed } => {
            ("position", json!({"channel": channel, "epoch": epoch, "offset": offset, "missed": missed}))
        }
        Message::Ack(count) => ("ack", json!({"count": count})),
        Message::Ping(token) => ("ping", json!({"token": token})),
        Message::Pong(token) => ("pong", json!({"token": token})),
        Message::Goaway(goaway) => ("goaway", json!(goaway)),
    };
    merged(json!({"kind": kind}), fields)
}

fn valued(id: RequestId, head: Option<Box<ValueHead>>, value: &Payload) -> Value {
    json!({"id": id.0, "head": head.unwrap_or_default(), "value": read(value)})
}

fn read(payload: &Payload) -> Value {
    payload.decode().unwrap_or_else(|_| "not one value".into())
}

fn merged(first: Value, second: Value) -> Value {
    let (Value::Object(mut first), Value::Object(second)) = (first, second) else { panic!("two maps") };
    first.extend(second);
    Value::Object(first)
}

/// The message that a case describes.
fn parse(protocol: Protocol, message: &Value) -> Message {
    fn get<T: DeserializeOwned>(message: &Value, key: &str) -> T {
        serde_json::from_value(message[key].clone())
            .unwrap_or_else(|error| panic!("{key} of {message}: {error}"))
    }
    let number = |key: &str| get::<u64>(message, key);
    let text = |key: &str| get::<String>(message, key);
    let id = || RequestId(number("id"));
    let payload = |key: &str| Payload::encode(protocol.codec(), &message[key]).unwrap();
    let head = || get::<Map<String, Value>>(message, "head");
    let value_head = || {
        Some(head()).filter(|head| !head.is_empty()).map(|head| Box::new(ValueHead::from_map(head).unwrap()))
    };
    let error = || get::<WireError<'static>>(message, "failure").into_error();
    let request = |id: Option<RequestId>| {
        let head = Some(head())
            .filter(|head| !head.is_empty())
            .map(|head| Box::new(RequestHead::from_map(head).unwrap()));
        Message::Request(Request::new(id, &text("method"), head, &payload("params")))
    };
    match message["kind"].as_str().unwrap() {
        "hello" => Message::Hello(serde_json::from_value(message.clone()).unwrap()),
        "welcome" => Message::Welcome(serde_json::from_value(message.clone()).unwrap()),
        "goaway" => Message::Goaway(serde_json::from_value(message.clone()).unwrap()),
        "request" => request(Some(id())),
        "notify" => request(None),
        "ok" => Message::Answer { id: id(), head: value_head(), outcome: Ok(payload("value")) },
        "error" => {
            Message::Answer { id: id(), head: value_head(), outcome: Err(Failure::App(payload("value"))) }
        }
        "fail" => Message::Answer { id: id(), head: None, outcome: Err(Failure::Rpc(error())) },
        "item" => Message::Item { id: id(), head: value_head(), value: payload("value") },
        "cancel" => Message::Cancel(id()),
        "credit" => Message::Credit { id: id(), items: number("items"), bytes: number("bytes") },
        "release" => Message::Release {
            caps: get(message, "capabilities"),
            kept: get::<Vec<u64>>(message, "ids").into_iter().map(RequestId).collect(),
        },
        "broken" => Message::Broken { cap: number("capability"), error: error() },
        "publication" => Message::Publication(Box::new(Publication {
            channel: text("channel"),
            epoch: text("epoch"),
            offset: number("offset"),
            method: text("method"),
            value: payload("value"),
        })),
        "position" => Message::Position {
            channel: text("channel"),
            epoch: text("epoch"),
            offset: number("offset"),
            missed: number("missed"),
        },
        "ack" => Message::Ack(number("count")),
        "ping" => Message::Ping(number("token")),
        "pong" => Message::Pong(number("token")),
        kind => panic!("{kind} is no kind"),
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4) | pair[1]).collect()
}
