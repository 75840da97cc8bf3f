//! The one loop that joins a session to a transport, the same for both ends: one task per session.
//!
//! A turn takes everything that is ready (wishes, packets, methods that have ended), and then flushes once. System
//! calls decide the throughput, so before the flush the task wakes itself once where others may have something to add.
//! Reading and writing are parts of one poll function; neither ever waits for the other.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::field::display;
use trunkline_core::{
    CallKey, CloseCode, CloseReason, Code, Error, Escaped, Event, Expects, Failure, Goaway, Inflow,
    MethodSchema, Outcome, Packet, Payload, ProtocolError, Request, RequestId, Role, Session, shown,
};

#[cfg(feature = "metrics")]
use crate::meters;
use crate::{
    call_log::CallStatus,
    clock::{Timer, now},
    connection::Connection,
    dispatch::CallStreams,
    expiry::{EXPIRING, Expiry, LoginEnd},
    handle::{AsHandle, CallKind, Handle, Pending, Prepared, Wish, late},
    handlers::{self, Handler, Handlers},
    hang_up::CLOSE_TIMEOUT,
    link::LinkError,
    quiet::Lines,
    router::{Admitted, Penalty, Refusal, Route, Router},
    state::ConnectionState,
    streams::Outlet,
    traffic::{Traffic, TrafficLimits},
    transport::{Transport, TransportError},
    watch::{self, Watched},
};

/// From how many frames, or bytes that came in, on a flush is worth its system call, so that the peer need not wait for
/// more. It is also what one turn takes before others get the thread.
const BATCH: usize = 32;
const BATCH_BYTES: usize = 16 << 10;

/// Stands for the method of a stream that is sent along with a call made here.
static UPLOAD: MethodSchema = MethodSchema { public: true, ..MethodSchema::new("", &[""]) };

/// What one side serves, and the session that it serves it to.
#[derive(Debug)]
pub struct Services {
    /// The methods.
    pub router: Arc<Router>,
    /// The session, for extractors and guards.
    pub connection: Connection,
    /// When a peer that has not logged in is sent away, if a login is required.
    pub login_until: Option<Instant>,
    /// What happens around the end of a login.
    pub expiry: Expiry,
    /// How much the peer may send.
    pub limits: Arc<TrafficLimits>,
}

/// Drives a session over a transport until either ends; the output says why.
///
/// Dropping it drops the transport and every method that has not ended.
#[must_use = "a session only lives while its driver is polled"]
pub struct Driver<T> {
    transport: T,
    session: Session,
    handle: Handle,
    services: Option<Services>,
    /// Calls made here, by their keys.
    calls: Vec<Option<Arc<Pending>>>,
    /// How many of them there are.
    waiting: usize,
    wishes: VecDeque<Wish>,
    /// Streams that have come along with calls of the peer, and whoever takes their items.
    #[expect(clippy::box_collection, reason = "few sessions have any, and idle ones are to be small")]
    uploads: Option<Box<HashMap<RequestId, Arc<Pending>>>>,
    handlers: Handlers,
    timer: Timer,
    phase: Phase,
    /// Whether this turn's frames have waited for others.
    waited: bool,
    denials: Denials,
    traffic: Option<Box<Traffic>>,
    before_login: (u32, usize),
    /// When the login of the peer ends.
    login_end: Option<LoginEnd>,
    /// When the session ends whatever still runs, if no more calls are let in.
    drained_at: Option<Instant>,
    /// How the frames behind the handshake broke the protocol.
    broken: Option<Box<ProtocolError>>,
    /// What the log was told of this connection, once there was something.
    lines: Option<Box<Lines>>,
    /// Whether nothing comes behind what came with the link, so that the session ends when that is answered.
    once: bool,
}

enum Phase {
    Open,
    /// The session has ended; what is queued, and a close frame, are still to be sent.
    Closing {
        reason: CloseReason,
        say: bool,
        /// Where the connection will have come to.
        last: ConnectionState,
        until: Instant,
    },
    Done,
}

/// How the open phase ended: why, and whether the peer is to be told.
struct End {
    reason: CloseReason,
    say: bool,
    /// How the connection broke, if nobody closed it on purpose.
    error: Option<LinkError>,
}

impl End {
    fn told(reason: CloseReason) -> Self {
        Self { reason, say: true, error: None }
    }

    fn lost(cause: Option<Arc<io::Error>>) -> Self {
        Self { reason: CloseReason::abnormal(), say: false, error: Some(LinkError::Lost(cause)) }
    }
}

impl From<ProtocolError> for End {
    fn from(error: ProtocolError) -> Self {
        tracing::debug!(%error, "the peer broke the protocol");
        Self { error: Some(error.clone().into()), ..Self::told(CloseReason::from(&error)) }
    }
}

impl From<TransportError> for End {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Peer(error) => error.into(),
            TransportError::Io(error) => {
                tracing::debug!(%error, "the connection was lost");
                Self::lost(Some(Arc::new(error)))
            }
        }
    }
}

