//! A link: the state of one socket, from the hello to the close frame. It outlives nothing and knows no calls.
//!
//! Each step of the handshake is a type of its own that the next packet consumes, so that a [`Link`] exists only when
//! both sides have said hello. It then keeps the peer alive and turns bodies into packets; the session that it is attached
//! to reads the frames.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::{
    error::{ConfigError, ProtocolError},
    message::{Hello, Message, Welcome, millis},
    packet::Packet,
    protocol::{Frames, Protocol},
    session::Limits,
};

/// The version of the native protocol.
const VERSION: u64 = 1;

/// How a link notices that its peer is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepAlive {
    /// How often to ping: 25 s on a server, never on a client, unless set. Below the 30 s after which common proxies
    /// cut an idle connection.
    pub ping_every: Option<Duration>,
    /// How long after a ping something must have been heard: 10 s unless set.
    pub pong_within: Duration,
    /// How long the peer may be silent when nothing was asked of it: 35 s on a client, no limit on a server, unless set.
    /// A client waits for the interval that the server advertises and [`Self::pong_within`] if that is longer, and does
    /// without where neither side pings.
    pub silence: Option<Duration>,
}

impl KeepAlive {
    /// The defaults of a server: it pings.
    pub const fn server() -> Self {
        Self {
            ping_every: Some(Duration::from_secs(25)),
            pong_within: Duration::from_secs(10),
            silence: None,
        }
    }

    /// The defaults of a client: it listens, for the server's interval and time to answer.
    pub const fn client() -> Self {
        Self {
            ping_every: None,
            pong_within: Duration::from_secs(10),
            silence: Some(Duration::from_secs(35)),
        }
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    ///
    /// Naming the setting and what it may be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let zero = |time: Option<Duration>| time.is_some_and(|time| time.is_zero());
        let rules = [
            (zero(self.ping_every), "ping_every must be more than zero, or None"),
            (self.pong_within.is_zero(), "pong_within must be more than zero"),
            (zero(self.silence), "silence must be more than zero, or None"),
        ];
        match rules.into_iter().find(|(broken, _)| *broken) {
            Some((_, rule)) => Err(ConfigError(rule.to_owned())),
            None => Ok(()),
        }
    }

    /// Silence means nothing where the server does not ping, and less than its interval means little.
    fn for_pings_every(mut self, ping_ms: u64) -> Self {
        let every = Duration::from_millis(ping_ms);
        if !every.is_zero() {
            self.silence = self.silence.map(|silence| silence.max(every.saturating_add(self.pong_within)));
        } else if self.ping_every.is_none() {
            self.silence = None;
        }
        self
    }
}

/// A server's side of a socket that has said nothing yet.
#[derive(Debug)]
pub struct AwaitHello {
    protocol: Protocol,
}

impl AwaitHello {
    /// Expects a hello in `protocol`.
    pub fn new(protocol: Protocol) -> Self {
        Self { protocol }
    }

    /// Reads the first packet. Frames behind the hello wait until the link is attached.
    ///
    /// # Errors
    ///
    /// If it does not begin with a hello of this version.
    pub fn handle_packet(self, packet: Packet) -> Result<PendingHello, ProtocolError> {
        let (message, rest) = first(self.protocol, packet)?;
        let Message::Hello(hello) = message else {
            return Err(ProtocolError::Unexpected("first"));
        };
        if hello.v != VERSION {
            return Err(ProtocolError::Version(hello.v));
        }
        Ok(PendingHello { protocol: self.protocol, hello: *hello, rest })
    }
}

/// A hello that the server has not answered: who it is from is being looked up.
#[derive(Debug)]
pub struct PendingHello {
    protocol: Protocol,
    hello: Hello,
    rest: Bytes,
}

impl PendingHello {
    /// What the client said.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Accepts the client. The welcome is the first frame that the link sends; its version and `ping_ms` are filled in.
    pub fn accept(self, now: Instant, keep_alive: KeepAlive, welcome: Welcome) -> Link {
        let ping_ms = keep_alive.ping_every.map_or(0, millis);
        let peer_is_js = self.hello.js.is_some_and(|js| js != 0);
        let mut link = Link::new(now, self.protocol, keep_alive, self.hello.limits, peer_is_js);
        link.rest = self.rest;
        link.say(&Message::Welcome(Box::new(Welcome { v: VERSION, ping_ms, ..welcome })));
        link
    }
}

