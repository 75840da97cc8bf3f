//! Two sessions under a random list of operations, with a clock that the list turns. Every call ends exactly once, ids
//! only grow, and nothing is left at the end.
#![no_main]

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use trunkline_core::{
    CallKey, Codec, Error, Event, Goaway, Packet, Payload, RequestHead, RequestId, Role, Session,
    SessionConfig,
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
            last_id: 0,
            inbox: VecDeque::new(),
        }
    }

    fn events(&mut self, now: Instant, number: usize) {
        for _ in 0..number {
            let Some(event) = self.session.poll_event() else { return };
            match event {
                Event::Answered(key, _) => assert!(self.waiting.remove(&key), "{key:?} is not waited for"),
                Event::Cancelled(id) => assert!(self.working.remove(&id), "{id} is not worked on"),
                Event::Request(request) => {
                    if let Some(id) = request.id {
                        assert!(id.0 > self.last_id && (id.0 % 2 == 1) == (self.role == Role::Server));
                        self.last_id = id.0;
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
        max_packet: if script.small_packets { 2048 } else { 1 << 20 },
        outbound_mark: if script.small_marks { 1000 } else { 256 << 10 },
        max_outbound: if script.small_marks { 4000 } else { 1 << 20 },
        call_timeout: Duration::from_secs(10),
        ..SessionConfig::default()
    };
    let mut client = End::new(Role::Client, codec, config(script.max_in_flight[0]));
    let mut server = End::new(Role::Server, codec, config(script.max_in_flight[1]));
    let mut joined = false;
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
                    end.session.cancel(now, key);
                }
            }
            Op::Answer { nth, size } => {
                let nth = usize::from(nth) % end.working.len().max(1);
                if let Some(id) = end.working.iter().nth(nth).copied() {
                    end.working.remove(&id);
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