impl<T: Transport> Driver<T> {
    /// Joins `session` to `transport`. Calls come in through `handle`. `attached` is what attaching the link has given: if
    /// a frame behind the handshake was broken, those before it are taken before the session ends.
    pub fn new(
        mut transport: T,
        session: Session,
        handle: Handle,
        services: Option<Services>,
        attached: Result<(), ProtocolError>,
    ) -> Self {
        if services.as_ref().is_none_or(|services| services.login_until.is_none()) {
            transport.logged_in();
        }
        let traffic = services.as_ref().and_then(traffic);
        Self {
            broken: attached.err().map(Box::new),
            transport,
            session,
            handle,
            services,
            calls: Vec::new(),
            waiting: 0,
            wishes: VecDeque::new(),
            uploads: None,
            handlers: Handlers::new(),
            timer: Timer::default(),
            phase: Phase::Open,
            waited: false,
            denials: Denials::default(),
            traffic,
            before_login: (0, 0),
            login_end: None,
            drained_at: None,
            lines: None,
            once: false,
        }
    }

    /// A driver that answers what came with the link, and then ends with 1000. Nothing is called through `handle`, and what
    /// would close a connection refuses a call and no more: there is no connection.
    pub(crate) fn once(
        transport: T,
        session: Session,
        handle: Handle,
        services: Services,
        attached: Result<(), ProtocolError>,
    ) -> Self {
        let mut driver = Self::new(transport, session, handle, Some(services), attached);
        driver.once = true;
        driver
    }

    pub(crate) fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        match self.turn(cx) {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    /// Does everything that can be done now.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let now = now();
        self.handle_wishes(cx, now)?;
        let more = self.read(cx, now)?;
        self.run_handlers(cx);
        if self.session.poll_timeout().is_some_and(|at| at <= now) {
            if self.transport.has_progressed() {
                self.session.handle_progress(now);
            }
            self.session.handle_timeout(now)?;
            self.measure();
        }
        self.check_login(now)?;
        if let Some(traffic) = &mut self.traffic {
            traffic.tell(self.session.in_flight());
        }
        let more = more || self.session.events() > 0;
        if more {
            cx.waker().wake_by_ref();
        } else if self.may_gather() && !std::mem::replace(&mut self.waited, true) {
            cx.waker().wake_by_ref();
            return Ok(());
        }
        self.waited = false;
        self.write(cx, now)?;
        self.check_drained(now)?;
        if self.once && !more && self.session.events() == 0 && self.handlers.is_empty() {
            return Err(End { say: false, ..End::told(CloseReason::new(CloseCode::NORMAL, "")) });
        }
        self.arm_timer(cx, now);
        Ok(())
    }

    /// Measures what is only looked at now and then: with each ping, for one.
    #[cfg_attr(not(feature = "metrics"), expect(clippy::unused_self, reason = "there is nobody to tell"))]
    fn measure(&mut self) {
        #[cfg(feature = "metrics")]
        if self.session.role() == Role::Server {
            meters::outbound_queue(self.session.queued());
            if let Some(took) = self.session.take_round_trip() {
                meters::ping(took);
            }
        }
    }

    /// Whether another task may have something to add to the next packet.
    fn may_gather(&self) -> bool {
        let others = !self.handlers.is_empty() || self.waiting > 0;
        others && self.session.wants_to_transmit() && !self.session.has_batch(BATCH)
    }

    fn handle_wishes(&mut self, cx: &Context<'_>, now: Instant) -> Result<(), End> {
        let mut wishes = std::mem::take(&mut self.wishes);
        self.handle.take(cx, &mut wishes);
        let mut end: Option<End> = None;
        for wish in wishes.drain(..) {
            match wish {
                // Whoever calls behind a close is told so: nobody may be left waiting.
                Wish::Call(call) if end.is_some() => {
                    call.complete(Err(Error::unavailable("the connection is closed").into()));
                }
                Wish::Call(call) => self.start(now, call),
                Wish::Cancel(call) => self.cancel(now, &call),
                Wish::Ate(call) => self.ate(&call),
                Wish::Close(reason) => end = end.or_else(|| Some(End::told(*reason))),
                Wish::LoggedIn => self.logged_in(),
                Wish::Drain(grace) => self.drain(now, *grace),
                Wish::Punish(penalty) => end = end.or(self.punish(now, penalty).err()),
            }
        }
        self.wishes = wishes;
        end.map_or(Ok(()), Err)
    }

