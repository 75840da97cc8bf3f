//! The way from any task to the driver of a session: a locked queue of wishes, and one slot per call for its answer.
//!
//! A wish is two words and a call is one allocation. The queue is not bounded by itself: every call in it belongs to a
//! future that somebody holds.

use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use serde::Serialize;
use trunkline_core::{
    AnyError, CallKey, CloseCode, CloseReason, Code, Codec, Error, Fault, Items, Outcome, ParamsWriter,
    Payload, Reply, RequestHead, RequestId, ServiceSchema, SessionConfig, Wire,
};

use crate::{
    call::{Call, Exchange},
    clock::{Timer, now},
    router::Penalty,
    state::{Changes, ConnectionState, Observed, Observer, States},
    streams::{Flow, Next, Source, StreamOf, Subscription, Uploads, WithUploads},
    trace::{TraceContext, TraceSource},
};

/// What has a driver, and a way to it: a client, or a connection.
pub trait AsHandle {
    /// The way to the driver.
    fn as_handle(&self) -> &Handle;
}

/// The way to the driver of a session. Cheap to clone; what it asks for waits while there is no link.
#[derive(Clone)]
pub struct Handle {
    inbox: Arc<Inbox>,
    /// Dropped with the last handle that keeps the session alive; the driver's own handle does not.
    _owner: Option<Arc<Owner>>,
}

struct Inbox {
    codec: Codec,
    /// How long a call may take that does not say.
    call_timeout: Duration,
    state: Mutex<State>,
    observer: Observed,
    /// Where calls belong in a trace.
    trace: Option<Arc<TraceSource>>,
    /// Calls of the peer that run, and bytes that wait to be sent, as the driver has last said.
    load: [AtomicUsize; 2],
}

/// Closes the session when nobody is left who could call.
struct Owner(Arc<Inbox>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.push(Wish::Close(Box::new(CloseReason::new(CloseCode::NORMAL, ""))));
    }
}

#[derive(Default)]
struct State {
    wishes: VecDeque<Wish>,
    /// Wakes the driver; taken when it has been, so that many wishes wake it once.
    waker: Option<Waker>,
    /// Whether a driver takes the wishes. While none does, the time of calls is kept here.
    driven: bool,
    /// When the first of the calls that wait for a driver may be late.
    late_at: Option<Instant>,
    /// Whether this end has asked to close.
    closing: bool,
    /// Why nothing can be wished any more.
    ended: Option<Error>,
    /// Where the connection stands.
    phase: ConnectionState,
    /// What of that has changed, if anybody watches.
    changes: Option<Box<Changes>>,
}

/// What the driver is asked for.
pub(crate) enum Wish {
    Call(Arc<Pending>),
    /// The caller has dropped its call.
    Cancel(Arc<Pending>),
    /// The application has taken items of a stream.
    Ate(Arc<Pending>),
    Close(Box<CloseReason>),
    /// The peer's login has an end, or another one than before.
    LoggedIn,
    /// A method was refused after it had seemed to run, because its guard had to wait.
    Punish(Penalty),
    /// No more calls are to be let in; the connection is closed when those that run have ended, or after this time.
    Drain(Box<Duration>),
}

/// The type of the call that a method returning `R` makes.
pub type CallOf<R> = Call<<R as Reply>::Ok, <<R as Reply>::Fault as Fault>::App>;

impl Handle {
    /// A handle that nobody listens to yet; its calls are encoded by `codec`.
    pub fn new(codec: Codec) -> Self {
        Self::with_timeout(codec, SessionConfig::CALL_TIMEOUT)
    }

    /// A handle whose calls may take `call_timeout` where they do not say.
    pub fn with_timeout(codec: Codec, call_timeout: Duration) -> Self {
        Self::of(codec, call_timeout, State::default(), None)
    }

    /// A handle of a connection whose WebSocket is open, whose calls may take `call_timeout` where they do not say.
    pub fn connected(codec: Codec, call_timeout: Duration) -> Self {
        let state = State { phase: ConnectionState::Connected, ..State::default() };
        Self::of(codec, call_timeout, state, None)
    }

    /// A handle of a connection whose states are told to `observer`.
    pub fn observed(codec: Codec, call_timeout: Duration, observer: Arc<dyn Observer>) -> Self {
        Self::of(codec, call_timeout, State::default(), Some(observer))
    }

