//! A session: what is known about a peer, whatever socket carries it. The same for both ends.
//!
//! Everything is one of four kinds of methods, after the model of quinn's core: what comes in (`handle_*`, `attach`,
//! `detach`), what is wished (`request`, `notify`, `answer`, `cancel`, …), what goes out (`poll_*`), and questions. After any
//! input, drain [`Session::poll_event`], then [`Session::poll_transmit`], and ask [`Session::poll_timeout`] when to come
//! back. The session holds no wakers, channels or futures: who waits for a call is its driver's business.

mod calls;
mod config;
mod documents;
mod entries;
mod flow;
mod outbox;
mod streams;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::de::IgnoredAny;

#[cfg(test)]
pub(crate) use self::config::MAX_DEPTH;
pub use self::config::{Limits, Role, SessionConfig};
use self::{
    calls::{Incoming, Kind, Outgoing, Unsent},
    documents::{Documents, Origin},
    outbox::{Outbox, TooLarge},
    streams::{Amount, Streams},
};
use crate::{
    codec::Codec,
    error::{Code, Error, ProtocolError, shown},
    items::{Items, Run},
    link::Link,
    message::{
        Failure, Goaway, MAX_HEAD, Message, Outcome, Request, RequestHead, RequestId, Target, ValueHead,
    },
    packet::Packet,
    payload::Payload,
    protocol::{self, Frames, Id, Protocol, ValueKind, jsonrpc},
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
    /// The peer has given up a call that was taken, or an upload from here, or is gone: drop the handler. The answer has gone
    /// out.
    Cancelled(RequestId),
    /// The time of a call that was taken is over: drop the handler. The answer has gone out.
    Expired(RequestId),
    /// A call made here is over, or a notification that had to wait was handed to a link.
    Answered(CallKey, Outcome),
    /// A call made here was sent, and its uploads can begin: their ids, in the order of the parameters.
    Opened(CallKey, Vec<RequestId>),
    /// Items of a stream have arrived. Tell [`Session::consume`] when the application has taken them.
    Items(Inflow, Items),
    /// An upload of the peer is over.
    Ended(RequestId, Outcome),
    /// More of a stream that is produced here can be sent.
    Credit(RequestId),
    /// The server is about to go.
    Goaway(Goaway),
}

/// What a call made here has of streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expects {
    /// Whether it gives a stream in place of a result.
    pub stream: bool,
    /// How many of its parameters are streams.
    pub uploads: u32,
}

impl Expects {
    /// Whether there is a stream.
    pub fn any(self) -> bool {
        self.count() > 0
    }

    fn count(self) -> usize {
        usize::from(self.stream) + self.uploads as usize
    }
}

/// A stream that is consumed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inflow {
    /// What a call made here gives.
    Call(CallKey),
    /// An upload of the peer.
    Upload(RequestId),
}

/// What [`Session::poll_event`] has to look at next.
#[derive(Debug)]
enum Queued {
    Event(Event),
    /// The peer cancels a request. It takes its turn behind the request, which nobody may have been told of yet.
    Cancel(RequestId),
    /// The peer allows so much of a stream, whose request nobody may have been told of yet either.
    Credit(RequestId, Amount),
    /// Items under this id, of a call made here or of an upload.
    Items(RequestId, Option<CallKey>, Items),
}

/// The state of one end of a connection between two peers.
#[derive(Debug)]
pub struct Session {
    role: Role,
    config: SessionConfig,
    protocol: Protocol,
    /// The socket of the moment, if there is one.
    link: Option<Link>,
    peer_limits: Limits,
    outgoing: Outgoing,
    incoming: Incoming,
    outbox: Outbox,
    /// What goes behind everything in `outbox`: items and the ends of streams.
    bulk: Option<Box<Outbox>>,
    streams: Option<Box<Streams>>,
    /// Of JSON-RPC only.
    documents: Option<Box<Documents>>,
    /// How many bytes of values may still be answered with.
    answers_left: usize,
    events: VecDeque<Queued>,
    /// Messages that came and are no requests, since they were last asked for.
    others: u32,
    /// The latest time that the session was told.
    now: Option<Instant>,
}

impl Session {
    /// A session without a link: what is wished for waits for one.
    pub fn new(role: Role, config: SessionConfig, protocol: impl Into<Protocol>) -> Self {
        let protocol = protocol.into();
        Self {
            role,
            config,
            protocol,
            link: None,
            peer_limits: Limits::default(),
            outgoing: Outgoing::new(role),
            incoming: Incoming::default(),
            outbox: Outbox::new(protocol),
            bulk: None,
            streams: None,
            documents: matches!(protocol, Protocol::JsonRpc).then(Box::default),
            answers_left: usize::MAX,
            events: VecDeque::new(),
            others: 0,
            now: None,
        }
    }