    fn start(&mut self, now: Instant, call: Arc<Pending>) {
        let Some(mut request) = call.take_request() else { return };
        if self.once {
            return call
                .complete(Err(Error::unavailable("whoever sent this request has no connection").into()));
        }
        let usual = if call.streams(&request) { None } else { Some(self.handle.call_timeout()) };
        // What had to wait for a connection has the less time for it.
        let left = request.late_at.map(|late_at| late_at.saturating_duration_since(now));
        let left = left.or(request.timeout).or(usual);
        if left.is_some_and(|left| left.is_zero()) {
            return call.complete(Err(late().into()));
        }
        if let (Some(head), Some(left)) = (&mut request.head, left) {
            head.timeout = head.timeout.map(|timeout| timeout.min(left));
        }
        if call.streams(&request) {
            return self.start_streaming(now, call, request, left);
        }
        let started = match call.kind {
            CallKind::Oneway => self.session.notify(now, &request.method, request.head, request.params, left),
            _ => self.session.request(now, &request.method, request.head, request.params, left).map(Some),
        };
        self.started(call, started);
    }

    fn start_streaming(
        &mut self,
        now: Instant,
        call: Arc<Pending>,
        request: Prepared,
        left: Option<Duration>,
    ) {
        let Prepared { method, head, params, uploads, .. } = request;
        let expects = Expects {
            stream: call.kind == CallKind::Stream,
            uploads: u32::try_from(uploads.len()).unwrap_or(u32::MAX),
        };
        if expects.stream {
            call.begin_flow(self.session.window());
        }
        call.keep_uploads(uploads);
        let started = self.session.request_streaming(now, &method, head, params, left, expects);
        self.started(call, started.map(Some));
    }

    fn started(&mut self, call: Arc<Pending>, started: Result<Option<CallKey>, Error>) {
        match started {
            Ok(Some(key)) => {
                call.sent_as(key);
                if self.calls.len() <= key.0 {
                    self.calls.resize(key.0 + 1, None);
                }
                if let Some(place) = self.calls.get_mut(key.0) {
                    *place = Some(call);
                    self.waiting += 1;
                }
            }
            Ok(None) => call.complete(Ok(Payload::null(self.session.codec()))),
            Err(error) => call.complete(Err(error.into())),
        }
    }

    /// The application has taken items: the peer may send more.
    fn ate(&mut self, call: &Arc<Pending>) {
        let (items, bytes) = call.take_eaten();
        let stream = match (call.upload(), call.key()) {
            (Some(upload), _) if self.knows_upload(upload, call) => Inflow::Upload(upload),
            (None, Some(key)) if self.knows(key, call) => Inflow::Call(key),
            _ => return,
        };
        self.session.consume(stream, items, bytes);
    }

    /// Whether the key names this call, and not a later one.
    fn knows(&self, key: CallKey, call: &Arc<Pending>) -> bool {
        let known = self.calls.get(key.0).and_then(Option::as_ref);
        known.is_some_and(|known| Arc::ptr_eq(known, call))
    }

    /// Whether the id names this upload, and not one of a later link.
    fn knows_upload(&self, id: RequestId, upload: &Arc<Pending>) -> bool {
        self.upload(id).is_some_and(|known| Arc::ptr_eq(known, upload))
    }

    /// The streams that a call sends along can begin.
    fn open_uploads(&mut self, key: CallKey, ids: Vec<RequestId>) {
        let Some(call) = self.calls.get(key.0).and_then(Option::as_ref) else { return };
        for (id, source) in ids.into_iter().zip(call.take_uploads()) {
            let outlet = Outlet::new(self.session.batch(id));
            let future = source(Arc::clone(&outlet));
            let handler = Handler {
                key: id,
                method: &UPLOAD,
                future,
                begun: true,
                outlet: Some(outlet),
                watched: None,
            };
            self.handlers.insert(handler);
        }
    }

    fn upload(&self, id: RequestId) -> Option<&Arc<Pending>> {
        self.uploads.as_ref()?.get(&id)
    }

    fn end_upload(&mut self, id: RequestId, outcome: Outcome) {
        let Some(uploads) = &mut self.uploads else { return };
        if let Some(upload) = uploads.remove(&id) {
            upload.complete(outcome);
        }
        if uploads.is_empty() {
            self.uploads = None;
        }
    }

    fn cancel(&mut self, now: Instant, call: &Arc<Pending>) {
        if let Some(upload) = call.upload() {
            if !self.knows_upload(upload, call) {
                return;
            }
            self.session.leave_upload(upload);
            return self.end_upload(upload, Err(Error::new(Code::Cancelled, "not wanted any more").into()));
        }
        let Some(key) = call.key() else { return };
        // The key may name a later call by now.
        if let Some(place) = self.calls.get_mut(key.0)
            && place.as_ref().is_some_and(|known| Arc::ptr_eq(known, call))
        {
            *place = None;
            self.waiting -= 1;
            self.session.cancel(now, key);
        }
    }