/// A client's side of a socket: it has said hello.
#[derive(Debug)]
pub struct AwaitWelcome {
    protocol: Protocol,
}

impl AwaitWelcome {
    /// Says hello: the packet is the first to send.
    pub fn new(protocol: Protocol, hello: Hello) -> (Self, Packet) {
        let mut body = Vec::new();
        protocol.encode(&Message::Hello(Box::new(Hello { v: VERSION, ..hello })), &mut body);
        (Self { protocol }, protocol.packet(body))
    }

    /// Reads the server's first packet.
    ///
    /// # Errors
    ///
    /// If it does not begin with a welcome of this version.
    pub fn handle_packet(
        self,
        now: Instant,
        keep_alive: KeepAlive,
        packet: Packet,
    ) -> Result<(Welcome, Link), ProtocolError> {
        let (message, rest) = first(self.protocol, packet)?;
        let Message::Welcome(welcome) = message else {
            return Err(ProtocolError::Unexpected("first"));
        };
        if welcome.v != VERSION {
            return Err(ProtocolError::Version(welcome.v));
        }
        let keep_alive = keep_alive.for_pings_every(welcome.ping_ms);
        let mut link = Link::new(now, self.protocol, keep_alive, welcome.limits, false);
        link.rest = rest;
        Ok((*welcome, link))
    }
}

/// The first frame of the first packet, and the frames behind it.
fn first(protocol: Protocol, packet: Packet) -> Result<(Message, Bytes), ProtocolError> {
    let mut frames = protocol.frames(body(protocol, packet)?);
    let frame = frames.next()?.ok_or(ProtocolError::BadFrame("the packet is empty"))?;
    Ok((protocol.decode(frame)?, frames.into_rest()))
}

/// What the packet carries, if its kind is that of the protocol.
fn body(protocol: Protocol, packet: Packet) -> Result<Bytes, ProtocolError> {
    match (packet, protocol.packet(Bytes::new())) {
        (Packet::Text(body), Packet::Text(_)) | (Packet::Binary(body), Packet::Binary(_)) => Ok(body),
        (Packet::Text(_), _) => {
            Err(ProtocolError::WrongPacketKind { expected: protocol.name(), found: "text" })
        }
        (Packet::Binary(_), _) => {
            Err(ProtocolError::WrongPacketKind { expected: protocol.name(), found: "binary" })
        }
        (Packet::Ping | Packet::Pong, _) => Err(ProtocolError::Unexpected("control")),
        (Packet::Close(_), _) => Err(ProtocolError::Unexpected("close")),
    }
}

/// The state of a socket on which both sides have said hello.
#[derive(Debug)]
pub struct Link {
    protocol: Protocol,
    keep_alive: KeepAlive,
    peer_limits: Limits,
    /// Whether the peer would round integers beyond ±(2^53 − 1).
    peer_is_js: bool,
    /// Frames that came with the hello or the welcome.
    rest: Bytes,
    /// Frames of the link itself that have not been sent.
    control: Vec<u8>,
    /// The newest ping that has not been answered: one answer is enough for many.
    pong: Option<u64>,
    began_at: Instant,
    heard_at: Instant,
    ping_at: Option<Instant>,
    /// When something must have been heard after a ping.
    pong_at: Option<Instant>,
    pings: u64,
    /// When the newest ping was sent, if it was not answered.
    pinged_at: Option<Instant>,
    /// How long the peer took to answer a ping, until somebody asks.
    round_trip: Option<Duration>,
    /// Whether a WebSocket ping is to be sent, because the protocol has none.
    ping: bool,
}

impl Link {
    /// A server's link to a peer that says no hello, as in JSON-RPC. `first` is the body of the packet that showed it, empty
    /// if there was none; what is known of the peer are `limits`.
    pub fn without_hello(
        now: Instant,
        protocol: Protocol,
        keep_alive: KeepAlive,
        limits: Limits,
        first: Bytes,
    ) -> Self {
        Self { rest: first, ..Self::new(now, protocol, keep_alive, limits, false) }
    }

