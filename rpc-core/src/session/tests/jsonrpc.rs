//! JSON-RPC 2.0: a server's session that is told documents, and a small service that answers at once or when it is told to.
//!
//! `tests/vectors/jsonrpc.json` is written here with `UPDATE_VECTORS` set, and checked otherwise; `docs/jsonrpc.md` says how to
//! read it.

use std::{
    collections::VecDeque,
    path::Path,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    CallKey, Code, Error, Event, Failure, KeepAlive, Limits, Link, Outcome, Packet, Payload, Protocol,
    ProtocolError, Request, RequestId, Role, Session, SessionConfig, codec::Codec,
};

struct Server {
    now: Instant,
    session: Session,
    /// Requests that wait for [`Server::release`].
    waiting: VecDeque<(RequestId, Payload)>,
    cancelled: Vec<RequestId>,
    answered: Vec<(CallKey, Outcome)>,
    /// Notifications that arrived.
    notified: Vec<String>,
}

impl Server {
    fn new(config: SessionConfig) -> Self {
        Self::with(config, Limits::default().packet, b"")
    }

    fn with(config: SessionConfig, limit: u32, first: &'static [u8]) -> Self {
        let now = crate::some_time();
        let mut session = Session::new(Role::Server, config, Protocol::JsonRpc);
        let keep_alive = KeepAlive { ping_every: None, ..KeepAlive::server() };
        let limits = Limits { packet: limit, ..Limits::default() };
        session
            .attach(Link::without_hello(now, Protocol::JsonRpc, keep_alive, limits, first.into()))
            .unwrap();
        let (waiting, cancelled, answered, notified) = Default::default();
        let mut server = Self { now, session, waiting, cancelled, answered, notified };
        server.serve();
        server
    }

    /// Tells the session a document; what it says to that.
    fn told(&mut self, document: &str) -> Vec<String> {
        self.session.handle_packet(self.now, Packet::Text(document.to_owned().into())).unwrap();
        self.serve();
        self.sent()
    }

    /// The one answer to a document.
    fn answer(&mut self, document: &str) -> Value {
        let sent = self.told(document);
        assert_eq!(sent.len(), 1, "{document}: {sent:?}");
        serde_json::from_str(&sent[0]).unwrap()
    }

    fn serve(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Request(request) => self.handle(request),
                Event::Cancelled(id) | Event::Expired(id) => self.cancelled.push(id),
                Event::Answered(key, outcome) => self.answered.push((key, outcome)),
                _ => {}
            }
        }
    }

    fn handle(&mut self, request: Request) {
        let method = request.method().into_owned();
        if !self.session.has_room_for(&request) {
            let refusal = self.session.refusal();
            return request
                .id
                .into_iter()
                .for_each(|id| self.session.answer(id, Err(refusal.clone().into())));
        }
        let (id, len) = (request.id, request.params_len());
        let params = request.into_params();
        let Some(id) = id else {
            return self.notified.push(method);
        };
        if method == "wait" {
            self.session.take(self.now, Some(id), None, None, len);
            return self.waiting.push_back((id, params));
        }
        let outcome = outcome(&method, params);
        self.session.answer(id, outcome);
    }

    /// Ends the oldest call of `wait` with its parameters.
    fn release(&mut self) -> Vec<String> {
        let (id, params) = self.waiting.pop_front().unwrap();
        self.session.answer_taken(id, Ok(params));
        self.sent()
    }

    fn sent(&mut self) -> Vec<String> {
        let text = |packet| match packet {
            Packet::Text(body) => String::from_utf8(body.to_vec()).unwrap(),
            other => panic!("not a document: {other:?}"),
        };
        std::iter::from_fn(|| self.session.poll_transmit(self.now)).map(text).collect()
    }
}