    /// Takes packets until there are none or this turn has enough; whether there may be more.
    ///
    /// What arrives together is handled in parts, with a flush after each: so the peer works on the answers to one part
    /// while the next is handled here. Otherwise the two ends would take turns.
    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, End> {
        // What an earlier turn, or the handshake, has left.
        let (mut events, mut bytes) = (self.handle_events(cx, now)?, 0);
        if let Some(error) = self.broken.take() {
            return self.end_broken(cx, now, *error);
        }
        while events < BATCH && bytes < BATCH_BYTES {
            let packet = match Pin::new(&mut self.transport).poll_next(cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(None) if self.once => return Ok(false),
                Poll::Ready(None) => return Err(End::lost(None)),
                Poll::Ready(Some(packet)) => packet?,
            };
            if let Packet::Close(reason) = packet {
                return Err(End { say: false, ..End::told(reason) });
            }
            bytes += packet.len();
            // A pong is asked for here.
            if !matches!(packet, Packet::Pong) {
                self.count_before_login(packet.len())?;
            }
            if let Some(traffic) = &mut self.traffic {
                traffic.packet(now, packet.len())?;
            }
            let taken = self.session.handle_packet(now, packet);
            if let Some(traffic) = &mut self.traffic {
                traffic.others(now, self.session.take_others())?;
            }
            events += self.handle_events(cx, now)?;
            if let Err(error) = taken {
                return self.end_broken(cx, now, error);
            }
        }
        Ok(true)
    }

    /// Ends the session for a broken frame, after the frames before it have been taken.
    fn end_broken(&mut self, cx: &mut Context<'_>, now: Instant, error: ProtocolError) -> Result<bool, End> {
        while self.handle_events(cx, now)? > 0 {}
        Err(error.into())
    }

