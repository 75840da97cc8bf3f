//! Two sessions under a random list of operations, with a clock that the list turns. Every call ends exactly once, ids
//! only grow, and nothing is left at the end.
#![no_main]

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::{Duration, Instant},
};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use trunkline_core::{
    CallKey, Codec, Error, Event, Expects, Goaway, Inflow, Packet, Payload, RequestHead, RequestId, Role,
    Session, SessionConfig,
};

#[derive(Debug, Arbitrary)]
struct Script {
    json: bool,
    max_in_flight: [u8; 2],
    small_marks: bool,
    small_packets: bool,
    ops: Vec<(Side, Op)>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Side {
    Client,
    Server,
}

#[derive(Debug, Arbitrary)]
enum Op {
    Call { size: u16, timeout: Option<u16>, told: bool },
    Notify { size: u16 },
    Stream { gives: bool, uploads: u8 },
    Items { nth: u8, count: u8, size: u16 },
    EndUpload { nth: u8 },
    Consume { nth: u8 },
    Leave { nth: u8 },
    Cancel { nth: u8 },
    Answer { nth: u8, size: u16 },
    Transmit { packets: u8 },
    Deliver { packets: u8 },
    Events { number: u8 },
    Advance { ms: u16 },
    Shrink,
    Goaway,
    Lose,
    Join,
    End,
}

/// A session, and what the program around it knows.
struct End {
    session: Session,
    config: SessionConfig,
    role: Role,
    waiting: BTreeSet<CallKey>,
    working: BTreeSet<RequestId>,
    /// Streams that are produced here: those of calls, and uploads.
    giving: BTreeSet<RequestId>,
    uploads: BTreeSet<RequestId>,
    /// Streams that are consumed here, with what was not reported as taken.
    unread: HashMap<Inflow, (u64, u64)>,
    last_id: u64,
    /// Packets on their way to this end.
    inbox: VecDeque<Packet>,
}

impl End {
    fn new(role: Role, codec: Codec, config: SessionConfig) -> Self {
        Self {
            session: Session::new(role, config.clone(), codec),
            config,
            role,
            waiting: BTreeSet::new(),
            working: BTreeSet::new(),
            giving: BTreeSet::new(),
            uploads: BTreeSet::new(),
            unread: HashMap::new(),
            last_id: 0,
            inbox: VecDeque::new(),
        }
    }

    fn events(&mut self, now: Instant, number: usize) {
        for _ in 0..number {
            let Some(event) = self.session.poll_event() else { return };
            match event {
                Event::Answered(key, _) => {
                    assert!(self.waiting.remove(&key), "{key:?} is not waited for");
                    self.unread.remove(&Inflow::Call(key));
                }
                // Of an upload from here, if the id is.
                Event::Cancelled(id)
                    if (id.0 % 2 == 1) == (self.role == Role::Client) && !id.is_notification() =>
                {
                    self.uploads.remove(&id);
                }
                Event::Cancelled(id) | Event::Expired(id) => {
                    assert!(self.working.remove(&id), "{id} is not worked on");
                    self.giving.remove(&id);
                }
                Event::Opened(key, ids) => {
                    assert!(self.waiting.contains(&key), "{key:?} is not waited for");
                    self.uploads.extend(ids);
                }
                Event::Items(stream, mut items) => {
                    if let Inflow::Call(key) = stream {
                        assert!(self.waiting.contains(&key), "{key:?} is not waited for");
                    }
                    let unread = self.unread.entry(stream).or_default();
                    while let Some((bytes, item)) = items.take::<String>() {
                        item.expect("a string");
                        *unread = (unread.0 + 1, unread.1 + bytes);
                    }
                    assert!(unread.0 <= self.config.stream_items.into(), "{stream:?} is ahead of its reader");
                }
                Event::Ended(id, _) => drop(self.unread.remove(&Inflow::Upload(id))),
                Event::Request(request) => {
                    if let Some(id) = request.id {
                        assert!(id.0 > self.last_id && (id.0 % 2 == 1) == (self.role == Role::Server));
                        self.last_id = id.0;
                        let sent = request.head.as_ref().map(|head| head.streams.clone()).unwrap_or_default();
                        self.last_id = sent.last().and_then(|id| id.as_u64()).unwrap_or(id.0);
                        let gives = request.method() == "gives";
                        if gives && !self.session.has_room_for_stream(&request) {
                            let refusal = self.session.streams_refusal();
                            self.session.answer(id, Err(refusal.into()));
                            continue;
                        }
                        if gives {
                            let (asked, len) = (request.timeout(), request.params_len());
                            self.session.take_streaming(now, id, true, None, asked, len);
                            assert!(self.working.insert(id), "{id} is worked on");
                            self.giving.insert(id);
                            continue;
                        }
                    }
                    if self.session.has_room_for(&request) {
                        let (asked, len) = (request.timeout(), request.params_len());
                        let id = self.session.take(now, request.id, None, asked, len);
                        assert!(self.working.insert(id), "{id} is worked on");
                    } else if let Some(id) = request.id {
                        let refusal = self.session.refusal();
                        self.session.answer(id, Err(refusal.into()));
                    }
                }
                _ => {}
            }
        }
    }

