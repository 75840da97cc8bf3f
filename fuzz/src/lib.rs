//! What the fuzz targets share: sessions after their handshake, and a program that serves one.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde::de::IgnoredAny;
use serde_json::Value;
use trunkline_core::{
    AwaitHello, AwaitWelcome, Code, Codec, Error, Event, Hello, KeepAlive, Link, Packet, Payload, Protocol,
    Role, Session, SessionConfig, Welcome,
};

/// A packet of the kind that belongs to `codec`.
pub fn packet(codec: Codec, body: &[u8]) -> Packet {
    let body = body.to_vec().into();
    match codec {
        Codec::Json => Packet::Text(body),
        Codec::MessagePack => Packet::Binary(body),
    }
}

/// Gives `client` and `server` a link between them.
pub fn join(
    now: Instant,
    codec: Codec,
    client: &mut Session,
    server: &mut Session,
    limits: [&SessionConfig; 2],
) {
    let protocol = Protocol::Native(codec);
    let hello = Hello { limits: limits[0].limits(), ..Hello::default() };
    let (await_welcome, packet) = AwaitWelcome::new(protocol, hello);
    let pending = AwaitHello::new(protocol).handle_packet(packet).expect("our own hello");
    let welcome = Welcome { limits: limits[1].limits(), ..Welcome::default() };
    server.attach(pending.accept(now, KeepAlive::server(), welcome)).expect("nothing behind the hello");
    let packet = server.poll_transmit(now).expect("the welcome");
    let (_, link) = await_welcome.handle_packet(now, KeepAlive::client(), packet).expect("our own welcome");
    client.attach(link).expect("nothing behind the welcome");
}

/// Feeds a packet to a server that has a client, and its answers to that client, which must understand them. Then the
/// same packet to the client.
pub fn feed(codec: Codec, body: &[u8]) {
    let now = Instant::now();
    let config = SessionConfig::default();
    let [mut client, mut server] =
        [Role::Client, Role::Server].map(|role| Session::new(role, config.clone(), codec));
    join(now, codec, &mut client, &mut server, [&config, &config]);
    let params = Payload::encode(codec, &["x"]).expect("params");
    let call = client.request(now, "call", None, params, None).expect("a call");
    while client.poll_transmit(now).is_some() {}

    let result = server.handle_packet(now, packet(codec, body));
    serve(now, &mut server);
    if let Err(error) = result {
        assert!(error.close_code().0 >= 1000);
    }
    while let Some(packet) = server.poll_transmit(now) {
        assert!(packet.len() <= config.max_packet as usize);
        client.handle_packet(now, packet).expect("what we send, we understand");
    }
    finish(now, &mut server);

    let _ = client.handle_packet(now, packet(codec, body));
    let mut ended = serve(now, &mut client);
    client.end(&Error::unavailable("over"));
    ended += serve(now, &mut client);
    assert_eq!(ended, 1, "{call:?} ends once");
    finish(now, &mut client);
}

/// Answers every request: with its params if they are a value. Every second one is answered later. Returns how many
/// calls have ended.
fn serve(now: Instant, session: &mut Session) -> usize {
    let mut ended = 0;
    while let Some(event) = session.poll_event() {
        let request = match event {
            Event::Request(request) => request,
            Event::Answered(..) => {
                ended += 1;
                continue;
            }
            _ => continue,
        };
        let _ = request.method().len();
        let room = session.has_room_for(&request);
        let (asked, len) = (request.timeout(), request.params_len());
        let Some(id) = request.id else {
            if room {
                let id = session.take(now, None, None, asked, len);
                session.answer_taken(id, Ok(request.into_params()));
            }
            continue;
        };
        if !room {
            let refusal = session.refusal();
            session.answer(id, Err(refusal.into()));
            continue;
        }
        let codec = session.codec();
        let outcome = match request.into_params().decode::<Value>() {
            Ok(value) => Payload::encode(codec, &value).map_err(|_| Error::internal().into()),
            Err(error) => Err(Error::new(Code::InvalidArgument, error.to_string()).into()),
        };
        if id.0 % 4 < 2 {
            session.answer(id, outcome);
        } else {
            session.take(now, Some(id), None, asked, len);
            session.answer_taken(id, outcome.clone());
            session.answer_taken(id, outcome);
        }
    }
    ended
}

/// Nothing may be left once the session has ended and lost its link.
pub fn finish(now: Instant, session: &mut Session) {
    session.end(&Error::unavailable("over"));
    session.detach();
    while session.poll_event().is_some() {}
    assert_eq!(session.in_flight(), 0);
    // Deadlines of calls that have ended are forgotten when they pass.
    session.handle_timeout(now + Duration::from_secs(3600)).expect("no link that could be silent");
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.poll_timeout(), None);
    assert!(!session.wants_to_transmit());
}

/// Feeds a JSON-RPC document to a server, as the first of its link and as one behind another, and checks that what comes back
/// are documents.
pub fn document(body: &[u8]) {
    let now = Instant::now();
    let config = SessionConfig { max_batch: 64, ..SessionConfig::default() };
    let keep_alive = KeepAlive { ping_every: None, ..KeepAlive::server() };
    let (first, limits) = (body.to_vec().into(), config.limits());
    let link = Link::without_hello(now, Protocol::JsonRpc, keep_alive, limits, first);
    let mut server = Session::new(Role::Server, config.clone(), Protocol::JsonRpc);
    let params = Payload::encode(Codec::Json, &["x"]).expect("params");
    server.request(now, "call", None, params, None).expect("a call");
    let attached = server.attach(link);
    serve(now, &mut server);
    if attached.is_ok() {
        let _ = server.handle_packet(now, packet(Codec::Json, body));
        serve(now, &mut server);
    }
    while let Some(packet) = server.poll_transmit(now) {
        let Packet::Text(body) = packet else { panic!("{packet:?} is no document") };
        assert!(body.len() <= config.max_packet as usize);
        // What is no text comes back only in the parameters and ids of what was none: transports let it not through.
        let Ok(body) = std::str::from_utf8(&body) else { continue };
        // Looked at no closer: an id may be a number that no program can hold.
        type Entry = BTreeMap<String, IgnoredAny>;
        let entries = match body.starts_with('[') {
            true => serde_json::from_str::<Vec<Entry>>(body).expect("a batch"),
            false => vec![serde_json::from_str(body).expect("a document")],
        };
        assert!(!entries.is_empty());
        for entry in entries {
            let has = |name| entry.contains_key(name);
            assert!(has("jsonrpc"));
            assert!(has("method") || (has("id") && has("result") != has("error")));
        }
    }
    assert_eq!(server.unanswered(), 0);
    finish(now, &mut server);
}