    /// Answers with values of at most so many bytes in all, for a session whose packets are to be one: a value that goes
    /// beyond it becomes a failure `RESOURCE_EXHAUSTED`.
    #[must_use]
    pub fn with_answers_of(mut self, bytes: usize) -> Self {
        self.answers_left = bytes;
        self
    }

    // What comes in.

    /// Goes on with a new link, sends what has waited, and takes the frames that came with the handshake.
    ///
    /// # Errors
    ///
    /// As [`Self::handle_packet`], and if the link is in another codec: the session is detached then.
    pub fn attach(&mut self, mut link: Link) -> Result<(), ProtocolError> {
        self.detach();
        if link.protocol() != self.protocol {
            let [expected, found] = [self.protocol, link.protocol()].map(Protocol::name);
            return Err(ProtocolError::WrongPacketKind { expected, found });
        }
        self.peer_limits = link.peer_limits();
        self.outbox.set_limit((self.peer_limits.packet as usize).max(Limits::SMALLEST_PACKET));
        if let Some(documents) = &mut self.documents {
            documents.set_limit(self.outbox.limit());
        }
        self.now = self.now.max(Some(link.began_at()));
        let frames = link.take_rest();
        self.link = Some(link);
        self.send_unsent();
        match self.protocol {
            Protocol::JsonRpc if frames.is_empty() => Ok(()),
            _ => self.handle_frames(frames),
        }
    }

    /// The link is gone. Calls in flight end, those of the peer as cancelled and those made here as unknown; calls
    /// that were not sent wait for the next link.
    pub fn detach(&mut self) {
        if self.link.take().is_some() {
            self.outbox.clear();
            self.bulk = None;
            self.end_in_flight(&Error::unavailable("the connection was lost before the answer"));
            self.incoming.forget_ids();
            if let Some(documents) = &mut self.documents {
                documents.end();
            }
        }
    }

    /// Ends every call, those made here with `error`. What is queued can still be sent; the link stays for that.
    pub fn end(&mut self, error: &Error) {
        self.end_in_flight(error);
        // What was answered goes out, also where the rest of the batch never is.
        let batches = self.documents.as_mut().map(|documents| documents.end()).unwrap_or_default();
        for batch in batches {
            self.push_batch(batch);
        }
        for key in self.outgoing.take_unsent() {
            self.report(Event::Answered(key, Err(error.clone().into())));
        }
    }

    fn end_in_flight(&mut self, error: &Error) {
        // Nobody could be told how they ended; an id may be another request's by then.
        self.events.retain(|queued| match queued {
            Queued::Event(Event::Request(request)) => request.id.is_none(),
            Queued::Event(_) | Queued::Items(..) => true,
            Queued::Cancel(_) | Queued::Credit(..) => false,
        });
        for id in self.incoming.take_all() {
            self.report(Event::Cancelled(id));
        }
        for key in self.outgoing.take_in_flight() {
            self.report(Event::Answered(key, Err(error.clone().after_execution().into())));
        }
        let (produced, consumed) = self.streams.take().map(|mut streams| streams.end()).unwrap_or_default();
        for upload in produced {
            self.report(Event::Cancelled(upload));
        }
        for upload in consumed {
            self.report(Event::Ended(upload, Err(error.clone().after_execution().into())));
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
        self.now = Some(now);
        let Some(link) = &mut self.link else { return Ok(()) };
        if matches!(packet, Packet::Pong) {
            link.handle_progress(now);
            link.handle_pong(now, None);
            return Ok(());
        }
        let frames = link.handle_packet(now, packet)?;
        self.handle_frames(frames)
    }

    /// Something of a packet has arrived by `now`, which is not whole yet: the peer lives.
    pub fn handle_progress(&mut self, now: Instant) {
        if let Some(link) = &mut self.link {
            link.handle_progress(now);
        }
    }

    /// Does what was due at `now`.
    ///
    /// # Errors
    ///
    /// If the peer was silent for too long, or no ids are left: send a close frame with the error's code, then detach.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), ProtocolError> {
        self.now = Some(now);
        for call in self.outgoing.expire(now) {
            let error = Error::new(Code::DeadlineExceeded, "no answer within the deadline");
            let error = if call.id.is_some() { error.after_execution() } else { error };
            self.report(Event::Answered(call.key, Err(error.into())));
            if let Some(id) = call.id {
                self.end_uploads_of(id);
                self.push(&Message::Cancel(id));
            }
        }
        for id in self.incoming.expire(now) {
            let error = Error::new(Code::DeadlineExceeded, "the method took too long").after_execution();
            self.push_answer(id, Err(error.into()));
            self.report(Event::Expired(id));
        }
        self.send_unsent();
        let Some(link) = &mut self.link else { return Ok(()) };
        link.handle_timeout(now)?;
        match self.outgoing.is_exhausted() {
            false => Ok(()),
            true => Err(ProtocolError::IdsExhausted),
        }
    }

