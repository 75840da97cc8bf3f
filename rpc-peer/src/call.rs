//! A call as its caller holds it: lazy, with options, cancelled when dropped.

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use serde::Serialize;
use trunkline_core::{
    AppError, Code, DecodeError, EncodeError, Error, Failure, Never, Outcome, Payload, RequestHead, Wire,
};

use crate::{
    handle::{CallKind, Handle, IntoParams, LATE, Pending, Prepared, Wish},
    streams::Source,
    trace::TraceContext,
};

/// A call that leaves when it is first polled and is cancelled when it is dropped before its answer.
///
/// # Cancel safety
///
/// Dropping it cancels the method on the server, if it has begun. Polling it in `select!` by reference loses nothing.
#[must_use = "a call is only made when it is awaited"]
pub struct Call<T, E = Never> {
    exchange: Exchange,
    gives: PhantomData<fn() -> (T, E)>,
}

/// A call whatever its types are, so that its parts are not compiled for each of them.
pub(crate) struct Exchange {
    pending: Arc<Pending>,
    stage: Stage,
    method: Cow<'static, str>,
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Prepared,
    Sent,
    Done,
}

impl<T, E> Call<T, E> {
    pub(crate) fn new(
        handle: &Handle,
        method: Cow<'static, str>,
        kind: CallKind,
        timeout: Option<Duration>,
        params: impl IntoParams,
    ) -> Self {
        Self { exchange: Exchange::new(handle, method, kind, timeout, params), gives: PhantomData }
    }

    /// Gives the call this long, from when it is first polled and also while there is no connection: what its method
    /// says unless set, or else the client's `call_timeout`. The server learns it and drops the method in time; it never
    /// gives a method longer than its own limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.exchange.set_timeout(timeout);
        self
    }

    /// Sends a value beside the parameters, which extractors find in [`crate::CallHead::meta`]. A value that has no form
    /// in JSON, such as a map whose keys are not strings, fails the call with `INVALID_ARGUMENT`.
    pub fn meta<M: Serialize>(self, key: impl Into<String>, value: M) -> Self {
        self.exchange.set_meta(key.into(), value);
        self
    }
}

impl<T, E> Call<T, E> {
    /// Sends where the call belongs in a trace, as `traceparent` and `tracestate` beside the parameters (W3C Trace Context), in
    /// place of what the client would send by itself.
    pub fn trace(self, context: TraceContext) -> Self {
        self.exchange.set_trace(context);
        self
    }
}

fn send_trace(request: &mut Prepared, context: TraceContext) {
    let head: &mut Box<RequestHead> = request.head.get_or_insert_default();
    context.into_meta(&mut head.meta);
}

impl Exchange {
    pub(crate) fn new(
        handle: &Handle,
        method: Cow<'static, str>,
        kind: CallKind,
        timeout: Option<Duration>,
        mut params: impl IntoParams,
    ) -> Self {
        let uploads = params.take_uploads().0;
        Self::of(handle, method, kind, timeout, params.into_params(), uploads)
    }

    fn of(
        handle: &Handle,
        method: Cow<'static, str>,
        kind: CallKind,
        timeout: Option<Duration>,
        params: Result<Payload, EncodeError>,
        uploads: Vec<Source>,
    ) -> Self {
        let request = params
            .map(|params| Prepared {
                method: method.clone(),
                head: None,
                params,
                uploads,
                timeout,
                late_at: None,
            })
            .map_err(|error| Error::invalid(format!("the parameters cannot be encoded: {error}")));
        Self { pending: Pending::new(handle.clone(), kind, request), stage: Stage::Prepared, method, timeout }
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = Some(timeout);
        self.pending.prepare(|request| {
            request.timeout = Some(timeout);
            request.head.get_or_insert_default().timeout = Some(timeout);
        });
    }

    pub(crate) fn set_meta<M: Serialize>(&self, key: String, value: M) {
        match serde_json::to_value(value) {
            Ok(value) => self.pending.prepare(|request| {
                let head: &mut Box<RequestHead> = request.head.get_or_insert_default();
                head.meta.insert(key, value);
            }),
            Err(error) => {
                self.pending
                    .refuse(Error::invalid(format!("`{key}` cannot be sent beside the parameters: {error}")));
            }
        }
    }

