//! The way from any task to the driver of a session: a locked queue of wishes, and one slot per call for its answer.
//!
//! A wish is two words and a call is one allocation. The queue is not bounded by itself: every call in it belongs to a
//! future that somebody holds.

use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use serde::Serialize;
use trunkline_core::{
    CallKey, CloseCode, CloseReason, Codec, Error, Fault, Outcome, ParamsWriter, Payload, Reply, RequestHead,
    ServiceSchema, Wire,
};

use crate::call::Call;

/// What a generated client calls through: a client, a connection, or what they lend.
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
}

/// Closes the session when nobody is left who could call.
struct Owner(Arc<Inbox>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.push(Wish::Close(Box::new(CloseReason::new(CloseCode::NORMAL, ""))));
    }
}

/// How long a call may take unless something else is said, here and on servers: 30 s.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Default)]
struct State {
    wishes: VecDeque<Wish>,
    /// Wakes the driver; taken when it has been, so that many wishes wake it once.
    waker: Option<Waker>,
    /// Why nothing can be wished any more.
    ended: Option<Error>,
}

/// What the driver is asked for.
pub(crate) enum Wish {
    Call(Arc<Pending>),
    /// The caller has dropped its call.
    Cancel(Arc<Pending>),
    Close(Box<CloseReason>),
}

/// The type of the call that a method returning `R` makes.
pub type CallOf<R> = Call<<R as Reply>::Ok, <<R as Reply>::Fault as Fault>::App>;

impl Handle {
    /// A handle that nobody listens to yet; its calls are encoded by `codec`.
    pub fn new(codec: Codec) -> Self {
        Self::with_timeout(codec, CALL_TIMEOUT)
    }

    /// A handle whose calls may take `call_timeout` where they do not say.
    pub fn with_timeout(codec: Codec, call_timeout: Duration) -> Self {
        Self { inbox: Arc::new(Inbox { codec, call_timeout, state: Mutex::default() }), _owner: None }
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
        let (name, kind) = named(schema, method);
        Call::new(self, name.into(), kind, params.into_params())
    }

    /// Prepares the call of a method by its name on the wire, with parameters that are an array or a map.
    pub fn call_by_name<T: Wire>(&self, method: impl Into<String>, params: impl IntoParams) -> Call<T> {
        Call::new(self, method.into().into(), CallKind::Answered, params.into_params())
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
        let wishes = {
            let mut state = self.inbox.lock();
            state.ended = Some(error.clone());
            state.waker = None;
            std::mem::take(&mut state.wishes)
        };
        for wish in wishes {
            if let Wish::Call(call) = wish {
                call.complete(Err(error.clone().into()));
            }
        }
    }

    /// Fails the calls that wait here with `error`; whether the session is to be closed.
    pub fn fail_waiting(&self, error: &Error) -> bool {
        let wishes = std::mem::take(&mut self.inbox.lock().wishes);
        let mut close = false;
        for wish in wishes {
            match wish {
                Wish::Call(call) => call.complete(Err(error.clone().into())),
                Wish::Close(_) => close = true,
                Wish::Cancel(_) => {}
            }
        }
        close
    }

    pub(crate) fn push(&self, wish: Wish) {
        self.inbox.push(wish);
    }

    /// How long a call may take that does not say, and whether the other end has to be told.
    pub(crate) fn call_timeout(&self) -> (Duration, bool) {
        (self.inbox.call_timeout, self.inbox.call_timeout != CALL_TIMEOUT)
    }

    /// Takes all wishes; if there are none, `cx` is woken by the next.
    ///
    /// `wishes` must be empty; its memory serves the next wishes.
    pub(crate) fn take(&self, cx: &Context<'_>, wishes: &mut VecDeque<Wish>) {
        let mut state = self.inbox.lock();
        std::mem::swap(&mut state.wishes, wishes);
        if wishes.capacity() > 256 && wishes.is_empty() {
            *wishes = VecDeque::new();
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// Resolves once there is a call to be made, or a wish to close, which it leaves in the queue.
    pub fn poll_wished(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.inbox.lock();
        // Nobody drives a session, so what was given up here is nowhere else.
        state.wishes.retain(|wish| match wish {
            Wish::Call(call) => !call.is_given_up(),
            Wish::Cancel(_) => false,
            Wish::Close(_) => true,
        });
        if !state.wishes.is_empty() || state.ended.is_some() {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// What a method is called on the wire, and what kind of call it takes.
fn named(schema: &'static ServiceSchema, method: usize) -> (&'static str, CallKind) {
    let method = schema.methods.get(method);
    let name = method.map_or("", |method| method.wire_name());
    let kind = match method {
        Some(method) if method.oneway => CallKind::Oneway,
        Some(method) if method.idempotent => CallKind::Idempotent,
        _ => CallKind::Answered,
    };
    (name, kind)
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

    fn push(&self, wish: Wish) {
        let mut state = self.lock();
        if let Some(error) = state.ended.clone() {
            drop(state);
            if let Wish::Call(call) = wish {
                call.complete(Err(error.into()));
            }
            return;
        }
        state.wishes.push_back(wish);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
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
}

/// A call on its way: what is to be sent, and where the answer goes.
pub(crate) struct Pending {
    pub(crate) handle: Handle,
    pub(crate) kind: CallKind,
    /// The driver's name for it, once it has one.
    key: AtomicUsize,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    request: Option<Prepared>,
    waker: Option<Waker>,
    outcome: Option<Outcome>,
    dropped: bool,
}

/// A call that has not been sent.
pub(crate) struct Prepared {
    pub(crate) method: Cow<'static, str>,
    pub(crate) head: Option<Box<RequestHead>>,
    pub(crate) params: Payload,
    pub(crate) timeout: Option<Duration>,
}

const NO_KEY: usize = usize::MAX;

impl Pending {
    pub(crate) fn new(handle: Handle, kind: CallKind, request: Result<Prepared, Error>) -> Arc<Self> {
        let slot = match request {
            Ok(request) => Slot { request: Some(request), ..Slot::default() },
            Err(error) => Slot { outcome: Some(Err(error.into())), ..Slot::default() },
        };
        Arc::new(Self { handle, kind, key: AtomicUsize::new(NO_KEY), slot: Mutex::new(slot) })
    }

    /// Changes the call before it is sent.
    pub(crate) fn prepare(&self, change: impl FnOnce(&mut Prepared)) {
        if let Some(request) = &mut self.lock().request {
            change(request);
        }
    }

    /// The answer, if it is there; else `cx` is woken when it comes.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Outcome> {
        let mut slot = self.lock();
        if let Some(outcome) = slot.outcome.take() {
            return Poll::Ready(outcome);
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
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

    fn is_given_up(&self) -> bool {
        self.lock().dropped
    }

    pub(crate) fn sent_as(&self, key: CallKey) {
        self.key.store(key.0, Ordering::Relaxed);
    }

    /// The driver's name for the call; only the driver asks.
    pub(crate) fn key(&self) -> Option<CallKey> {
        match self.key.load(Ordering::Relaxed) {
            NO_KEY => None,
            key => Some(CallKey(key)),
        }
    }

    /// The caller has lost interest: tells the driver, if it may have the call and has not answered it.
    pub(crate) fn give_up(self: &Arc<Self>) {
        let answered = {
            let mut slot = self.lock();
            slot.dropped = true;
            slot.waker = None;
            slot.outcome.is_some()
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
