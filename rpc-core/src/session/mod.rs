//! A session: what is known about a peer, whatever socket carries it. The same for both ends.
//!
//! Everything is one of four kinds of methods, after the model of quinn's core: what comes in (`handle_*`, `attach`,
//! `detach`), what is wished (`request`, `notify`, `answer`, `cancel`, …), what goes out (`poll_*`), and questions. After any
//! input, drain [`Session::poll_event`], then [`Session::poll_transmit`], and ask [`Session::poll_timeout`] when to come
//! back. The session holds no wakers, channels or futures: who waits for a call is its driver's business.

mod calls;
mod config;
mod outbox;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

pub use self::config::{Config, Limits, Role};
use self::{
    calls::{Incoming, Outgoing, Unsent},
    outbox::Outbox,
};
use crate::{
    codec::Codec,
    error::{Code, Error, ProtocolError},
    link::Link,
    message::{Failure, Goaway, Message, Outcome, Request, RequestHead, RequestId, Target},
    packet::Packet,
    payload::Payload,
    protocol::{Frames, Protocol},
};

/// Names a call made here until its [`Event::Answered`]; afterwards the same key may name another call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub usize);

/// What has happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The peer calls. A request with an id has to be answered, or taken with [`Session::take`] and answered later.
    Request(Request),
    /// The peer, or its deadline, has ended a call that was taken: drop the handler. The answer has gone out.
    Cancelled(RequestId),
    /// A call made here is over, or a notification that had to wait was handed to a link.
    Answered(CallKey, Outcome),
    /// The server is about to go.
    Goaway(Goaway),
}

/// The state of one end of a connection between two peers.
#[derive(Debug)]
pub struct Session {
    role: Role,
    config: Config,
    protocol: Protocol,
    /// The socket of the moment, if there is one.
    link: Option<Link>,
    peer_limits: Limits,
    outgoing: Outgoing,
    incoming: Incoming,
    outbox: Outbox,
    events: VecDeque<Event>,
}

impl Session {
    /// A session without a link: what is wished for waits for one.
    pub fn new(role: Role, config: Config, codec: Codec) -> Self {
        Self {
            role,
            config,
            protocol: Protocol::Native(codec),
            link: None,
            peer_limits: Limits::default(),
            outgoing: Outgoing::new(role),
            incoming: Incoming::default(),
            outbox: Outbox::default(),
            events: VecDeque::new(),
        }
    }

    // What comes in.

    /// Goes on with a new link, sends what has waited, and takes the frames that came with the handshake.
    ///
    /// # Errors
    ///
    /// As [`Self::handle_packet`].
    pub fn attach(&mut self, mut link: Link) -> Result<(), ProtocolError> {
        self.detach();
        self.peer_limits = link.peer_limits();
        let frames = link.take_rest();
        self.link = Some(link);
        self.send_unsent();
        self.handle_frames(frames)
    }

    /// The link is gone. Calls in flight end, those of the peer as cancelled and those made here as unknown; calls
    /// that were not sent wait for the next link.
    pub fn detach(&mut self) {
        if self.link.take().is_none() {
            return;
        }
        self.outbox.clear();
        let cancelled = self.incoming.take_all().into_iter().map(Event::Cancelled);
        self.events.extend(cancelled);
        for key in self.outgoing.take_in_flight() {
            let error = Error::unavailable("the connection was lost before the answer").after_execution();
            self.events.push_back(Event::Answered(key, Err(error.into())));
        }
    }

    /// Ends the session: detaches, and ends the calls that were not sent with `error`.
    pub fn end(&mut self, error: &Error) {
        self.detach();
        for key in self.outgoing.take_unsent() {
            self.events.push_back(Event::Answered(key, Err(error.clone().into())));
        }
    }