    /// Handles half of a packet's events, which can be hundreds, and no fewer than a batch; how many that were.
    fn handle_events(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<usize, End> {
        let batch = (self.session.events() / 2).max(BATCH);
        for handled in 0..batch {
            let Some(event) = self.session.poll_event() else { return Ok(handled) };
            match event {
                Event::Request(request) => self.handle_request(cx, now, request)?,
                Event::Answered(key, outcome) => self.complete(key, outcome),
                Event::Cancelled(id) => drop(self.handlers.remove(id)),
                Event::Expired(id) => {
                    if let Some(mut watched) = self.handlers.remove(id) {
                        watched.ended_early(CallStatus::Timeout, Code::DeadlineExceeded);
                    }
                }
                Event::Opened(key, ids) => self.open_uploads(key, ids),
                Event::Items(Inflow::Call(key), items) => {
                    if let Some(Some(call)) = self.calls.get(key.0) {
                        call.push_items(items);
                    }
                }
                Event::Items(Inflow::Upload(id), items) => {
                    if let Some(upload) = self.upload(id) {
                        upload.push_items(items);
                    }
                }
                Event::Ended(id, outcome) => self.end_upload(id, outcome),
                Event::Goaway(goaway) => {
                    tracing::debug!(reason = %Escaped(&goaway.reason), "the server is about to go");
                }
                _ => {}
            }
            if self.session.has_full_packet() {
                let _ = self.send(cx, now)?;
            }
        }
        Ok(batch)
    }

    /// Takes what is left once the session has ended.
    fn finish_events(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Answered(key, outcome) => self.complete(key, outcome),
                Event::Items(Inflow::Call(key), items) => {
                    if let Some(Some(call)) = self.calls.get(key.0) {
                        call.push_items(items);
                    }
                }
                Event::Ended(id, outcome) => self.end_upload(id, outcome),
                _ => {}
            }
        }
    }

    fn complete(&mut self, key: CallKey, outcome: Outcome) {
        if let Some(call) = self.calls.get_mut(key.0).and_then(Option::take) {
            self.waiting -= 1;
            call.complete(outcome);
        }
    }

    fn handle_request(&mut self, cx: &mut Context<'_>, now: Instant, request: Request) -> Result<(), End> {
        let id = request.id;
        if self.session.role() == Role::Client && id.is_none() && request.method() == EXPIRING {
            self.handle_expiring(request);
            return Ok(());
        }
        let Some(services) = &self.services else {
            let error = Error::new(Code::Unimplemented, "nothing is served at this end");
            return self.refuse(now, id, "", Refusal { error, penalty: Penalty::None }, None);
        };
        let found = services.router.find(&services.connection, &request.method());
        let watched = Watched::new(&services.router, &services.connection, found.as_ref().ok(), &request);
        if let Some(traffic) = &mut self.traffic
            && let Some(error) = traffic.message(now)?
        {
            return self.refuse(now, id, "", Refusal { error, penalty: Penalty::None }, watched);
        }
        if self.drained_at.is_some() {
            let error = Error::unavailable("the server is shutting down");
            return self.refuse(now, id, "", Refusal { error, penalty: Penalty::None }, watched);
        }
        let route = match found {
            Ok(route) => route,
            Err(refusal) => return self.refuse(now, id, "", refusal, watched),
        };
        let method = route.schema.wire_name();
        let sent = request.head.as_ref().map_or(0, |head| head.streams.len());
        let streams = route.schema.stream || route.uploads > 0 || sent > 0;
        if streams && let Err(error) = self.check_streams(&route, &request, sent) {
            return self.refuse(now, id, method, Refusal { error, penalty: Penalty::None }, watched);
        }
        if !route.schema.stream && !self.session.has_room_for(&request) {
            let error = self.session.refusal();
            return self.refuse(now, id, method, Refusal { error, penalty: Penalty::None }, watched);
        }
        if self.traffic.as_ref().is_some_and(|traffic| !traffic.has_room(self.session.in_flight())) {
            let error = Traffic::refusal();
            return self.refuse(now, id, method, Refusal { error, penalty: Penalty::None }, watched);
        }
        let (asked, params_len) = (request.timeout(), request.params_len());
        let streams = id.filter(|_| streams).map(|id| self.call_streams(id, &route, &request, services));
        let outlet = streams.as_ref().and_then(|streams| streams.outlet.clone());
        let taken = streams.as_ref().map(|streams| streams.uploads.iter().flatten().cloned().collect());
        let mut future = match route.admit(&services.connection, request, streams) {
            Admitted::Running(future) => future,
            Admitted::Refused(refusal) => return self.refuse(now, id, method, refusal, watched),
        };
        if let (Some(id), Some(uploads)) = (id, taken) {
            let handler = Handler { key: id, method: route.schema, future, begun: false, outlet, watched };
            self.begin_streaming(now, handler, uploads, asked, params_len);
            return Ok(());
        }
        // Requests begin in their order: none in place while others have to wait for their first turn.
        let in_place = self.session.wants_more() && !self.handlers.has_unbegun();
        if in_place && let Poll::Ready(outcome) = handlers::poll(&mut future, watched.as_deref(), cx) {
            self.answer(id, route.schema, outcome, watched);
            return Ok(());
        }
        let key = self.session.take(now, id, route.schema.timeout, asked, params_len);
        self.handlers.insert(Handler {
            key,
            method: route.schema,
            future,
            begun: in_place,
            outlet: None,
            watched,
        });
        Ok(())
    }

    /// Whether a call can have the streams that its method gives and takes.
    fn check_streams(&self, route: &Route, request: &Request, sent: usize) -> Result<(), Error> {
        let method = shown(route.schema.wire_name(), 64);
        if self.once || !self.session.has_streams() {
            let message = format!(
                "`{method}` streams, which takes a WebSocket of the native protocol: it cannot be called over JSON-RPC or POST"
            );
            return Err(Error::new(Code::Unimplemented, message));
        }
        if request.id.is_none() {
            let message =
                format!("`{method}` streams, so that it is called by a request and not by a notification");
            return Err(Error::new(Code::Unimplemented, message));
        }
        if sent != route.uploads {
            let message = format!(
                "`{method}` takes {} streams among its parameters, and the call has {sent}",
                route.uploads
            );
            let code = if route.uploads == 0 { Code::Unimplemented } else { Code::InvalidArgument };
            return Err(Error::new(code, message));
        }
        if route.schema.stream && !self.session.has_room_for_stream(request) {
            return Err(self.session.streams_refusal());
        }
        Ok(())
    }

    /// What a call has of streams before it runs.
    fn call_streams(
        &self,
        id: RequestId,
        route: &Route,
        request: &Request,
        services: &Services,
    ) -> Box<CallStreams> {
        let outlet = route.schema.stream.then(|| Outlet::new(self.session.batch(id)));
        let named = request.head.as_ref().map(|head| head.streams.as_slice()).unwrap_or_default();
        let window = self.session.window();
        let uploads = named.iter().filter_map(Value::as_u64).map(|id| {
            let handle = services.connection.as_handle().clone();
            Some(Pending::of_upload(handle, RequestId(id), window))
        });
        Box::new(CallStreams { outlet, uploads: uploads.collect() })
    }

    /// Begins a method that gives or takes streams.
    fn begin_streaming(
        &mut self,
        now: Instant,
        handler: Handler,
        uploads: Vec<Arc<Pending>>,
        asked: Option<Duration>,
        params_len: usize,
    ) {
        let (timeout, gives) = (handler.method.timeout, handler.outlet.is_some());
        self.session.take_streaming(now, handler.key, gives, timeout, asked, params_len);
        for upload in uploads {
            if let Some(id) = upload.upload() {
                self.uploads.get_or_insert_default().insert(id, upload);
            }
        }
        self.handlers.insert(handler);
    }

    /// Takes what a server says of the session, which is for no service of the client.
    fn handle_expiring(&self, request: Request) {
        if let Ok(Expiring { expires_ms }) = request.into_params().decode() {
            self.handle.expiring(Duration::from_millis(expires_ms));
        }
    }

    /// Answers a call whose method has ended at once.
    fn answer(
        &mut self,
        id: Option<RequestId>,
        method: &MethodSchema,
        outcome: Outcome,
        watched: Option<Box<Watched>>,
    ) {
        let outcome = self.disclose(method.wire_name(), outcome);
        watch::answered(watched, &outcome);
        match id {
            Some(id) => self.session.answer(id, outcome),
            None => self.note_end(method.wire_name(), &outcome),
        }
    }

    /// Answers a call that is not let in. `method` is empty if there is none.
    fn refuse(
        &mut self,
        now: Instant,
        id: Option<RequestId>,
        method: &str,
        refusal: Refusal,
        watched: Option<Box<Watched>>,
    ) -> Result<(), End> {
        let outcome = self.disclose(method, Err(refusal.error.into()));
        watch::answered(watched, &outcome);
        match id {
            Some(id) => self.session.answer(id, outcome),
            None => self.note_end(method, &outcome),
        }
        self.punish(now, refusal.penalty)
    }

    /// Notes how a notification has ended, which nobody is told.
    fn note_end(&mut self, method: &str, outcome: &Outcome) {
        let Err(failure) = outcome else { return };
        let lines = self.lines.get_or_insert_default();
        let Some(left_out) = lines.ineffective.speak(now()) else { return };
        let error = match failure {
            Failure::App(_) => "an error of the application".to_owned(),
            Failure::Rpc(error) => error.to_string(),
        };
        let error = display(Escaped(&error));
        tracing::warn!(method, error, left_out, "a notification had no effect");
    }

    /// Says at the end of a connection how many lines about it were left out.
    fn note_left_out(&mut self) {
        let left_out = self.lines.take().map_or(0, |lines| lines.left_out());
        if left_out > 0 {
            tracing::warn!(left_out, "more of the same was left out of the log of this connection");
        }
    }

    fn punish(&mut self, now: Instant, penalty: Penalty) -> Result<(), End> {
        match penalty {
            _ if self.once => Ok(()),
            Penalty::None => Ok(()),
            Penalty::Denial if self.denials.add(now) <= self.max_denials() => Ok(()),
            Penalty::Denial => Err(ProtocolError::TooManyDenials.into()),
            Penalty::Unauthenticated => {
                Err(End::told(CloseReason::new(CloseCode::UNAUTHENTICATED, "log in first")))
            }
            Penalty::Disconnect => {
                Err(End::told(CloseReason::new(CloseCode::POLICY, "called more often than allowed")))
            }
        }
    }

    /// Polls the methods that have something to do, while what they give can be sent.
    fn run_handlers(&mut self, cx: &Context<'_>) {
        self.handlers.wake_stalled(&self.session);
        self.handlers.begin(cx);
        while self.session.wants_more() {
            let Some((handler, outcome)) = self.handlers.next(&mut self.session) else { return };
            let method = handler.method.wire_name();
            let outcome = self.disclose(method, outcome);
            watch::answered(handler.watched, &outcome);
            if handler.key.is_notification() {
                self.note_end(method, &outcome);
            }
            match std::ptr::eq(handler.method, &UPLOAD) {
                false => self.session.answer_taken(handler.key, outcome),
                true => self.session.end_upload(handler.key, outcome),
            }
        }
    }

    /// What the peer is told of an outcome.
    fn disclose(&mut self, method: &str, outcome: Outcome) -> Outcome {
        match (outcome, &self.services) {
            (Err(Failure::Rpc(error)), Some(services)) => {
                Err(services.router.disclose(method, error, &mut self.lines).into())
            }
            (outcome, _) => outcome,
        }
    }

    /// Sends and flushes all that there is.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<(), End> {
        let flushed =
            self.send(cx, now)?.is_ready() && Pin::new(&mut self.transport).poll_flush(cx)?.is_ready();
        if flushed {
            self.shrink();
        }
        self.handlers.wake_stalled(&self.session);
        let has_work = self.handlers.has_woken() && self.session.wants_more();
        // What waited for room was sent meanwhile, and its callers are to be told.
        if has_work || self.session.events() > 0 {
            cx.waker().wake_by_ref();
        }
        self.handle.set_load(self.session.in_flight(), self.session.queued());
        Ok(())
    }

    /// Hands packets to the transport; ready when there are none left.
    fn send(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<Poll<()>, TransportError> {
        while self.session.wants_to_transmit() {
            if Pin::new(&mut self.transport).poll_ready(cx)?.is_pending() {
                return Ok(Poll::Pending);
            }
            let Some(packet) = self.session.poll_transmit(now) else { break };
            Pin::new(&mut self.transport).start_send(packet)?;
        }
        Ok(Poll::Ready(()))
    }

    /// Frees memory that only a burst needed.
    fn shrink(&mut self) {
        self.session.shrink();
        self.handlers.shrink();
        if self.waiting == 0 && self.calls.capacity() > 64 {
            self.calls = Vec::new();
        }
    }

    fn max_denials(&self) -> u32 {
        self.services.as_ref().map_or(u32::MAX, |services| services.limits.denials)
    }

    /// The peer has logged in, or anew.
    fn logged_in(&mut self) {
        self.login_end = self.login_end();
        let load = self.services.as_ref().and_then(|services| services.connection.load());
        if let Some(traffic) = &mut self.traffic {
            traffic.set_user(load);
        } else if let Some(services) = self.services.as_ref().filter(|_| load.is_some()) {
            self.traffic = Some(Box::new(Traffic::new(&services.limits, load)));
        }
    }

    fn login_end(&self) -> Option<LoginEnd> {
        let services = self.services.as_ref()?;
        LoginEnd::new(services.connection.user()?.expiry()?, services.expiry)
    }

    fn check_login(&mut self, now: Instant) -> Result<(), End> {
        if let Some(end) = self.login_end.filter(|end| end.next() <= now) {
            self.handle_login_end(now, end)?;
        }
        let Some(services) = &mut self.services else { return Ok(()) };
        let Some(until) = services.login_until else { return Ok(()) };
        if services.connection.is_authenticated() {
            services.login_until = None;
            self.transport.logged_in();
        } else if until <= now && services.connection.has_expired() {
            return Err(login_ended());
        } else if until <= now {
            let reason = CloseReason::new(CloseCode::AUTH_TIMEOUT, "no login in time");
            return Err(End { error: Some(LinkError::NoLogin), ..End::told(reason) });
        }
        Ok(())
    }

    /// Tells the client that its login ends soon, or ends it.
    fn handle_login_end(&mut self, now: Instant, end: LoginEnd) -> Result<(), End> {
        if now < end.at {
            self.login_end = Some(LoginEnd { notice_at: None, ..end });
            if !self.once {
                self.say_expiring(now, end.at.saturating_duration_since(now));
            }
            return Ok(());
        }
        self.login_end = None;
        let Some(services) = &mut self.services else { return Ok(()) };
        if services.expiry.grace.is_zero() || !services.router.requires_login() {
            return Err(login_ended());
        }
        if services.connection.expire(end.date) {
            services.login_until = now.checked_add(services.expiry.grace);
            self.before_login = (0, 0);
            self.end_running(|method| !method.public);
        }
        Ok(())
    }

    fn say_expiring(&mut self, now: Instant, left: Duration) {
        let expires_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let params = Payload::encode(self.session.codec(), &Expiring { expires_ms });
        // It has no answer, and a client that cannot be told in time will find out.
        let _ = params.map(|params| self.session.notify(now, EXPIRING, None, params, Some(left)));
    }

    /// Ends running methods because whoever called them is no longer logged in.
    fn end_running(&mut self, which: impl Fn(&MethodSchema) -> bool) {
        for (id, watched) in self.handlers.remove_all(which) {
            if let Some(mut watched) = watched {
                watched.ended_early(CallStatus::InvalidAuth, Code::Unauthenticated);
            }
            let error = Error::new(Code::Unauthenticated, "the login has ended").after_execution();
            self.session.answer_taken(id, Err(error.into()));
        }
    }

    fn drain(&mut self, now: Instant, grace: Duration) {
        // Who asks by single requests has no link to move.
        if !self.once {
            let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            let reason = "the server is shutting down".to_owned();
            self.session.goaway(Goaway { reason, after_ms: 0, grace_ms, is_final: false });
        }
        self.drained_at = Some(now.checked_add(grace).unwrap_or(now));
    }

    /// Ends a session that lets no more calls in, once those that run have ended and their answers are sent, or their time is
    /// over.
    fn check_drained(&self, now: Instant) -> Result<(), End> {
        let idle =
            || self.handlers.is_empty() && self.session.events() == 0 && !self.session.wants_to_transmit();
        let over = |at: Instant| at <= now || idle();
        match self.drained_at.is_some_and(over) {
            false => Ok(()),
            true => Err(End::told(CloseReason::new(CloseCode::RESTART, "the server is shutting down"))),
        }
    }

    fn count_before_login(&mut self, len: usize) -> Result<(), ProtocolError> {
        let Some(services) = &self.services else { return Ok(()) };
        if services.login_until.is_none() || !services.router.wants_login(&services.connection) {
            return Ok(());
        }
        let (packets, bytes) = &mut self.before_login;
        *packets += 1;
        *bytes += len;
        let limits = &services.limits;
        if *packets > limits.packets_before_login || *bytes > limits.bytes_before_login {
            return Err(ProtocolError::TooMuchBeforeLogin);
        }
        Ok(())
    }

    fn arm_timer(&mut self, cx: &mut Context<'_>, now: Instant) {
        let login = self.services.as_ref().and_then(|services| services.login_until);
        let login_end = self.login_end.as_ref().map(LoginEnd::next);
        let times = [self.session.poll_timeout(), login, login_end, self.drained_at];
        let at = times.into_iter().flatten().min();
        if self.timer.arm(cx, now, at).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// Ends the session and everything that belongs to it. What is queued still goes out.
    fn begin_close(&mut self, End { reason, say, error }: End) {
        self.handle.closing(&reason);
        if reason.code != CloseCode::ABNORMAL {
            self.handle.enter(ConnectionState::Disconnecting);
        }
        let last = match &error {
            Some(_) => ConnectionState::Error,
            None if reason.code == CloseCode::ABNORMAL => ConnectionState::Error,
            None => ConnectionState::Disconnected,
        };
        if let (Some(error), Some(services)) = (error, &self.services) {
            if let LinkError::Protocol(error) = &error {
                watch::broken(&services.router, &services.connection, error);
            }
            services.connection.failed(error);
        }
        if ends_login(reason.code) {
            self.end_running(|_| true);
        }
        self.handlers.clear();
        self.handle.set_load(0, 0);
        self.note_left_out();
        #[cfg(feature = "metrics")]
        if self.session.role() == Role::Server {
            meters::closed(reason.code, say);
        }
        self.session.end(&ended(&reason));
        self.finish_events();
        self.phase = Phase::Closing { reason, say, last, until: now() + CLOSE_TIMEOUT };
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let Phase::Closing { reason, say, last, until } = &self.phase else {
            return Poll::Ready(CloseReason::abnormal());
        };
        let (reason, mut say, last, until) = (reason.clone(), *say, *last, *until);
        let mut over = until <= now() || reason.code == CloseCode::ABNORMAL;
        if say && !over {
            match self.say_goodbye(cx, &reason) {
                Ok(said) => say = said.is_pending(),
                Err(_) => over = true,
            }
        }
        if !over && (say || Pin::new(&mut self.transport).poll_close(cx).is_pending()) {
            if self.timer.arm(cx, now(), Some(until)).is_ready() {
                cx.waker().wake_by_ref();
            }
            self.phase = Phase::Closing { reason, say, last, until };
            return Poll::Pending;
        }
        self.phase = Phase::Done;
        self.handle.enter(last);
        Poll::Ready(reason)
    }

    /// Sends what is queued, then the close frame.
    fn say_goodbye(
        &mut self,
        cx: &mut Context<'_>,
        reason: &CloseReason,
    ) -> Result<Poll<()>, TransportError> {
        if self.send(cx, now())?.is_pending() || Pin::new(&mut self.transport).poll_ready(cx)?.is_pending() {
            return Ok(Poll::Pending);
        }
        Pin::new(&mut self.transport).start_send(Packet::Close(reason.clone()))?;
        Ok(Poll::Ready(()))
    }
}

impl<T: Transport> Future for Driver<T> {
    type Output = CloseReason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        if matches!(self.phase, Phase::Open) {
            let end = ready!(self.poll_open(cx));
            self.begin_close(end);
        }
        self.poll_close(cx)
    }
}