    fn of(codec: Codec, call_timeout: Duration, state: State, observer: Observed) -> Self {
        let state = Mutex::new(state);
        Self {
            inbox: Arc::new(Inbox {
                codec,
                call_timeout,
                state,
                observer,
                trace: None,
                load: Default::default(),
            }),
            _owner: None,
        }
    }

    /// Sends with each call what `trace` gives when the call leaves. Nothing happens if there is another handle already.
    #[must_use]
    pub fn traced(mut self, trace: Arc<TraceSource>) -> Self {
        if let Some(inbox) = Arc::get_mut(&mut self.inbox) {
            inbox.trace = Some(trace);
        }
        self
    }

    /// Says how many calls of the peer run, and how many bytes wait to be sent.
    pub(crate) fn set_load(&self, in_flight: usize, queued: usize) {
        let [calls, bytes] = &self.inbox.load;
        calls.store(in_flight, Ordering::Relaxed);
        bytes.store(queued, Ordering::Relaxed);
    }

    /// How many calls of the peer run, and how many bytes wait to be sent.
    pub(crate) fn load(&self) -> [usize; 2] {
        self.inbox.load.each_ref().map(|load| load.load(Ordering::Relaxed))
    }

    /// Where a call that leaves now belongs in a trace.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.inbox.trace.as_ref()?()
    }

    /// A handle that keeps the session alive: when the last clone of it is dropped, the session is closed with 1000.
    #[must_use]
    pub fn owned(&self) -> Self {
        Self { inbox: Arc::clone(&self.inbox), _owner: Some(Arc::new(Owner(Arc::clone(&self.inbox)))) }
    }

    /// How calls are encoded.
    pub fn codec(&self) -> Codec {
        self.inbox.codec
    }

    /// Begins a list of `len` parameters.
    pub fn params(&self, len: u32) -> ParamsWriter {
        ParamsWriter::new(self.inbox.codec, len)
    }

    /// Parameters that are one value.
    pub fn body<T: Serialize>(&self, value: &T) -> Result<Payload, trunkline_core::EncodeError> {
        Payload::encode(self.inbox.codec, value)
    }

    /// Prepares the call of a method of a generated client.
    pub fn call<R: Reply>(
        &self,
        schema: &'static ServiceSchema,
        method: usize,
        params: impl IntoParams,
    ) -> CallOf<R> {
        let (name, kind, timeout) = named(schema, method);
        Call::new(self, name.into(), kind, timeout, params)
    }

    /// Prepares the call of a method of a generated client that gives a stream, with items of `R`.
    pub fn stream<R: Reply>(
        &self,
        schema: &'static ServiceSchema,
        method: usize,
        params: impl IntoParams,
    ) -> StreamOf<R> {
        let (name, _, timeout) = named(schema, method);
        Subscription::of_call(Exchange::new(self, name.into(), CallKind::Stream, timeout, params))
    }

    /// Begins a list of `len` parameters, of which some are streams.
    pub fn params_with_uploads(&self, len: u32) -> WithUploads {
        WithUploads::new(self.params(len))
    }

    /// Prepares the call of a method by its name on the wire, with parameters that are an array or a map.
    pub fn call_by_name<T: Wire>(
        &self,
        method: impl Into<String>,
        params: impl IntoParams,
    ) -> Call<T, AnyError> {
        Call::new(self, method.into().into(), CallKind::Answered, None, params)
    }

    /// Asks for a stream by the name of its method on the wire, with parameters that are an array or a map.
    pub fn stream_by_name<T: Wire>(
        &self,
        method: impl Into<String>,
        params: impl IntoParams,
    ) -> Subscription<T, AnyError> {
        let exchange = Exchange::new(self, method.into().into(), CallKind::Stream, None, params);
        Subscription::of_call(exchange)
    }

    /// Sends a notification, which nobody waits for; whether there is a session to send it on.
    pub fn notify(&self, method: impl Into<Cow<'static, str>>, params: Payload) -> bool {
        let request = Prepared {
            method: method.into(),
            head: None,
            params,
            uploads: Vec::new(),
            timeout: None,
            late_at: None,
        };
        self.push(Wish::Call(Pending::new(self.clone(), CallKind::Oneway, Ok(request))))
    }

    /// Asks the driver to close the link.
    pub fn close(&self, reason: CloseReason) {
        self.push(Wish::Close(Box::new(reason)));
    }

    /// Whether calls fail at once because the session has ended for good.
    pub fn is_closed(&self) -> bool {
        self.inbox.lock().ended.is_some()
    }

    /// Ends the session: calls fail with `error` from now on, and so do those that wait here.
    pub fn end(&self, error: &Error) {
        // A wish and a waker may own what locks the inbox when it is dropped: both go behind the lock.
        let (wishes, _waker, watchers) = {
            let mut state = self.inbox.lock();
            state.ended = Some(error.clone());
            let watchers = state.changes.as_mut().map(|changes| changes.take_wakers());
            (std::mem::take(&mut state.wishes), state.waker.take(), watchers)
        };
        watchers.into_iter().flatten().for_each(Waker::wake);
        fail(wishes, error);
    }

    /// Where the connection stands.
    pub fn state(&self) -> ConnectionState {
        self.inbox.lock().phase
    }

    /// Brings the connection to `state`, if that can follow on the present one.
    pub fn enter(&self, next: ConnectionState) {
        let watchers = {
            let mut state = self.inbox.lock();
            if !state.phase.may_become(next) {
                return;
            }
            state.phase = next;
            state.changes.as_mut().map(|changes| changes.push(next))
        };
        watchers.into_iter().flatten().for_each(Waker::wake);
        if let Some(observer) = &self.inbox.observer {
            observer.entered(next);
        }
    }

    /// The states from the present one on.
    pub fn watch_state(&self) -> States {
        let mut state = self.inbox.lock();
        let phase = state.phase;
        let changes = state.changes.get_or_insert_with(|| Box::new(Changes::new(phase)));
        let (id, next) = changes.add_watcher();
        drop(state);
        States::new(Self { inbox: Arc::clone(&self.inbox), _owner: None }, id, next)
    }

    pub(crate) fn poll_state(
        &self,
        cx: &Context<'_>,
        id: u64,
        next: &mut u64,
    ) -> Poll<Option<ConnectionState>> {
        let mut state = self.inbox.lock();
        let over = state.ended.is_some();
        let Some(changes) = &mut state.changes else { return Poll::Ready(None) };
        if let Some(change) = changes.next(next) {
            return Poll::Ready(Some(change));
        }
        if over {
            return Poll::Ready(None);
        }
        let earlier = changes.wake(cx, id);
        drop((state, earlier));
        Poll::Pending
    }

    pub(crate) fn unwatch(&self, id: u64) -> Option<Waker> {
        self.inbox.lock().changes.as_mut()?.remove(id)
    }

    /// Tells whoever observes the connection why it is about to end.
    pub(crate) fn closing(&self, reason: &CloseReason) {
        if let Some(observer) = &self.inbox.observer {
            observer.closing(reason);
        }
    }

    /// Tells whoever observes the connection that its login ends soon.
    pub(crate) fn expiring(&self, left: Duration) {
        if let Some(observer) = &self.inbox.observer {
            observer.expiring(left);
        }
    }

    /// Fails the calls that wait here with `error`.
    pub fn fail_waiting(&self, error: &Error) {
        let wishes = std::mem::take(&mut self.inbox.lock().wishes);
        fail(wishes, error);
    }

    /// Waits, while nobody drives the session, until there is a call to be made; false if the session is to be closed
    /// instead. Leaves the call where it is.
    pub async fn wanted(&self) -> bool {
        poll_fn(|cx| self.poll_wanted(cx)).await
    }

    /// Does `work`, which is to bring a connection, while calls wait here, and ends those whose time is over. `None` if
    /// the session is to be closed.
    pub async fn meanwhile<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut timer) = (pin!(work), Timer::default());
        poll_fn(|cx| {
            if self.poll_waiting(cx, &mut timer).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// Whether there is a session that takes it.
    pub(crate) fn push(&self, wish: Wish) -> bool {
        self.inbox.push(wish)
    }

    /// How long a call may take that does not say.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.inbox.call_timeout
    }

    /// Takes all wishes; if there are none, `cx` is woken by the next.
    ///
    /// `wishes` must be empty; its memory serves the next wishes.
    pub(crate) fn take(&self, cx: &Context<'_>, wishes: &mut VecDeque<Wish>) {
        let mut state = self.inbox.lock();
        (state.driven, state.late_at) = (true, None);
        std::mem::swap(&mut state.wishes, wishes);
        if wishes.capacity() > 256 && wishes.is_empty() {
            *wishes = VecDeque::new();
        }
        let earlier = state.wake(cx);
        drop((state, earlier));
    }

    fn poll_wanted(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = self.inbox.lock();
        state.driven = false;
        // Nobody drives the session, so what was given up here is nowhere else.
        let unwanted = self.inbox.take_unwanted(&mut state);
        let answer = match state.closing || state.ended.is_some() {
            true => Poll::Ready(false),
            false if !state.wishes.is_empty() => Poll::Ready(true),
            false => Poll::Pending,
        };
        let earlier = state.wake(cx);
        drop((state, earlier));
        // The last handle may be dropped with a call, which is a wish to close.
        end_unwanted(unwanted);
        answer
    }

    /// Ends calls whose time is over; ready if the session is to be closed.
    fn poll_waiting(&self, cx: &mut Context<'_>, timer: &mut Timer) -> Poll<()> {
        loop {
            let mut state = self.inbox.lock();
            let (closing, late_at) = (state.closing || state.ended.is_some(), state.late_at);
            let earlier = state.wake(cx);
            drop((state, earlier));
            if closing {
                return Poll::Ready(());
            }
            if timer.arm(cx, now(), late_at).is_pending() {
                return Poll::Pending;
            }
            self.end_late_calls();
        }
    }

    fn end_late_calls(&self) {
        let mut state = self.inbox.lock();
        let unwanted = self.inbox.take_unwanted(&mut state);
        drop(state);
        end_unwanted(unwanted);
    }
}