/// The methods of the vectors.
fn outcome(method: &str, params: Payload) -> Outcome {
    let params = if params.bytes().is_empty() { Payload::null(Codec::Json) } else { params };
    let error = match method {
        "echo" => return Ok(params),
        "typed" => {
            let error = json!({ "code": "SOLD_OUT", "data": { "left": 0 } });
            return Err(Failure::App(Payload::encode(Codec::Json, &error).unwrap()));
        }
        "params" => Error::invalid("room: missing parameter `room`"),
        "denied" => Error::new(Code::PermissionDenied, "not allowed to call `denied`"),
        "limited" => Error::new(Code::ResourceExhausted, "called more than 5 times in a minute")
            .with_retry_after(Duration::from_millis(1500)),
        "login" => Error::unauthenticated(),
        "failed" => Error::internal().with_reference("00f1").after_execution(),
        "late" => Error::new(Code::DeadlineExceeded, "the method took too long").after_execution(),
        "gone" => Error::unavailable("come back later"),
        "cancelled" => Error::new(Code::Cancelled, "cancelled by the caller").after_execution(),
        "missing" => Error::new(Code::NotFound, "there is no room").after_execution(),
        "large" => return Ok(Payload::encode(Codec::Json, &"x".repeat(2 << 20)).unwrap()),
        method => Error::new(Code::Unimplemented, format!("there is no method `{method}`")),
    };
    Err(error.into())
}