/// What calls are told that the end of their connection has interrupted, and those that come behind it.
pub fn ended(reason: &CloseReason) -> Error {
    match reason.code {
        CloseCode::ABNORMAL => Error::unavailable("the connection was lost"),
        code if ends_login(code) => {
            Error::new(Code::Unauthenticated, format!("the connection was closed: {reason}"))
        }
        _ => Error::unavailable(format!("the connection was closed: {reason}")),
    }
}

/// Whether a connection is closed with this code because nobody is logged in any more.
fn ends_login(code: CloseCode) -> bool {
    matches!(code, CloseCode::UNAUTHENTICATED | CloseCode::REVOKED)
}

fn login_ended() -> End {
    End::told(CloseReason::new(CloseCode::UNAUTHENTICATED, "the login has ended"))
}

/// The parameters of the notice that a login ends soon.
#[derive(Debug, Serialize, Deserialize)]
struct Expiring {
    expires_ms: u64,
}

/// What has to be counted of a peer's traffic, if anything.
fn traffic(services: &Services) -> Option<Box<Traffic>> {
    let load = services.connection.load();
    let counted = load.is_some() || services.limits.messages.is_some() || services.limits.bytes.is_some();
    counted.then(|| Box::new(Traffic::new(&services.limits, load)))
}

/// Counts refusals in a window of one second.
#[derive(Debug, Default)]
struct Denials {
    since: Option<Instant>,
    count: u32,
}

impl Denials {
    /// Adds one; how many that are.
    fn add(&mut self, now: Instant) -> u32 {
        if self.since.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            *self = Self { since: Some(now), count: 0 };
        }
        self.count += 1;
        self.count
    }
}

/// A session whose driver is dropped leaves nobody waiting.
impl<T> Drop for Driver<T> {
    fn drop(&mut self) {
        self.handlers.clear();
        self.session.end(&Error::unavailable("the connection was closed"));
        for event in std::iter::from_fn(|| self.session.poll_event()) {
            match event {
                Event::Answered(key, outcome) => {
                    if let Some(call) = self.calls.get_mut(key.0).and_then(Option::take) {
                        call.complete(outcome);
                    }
                }
                Event::Ended(id, outcome) => {
                    if let Some(upload) = self.uploads.as_mut().and_then(|uploads| uploads.remove(&id)) {
                        upload.complete(outcome);
                    }
                }
                _ => {}
            }
        }
    }
}

impl<T> std::fmt::Debug for Driver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("session", &self.session).finish_non_exhaustive()
    }
}