fn end_unwanted(unwanted: Vec<Wish>) {
    if !unwanted.is_empty() {
        fail(unwanted, &late());
    }
}

/// Ends calls that have waited, with nobody's lock held.
fn fail(wishes: impl IntoIterator<Item = Wish>, error: &Error) {
    for wish in wishes {
        if let Wish::Call(call) = wish {
            call.complete(Err(error.clone().into()));
        }
    }
}

/// What this end says of a call that is late; the call itself knows which it is, and how long it had.
pub(crate) const LATE: &str = "no answer within the deadline";

/// The end of a call that was not sent in time.
#[cold]
pub(crate) fn late() -> Error {
    Error::new(Code::DeadlineExceeded, LATE)
}

/// What a method is called on the wire, what kind of call it takes, and for how long.
fn named(schema: &'static ServiceSchema, method: usize) -> (&'static str, CallKind, Option<Duration>) {
    let method = schema.methods.get(method);
    let name = method.map_or("", |method| method.wire_name());
    let kind = match method {
        Some(method) if method.oneway => CallKind::Oneway,
        Some(method) if method.idempotent => CallKind::Idempotent,
        _ => CallKind::Answered,
    };
    (name, kind, method.and_then(|method| method.timeout))
}

impl AsHandle for Handle {
    fn as_handle(&self) -> &Handle {
        self
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inbox, &other.inbox)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("codec", &self.inbox.codec).finish_non_exhaustive()
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, wish: Wish) -> bool {
        let mut state = self.lock();
        if let Some(error) = state.ended.clone() {
            drop(state);
            if let Wish::Call(call) = wish {
                call.complete(Err(error.into()));
            }
            return false;
        }
        match &wish {
            Wish::Call(call) if !state.driven => state.begin(call, self.call_timeout),
            // No driver knows the call, and the next one will find it given up.
            Wish::Cancel(_) | Wish::Ate(_) if !state.driven => return false,
            Wish::Close(_) => state.closing = true,
            _ => {}
        }
        state.wishes.push_back(wish);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Takes out what no driver needs: calls that were given up and calls whose time is over. To be dropped without the
    /// lock.
    fn take_unwanted(&self, state: &mut State) -> Vec<Wish> {
        let (now, mut unwanted) = (now(), Vec::new());
        state.late_at = None;
        for wish in std::mem::take(&mut state.wishes) {
            let wanted = match &wish {
                Wish::Call(call) => {
                    state.begin(call, self.call_timeout);
                    call.is_wanted(now)
                }
                Wish::Close(_) => true,
                Wish::Cancel(_) | Wish::Ate(_) | Wish::LoggedIn | Wish::Punish(_) | Wish::Drain(_) => false,
            };
            if wanted { state.wishes.push_back(wish) } else { unwanted.push(wish) }
        }
        unwanted
    }
}