    // What is wished.

    /// Makes a call. It is sent now if the link, the peer's cap on calls in flight and the outbound mark allow, else
    /// as soon as they do. `timeout` ends it here and runs from now either way; the peer learns a deadline from
    /// [`RequestHead::timeout`], from which the time that the call had to wait is taken.
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
        self.request_streaming(now, method, head, params, timeout, Expects::default())
    }

    /// Makes a call that may give a stream and may have streams among its parameters, as [`Self::request`] does. It waits here
    /// while the peer has as many streams as it takes. [`Event::Opened`] tells when the uploads can begin,
    /// [`Event::Items`] brings what the call gives, and [`Event::Answered`] is its end.
    ///
    /// # Errors
    ///
    /// As [`Self::request`], and if the protocol has no streams.
    pub fn request_streaming(
        &mut self,
        now: Instant,
        method: &str,
        head: Option<Box<RequestHead>>,
        params: Payload,
        timeout: Option<Duration>,
        expects: Expects,
    ) -> Result<CallKey, Error> {
        self.now = Some(now);
        self.check_call(head.as_deref(), &params)?;
        self.check_streams(expects)?;
        let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
        if self.outgoing.has_unsent_before(expects) || !self.may_send_request(expects) {
            let unsent = Unsent { oneway: false, expects, method: method.into(), head, params, deadline };
            return Ok(self.outgoing.insert_unsent(unsent));
        }
        let id = self.push_request(method, head, params, expects)?;
        let key = self.outgoing.insert_sent(id, deadline);
        self.open_streams(key, id, expects);
        Ok(key)
    }

    /// Makes a call that has no answer. `None` if it was handed over at once, else the key of the
    /// [`Event::Answered`] that tells when it was. `timeout` ends the waiting for that; see [`Self::request`].
    ///
    /// # Errors
    ///
    /// If the parameters can never be sent; nothing was done then.
    pub fn notify(
        &mut self,
        now: Instant,
        method: &str,
        head: Option<Box<RequestHead>>,
        params: Payload,
        timeout: Option<Duration>,
    ) -> Result<Option<CallKey>, Error> {
        self.now = Some(now);
        self.check_call(head.as_deref(), &params)?;
        let expects = Expects::default();
        if self.outgoing.has_unsent_before(expects) || !self.may_send() {
            let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
            let unsent = Unsent { oneway: true, expects, method: method.into(), head, params, deadline };
            return Ok(Some(self.outgoing.insert_unsent(unsent)));
        }
        self.push_call(None, method, head.as_deref(), params)?;
        Ok(None)
    }

    /// Gives up a call made here: there will be no event for it. The peer is told if it knows of the call.
    pub fn cancel(&mut self, now: Instant, key: CallKey) {
        self.now = Some(now);
        if let Some(id) = self.outgoing.give_up(key) {
            self.end_uploads_of(id);
            self.push(&Message::Cancel(id));
        }
        self.send_unsent();
    }

    /// Whether a request or notification of the peer finds a slot. If not, refuse it with [`Self::refusal`].
    ///
    /// Notifications have as many slots and as many bytes of their own: a peer that keeps to the cap on requests must not
    /// be refused for what it cannot count.
    pub fn has_room_for(&self, request: &Request) -> bool {
        let load = self.incoming.load(Kind::of(request.id));
        load.has_room(self.config.max_in_flight, self.config.max_params, request.params_len())
    }

    /// What to tell a peer that has more in flight than allowed.
    pub fn refusal(&self) -> Error {
        let message = format!(
            "more than {} calls, or {} bytes of parameters, in flight",
            self.config.max_in_flight, self.config.max_params
        );
        Error::new(Code::ResourceExhausted, message)
    }

    /// Takes a slot for a request whose method has not ended when it was first polled. The method may go on for at most
    /// `timeout`: the earliest of that, what the peer has set, and [`SessionConfig::call_timeout`] where `timeout` is `None`.
    ///
    /// The result is the request's id. A notification, which has none, gets one beyond all ids of the wire, so that it
    /// has a slot and a deadline as well; the answer to it goes nowhere.
    pub fn take(
        &mut self,
        now: Instant,
        id: Option<RequestId>,
        timeout: Option<Duration>,
        asked: Option<Duration>,
        params_len: usize,
    ) -> RequestId {
        let id = id.unwrap_or_else(|| self.incoming.next_notification());
        if self.link.is_none() {
            self.report(Event::Cancelled(id));
            return id;
        }
        let timeout = timeout.unwrap_or(self.config.call_timeout);
        let timeout = asked.map_or(timeout, |asked| asked.min(timeout));
        self.incoming.insert(id, Kind::of(Some(id)), now.checked_add(timeout), params_len);
        id
    }

    /// Answers a request that was not taken.
    pub fn answer(&mut self, id: RequestId, outcome: Outcome) {
        self.push_answer(id, outcome);
    }

    /// Answers a request that was taken; nothing happens if it was cancelled meanwhile.
    pub fn answer_taken(&mut self, id: RequestId, outcome: Outcome) {
        if self.incoming.remove(id) {
            self.push_answer(id, outcome);
        }
    }

    /// Tells the client that the server is about to go. A client has nothing to say to that.
    pub fn goaway(&mut self, goaway: Goaway) {
        if let Some(link) = self.link.as_mut().filter(|_| self.role == Role::Server) {
            link.say(&Message::Goaway(Box::new(goaway)));
        }
    }

    // What goes out.

    /// The next thing that has happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        while let Some(event) = self.events.pop_front() {
            match event {
                Queued::Event(Event::Answered(key, _)) if !self.outgoing.reported(key) => {}
                Queued::Event(Event::Opened(key, ids)) if !self.has_opened(key, &ids) => {}
                Queued::Event(event) => return Some(event),
                Queued::Cancel(id) if self.incoming.remove(id) => {
                    let error = Error::new(Code::Cancelled, "cancelled by the caller").after_execution();
                    self.push_answer(id, Err(error.into()));
                    return Some(Event::Cancelled(id));
                }
                Queued::Cancel(id) => {
                    if self.cancel_upload(id) {
                        return Some(Event::Cancelled(id));
                    }
                }
                Queued::Credit(id, credit) => {
                    if self.streams.as_mut().is_some_and(|streams| streams.allow(id, credit)) {
                        return Some(Event::Credit(id));
                    }
                }
                Queued::Items(_, None, items) if items.is_empty() => {}
                Queued::Items(id, None, items) => return Some(Event::Items(Inflow::Upload(id), items)),
                Queued::Items(id, Some(key), items) if self.outgoing.names(key, id) => {
                    return Some(Event::Items(Inflow::Call(key), items));
                }
                Queued::Items(..) => {}
            }
        }
        None
    }

    /// The next packet to send, at `now`.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        self.now = Some(now);
        let link = self.link.as_mut()?;
        if let Some(packet) = link.poll_transmit() {
            return Some(packet);
        }
        let body = match self.outbox.pop() {
            Some(body) => body,
            None => self.bulk.as_mut()?.pop()?,
        };
        self.send_unsent();
        Some(self.protocol.packet(body))
    }

    /// When to call [`Self::handle_timeout`]; it may find nothing to do then.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let link = self.link.as_ref().and_then(Link::poll_timeout);
        let exhausted = self.now.filter(|_| self.link.is_some() && self.outgoing.is_exhausted());
        let deadlines = [self.outgoing.earliest.get(), self.incoming.earliest.get()];
        deadlines.into_iter().chain([link, exhausted]).flatten().min()
    }

    // Questions.

    /// Which end it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How payloads are encoded.
    pub fn codec(&self) -> Codec {
        self.protocol.codec()
    }

    /// Whether [`Self::poll_transmit`] has something.
    pub fn wants_to_transmit(&self) -> bool {
        let has_bulk = || self.bulk.as_ref().is_some_and(|bulk| !bulk.is_empty());
        self.link
            .as_ref()
            .is_some_and(|link| link.wants_to_transmit() || !self.outbox.is_empty() || has_bulk())
    }

    /// How many events [`Self::poll_event`] may still have.
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Whether so many frames, or a full packet, wait to be sent.
    pub fn has_batch(&self, frames: usize) -> bool {
        let has_batch = |outbox: &Outbox| outbox.has_full() || outbox.frames() >= frames;
        has_batch(&self.outbox) || self.bulk.as_deref().is_some_and(has_batch)
    }

    /// Whether a packet is full, so that sending it now loses nothing.
    pub fn has_full_packet(&self) -> bool {
        self.outbox.has_full() || self.bulk.as_ref().is_some_and(|bulk| bulk.has_full())
    }

    /// Whether less is unsent than the outbound mark, so that handlers may add to it.
    pub fn wants_more(&self) -> bool {
        self.outbox.len() < self.config.outbound_mark
    }

    /// Whether there is a link.
    pub fn is_attached(&self) -> bool {
        self.link.is_some()
    }

    /// Bytes that wait to be sent, and that no transport has taken yet.
    pub fn queued(&self) -> usize {
        self.outbox.len() + self.bulk.as_ref().map_or(0, |bulk| bulk.len())
    }

    /// How long the peer took to answer a ping, if it has answered one since this was last asked.
    pub fn take_round_trip(&mut self) -> Option<Duration> {
        self.link.as_mut()?.take_round_trip()
    }

    /// How many messages have come since this was last asked that [`Event::Request`] tells nothing of: answers, cancels, pings, what
    /// is not valid, requests for what this version does not have.
    pub fn take_others(&mut self) -> u32 {
        std::mem::take(&mut self.others)
    }

    /// Requests and notifications of the peer that were taken and have not ended.
    pub fn in_flight(&self) -> usize {
        self.incoming.len()
    }

    /// Requests of the peer without an answer, taken or not, if it is JSON-RPC that was spoken: the documents are answered when
    /// there are none.
    pub fn unanswered(&self) -> usize {
        self.documents.as_ref().map_or(0, |documents| documents.len())
    }

    /// Frees memory that only a burst needed. Cheap; call it when there is nothing else to do.
    pub fn shrink(&mut self) {
        self.incoming.shrink();
        self.outgoing.shrink();
        self.outbox.shrink();
        if self.streams.as_ref().is_some_and(|streams| streams.is_empty()) {
            self.streams = None;
        }
        if self.streams.is_none() && self.bulk.as_ref().is_some_and(|bulk| bulk.is_empty()) {
            self.bulk = None;
        }
        if let Some(documents) = &mut self.documents {
            documents.shrink();
        }
        if self.events.is_empty() && self.events.capacity() > 16 {
            self.events = VecDeque::new();
        }
    }

    // The rest.

    fn handle_frames(&mut self, mut frames: Frames) -> Result<(), ProtocolError> {
        if self.documents.is_some() {
            self.handle_document(&frames.into_rest());
            return self.check_unread();
        }
        let mut run = None;
        let taken = self.handle_each(&mut frames, &mut run);
        // What came before a broken frame has been taken.
        self.finish_run(run, frames.body());
        taken?;
        self.check_unread()
    }

    fn handle_each(&mut self, frames: &mut Frames, run: &mut Option<Run>) -> Result<(), ProtocolError> {
        let (codec, mut taken) = (self.codec(), 0);
        while let Some(place) = frames.next_place()? {
            taken += 1;
            if taken > self.config.max_frames {
                return Err(ProtocolError::TooManyFrames(self.config.max_frames));
            }
            if protocol::is_item(codec, frames.get(place)) {
                self.handle_item(frames, run, place)?;
                continue;
            }
            self.finish_run(run.take(), frames.body());
            if let Some(frame) = frames.cut_out(place) {
                let message = self.protocol.decode(frame)?;
                self.others = self.others.saturating_add(u32::from(!matches!(message, Message::Request(_))));
                self.handle_message(message)?;
            }
        }
        Ok(())
    }

    fn check_unread(&self) -> Result<(), ProtocolError> {
        // Refusals and pongs are the only frames that a peer can cause without reading its answers.
        let unread = self.outbox.small() + self.bulk.as_ref().map_or(0, |bulk| bulk.small());
        if unread > self.config.max_outbound.saturating_add(self.config.max_packet as usize) {
            return Err(ProtocolError::SlowConsumer);
        }
        Ok(())
    }

    fn handle_message(&mut self, message: Message) -> Result<(), ProtocolError> {
        match message {
            Message::Request(request) => return self.handle_request(request),
            Message::Answer { id, head, outcome } => {
                self.handle_answer(id, head.as_deref(), outcome);
            }
            Message::Cancel(id) => self.events.push_back(Queued::Cancel(id)),
            Message::Ping(token) => {
                if let Some(link) = &mut self.link {
                    link.handle_ping(token);
                }
            }
            // Any packet shows that the peer lives; resume, which the others belong to, is off.
            Message::Pong(token) => {
                if let (Some(link), Some(now)) = (&mut self.link, self.now) {
                    link.handle_pong(now, Some(token));
                }
            }
            Message::Credit { id, items, bytes } => {
                self.events.push_back(Queued::Credit(id, Amount { items, bytes }));
            }
            // As nobody of ours writes it.
            Message::Item { id, head, value } => {
                // It may be a small part of a large packet, of which nothing is to be kept.
                let packet = Bytes::copy_from_slice(value.bytes());
                let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
                let Some(mut run) = self.begin_run(id, 0) else { return Ok(()) };
                if !run.push((0, packet.len()), (0, len)) {
                    return Err(ProtocolError::CreditExceeded(id));
                }
                self.finish_run(Some(run), &packet);
                if let Some(what) = head.as_deref().and_then(not_available_in_value) {
                    self.fail_inflow(id, Error::new(Code::Unimplemented, what));
                }
            }
            Message::Ack(_) | Message::Release { .. } | Message::Broken { .. } => {}
            Message::Goaway(goaway) if self.role == Role::Client => self.report(Event::Goaway(*goaway)),
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
        let not_available = request.head.as_deref().and_then(not_available);
        let uploads = request.head.as_ref().map(|head| head.streams.as_slice()).unwrap_or_default();
        let uploads = match request.id {
            Some(id) => streams::upload_ids(id, uploads)?,
            None if !uploads.is_empty() => {
                self.others = self.others.saturating_add(1);
                return Ok(());
            }
            None => Vec::new(),
        };
        if let (Some(id), Some(last)) = (request.id, uploads.last()) {
            self.incoming.skip_to(*last);
            let own = self.config.limits();
            let streams = self.streams.get_or_insert_default();
            if not_available.is_none() && streams.taken + uploads.len() > self.config.max_streams as usize {
                let refusal = self.streams_refusal();
                self.others = self.others.saturating_add(1);
                self.push_answer(id, Err(refusal.into()));
                return Ok(());
            }
            if not_available.is_none() {
                streams.begin_uploads(id, uploads, own);
            }
        }
        match not_available {
            None => self.report(Event::Request(request)),
            Some(what) => {
                self.others = self.others.saturating_add(1);
                if let Some(id) = request.id {
                    self.push_answer(id, Err(Error::new(Code::Unimplemented, what).into()));
                }
            }
        }
        Ok(())
    }

    fn handle_answer(&mut self, id: RequestId, head: Option<&ValueHead>, outcome: Outcome) {
        // An answer under an id of the peer's ends an upload.
        if (id.0 % 2 == 1) != (self.role == Role::Client) {
            return self.handle_upload_end(id, head, outcome);
        }
        let (gave, uploads) =
            self.streams.as_mut().and_then(|streams| streams.answered(id)).unwrap_or_default();
        for upload in uploads {
            self.report(Event::Cancelled(upload));
        }
        let outcome = match outcome {
            Ok(value) if gave && !value.is_null() => {
                let message = "the method gives one result, and the call expected a stream";
                Err(Error::new(Code::Unimplemented, message).after_execution().into())
            }
            outcome => outcome,
        };
        if let Some(key) = self.outgoing.answered(id) {
            let outcome = match head.and_then(not_available_in_value) {
                None => outcome.map(|value| value.with_depth(self.config.max_depth)),
                Some(what) => Err(Error::new(Code::Unimplemented, what).after_execution().into()),
            };
            self.report(Event::Answered(key, outcome));
        }
        self.send_unsent();
    }

    /// Refuses a call that the peer would refuse with the whole link.
    fn check_call(&self, head: Option<&RequestHead>, params: &Payload) -> Result<(), Error> {
        if let Some(head) = head.filter(|head| !head.meta.is_empty()) {
            let head =
                Payload::encode(self.codec(), head).map_err(|error| Error::invalid(error.to_string()))?;
            // The peer would close the link for a head that it cannot read.
            head.decode::<IgnoredAny>().map_err(|error| {
                Error::invalid(format!("what is sent beside the parameters cannot be read: {error}"))
            })?;
            if head.bytes().len() > MAX_HEAD {
                let len = head.bytes().len();
                let message =
                    format!("what is sent beside the parameters takes {len} bytes of at most {MAX_HEAD}");
                return Err(Error::invalid(message));
            }
        }
        self.check_params(params)
    }

    fn check_params(&self, params: &Payload) -> Result<(), Error> {
        self.check_codec(params)?;
        if self.link.as_ref().is_some_and(Link::peer_is_js) {
            params.check_integers().map_err(|error| Error::invalid(error.to_string()))?;
        }
        match params.bytes().len() {
            len if len > self.outbox.limit() => {
                Err(params_too_large(TooLarge { len, limit: self.outbox.limit() }))
            }
            _ => Ok(()),
        }
    }

    fn check_codec(&self, payload: &Payload) -> Result<(), Error> {
        if payload.codec() == self.codec() {
            return Ok(());
        }
        let message = format!("the payload is {} and the session speaks {}", payload.codec(), self.codec());
        Err(Error::new(Code::Internal, message))
    }

    fn may_send(&self) -> bool {
        self.link.is_some() && self.outbox.len() < self.config.outbound_mark
    }

    fn may_send_request(&self, expects: Expects) -> bool {
        let (open, giving) = self.streams.as_ref().map_or((0, 0), |streams| (streams.open, streams.giving));
        let has_slot =
            || expects.stream || self.in_flight_there(giving) < self.peer_limits.in_flight as usize;
        let has_streams = || !expects.any() || open + expects.count() <= self.peer_limits.streams as usize;
        self.may_send() && has_slot() && has_streams()
    }

    /// Requests that the peer counts against its limit of those in flight.
    fn in_flight_there(&self, giving: usize) -> usize {
        self.outgoing.in_flight().saturating_sub(giving)
    }

    /// Sends calls that have waited, in their order, as far as they may go.
    fn send_unsent(&mut self) {
        while self.outgoing.has_unsent() {
            if !self.may_send() {
                return;
            }
            let allowed = |next: &Unsent| next.oneway || self.may_send_request(next.expects);
            let Some(number) = self.outgoing.next_unsent(allowed) else { return };
            let Some((key, mut next)) = self.outgoing.take_unsent_call(number) else { return };
            if let (Some(head), Some(deadline), Some(now)) = (&mut next.head, next.deadline, self.now) {
                let left = deadline.saturating_duration_since(now);
                head.timeout = head.timeout.map(|timeout| timeout.min(left));
            }
            let oneway = next.oneway;
            let ended = match self.send_waited(key, next) {
                Ok(()) if !oneway => continue,
                Ok(()) => Ok(Payload::null(self.codec())),
                Err(error) => Err(error.into()),
            };
            self.outgoing.finish(key);
            self.report(Event::Answered(key, ended));
        }
    }

    fn send_waited(&mut self, key: CallKey, unsent: Unsent) -> Result<(), Error> {
        // It was checked against the limits of the link of that time, if any.
        self.check_params(&unsent.params)?;
        if unsent.oneway {
            return self.push_call(None, &unsent.method, unsent.head.as_deref(), unsent.params);
        }
        self.check_streams(unsent.expects)?;
        let id = self.push_request(&unsent.method, unsent.head, unsent.params, unsent.expects)?;
        self.outgoing.sent(key, id, unsent.deadline);
        self.open_streams(key, id, unsent.expects);
        Ok(())
    }

    fn push_request(
        &mut self,
        method: &str,
        mut head: Option<Box<RequestHead>>,
        params: Payload,
        expects: Expects,
    ) -> Result<RequestId, Error> {
        let id = self.outgoing.next_id_of(expects.uploads);
        let id = id.ok_or_else(|| Error::unavailable("the ids of this session are used up"))?;
        if expects.uploads > 0 {
            let uploads = (1..=u64::from(expects.uploads)).map(|nth| (id.0 + 2 * nth).into());
            head.get_or_insert_default().streams = uploads.collect();
        }
        self.push_call(Some(id), method, head.as_deref(), params)?;
        Ok(id)
    }

    fn push_call(
        &mut self,
        id: Option<RequestId>,
        method: &str,
        head: Option<&RequestHead>,
        params: Payload,
    ) -> Result<(), Error> {
        let protocol = self.protocol;
        let pushed = if self.outbox.travels_alone(&params) {
            let around = protocol.around_request(id, method, head, params.bytes().len());
            self.outbox.push_alone(&around, params)
        } else {
            let len = params.bytes().len() + method.len() + 32;
            self.outbox.push(len, |body| protocol.encode_request(id, method, head, &params, body))
        };
        pushed.map_err(params_too_large)
    }

    fn push_answer(&mut self, id: RequestId, outcome: Outcome) {
        let (gave, uploads) = self.streams.as_mut().map(|streams| streams.finish(id)).unwrap_or_default();
        for upload in uploads {
            let error = Error::new(Code::Cancelled, "the call that the stream belongs to is over");
            self.report(Event::Ended(upload, Err(error.after_execution().into())));
        }
        if self.link.is_none() || id.is_notification() {
            return;
        }
        if self.documents.is_none() {
            return self.push_checked(&Id::Number(id.0), outcome, gave);
        }
        let origin = match &mut self.documents {
            None => Origin { id: Id::Number(id.0), batch: None },
            Some(documents) => match documents.take(id) {
                Some(origin) => origin,
                None => return,
            },
        };
        let checked = self.check_answer(&outcome);
        if let Some(key) = origin.batch {
            let outcome = checked.map_or_else(|error| Err(error.after_execution().into()), |()| outcome);
            return self.push_outcome_of_batch(key, &origin.id, &outcome);
        }
        self.push_checked(&origin.id, outcome, false);
    }

    /// Sends the end of a call or of a stream, or why it cannot be sent; behind all items if it is the end of a stream.
    fn push_checked(&mut self, id: &Id, outcome: Outcome, ends_stream: bool) {
        let result = match self.check_answer(&outcome) {
            Ok(()) => self.push_outcome(id, outcome, ends_stream),
            Err(error) => Err(error),
        };
        let Err(error) = result else { return };
        let error = error.after_execution();
        // Every peer takes a frame of this size.
        if self.documents.is_some() && error.code() == Code::ResourceExhausted {
            self.push_document(|body| jsonrpc::encode_too_large(id, &error, body));
        } else {
            let _ = self.push_outcome(id, Err(error.into()), ends_stream);
        }
    }

    fn push_outcome(&mut self, id: &Id, outcome: Outcome, ends_stream: bool) -> Result<(), Error> {
        if self.link.is_none() {
            return Ok(());
        }
        let protocol = self.protocol;
        let (kind, value) = match outcome {
            Ok(value) => (ValueKind::Ok, value),
            Err(Failure::App(value)) => (ValueKind::App, value),
            Err(Failure::Rpc(error)) => {
                let len = error.message().len() + 128;
                let pushed =
                    self.lane(ends_stream).push(len, |body| protocol.encode_failure(id, &error, body));
                return pushed.map_err(answer_too_large);
            }
        };
        self.answers_left = match self.answers_left.checked_sub(value.bytes().len()) {
            Some(left) => left,
            None => {
                let len = value.bytes().len();
                return Err(answer_too_large(TooLarge { len, limit: self.answers_left }));
            }
        };
        let outbox = self.lane(ends_stream);
        let pushed = if outbox.travels_alone(&value) {
            outbox.push_alone(&protocol.around_value(kind, id, &value), value)
        } else {
            let len = value.bytes().len() + 32;
            outbox.push(len, |body| protocol.encode_value(kind, id, &value, body))
        };
        pushed.map_err(answer_too_large)
    }

    /// Where the end of a call goes, or that of a stream.
    fn lane(&mut self, ends_stream: bool) -> &mut Outbox {
        if ends_stream { self.bulk_mut() } else { &mut self.outbox }
    }

    /// Refuses results that the peer could not read.
    fn check_answer(&self, outcome: &Outcome) -> Result<(), Error> {
        let (Ok(value) | Err(Failure::App(value))) = outcome else { return Ok(()) };
        self.check_codec(value)?;
        if self.link.as_ref().is_some_and(Link::peer_is_js) {
            value.check_integers().map_err(|error| Error::new(Code::OutOfRange, error.to_string()))?;
        }
        Ok(())
    }

    fn report(&mut self, event: Event) {
        self.events.push_back(Queued::Event(event));
    }

    fn push(&mut self, message: &Message) {
        if self.link.is_some() && self.documents.is_none() {
            let protocol = self.protocol;
            // Every peer takes a frame of this size.
            let _ = self.outbox.push(32, |body| protocol.encode(message, body));
        }
    }
}