    fn new(
        now: Instant,
        protocol: Protocol,
        keep_alive: KeepAlive,
        peer_limits: Limits,
        peer_is_js: bool,
    ) -> Self {
        Self {
            protocol,
            peer_limits,
            peer_is_js,
            rest: Bytes::new(),
            control: Vec::new(),
            pong: None,
            began_at: now,
            heard_at: now,
            ping_at: keep_alive.ping_every.and_then(|every| now.checked_add(every)),
            pong_at: None,
            pings: 0,
            pinged_at: None,
            round_trip: None,
            ping: false,
            keep_alive,
        }
    }

    /// Moves the first ping to a fraction of the interval, so that links made together do not ping together.
    ///
    /// `jitter` is random, from 0 to 1: 0 leaves the whole interval.
    #[must_use]
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        let left = 1.0 - if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        let every = self.keep_alive.ping_every;
        let first =
            |every: Duration| Duration::try_from_secs_f64(every.as_secs_f64() * left).unwrap_or(every);
        self.ping_at = every.and_then(|every| self.began_at.checked_add(first(every)));
        self
    }

    /// What the frames of this link are written in.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn began_at(&self) -> Instant {
        self.began_at
    }

    pub(crate) fn peer_limits(&self) -> Limits {
        self.peer_limits
    }

    pub(crate) fn peer_is_js(&self) -> bool {
        self.peer_is_js
    }

    /// The frames that came before the link was attached.
    pub(crate) fn take_rest(&mut self) -> Frames {
        self.protocol.frames(std::mem::take(&mut self.rest))
    }

    pub(crate) fn handle_packet(&mut self, now: Instant, packet: Packet) -> Result<Frames, ProtocolError> {
        self.handle_progress(now);
        Ok(self.protocol.frames(body(self.protocol, packet)?))
    }

    /// Something of a packet has arrived, which is not whole yet.
    pub(crate) fn handle_progress(&mut self, now: Instant) {
        self.heard_at = now;
        self.pong_at = None;
    }

    pub(crate) fn handle_ping(&mut self, token: u64) {
        self.pong = Some(token);
    }

    /// The peer has answered a ping: the one with this token, if the protocol has tokens.
    pub(crate) fn handle_pong(&mut self, now: Instant, token: Option<u64>) {
        if token.is_none_or(|token| token == self.pings) {
            self.round_trip = self.pinged_at.take().map(|at| now.saturating_duration_since(at));
        }
    }

    /// How long the peer took to answer a ping, if it has answered one since this was last asked.
    pub(crate) fn take_round_trip(&mut self) -> Option<Duration> {
        self.round_trip.take()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), ProtocolError> {
        if self.pong_at.is_some_and(|at| at <= now) {
            return Err(ProtocolError::Silent(self.keep_alive.pong_within));
        }
        if let Some(silence) = self.keep_alive.silence
            && self.silent_at().is_some_and(|at| at <= now)
        {
            return Err(ProtocolError::Silent(silence));
        }
        if let (Some(at), Some(every)) = (self.ping_at, self.keep_alive.ping_every)
            && at <= now
        {
            self.pings += 1;
            self.pinged_at = Some(now);
            match self.protocol {
                Protocol::Native(_) => self.say(&Message::Ping(self.pings)),
                Protocol::JsonRpc => self.ping = true,
            }
            // From when it was due: links that ping together go on doing so.
            let due = at.checked_add(every).filter(|due| *due > now);
            self.ping_at = due.or_else(|| now.checked_add(every));
            self.pong_at = self.pong_at.or(now.checked_add(self.keep_alive.pong_within));
        }
        Ok(())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.ping_at, self.pong_at, self.silent_at()].into_iter().flatten().min()
    }

    fn silent_at(&self) -> Option<Instant> {
        self.heard_at.checked_add(self.keep_alive.silence?)
    }

    /// Frames of the link itself, which go before all others.
    pub(crate) fn poll_transmit(&mut self) -> Option<Packet> {
        if let Some(token) = self.pong.take() {
            self.say(&Message::Pong(token));
        }
        if std::mem::take(&mut self.ping) {
            return Some(Packet::Ping);
        }
        if self.control.is_empty() {
            return None;
        }
        Some(self.protocol.packet(std::mem::take(&mut self.control)))
    }

    /// Whether [`Self::poll_transmit`] has something.
    pub(crate) fn wants_to_transmit(&self) -> bool {
        self.pong.is_some() || self.ping || !self.control.is_empty()
    }

    /// Queues a frame of the link itself.
    pub(crate) fn say(&mut self, message: &Message) {
        self.protocol.encode(message, &mut self.control);
    }
}