impl State {
    /// Begins to count the time of a call that waits for a driver.
    fn begin(&mut self, call: &Pending, usual: Duration) {
        let late_at = call.begin(usual);
        self.late_at = [self.late_at, late_at].into_iter().flatten().min();
    }

    /// Has `cx` woken by the next wish; gives back who was woken before, to be dropped without the lock.
    fn wake(&mut self, cx: &Context<'_>) -> Option<Waker> {
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            _ => self.waker.replace(cx.waker().clone()),
        }
    }
}

/// Parameters, written one by one or as one value.
pub trait IntoParams {
    /// The encoded parameters.
    ///
    /// # Errors
    ///
    /// If they have no form in the codec.
    fn into_params(self) -> Result<Payload, trunkline_core::EncodeError>;

    /// What sends the streams among them.
    #[doc(hidden)]
    fn take_uploads(&mut self) -> Uploads {
        Uploads::default()
    }
}

impl IntoParams for ParamsWriter {
    fn into_params(self) -> Result<Payload, trunkline_core::EncodeError> {
        self.finish()
    }
}

impl IntoParams for Result<Payload, trunkline_core::EncodeError> {
    fn into_params(self) -> Self {
        self
    }
}

/// Whether a call has an answer, and may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    Answered,
    /// It has one, and a repetition does no harm.
    Idempotent,
    Oneway,
    /// It gives a stream.
    Stream,
    /// No call of this end's, but a stream that came along with one of the peer's.
    Upload,
}