    /// Takes in one packet that arrived at `now`.
    ///
    /// # Errors
    ///
    /// If the peer broke a rule: send a close frame with the error's code, then detach.
    pub fn handle_packet(&mut self, now: Instant, packet: Packet) -> Result<(), ProtocolError> {
        if packet.len() > self.config.max_packet as usize {
            return Err(ProtocolError::PacketTooLarge(self.config.max_packet as usize));
        }
        let Some(link) = &mut self.link else { return Ok(()) };
        let frames = link.handle_packet(now, packet)?;
        self.handle_frames(frames)
    }

    /// Does what was due at `now`.
    ///
    /// # Errors
    ///
    /// If the peer was silent for too long: send a close frame with the error's code, then detach.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ProtocolError> {
        for call in self.outgoing.expire(now) {
            let error = Error::new(Code::DeadlineExceeded, "no answer within the deadline");
            let error = if call.id.is_some() { error.after_execution() } else { error };
            self.events.push_back(Event::Answered(call.key, Err(error.into())));
            if let Some(id) = call.id {
                self.push(&Message::Cancel(id));
            }
        }
        for id in self.incoming.expire(now) {
            let error = Error::new(Code::DeadlineExceeded, "the method took too long").after_execution();
            self.push_answer(id, &Err(error.into()));
            self.events.push_back(Event::Cancelled(id));
        }
        match &mut self.link {
            Some(link) => link.handle_timeout(now),
            None => Ok(()),
        }
    }

    // What is wished.

    /// Makes a call. It is sent now if the link, the peer's cap on calls in flight and the outbound mark allow, else
    /// as soon as they do; `timeout` runs from now either way.
    ///
    /// # Errors
    ///
    /// If the parameters can never be sent; nothing was done then.
    pub fn request(
        &mut self,
        now: Instant,
        method: &str,
        head: Option<Box<RequestHead>>,
        params: Payload,
        timeout: Option<Duration>,
    ) -> Result<CallKey, Error> {
        self.check_params(&params)?;
        let key = self.outgoing.reserve(timeout.and_then(|timeout| calls::deadline(now, timeout)));
        if self.outgoing.has_unsent() || !self.may_send_request() {
            self.outgoing.push_unsent(Unsent { key, oneway: false, method: method.into(), head, params });
        } else {
            self.send_request(key, method, head.as_deref(), &params);
        }
        Ok(key)
    }

    /// Makes a call that has no answer. `None` if it was handed over at once, else the key of the
    /// [`Event::Answered`] that tells when it was.
    ///
    /// # Errors
    ///
    /// If the parameters can never be sent; nothing was done then.
    pub fn notify(
        &mut self,
        method: &str,
        head: Option<Box<RequestHead>>,
        params: Payload,
    ) -> Result<Option<CallKey>, Error> {
        self.check_params(&params)?;
        if self.outgoing.has_unsent() || !self.may_send() {
            let key = self.outgoing.reserve(None);
            self.outgoing.push_unsent(Unsent { key, oneway: true, method: method.into(), head, params });
            return Ok(Some(key));
        }
        self.push_request(None, method, head.as_deref(), &params);
        Ok(None)
    }

    /// Gives up a call made here: there will be no event for it. The peer is told if it knows of the call.
    pub fn cancel(&mut self, key: CallKey) {
        if let Some(id) = self.outgoing.give_up(key) {
            self.push(&Message::Cancel(id));
        }
    }

    /// Whether a request of the peer finds a slot. If not, refuse it with [`Self::refusal`].
    pub fn has_room_for(&self, request: &Request) -> bool {
        self.incoming.has_room(self.config.max_in_flight, self.config.max_params, request.params_len())
    }

    /// What to tell a peer that has more in flight than allowed.
    pub fn refusal(&self) -> Error {
        let message = format!(
            "more than {} calls, or {} bytes of parameters, in flight",
            self.config.max_in_flight, self.config.max_params
        );
        Error::new(Code::ResourceExhausted, message)
    }

    /// Takes a slot for a request whose answer comes later, at most `timeout` from now. Its deadline is the earliest
    /// of that, what the peer has set, and [`Config::call_timeout`] where `timeout` is `None`.
    pub fn take(
        &mut self,
        now: Instant,
        id: RequestId,
        timeout: Option<Duration>,
        asked: Option<Duration>,
        params_len: usize,
    ) {
        let timeout = timeout.unwrap_or(self.config.call_timeout);
        let timeout = asked.map_or(timeout, |asked| asked.min(timeout));
        let deadline = calls::deadline(now, timeout).unwrap_or(now + self.config.call_timeout);
        self.incoming.insert(id, deadline, params_len);
    }

    /// Answers a request that was not taken.
    pub fn answer(&mut self, id: RequestId, outcome: &Outcome) {
        self.push_answer(id, outcome);
    }

    /// Answers a request that was taken; nothing happens if it was cancelled meanwhile.
    pub fn answer_taken(&mut self, id: RequestId, outcome: &Outcome) {
        if self.incoming.remove(id) {
            self.push_answer(id, outcome);
        }
    }

    /// Tells the client that the server is about to go.
    pub fn goaway(&mut self, goaway: Goaway) {
        if let Some(link) = &mut self.link {
            link.say(&Message::Goaway(Box::new(goaway)));
        }
    }

    // What goes out.

    /// The next thing that has happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Packet> {
        let link = self.link.as_mut()?;
        if let Some(packet) = link.poll_transmit() {
            return Some(packet);
        }
        let body = self.outbox.pop()?;
        if self.outgoing.has_unsent() {
            self.send_unsent();
        }
        Some(self.protocol.packet(body))
    }

    /// When to call [`Self::handle_timeout`]; it may find nothing to do then.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let link = self.link.as_ref().and_then(Link::poll_timeout);
        [self.outgoing.earliest.get(), self.incoming.earliest.get(), link].into_iter().flatten().min()
    }

    // Questions.

    /// How payloads are encoded.
    pub fn codec(&self) -> Codec {
        self.protocol.codec()
    }

    /// Whether [`Self::poll_transmit`] has something.
    pub fn wants_to_transmit(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.wants_to_transmit() || !self.outbox.is_empty())
    }

    /// Whether a packet is full, so that sending it now loses nothing.
    pub fn has_full_packet(&self) -> bool {
        self.outbox.has_full()
    }

    /// Whether less is unsent than the outbound mark, so that handlers may add to it.
    pub fn wants_more(&self) -> bool {
        self.outbox.len() < self.config.outbound_mark
    }

    /// Whether there is a link.
    pub fn is_attached(&self) -> bool {
        self.link.is_some()
    }

    /// Requests of the peer that were taken and not answered.
    pub fn in_flight(&self) -> usize {
        self.incoming.len()
    }

    /// Frees memory that only a burst needed. Cheap; call it when there is nothing else to do.
    pub fn shrink(&mut self) {
        self.incoming.shrink();
        self.outgoing.shrink();
        if self.events.is_empty() && self.events.capacity() > 16 {
            self.events = VecDeque::new();
        }
    }

    // The rest.

    fn handle_frames(&mut self, mut frames: Frames) -> Result<(), ProtocolError> {
        let mut taken = 0;
        while let Some(frame) = frames.next()? {
            taken += 1;
            if taken > self.config.max_frames {
                return Err(ProtocolError::TooManyFrames(self.config.max_frames));
            }
            let message = self.protocol.decode(&frame)?;
            self.handle_message(message)?;
        }
        // Refusals and pongs are the only frames that a peer can cause without reading its answers.
        if self.outbox.len() > self.config.max_outbound.saturating_add(self.config.max_packet as usize) {
            return Err(ProtocolError::SlowConsumer);
        }
        Ok(())
    }

    fn handle_message(&mut self, message: Message) -> Result<(), ProtocolError> {
        match message {
            Message::Request(request) => return self.handle_request(request),
            Message::Answer { id, head, outcome } => {
                self.handle_answer(id, head.as_ref().and_then(|head| head.unknown.as_deref()), outcome)?
            }
            Message::Cancel(id) => {
                if self.incoming.remove(id) {
                    self.push_answer(
                        id,
                        &Err(Error::new(Code::Cancelled, "cancelled by the caller").after_execution().into()),
                    );
                    self.events.push_back(Event::Cancelled(id));
                }
            }
            Message::Ping(token) => {
                if let Some(link) = &mut self.link {
                    link.handle_ping(token);
                }
            }
            // Any packet shows that the peer lives; resume and streams, which the others belong to, are off.
            Message::Pong(_) | Message::Ack(_) | Message::Credit { .. } => {}
            Message::Release { .. } | Message::Item { .. } | Message::Broken { .. } => {}
            Message::Goaway(goaway) if self.role == Role::Client => {
                self.events.push_back(Event::Goaway(*goaway))
            }
            Message::Publication(_) | Message::Position { .. } if self.role == Role::Client => {}
            Message::Goaway(_) => return Err(ProtocolError::Unexpected("goaway")),
            Message::Publication(_) => return Err(ProtocolError::Unexpected("publication")),
            Message::Position { .. } => return Err(ProtocolError::Unexpected("position")),
            Message::Hello(_) => return Err(ProtocolError::Unexpected("hello")),
            Message::Welcome(_) => return Err(ProtocolError::Unexpected("welcome")),
        }
        Ok(())
    }

    fn handle_request(&mut self, mut request: Request) -> Result<(), ProtocolError> {
        request.depth = self.config.max_depth;
        if let Some(id) = request.id {
            self.incoming.check_id(id, self.role)?;
        }
        match request.head.as_deref().and_then(not_available) {
            None => self.events.push_back(Event::Request(request)),
            Some(what) => {
                if let Some(id) = request.id {
                    self.push_answer(id, &Err(Error::new(Code::Unimplemented, what).into()));
                }
            }
        }
        Ok(())
    }

    fn handle_answer(
        &mut self,
        id: RequestId,
        unknown: Option<&str>,
        outcome: Outcome,
    ) -> Result<(), ProtocolError> {
        let ours = (id.0 % 2 == 1) == (self.role == Role::Client);
        if !ours {
            return Err(ProtocolError::WrongParity(id));
        }
        let outcome = match unknown {
            None => outcome,
            Some(key) => Err(Failure::Rpc(unknown_key(key).after_execution())),
        };
        if let Some(key) = self.outgoing.answered(id) {
            self.events.push_back(Event::Answered(
                key,
                outcome.map(|value| value.with_depth(self.config.max_depth)),
            ));
        }
        if self.outgoing.has_unsent() {
            self.send_unsent();
        }
        Ok(())
    }

    /// Refuses parameters that the peer would refuse with the whole link.
    fn check_params(&self, params: &Payload) -> Result<(), Error> {
        if self.link.as_ref().is_some_and(Link::peer_is_js) {
            params.check_integers().map_err(|error| Error::invalid(error.to_string()))?;
        }
        match self.fits(params.bytes().len()) {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "the parameters take {} bytes and the peer accepts packets of {}",
                params.bytes().len(),
                self.peer_limits.packet
            ))),
        }
    }

    /// Whether a frame around so many bytes stays below the peer's limit: 1 KiB is ample for what is around them.
    fn fits(&self, len: usize) -> bool {
        len.saturating_add(1024) <= (self.peer_limits.packet as usize).max(2048)
    }

    fn may_send(&self) -> bool {
        self.link.is_some() && self.outbox.len() < self.config.outbound_mark
    }

    fn may_send_request(&self) -> bool {
        self.may_send() && self.outgoing.in_flight() < self.peer_limits.in_flight as usize
    }

    fn send_unsent(&mut self) {
        loop {
            let (may_send, may_send_request) = (self.may_send(), self.may_send_request());
            let allowed = |next: &Unsent| if next.oneway { may_send } else { may_send_request };
            let Some(next) = self.outgoing.pop_unsent(allowed) else { return };
            if next.oneway {
                self.push_request(None, &next.method, next.head.as_deref(), &next.params);
                self.outgoing.release(next.key);
                self.events.push_back(Event::Answered(next.key, Ok(Payload::new(self.codec(), Vec::new()))));
            } else {
                self.send_request(next.key, &next.method, next.head.as_deref(), &next.params);
            }
        }
    }

    fn send_request(&mut self, key: CallKey, method: &str, head: Option<&RequestHead>, params: &Payload) {
        match self.outgoing.send(key) {
            Some(id) => self.push_request(Some(id), method, head, params),
            None => {
                self.outgoing.release(key);
                let error = Error::unavailable("the ids of this session are used up");
                self.events.push_back(Event::Answered(key, Err(error.into())));
            }
        }
    }

    fn push_request(
        &mut self,
        id: Option<RequestId>,
        method: &str,
        head: Option<&RequestHead>,
        params: &Payload,
    ) {
        let protocol = self.protocol;
        let len = params.bytes().len() + method.len() + 32;
        self.outbox.push(self.config.max_frames, len, |body| {
            protocol.encode_request(id, method, head, params, body)
        });
    }

    fn push_answer(&mut self, id: RequestId, outcome: &Outcome) {
        if self.link.is_none() {
            return;
        }
        let replaced = self.check_answer(outcome).err().map(|error| Err(error.after_execution().into()));
        let outcome = replaced.as_ref().unwrap_or(outcome);
        let len = match outcome {
            Ok(value) | Err(Failure::App(value)) => value.bytes().len() + 32,
            Err(Failure::Rpc(_)) => 128,
        };
        let protocol = self.protocol;
        self.outbox.push(self.config.max_frames, len, |body| protocol.encode_answer(id, outcome, body));
    }

    /// Refuses results that the peer would refuse with the whole link.
    fn check_answer(&self, outcome: &Outcome) -> Result<(), Error> {
        let (Ok(value) | Err(Failure::App(value))) = outcome else { return Ok(()) };
        if self.link.as_ref().is_some_and(Link::peer_is_js) {
            value.check_integers().map_err(|error| Error::new(Code::OutOfRange, error.to_string()))?;
        }
        match self.fits(value.bytes().len()) {
            true => Ok(()),
            false => Err(Error::new(
                Code::ResourceExhausted,
                format!(
                    "the result takes {} bytes and the peer accepts packets of {}",
                    value.bytes().len(),
                    self.peer_limits.packet
                ),
            )),
        }
    }

    fn push(&mut self, message: &Message) {
        if self.link.is_none() {
            return;
        }
        let protocol = self.protocol;
        self.outbox.push(self.config.max_frames, 32, |body| protocol.encode(message, body));
    }
}

/// What a request asks for that this version does not have.
fn not_available(head: &RequestHead) -> Option<String> {
    let what = match head.target() {
        Target::Capability(_) => "calls on capabilities",
        Target::Promise => "calls on results that are not there yet",
        Target::Service if !head.caps.is_empty() => "capabilities in parameters",
        Target::Service if !head.streams.is_empty() => "streams in parameters",
        Target::Service if !head.refs.is_empty() => "results of other calls as parameters",
        Target::Service if head.keep => "keeping a result",
        Target::Service => return head.unknown.as_deref().map(|key| unknown_key(key).message().to_owned()),
    };
    Some(format!("{what} are not available in this version"))
}

fn unknown_key(key: &str) -> Error {
    Error::new(Code::Unimplemented, format!("the head's key {} is not known here", key.escape_debug()))
}

#[cfg(test)]
mod tests;