    fn lose(&mut self, now: Instant) {
        self.inbox.clear();
        self.session.detach();
        self.events(now, usize::MAX);
        self.giving.clear();
        self.unread.retain(|stream, _| matches!(stream, Inflow::Call(_)));
    }

    fn end(&mut self, now: Instant) {
        self.session.end(&Error::unavailable("over"));
        self.events(now, usize::MAX);
        assert!(self.waiting.is_empty(), "{:?}", self.waiting);
        assert!(self.working.is_empty(), "{:?}", self.working);
        assert_eq!(self.session.in_flight(), 0);
    }
}

fn params(codec: Codec, size: u16) -> Payload {
    // One in eight travels in a packet of its own.
    let len = usize::from(size) % 3000 + if size % 8 == 7 { 17_000 } else { 0 };
    Payload::encode(codec, &["x".repeat(len)]).expect("a string")
}

fuzz_target!(|script: Script| {
    let codec = if script.json { Codec::Json } else { Codec::MessagePack };
    let mut now = Instant::now();
    let config = |max_in_flight: u8| SessionConfig {
        max_in_flight: u32::from(max_in_flight % 8) + 1,
        max_streams: u32::from(max_in_flight / 8 % 8) + 1,
        stream_items: u32::from(max_in_flight / 64) * 5 + 1,
        stream_bytes: 4000,
        max_packet: if script.small_packets { 2048 } else { 1 << 20 },
        outbound_mark: if script.small_marks { 1000 } else { 256 << 10 },
        max_outbound: if script.small_marks { 4000 } else { 1 << 20 },
        call_timeout: Duration::from_secs(10),
        ..SessionConfig::default()
    };
    let mut client = End::new(Role::Client, codec, config(script.max_in_flight[0]));
    let mut server = End::new(Role::Server, codec, config(script.max_in_flight[1]));
    let (mut joined, mut gone) = (false, false);
    for (side, op) in script.ops.into_iter().take(300) {
        let (end, other) = match side {
            Side::Client => (&mut client, &mut server),
            Side::Server => (&mut server, &mut client),
        };
        let mut lost = false;
        match op {
            Op::Call { size, timeout, told } => {
                let timeout = timeout.map(|ms| Duration::from_millis(ms.into()));
                let head = RequestHead { timeout, ..RequestHead::default() };
                let head = told.then_some(Box::new(head));
                if let Ok(key) = end.session.request(now, "method", head, params(codec, size), timeout) {
                    assert!(end.waiting.insert(key), "{key:?} is taken");
                }
            }
            Op::Notify { size } => {
                if let Ok(Some(key)) =
                    end.session.notify(now, "method", None, params(codec, size), Some(Duration::from_secs(5)))
                {
                    assert!(end.waiting.insert(key), "{key:?} is taken");
                }
            }
            Op::Cancel { nth } => {
                let nth = usize::from(nth) % end.waiting.len().max(1);
                if let Some(key) = end.waiting.iter().nth(nth).copied() {
                    end.waiting.remove(&key);
                    end.unread.remove(&Inflow::Call(key));
                    end.session.cancel(now, key);
                }
            }
            Op::Stream { gives, uploads } => {
                let expects = Expects { stream: gives, uploads: u32::from(uploads % 4) };
                let method = if gives { "gives" } else { "takes" };
                let params = params(codec, 0);
                if let Ok(key) = end.session.request_streaming(now, method, None, params, None, expects) {
                    assert!(end.waiting.insert(key), "{key:?} is taken");
                }
            }
            Op::Items { nth, count, size } => {
                let streams: Vec<RequestId> = end.giving.iter().chain(&end.uploads).copied().collect();
                if let Some(id) = streams.get(usize::from(nth) % streams.len().max(1)) {
                    let (mut batch, (mut items, mut bytes)) = (end.session.batch(*id), end.session.room(*id));
                    let text = "x".repeat(usize::from(size) % 3000);
                    for _ in 0..count {
                        if items == 0 || bytes == 0 {
                            break;
                        }
                        let Ok(len) = batch.push(&text) else { break };
                        (items, bytes) = (items - 1, bytes.saturating_sub(len));
                    }
                    end.session.send_items(&mut batch);
                }
            }
            Op::EndUpload { nth } => {
                let nth = usize::from(nth) % end.uploads.len().max(1);
                if let Some(id) = end.uploads.iter().nth(nth).copied() {
                    end.uploads.remove(&id);
                    end.session.end_upload(id, Ok(Payload::null(codec)));
                }
            }
            Op::Consume { nth } => {
                let nth = usize::from(nth) % end.unread.len().max(1);
                if let Some((stream, unread)) = end.unread.iter_mut().nth(nth) {
                    let (items, bytes) = std::mem::take(unread);
                    end.session.consume(*stream, items, bytes);
                }
            }
            Op::Leave { nth } => {
                let uploads = end.unread.keys().filter(|stream| matches!(stream, Inflow::Upload(_)));
                let uploads: Vec<Inflow> = uploads.copied().collect();
                if let Some(Inflow::Upload(id)) = uploads.get(usize::from(nth) % uploads.len().max(1)) {
                    end.unread.remove(&Inflow::Upload(*id));
                    end.session.leave_upload(*id);
                }
            }
            Op::Answer { nth, size } => {
                let nth = usize::from(nth) % end.working.len().max(1);
                if let Some(id) = end.working.iter().nth(nth).copied() {
                    end.working.remove(&id);
                    end.giving.remove(&id);
                    end.session.answer_taken(id, Ok(params(codec, size)));
                }
            }
            Op::Transmit { packets } => {
                for _ in 0..packets {
                    let Some(packet) = end.session.poll_transmit(now) else { break };
                    assert!(packet.len() <= other.config.max_packet as usize);
                    other.inbox.push_back(packet);
                }
            }
            Op::Deliver { packets } => {
                for _ in 0..packets {
                    let Some(packet) = end.inbox.pop_front() else { break };
                    // A peer that does not read its answers is the one rule that these two can break.
                    lost |= end.session.handle_packet(now, packet).is_err();
                    end.events(now, usize::MAX);
                }
            }
            Op::Events { number } => end.events(now, number.into()),
            Op::Advance { ms } => {
                now += Duration::from_millis(ms.into());
                for end in [&mut client, &mut server] {
                    if end.session.poll_timeout().is_some_and(|at| at <= now) {
                        lost |= end.session.handle_timeout(now).is_err();
                    }
                    end.events(now, usize::MAX);
                }
            }
            Op::Shrink => end.session.shrink(),
            // A server goes once: its frames are not divided into packets.
            Op::Goaway if std::mem::replace(&mut gone, true) => {}
            Op::Goaway => server.session.goaway(Goaway::default()),
            Op::Lose => lost = true,
            Op::Join if joined => {}
            Op::Join => {
                server.end(now);
                server = End::new(Role::Server, codec, server.config.clone());
                client.last_id = 0;
                let limits = [&client.config.clone(), &server.config.clone()];
                trunkline_fuzz::join(now, codec, &mut client.session, &mut server.session, limits);
                joined = true;
            }
            Op::End => end.end(now),
        }
        if lost {
            client.lose(now);
            server.lose(now);
            joined = false;
        }
    }
    for mut end in [client, server] {
        end.events(now, usize::MAX);
        end.end(now);
        trunkline_fuzz::finish(now, &mut end.session);
    }
});