/// A call on its way: what is to be sent, and where the answer goes.
pub(crate) struct Pending {
    pub(crate) handle: Handle,
    pub(crate) kind: CallKind,
    /// The driver's name for it, once it has one.
    key: AtomicU64,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    request: Option<Prepared>,
    waker: Option<Waker>,
    outcome: Option<Outcome>,
    dropped: bool,
    /// Of streams only.
    flow: Option<Box<Flow>>,
}

impl Slot {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Outcome> {
        if let Some(outcome) = self.outcome.take() {
            return Poll::Ready(outcome);
        }
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// A call that has not been sent.
pub(crate) struct Prepared {
    pub(crate) method: Cow<'static, str>,
    pub(crate) head: Option<Box<RequestHead>>,
    pub(crate) params: Payload,
    /// What sends the streams among the parameters; taken when it can begin.
    pub(crate) uploads: Vec<Source>,
    pub(crate) timeout: Option<Duration>,
    /// When its time is over, if that was set before the driver took it.
    pub(crate) late_at: Option<Instant>,
}

const NO_KEY: u64 = u64::MAX;

impl Pending {
    pub(crate) fn new(handle: Handle, kind: CallKind, request: Result<Prepared, Error>) -> Arc<Self> {
        let slot = match request {
            Ok(request) => Slot { request: Some(request), ..Slot::default() },
            Err(error) => Slot { outcome: Some(Err(error.into())), ..Slot::default() },
        };
        Arc::new(Self { handle, kind, key: AtomicU64::new(NO_KEY), slot: Mutex::new(slot) })
    }

    /// Changes the call before it is sent.
    pub(crate) fn prepare(&self, change: impl FnOnce(&mut Prepared)) {
        if let Some(request) = &mut self.lock().request {
            change(request);
        }
    }

    /// Ends the call before it is sent.
    pub(crate) fn refuse(&self, error: Error) {
        let mut slot = self.lock();
        let request = slot.request.take();
        if request.is_some() {
            slot.outcome = Some(Err(error.into()));
        }
        drop((slot, request));
    }

    /// The answer, if it is there; else `cx` is woken when it comes.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Outcome> {
        self.lock().poll(cx)
    }

