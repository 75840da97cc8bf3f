//! Two sessions, two queues and a clock that the test turns.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    AwaitHello, AwaitWelcome, CallKey, Code, Codec, Error, Event, Failure, Hello, KeepAlive, Message,
    Outcome, Packet, Payload, Protocol, ProtocolError, Request, RequestHead, RequestId, Role, Session,
    SessionConfig, Welcome,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MS: Duration = Duration::from_millis(1);

/// A client and a server, joined by a link of a certain latency that can be lost.
pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) client: End,
    pub(super) server: End,
    pub(super) latency: Duration,
    /// How many more packets are sent before the link is lost.
    pub(super) lost_after: Option<usize>,
    /// Which rule was broken, if the link was closed for it.
    pub(super) closed: Option<ProtocolError>,
    /// Whether the client says that it is written in JavaScript.
    pub(super) js: bool,
    codec: Codec,
    wire: VecDeque<(Instant, Role, Packet)>,
}

pub(super) struct End {
    pub(super) session: Session,
    pub(super) config: SessionConfig,
    pub(super) keep_alive: KeepAlive,
    /// What the session has reported and the test has not looked at.
    pub(super) events: VecDeque<Event>,
    /// Every packet that the session has sent.
    pub(super) sent: Vec<Packet>,
    /// Whether requests get a slot as soon as they are reported.
    pub(super) takes: bool,
    role: Role,
}