    pub(crate) fn set_trace(&self, context: TraceContext) {
        self.pending.prepare(|request| send_trace(request, context));
    }

    pub(crate) fn pending(&self) -> &Arc<Pending> {
        &self.pending
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Outcome> {
        let polled = self.pending.poll(cx);
        if polled.is_pending() {
            self.send();
        }
        polled.map(|outcome| self.end(outcome))
    }

    /// Hands the call to the driver, if that was not done.
    pub(crate) fn send(&mut self) {
        if self.stage != Stage::Prepared {
            return;
        }
        self.stage = Stage::Sent;
        if let Some(context) = self.pending.handle.trace() {
            self.pending.prepare(|request| {
                if !request.head.as_ref().is_some_and(|head| TraceContext::is_in(&head.meta)) {
                    send_trace(request, context);
                }
            });
        }
        self.pending.handle.push(Wish::Call(Arc::clone(&self.pending)));
    }

    /// The call is over.
    pub(crate) fn end(&mut self, outcome: Outcome) -> Outcome {
        self.stage = Stage::Done;
        self.understood(outcome)
    }

    fn understood(&self, outcome: Outcome) -> Outcome {
        match (outcome, self.pending.kind) {
            (Err(Failure::Rpc(error)), _) if error.message() == LATE => Err(self.late(&error).into()),
            (Err(Failure::Rpc(error)), CallKind::Idempotent) => Err(error.of_idempotent().into()),
            (outcome, _) => outcome,
        }
    }

    #[cold]
    fn late(&self, error: &Error) -> Error {
        let time = self.timeout.unwrap_or(self.pending.handle.call_timeout());
        let late = Error::new(error.code(), format!("`{}` gave no answer within {time:?}", self.method));
        let late = if error.maybe_executed() { late.after_execution() } else { late };
        if self.pending.kind == CallKind::Idempotent { late.of_idempotent() } else { late }
    }
}

impl<T: Wire, E: AppError> Future for Call<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(self.exchange.poll(cx)) {
            Ok(value) => value.decode().map_err(|error| CallError::Rpc(misunderstood(&error))),
            Err(Failure::App(error)) => Err(match error.decode() {
                Ok(error) => CallError::App(error),
                Err(error) => CallError::Rpc(unknown(error)),
            }),
            Err(Failure::Rpc(error)) => Err(CallError::Rpc(error)),
        })
    }
}

#[cold]
pub(crate) fn misunderstood(error: &dyn fmt::Display) -> Error {
    let message = format!("the answer is not what this client expects: {error}");
    Error::new(Code::Internal, message).after_execution()
}

#[cold]
pub(crate) fn unknown(error: DecodeError) -> Error {
    let message = "the method failed with an error that this client does not know";
    Error::new(Code::Unknown, message).with_detail(error).after_execution()
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.stage == Stage::Sent {
            self.pending.give_up();
        }
    }
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("done", &(self.exchange.stage == Stage::Done)).finish_non_exhaustive()
    }
}

/// Why a call failed: with the application's typed error, or without.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError<E = Never> {
    /// The method ran and returned this error.
    #[error("{0}")]
    App(E),
    /// Anything else: the code says what.
    #[error(transparent)]
    Rpc(Error),
}

impl<E> CallError<E> {
    /// The code of a failure that is not the application's; [`Code::Unknown`] for one that is.
    pub fn code(&self) -> Code {
        match self {
            Self::App(_) => Code::Unknown,
            Self::Rpc(error) => error.code(),
        }
    }

    /// When a repetition makes sense, if the server said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::App(_) => None,
            Self::Rpc(error) => error.retry_after(),
        }
    }

    /// Whether the method may have run. If not, a repetition cannot do anything twice.
    pub fn maybe_executed(&self) -> bool {
        match self {
            Self::App(_) => true,
            Self::Rpc(error) => error.maybe_executed(),
        }
    }

    /// Whether the same call may succeed later and does nothing twice: it did not run, or its method is `idempotent`.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Rpc(error) if error.is_retryable())
    }
}

/// Hands a failed call on, for example from a method that made it for its own caller. The application's error of the
/// other service is hidden, because it is not one of this method's.
impl<E: fmt::Debug + fmt::Display + Send + Sync + 'static> From<CallError<E>> for Error {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::App(error) => Self::internal().with_detail(error.to_string()),
            CallError::Rpc(error) => error,
        }
    }
}