    pub(crate) fn complete(&self, outcome: Outcome) {
        let waker = {
            let mut slot = self.lock();
            slot.outcome = Some(outcome);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What is to be sent, unless the caller has lost interest.
    pub(crate) fn take_request(&self) -> Option<Prepared> {
        let mut slot = self.lock();
        if slot.dropped { None } else { slot.request.take() }
    }

    /// Begins to count the time of the call, if that has not begun; when it will be over.
    fn begin(&self, usual: Duration) -> Option<Instant> {
        let mut slot = self.lock();
        let request = slot.request.as_mut()?;
        if request.late_at.is_none() {
            let usual = (!self.streams(request)).then_some(usual);
            request.late_at = request.timeout.or(usual).and_then(|timeout| now().checked_add(timeout));
        }
        request.late_at
    }

    /// Whether the call gives or sends a stream, so that it may last.
    pub(crate) fn streams(&self, request: &Prepared) -> bool {
        self.kind == CallKind::Stream || !request.uploads.is_empty()
    }

    /// Whether somebody still waits for a call that was not sent, and may.
    fn is_wanted(&self, now: Instant) -> bool {
        let slot = self.lock();
        let late_at = slot.request.as_ref().and_then(|request| request.late_at);
        !slot.dropped && late_at.is_none_or(|at| at > now)
    }

    pub(crate) fn sent_as(&self, key: CallKey) {
        self.key.store(key.0 as u64, Ordering::Relaxed);
    }

    /// The driver's name for the call; only the driver asks.
    pub(crate) fn key(&self) -> Option<CallKey> {
        match self.key.load(Ordering::Relaxed) {
            NO_KEY => None,
            key => usize::try_from(key).ok().map(CallKey),
        }
    }

    /// Of a stream that has come along with a call of the peer's: its id.
    pub(crate) fn upload(&self) -> Option<RequestId> {
        (self.kind == CallKind::Upload).then(|| RequestId(self.key.load(Ordering::Relaxed)))
    }

    /// A stream that has come along with a call of the peer's; see [`Flow::window`].
    pub(crate) fn of_upload(handle: Handle, id: RequestId, window: (u64, u64)) -> Arc<Self> {
        let flow = Some(Box::new(Flow { window, ..Flow::default() }));
        let slot = Mutex::new(Slot { flow, ..Slot::default() });
        Arc::new(Self { handle, kind: CallKind::Upload, key: AtomicU64::new(id.0), slot })
    }

    /// Begins to take in items; see [`Flow::window`].
    pub(crate) fn begin_flow(&self, window: (u64, u64)) {
        self.lock().flow.get_or_insert_default().window = window;
    }

    /// Keeps what sends the streams among the parameters until they can begin.
    pub(crate) fn keep_uploads(&self, uploads: Vec<Source>) {
        if !uploads.is_empty() {
            self.lock().flow.get_or_insert_default().uploads = uploads;
        }
    }

    /// What sends the streams among the parameters.
    pub(crate) fn take_uploads(&self) -> Vec<Source> {
        self.lock().flow.as_mut().map(|flow| std::mem::take(&mut flow.uploads)).unwrap_or_default()
    }

    /// Adds items that have arrived.
    pub(crate) fn push_items(&self, items: Items) {
        let waker = {
            let mut slot = self.lock();
            slot.flow.get_or_insert_default().arrived.push_back(items);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next items, or the end, if either is there; else `cx` is woken when it comes.
    pub(crate) fn poll_flow(&self, cx: &Context<'_>) -> Poll<Next> {
        let mut slot = self.lock();
        if let Some(flow) = &mut slot.flow
            && let Some(items) = flow.arrived.pop_front()
        {
            return Poll::Ready(Next::Items(items, flow.window));
        }
        slot.poll(cx).map(Next::End)
    }

    /// The application has taken so many items and bytes.
    pub(crate) fn ate(self: &Arc<Self>, (items, bytes): (u64, u64)) {
        if let Some(flow) = &mut self.lock().flow {
            flow.eaten = (flow.eaten.0 + items, flow.eaten.1 + bytes);
        }
        self.handle.push(Wish::Ate(Arc::clone(self)));
    }

    /// What was taken since this was last asked.
    pub(crate) fn take_eaten(&self) -> (u64, u64) {
        self.lock().flow.as_mut().map(|flow| std::mem::take(&mut flow.eaten)).unwrap_or_default()
    }

    /// The caller has lost interest: tells the driver, if it may have the call and has not answered it.
    pub(crate) fn give_up(self: &Arc<Self>) {
        let (answered, _waker) = {
            let mut slot = self.lock();
            slot.dropped = true;
            (slot.outcome.is_some(), slot.waker.take())
        };
        if !answered {
            self.handle.push(Wish::Cancel(Arc::clone(self)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        // Nothing that holds this lock can panic half-way through a change.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