fn answer_too_large(TooLarge { len, limit }: TooLarge) -> Error {
    let message = format!("the answer takes {len} bytes and the peer accepts packets of {limit}");
    Error::new(Code::ResourceExhausted, message)
}

fn params_too_large(TooLarge { len, limit }: TooLarge) -> Error {
    Error::invalid(format!("the call takes {len} bytes and the peer accepts packets of {limit}"))
}

/// What a request asks for that this version does not have.
fn not_available(head: &RequestHead) -> Option<String> {
    let what = match head.target() {
        Target::Capability(_) => "calls on capabilities",
        Target::Promise => "calls on results that are not there yet",
        Target::Service if !head.caps.is_empty() => "capabilities in parameters",
        Target::Service if !head.refs.is_empty() => "results of other calls as parameters",
        Target::Service if head.keep => "kept results",
        Target::Service => return head.unknown.as_deref().map(unknown_key),
    };
    Some(format!("{what} are not available in this version"))
}

/// What an answer brings that this version does not have.
fn not_available_in_value(head: &ValueHead) -> Option<String> {
    let what = match head {
        ValueHead { caps, .. } if !caps.is_empty() => "capabilities in results",
        ValueHead { streams, .. } if !streams.is_empty() => "streams in results",
        ValueHead { unknown, .. } => return unknown.as_deref().map(unknown_key),
    };
    Some(format!("{what} are not available in this version"))
}

fn unknown_key(key: &str) -> String {
    format!("the head's key {} is not known here", shown(key, 16))
}

#[cfg(test)]
mod tests;