impl Pair {
    /// Two sessions that are not joined yet.
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            now: crate::some_time(),
            client: End::new(Role::Client, codec, KeepAlive { silence: None, ..KeepAlive::client() }),
            server: End::new(Role::Server, codec, KeepAlive { ping_every: None, ..KeepAlive::server() }),
            latency: Duration::ZERO,
            lost_after: None,
            closed: None,
            js: false,
            codec,
            wire: VecDeque::new(),
        }
    }

    /// Two joined sessions in each codec.
    pub(super) fn both() -> impl Iterator<Item = Self> {
        Self::both_with(|_| {})
    }

    /// Two joined sessions in each codec, set up by `change` before they are joined.
    pub(super) fn both_with(change: impl Fn(&mut Self)) -> impl Iterator<Item = Self> {
        [Codec::Json, Codec::MessagePack].into_iter().map(move |codec| {
            let mut pair = Self::new(codec);
            change(&mut pair);
            pair.client.renew(codec);
            pair.connect();
            pair
        })
    }

    /// Joins the client's session to a new session of the server.
    pub(super) fn connect(&mut self) {
        let protocol = Protocol::Native(self.codec);
        self.end_server();
        self.server.renew(self.codec);

        let js = self.js.then_some(1);
        let hello =
            Hello { client: "test".to_owned(), js, limits: self.client.config.limits(), ..Hello::default() };
        let (await_welcome, packet) = AwaitWelcome::new(protocol, hello);
        let pending = AwaitHello::new(protocol).handle_packet(packet).unwrap();
        let welcome =
            Welcome { session: "s1".to_owned(), limits: self.server.config.limits(), ..Welcome::default() };
        let link = pending.accept(self.now, self.server.keep_alive.clone(), welcome);
        self.server.session.attach(link).unwrap();
        let packet = self.server.session.poll_transmit(self.now).unwrap();
        let (_, link) =
            await_welcome.handle_packet(self.now, self.client.keep_alive.clone(), packet).unwrap();
        self.client.session.attach(link).unwrap();
        self.run();
    }

    /// The server's session is over.
    pub(super) fn end_server(&mut self) {
        self.server.session.end(&Error::unavailable("replaced"));
        self.server.collect(self.now);
    }

    /// The link is lost, with all that is on its way.
    pub(super) fn lose(&mut self) {
        self.wire.clear();
        self.lost_after = None;
        for end in [&mut self.client, &mut self.server] {
            end.session.detach();
            end.collect(self.now);
        }
    }

    /// Sends and delivers what can be sent and delivered now.
    pub(super) fn run(&mut self) {
        loop {
            self.transmit();
            if self.wire.front().is_none_or(|(at, ..)| *at > self.now) {
                return;
            }
            if let Some((_, role, packet)) = self.wire.pop_front() {
                self.deliver(role, packet);
            }
        }
    }

    /// Hands a packet to one side, as if the other had sent it.
    pub(super) fn deliver(&mut self, to: Role, packet: Packet) {
        let now = self.now;
        let end = self.end(to);
        let result = end.session.handle_packet(now, packet);
        end.collect(now);
        self.check(result);
    }

    /// Hands one frame to the server, written as JSON.
    pub(super) fn send_to_server(&mut self, frame: &Value) {
        let packet = frames(self.codec, &[frame]);
        self.deliver(Role::Server, packet);
        self.run();
    }

    /// Turns the clock, and does on the way what is due.
    pub(super) fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.run();
            let arrival = self.wire.front().map(|(at, ..)| *at);
            let ends = [&self.client, &self.server].map(|end| end.session.poll_timeout());
            let next = ends.into_iter().chain([arrival]).flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            for role in [Role::Client, Role::Server] {
                self.time_out(role);
            }
        }
        self.now = until;
        self.run();
    }

    fn time_out(&mut self, role: Role) {
        let now = self.now;
        let end = self.end(role);
        if end.session.poll_timeout().is_some_and(|at| at <= now) {
            let result = end.session.handle_timeout(now);
            end.collect(now);
            self.check(result);
        }
    }

    fn transmit(&mut self) {
        let now = self.now;
        for to in [Role::Server, Role::Client] {
            self.end(to.other()).collect(now);
            while let Some(packet) = self.end(to.other()).session.poll_transmit(now) {
                if self.lost_after == Some(0) {
                    return self.lose();
                }
                self.lost_after = self.lost_after.map(|packets| packets - 1);
                self.end(to.other()).sent.push(packet.clone());
                self.end(to.other()).collect(now);
                self.wire.push_back((now + self.latency, to, packet));
            }
        }
    }

    fn check(&mut self, result: Result<(), ProtocolError>) {
        if let Err(error) = result {
            self.lose();
            self.closed = Some(error);
        }
    }

    fn end(&mut self, role: Role) -> &mut End {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// The close code with which the link ended.
    pub(super) fn close_code(&self) -> Option<u16> {
        self.closed.as_ref().map(|error| error.close_code().0)
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// The client makes a call.
    pub(super) fn call(&mut self, method: &str) -> CallKey {
        self.call_within(method, None)
    }

    /// The client makes a call that may take `timeout`, which the server learns.
    pub(super) fn call_within(&mut self, method: &str, timeout: Option<Duration>) -> CallKey {
        let head =
            timeout.map(|timeout| Box::new(RequestHead { timeout: Some(timeout), ..RequestHead::default() }));
        let params = payload(self.codec, &Value::from(Vec::<u8>::new()));
        self.client.session.request(self.now, method, head, params, timeout).unwrap()
    }

    /// Either side makes a call with these parameters.
    pub(super) fn call_from(&mut self, role: Role, params: Payload) -> Result<CallKey, Error> {
        let now = self.now;
        self.end(role).session.request(now, "m", None, params, None)
    }

    /// The requests that the server was told of since the last look, each in a slot.
    pub(super) fn take_requests(&mut self) -> Vec<RequestId> {
        let requests = self.server.requests();
        for request in requests.iter().filter(|_| !self.server.takes) {
            let (id, asked, len) = (request.id.unwrap(), request.timeout(), request.params_len());
            self.server.session.take(self.now, Some(id), None, asked, len);
        }
        requests.into_iter().filter_map(|request| request.id).collect()
    }

    /// The server answers a request that has a slot.
    pub(super) fn answer(&mut self, id: RequestId, value: &Value) {
        let outcome = Ok(payload(self.codec, value));
        self.server.session.answer_taken(id, outcome);
    }

    /// How the client's calls have ended since the last look.
    pub(super) fn answers(&mut self) -> Vec<(CallKey, Result<Value, Error>)> {
        self.client.answers()
    }

    /// Nothing is left of any call on either side.
    pub(super) fn assert_empty(&self) {
        for end in [&self.client, &self.server] {
            let role = end.role;
            assert_eq!(end.session.in_flight(), 0, "{role:?}");
            assert_eq!(end.session.outgoing.in_flight(), 0, "{role:?}");
            assert!(!end.session.outgoing.has_unsent(), "{role:?}");
            assert_eq!(end.session.outgoing.live(), 0, "{role:?}");
            assert!(end.session.events.is_empty(), "{role:?}");
        }
    }
}

impl End {
    fn new(role: Role, codec: Codec, keep_alive: KeepAlive) -> Self {
        Self {
            session: Session::new(role, SessionConfig::default(), codec),
            config: SessionConfig::default(),
            keep_alive,
            events: VecDeque::new(),
            sent: Vec::new(),
            takes: false,
            role,
        }
    }

    fn renew(&mut self, codec: Codec) {
        self.session = Session::new(self.role, self.config.clone(), codec);
    }

    pub(super) fn collect(&mut self, now: Instant) {
        while let Some(mut event) = self.session.poll_event() {
            if let Event::Request(request) = &mut event
                && self.takes
            {
                // A notification is known by its slot from now on.
                let (asked, len) = (request.timeout(), request.params_len());
                request.id = Some(self.session.take(now, request.id, None, asked, len));
            }
            self.events.push_back(event);
        }
    }

    /// The requests reported since the last look; nothing else may have been.
    pub(super) fn requests(&mut self) -> Vec<Request> {
        let request = |event| match event {
            Event::Request(request) => request,
            event => panic!("not a request: {event:?}"),
        };
        self.events.drain(..).map(request).collect()
    }

    /// The requests that were cancelled since the last look; nothing else may have been reported.
    pub(super) fn cancelled(&mut self) -> Vec<RequestId> {
        let cancelled = |event| match event {
            Event::Cancelled(id) | Event::Expired(id) => id,
            event => panic!("not a cancellation: {event:?}"),
        };
        self.events.drain(..).map(cancelled).collect()
    }

    /// How calls made here have ended since the last look; nothing else may have been reported.
    pub(super) fn answers(&mut self) -> Vec<(CallKey, Result<Value, Error>)> {
        let answer = |event| match event {
            Event::Answered(key, outcome) => (key, plain(outcome)),
            event => panic!("not an answer: {event:?}"),
        };
        self.events.drain(..).map(answer).collect()
    }

    /// The messages in the packets sent since the last look, packet by packet.
    pub(super) fn messages(&mut self) -> Vec<Vec<Message>> {
        self.sent.drain(..).map(messages).collect()
    }

    /// The `fail` frames sent since the last look; nothing else may have been sent.
    pub(super) fn failures(&mut self) -> Vec<(u64, Error)> {
        let failure = |message| match message {
            Message::Answer { id, outcome: Err(Failure::Rpc(error)), .. } => (id.0, error),
            message => panic!("not a failure: {message:?}"),
        };
        self.messages().into_iter().flatten().map(failure).collect()
    }

    /// The codes of [`Self::failures`].
    pub(super) fn failed(&mut self) -> Vec<(u64, Code)> {
        self.failures().into_iter().map(|(id, error)| (id, error.code())).collect()
    }
}

impl Role {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A packet of frames that are written as JSON.
pub(super) fn frames(codec: Codec, frames: &[&Value]) -> Packet {
    match codec {
        Codec::Json => {
            let lines: Vec<String> = frames.iter().map(ToString::to_string).collect();
            Packet::Text(lines.join("\n").into())
        }
        Codec::MessagePack => {
            let mut body = Vec::new();
            for frame in frames {
                let frame = payload(codec, frame);
                body.extend(u32::try_from(frame.bytes().len()).unwrap().to_be_bytes());
                body.extend(frame.bytes());
            }
            Packet::Binary(body.into())
        }
    }
}

/// The messages in a packet.
pub(super) fn messages(packet: Packet) -> Vec<Message> {
    let (codec, body) = match packet {
        Packet::Text(body) => (Codec::Json, body),
        Packet::Binary(body) => (Codec::MessagePack, body),
        Packet::Close(reason) => panic!("closed: {reason}"),
        Packet::Ping | Packet::Pong => panic!("a packet without frames"),
    };
    let protocol = Protocol::Native(codec);
    let mut frames = protocol.frames(body);
    std::iter::from_fn(|| frames.next().unwrap()).map(|frame| protocol.decode(frame).unwrap()).collect()
}

pub(super) fn payload(codec: Codec, value: &Value) -> Payload {
    Payload::encode(codec, value).unwrap()
}

/// What a call has ended with; a notification that has left is null.
pub(super) fn plain(outcome: Outcome) -> Result<Value, Error> {
    match outcome {
        Ok(value) => Ok(value.decode().unwrap()),
        Err(Failure::App(value)) => panic!("an error of the application: {value:?}"),
        Err(Failure::Rpc(error)) => Err(error),
    }
}