/// What comes in, by name. `echo` gives back its params.
const EXCHANGES: &[(&str, &str)] = &[
    ("a call by position", r#"{"jsonrpc": "2.0", "method": "echo", "params": [42, 23], "id": 1}"#),
    ("a call by name", r#"{"jsonrpc": "2.0", "method": "echo", "params": {"a": 1}, "id": 3}"#),
    ("a call without params", r#"{"jsonrpc": "2.0", "method": "echo", "id": 4}"#),
    ("null params are none", r#"{"jsonrpc": "2.0", "method": "echo", "params": null, "id": 4}"#),
    (
        "members in another order, unknown ones, white space",
        "\n{ \"id\" : 1 , \"x\" : [ {} ],\t\"params\" : [ ] ,\"method\":\"echo\",\"jsonrpc\":\"2.0\"}\r\n",
    ),
    (
        "escaped names",
        r#"{"\u006asonrpc": "\u0032.0", "m\u0065thod": "\u0065cho", "params": ["\u00e9"], "id": 1}"#,
    ),
    ("an id that is a string", r#"{"jsonrpc": "2.0", "method": "echo", "id": "a\u0062\/c"}"#),
    ("an id that is an empty string", r#"{"jsonrpc": "2.0", "method": "echo", "id": ""}"#),
    ("an id that is null", r#"{"jsonrpc": "2.0", "method": "echo", "id": null}"#),
    ("an id that is 0", r#"{"jsonrpc": "2.0", "method": "echo", "id": 0}"#),
    ("an id that is negative", r#"{"jsonrpc": "2.0", "method": "echo", "id": -7}"#),
    ("an id beyond 64 bits", r#"{"jsonrpc": "2.0", "method": "echo", "id": 123456789012345678901234567890}"#),
    ("an id with a fraction", r#"{"jsonrpc": "2.0", "method": "echo", "id": 1.50}"#),
    ("an id with an exponent", r#"{"jsonrpc": "2.0", "method": "echo", "id": 1E+2}"#),
    ("a notification", r#"{"jsonrpc": "2.0", "method": "echo", "params": [1]}"#),
    ("a notification of an unknown method", r#"{"jsonrpc": "2.0", "method": "nothing"}"#),
    ("an unknown method", r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#),
    ("wrong params", r#"{"jsonrpc": "2.0", "method": "params", "id": 1}"#),
    ("a typed error", r#"{"jsonrpc": "2.0", "method": "typed", "id": 1}"#),
    ("an error with one of the application's codes", r#"{"jsonrpc": "2.0", "method": "missing", "id": 1}"#),
    ("denied", r#"{"jsonrpc": "2.0", "method": "denied", "id": 1}"#),
    ("limited", r#"{"jsonrpc": "2.0", "method": "limited", "id": 1}"#),
    ("not logged in", r#"{"jsonrpc": "2.0", "method": "login", "id": 1}"#),
    ("an internal error", r#"{"jsonrpc": "2.0", "method": "failed", "id": 1}"#),
    ("late", r#"{"jsonrpc": "2.0", "method": "late", "id": 1}"#),
    ("cancelled", r#"{"jsonrpc": "2.0", "method": "cancelled", "id": 1}"#),
    ("unavailable", r#"{"jsonrpc": "2.0", "method": "gone", "id": 1}"#),
    ("a result that is too large", r#"{"jsonrpc": "2.0", "method": "large", "id": 1}"#),
    ("not JSON", r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#),
    ("an empty message", ""),
    ("more than one value", r#"{"jsonrpc": "2.0", "method": "echo", "id": 1} {}"#),
    ("a broken string", "{\"jsonrpc\": \"2.0\", \"method\": \"e\ncho\", \"id\": 1}"),
    ("a broken escape", r#"{"jsonrpc": "2.0", "method": "echo", "id": 1, "x": "\x"}"#),
    ("a comma too many", r#"{"jsonrpc": "2.0", "method": "echo", "id": 1,}"#),
    ("no object", "1"),
    ("a wrong method", r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#),
    ("wrong params, and an id", r#"{"jsonrpc": "2.0", "method": "echo", "params": "bar", "id": 5}"#),
    ("no version", r#"{"method": "echo", "id": 5}"#),
    ("another version", r#"{"jsonrpc": "1.0", "method": "echo", "id": 5}"#),
    ("a version that is a number", r#"{"jsonrpc": 2.0, "method": "echo", "id": 5}"#),
    ("nothing to call", r#"{"jsonrpc": "2.0", "id": 5}"#),
    ("an id that is no id", r#"{"jsonrpc": "2.0", "method": "echo", "id": [1]}"#),
    ("an id that is a bool", r#"{"jsonrpc": "2.0", "method": "echo", "id": true}"#),
    ("an id twice", r#"{"jsonrpc": "2.0", "id": 1, "method": "echo", "id": 1}"#),
    ("an answer that nobody waits for", r#"{"jsonrpc": "2.0", "result": 1, "id": 2}"#),
    (
        "an answer without an id",
        r#"{"jsonrpc": "2.0", "error": {"code": -32700, "message": "?"}, "id": null}"#,
    ),
    ("an empty batch", "[]"),
    (
        "a batch that is not JSON",
        r#"[{"jsonrpc": "2.0", "method": "echo", "id": 1}, {"jsonrpc": "2.0", "method""#,
    ),
    ("a batch of nothing valid", "[1, 2, [{}]]"),
    (
        "a batch of notifications",
        r#"[{"jsonrpc": "2.0", "method": "echo"}, {"jsonrpc": "2.0", "method": "echo"}]"#,
    ),
    (
        "a batch of everything",
        r#"[{"jsonrpc": "2.0", "method": "echo", "params": [1], "id": "1"}, {"jsonrpc": "2.0", "method": "echo"}, {"foo": "boo"}, {"jsonrpc": "2.0", "method": "foo.get", "id": "5"}, {"jsonrpc": "2.0", "result": 1, "id": 2}, {"jsonrpc": "2.0", "method": "typed", "id": "9"}, {"jsonrpc": "2.0", "method": "echo", "id": "1"}]"#,
    ),
];

#[test]
fn the_vectors_say_what_this_version_does() {
    let mut lines = Vec::new();
    for (name, document) in EXCHANGES {
        let sent = Server::new(SessionConfig::default()).told(document);
        assert!(sent.len() < 2, "{name}: {sent:?}");
        let case = json!({ "name": name, "in": document, "out": sent.first() });
        lines.push(format!(
            "  {{\"name\": {}, \"in\": {}, \"out\": {}}}",
            case["name"], case["in"], case["out"]
        ));
    }
    let expected = format!("[\n{}\n]\n", lines.join(",\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/jsonrpc.json");
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(
            found, expected,
            "if this is intended: UPDATE_VECTORS=1 cargo test -p trunkline-core vectors"
        );
    }
    assert_eq!(found, expected);
}

#[test]
fn the_document_that_showed_the_protocol_is_taken_too() {
    let first = br#"{"jsonrpc":"2.0","method":"echo","params":[1],"id":1}"#;
    let mut server = Server::with(SessionConfig::default(), 1 << 20, first);
    assert_eq!(server.sent(), [r#"{"jsonrpc":"2.0","id":1,"result":[1]}"#]);
}

#[test]
fn many_answers_leave_as_a_document_each() {
    let mut server = Server::new(SessionConfig::default());
    let call =
        |id| format!(r#"{{"jsonrpc":"2.0","method":"echo","params":["{}"],"id":{id}}}"#, "x".repeat(3000));
    for id in 0..20 {
        server.session.handle_packet(server.now, Packet::Text(call(id).into())).unwrap();
    }
    server.serve();
    assert!(server.session.has_full_packet() && server.session.wants_to_transmit());
    let sent = server.sent();
    assert_eq!(sent.len(), 20);
    for (id, sent) in sent.iter().enumerate() {
        assert_eq!(serde_json::from_str::<Value>(sent).unwrap()["id"], id);
    }
    assert!(!server.session.wants_to_transmit());
}

#[test]
fn a_batch_is_answered_once_when_its_last_entry_is() {
    let mut server = Server::new(SessionConfig::default());
    let batch = r#"[{"jsonrpc":"2.0","method":"wait","params":[1],"id":"a"},
        {"jsonrpc":"2.0","method":"wait","params":[2],"id":"b"}, {"jsonrpc":"2.0","method":"echo","id":"c"}]"#;
    assert!(server.told(batch).is_empty());
    assert_eq!(server.session.unanswered(), 2);
    // A call beside the batch is not held up.
    assert_eq!(server.answer(r#"{"jsonrpc":"2.0","method":"echo","id":"c"}"#)["id"], "c");
    assert!(server.release().is_empty());
    assert_eq!(
        server.release(),
        [
            r#"[{"jsonrpc":"2.0","id":"c","result":null},{"jsonrpc":"2.0","id":"a","result":[1]},{"jsonrpc":"2.0","id":"b","result":[2]}]"#
        ]
    );
    assert_eq!(server.session.unanswered(), 0);
}

#[test]
fn entries_count_one_by_one_against_the_slots() {
    let mut server = Server::new(SessionConfig { max_in_flight: 2, ..SessionConfig::default() });
    let entry = |id| json!({ "jsonrpc": "2.0", "method": "wait", "id": id });
    assert!(server.told(&json!([entry(1), entry(2), entry(3), entry(4)]).to_string()).is_empty());
    assert_eq!(server.waiting.len(), 2);
    assert!(server.release().is_empty());
    let sent = server.release();
    let answers: Value = serde_json::from_str(&sent[0]).unwrap();
    let ids: Vec<_> =
        answers.as_array().unwrap().iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [3, 4, 1, 2], "those that found no slot are refused at once");
    assert_eq!(answers[0]["error"]["code"], -32000);
    assert_eq!(answers[0]["error"]["data"]["code"], "RESOURCE_EXHAUSTED");
}

#[test]
fn a_batch_has_a_largest_size() {
    let mut server = Server::new(SessionConfig { max_batch: 2, ..SessionConfig::default() });
    let entry = json!({ "jsonrpc": "2.0", "method": "echo" });
    assert!(server.told(&json!([entry, entry]).to_string()).is_empty());
    assert_eq!(server.notified.len(), 2);
    let refused = server.answer(&json!([entry, entry, entry]).to_string());
    assert_eq!((refused["error"]["code"].as_i64(), &refused["id"]), (Some(-32600), &Value::Null));
    assert_eq!(server.notified.len(), 2, "nothing of it was begun");
}

#[test]
fn a_batch_holds_only_so_much() {
    let mut server = Server::with(SessionConfig::default(), 10_000, b"");
    let entry =
        |id, len| json!({ "jsonrpc": "2.0", "method": "echo", "params": ["x".repeat(len)], "id": id });
    let waits = json!({ "jsonrpc": "2.0", "method": "wait", "id": "last" });
    assert!(
        server.told(&json!([entry(1, 4000), waits, entry(2, 4000), entry(3, 4000)]).to_string()).is_empty()
    );
    // What there is no room for is refused before it is begun.
    let many: Vec<_> = (0..10).map(|id| entry(id, 1)).collect();
    let refused = server.answer(&json!(many).to_string());
    assert_eq!(refused["error"]["code"], -32000);
    let sent = server.release();
    assert!(sent[0].len() < 10_000, "{}", sent[0].len());
    let answers: Value = serde_json::from_str(&sent[0]).unwrap();
    assert_eq!(answers[2]["error"]["code"], -32005);
    assert_eq!(answers[2]["error"]["data"], json!({ "code": "RESOURCE_EXHAUSTED", "executed": true }));
    assert_eq!(answers[3]["id"], "last");
    assert_eq!(server.answer(&json!(many).to_string()).as_array().unwrap().len(), 10, "there is room again");
}

#[test]
fn a_long_id_is_refused() {
    let mut server = Server::new(SessionConfig::default());
    let call = |len| json!({ "jsonrpc": "2.0", "method": "echo", "id": "x".repeat(len) }).to_string();
    assert!(server.answer(&call(1022))["id"].is_string());
    assert_eq!(server.answer(&call(1023))["error"]["code"], -32600);
}

#[test]
fn depth_is_the_matter_of_the_call() {
    let mut server = Server::new(SessionConfig::default());
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    server.told(&format!(r#"{{"jsonrpc":"2.0","method":"wait","params":{deep},"id":1}}"#));
    let (_, params) = server.waiting.pop_front().unwrap();
    assert_eq!(params.decode::<Value>().unwrap_err().to_string(), "nested too deep");
}

#[test]
fn a_late_call_is_answered_and_ended() {
    let mut server = Server::new(SessionConfig::default());
    server.told(r#"{"jsonrpc":"2.0","method":"wait","id":1}"#);
    server.now += SessionConfig::CALL_TIMEOUT;
    server.session.handle_timeout(server.now).unwrap();
    server.serve();
    let sent: Value = serde_json::from_str(&server.sent()[0]).unwrap();
    assert_eq!(sent["error"]["code"], -32004);
    assert_eq!(server.cancelled, [server.waiting[0].0]);
    assert!(server.release().is_empty(), "there is one answer");
}

#[test]
fn what_a_lost_link_asked_for_is_cancelled() {
    let mut server = Server::new(SessionConfig::default());
    let entry = json!({ "jsonrpc": "2.0", "method": "wait", "id": 1 });
    server.told(&json!([entry, entry]).to_string());
    server.session.detach();
    server.serve();
    assert_eq!(server.cancelled.len(), 2);
    assert_eq!((server.session.unanswered(), server.session.in_flight()), (0, 0));
}

#[test]
fn a_session_that_ends_sends_what_was_answered() {
    let mut server = Server::new(SessionConfig::default());
    let [wait, echo] = ["wait", "echo"].map(|method| json!({ "jsonrpc": "2.0", "method": method, "id": 1 }));
    server.told(&json!([wait, echo]).to_string());
    server.session.end(&Error::unavailable("over"));
    server.serve();
    assert_eq!(server.sent(), [r#"[{"jsonrpc":"2.0","id":1,"result":null}]"#]);
}

#[test]
fn the_server_calls_and_is_answered() {
    let mut server = Server::new(SessionConfig::default());
    let params = || Payload::encode(Codec::Json, &[1]).unwrap();
    server.session.notify(server.now, "event", None, params(), None).unwrap();
    let key = server.session.request(server.now, "scan", None, params(), None).unwrap();
    let second = server.session.request(server.now, "scan", None, params(), None).unwrap();
    let large = Payload::encode(Codec::Json, &["x".repeat(20_000)]).unwrap();
    server.session.notify(server.now, "event", None, large, None).unwrap();
    let sent = server.sent();
    assert_eq!(
        sent[..2],
        [
            r#"{"jsonrpc":"2.0","method":"event","params":[1]}"#,
            r#"{"jsonrpc":"2.0","id":2,"method":"scan","params":[1]}"#
        ]
    );
    assert!(sent[3].starts_with(r#"{"jsonrpc":"2.0","method":"event","params":["xx"#));
    serde_json::from_str::<Value>(&sent[3]).unwrap();
    server.told(r#"{"jsonrpc":"2.0","id":2,"result":[true]}"#);
    server
        .told(r#"{"jsonrpc":"2.0","id":4,"error":{"code":-32001,"message":"","data":{"code":"SOLD_OUT"}}}"#);
    server.told(r#"{"jsonrpc":"2.0","id":4,"result":1}"#);
    let [(first, Ok(value)), (other, Err(Failure::App(error)))] = &server.answered[..] else {
        panic!("{:?}", server.answered)
    };
    assert_eq!((*first, value.bytes()), (key, &b"[true]"[..]));
    assert_eq!((*other, error.decode::<Value>().unwrap()), (second, json!({ "code": "SOLD_OUT" })));
}

#[test]
fn errors_of_other_implementations_have_their_meaning() {
    for (error, code, executed) in [
        (json!({ "code": -32601, "message": "m" }), Code::Unimplemented, false),
        (json!({ "code": -32602, "message": "m" }), Code::InvalidArgument, false),
        (json!({ "code": -32603, "message": "m" }), Code::Internal, true),
        (json!({ "code": 17, "message": "m" }), Code::Unknown, true),
        (
            json!({ "code": -32000, "message": "m", "data": { "code": "RESOURCE_EXHAUSTED" } }),
            Code::ResourceExhausted,
            false,
        ),
        (json!({ "code": -32001, "message": "m" }), Code::Unknown, true),
        (json!("m"), Code::Internal, true),
    ] {
        let mut server = Server::new(SessionConfig::default());
        server.session.request(server.now, "scan", None, Payload::null(Codec::Json), None).unwrap();
        server.sent();
        server.told(&json!({ "jsonrpc": "2.0", "id": 2, "error": error }).to_string());
        let (_, Err(Failure::Rpc(found))) = &server.answered[0] else { panic!("{:?}", server.answered) };
        assert_eq!((found.code(), found.maybe_executed()), (code, executed), "{error}");
    }
}

#[test]
fn a_silent_peer_is_pinged_below_the_documents_and_given_up() {
    let now = crate::some_time();
    let mut session = Session::new(Role::Server, SessionConfig::default(), Protocol::JsonRpc);
    let link = |now| {
        Link::without_hello(
            now,
            Protocol::JsonRpc,
            KeepAlive::server(),
            Limits::default(),
            Default::default(),
        )
    };
    session.attach(link(now)).unwrap();
    let at = session.poll_timeout().unwrap();
    assert_eq!(at - now, Duration::from_secs(25));
    session.handle_timeout(at).unwrap();
    assert_eq!(session.poll_transmit(at), Some(Packet::Ping));
    assert_eq!(session.poll_transmit(at), None);
    session.handle_packet(at + Duration::from_secs(9), Packet::Pong).unwrap();
    let again = session.poll_timeout().unwrap();
    assert_eq!(again - at, Duration::from_secs(25), "the pong was heard");
    session.handle_timeout(again).unwrap();
    let given_up = session.handle_timeout(again + Duration::from_secs(10)).unwrap_err();
    assert_eq!(given_up.close_code().0, 4410);
}

#[test]
fn a_peer_that_never_reads_is_closed_for_it() {
    let mut server = Server::new(SessionConfig::default());
    let nonsense = format!("[{}1]", "1,".repeat(1000));
    let mut told = 0;
    let error = loop {
        let result = server.session.handle_packet(server.now, Packet::Text(nonsense.clone().into()));
        server.serve();
        told += 1;
        match result {
            Ok(()) if told < 1000 => {}
            Ok(()) => panic!("it goes on"),
            Err(error) => break error,
        }
    };
    assert_eq!(error, ProtocolError::SlowConsumer);
    assert!((10..100).contains(&told), "{told}");
}

#[test]
fn a_binary_packet_is_none_of_this_protocol() {
    let mut server = Server::new(SessionConfig::default());
    let error = server.session.handle_packet(server.now, Packet::Binary("{}".into())).unwrap_err();
    assert_eq!(error.close_code().0, 1003);
}

/// Values as ids and params may be.
fn id() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e6..1e6_f64).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn entry() -> impl Strategy<Value = Value> {
    let methods = prop_oneof![Just("echo"), Just("wait"), Just("typed"), Just("nothing"), Just("failed")];
    prop_oneof![
        8 => (proptest::option::of(id()), methods, any::<[u8; 2]>()).prop_map(|(id, method, params)| {
            let mut entry = json!({ "jsonrpc": "2.0", "method": method, "params": params });
            if let Some(id) = id {
                entry["id"] = id;
            }
            entry
        }),
        1 => id(),
        1 => id().prop_map(|id| json!({ "id": id })),
    ]
}

/// The ids of the answers that an entry wants.
fn wanted(entry: &Value) -> Option<Value> {
    match entry.as_object() {
        None => Some(Value::Null),
        Some(object) if object.contains_key("method") => object.get("id").cloned(),
        Some(object) => object.get("id").cloned().or(Some(Value::Null)),
    }
}

fn ids_of(answers: &Value) -> Vec<String> {
    let one = |answer: &Value| {
        assert_eq!(answer["jsonrpc"], "2.0");
        assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{answer}");
        answer["id"].to_string()
    };
    answers.as_array().map_or_else(|| vec![one(answers)], |answers| answers.iter().map(one).collect())
}

proptest! {
    #[test]
    fn each_document_gets_one_answer_with_its_ids(
        documents in proptest::collection::vec(prop_oneof![entry(), proptest::collection::vec(entry(), 1..6).prop_map(Value::from)], 1..8)
    ) {
        let mut server = Server::new(SessionConfig::default());
        let mut sent = Vec::new();
        for document in &documents {
            sent.extend(server.told(&document.to_string()));
        }
        while !server.waiting.is_empty() {
            sent.extend(server.release());
        }
        let mut found: Vec<Vec<String>> =
            sent.iter().map(|document| ids_of(&serde_json::from_str(document).unwrap())).collect();
        let mut expected: Vec<Vec<String>> = documents
            .iter()
            .map(|document| match document.as_array() {
                None => wanted(document).into_iter().map(|id| id.to_string()).collect::<Vec<_>>(),
                Some(entries) => entries.iter().filter_map(wanted).map(|id| id.to_string()).collect(),
            })
            .filter(|ids| !ids.is_empty())
            .collect();
        found.iter_mut().chain(&mut expected).for_each(|ids| ids.sort());
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
        prop_assert_eq!((server.session.unanswered(), server.session.in_flight()), (0, 0));
    }

    #[test]
    fn whatever_is_said_the_answer_is_a_document(document in "[\\[\\]{},:\"a0-9 \\\\jsonrpcmethodid.-]{0,80}") {
        let mut server = Server::new(SessionConfig::default());
        for sent in server.told(&document) {
            ids_of(&serde_json::from_str(&sent).unwrap());
        }
    }

    #[test]
    fn what_is_cut_off_is_no_document(cut in 1_usize..60) {
        let document = r#"{"jsonrpc":"2.0","method":"echo","params":[{"a":1}],"id":1}"#;
        prop_assume!(cut < document.len());
        let answer = Server::new(SessionConfig::default()).answer(&document[..cut]);
        prop_assert_eq!(answer["error"]["code"].as_i64(), Some(-32700));
    }
}
