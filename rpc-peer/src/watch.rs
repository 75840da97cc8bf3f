//! What is told of the calls that come in, and to whom: spans for `tracing`, entries for `on_log`, metrics.
//!
//! While nobody is interested, a call costs a few loads here. If somebody is, it gets a [`Watched`], which goes with it and
//! tells of its end when it is dropped: so each call has one end, however it came.

use std::{
    mem,
    sync::Arc,
    time::{Instant, SystemTime},
};

use tracing::{Level, Span, field};
use trunkline_core::{CloseCode, Code, ConfigError, Escaped, Outcome, ProtocolError, Request, RequestId};

#[cfg(feature = "metrics")]
use crate::meters;
use crate::{
    call_log::{CallLog, CallStatus, Ending, Told},
    clock::now,
    connection::Connection,
    router::{Route, Router},
    trace::TraceContext,
    user::User,
};

/// Tells whoever is interested how a call was answered.
pub(crate) fn answered(watched: Option<Box<Watched>>, outcome: &Outcome) {
    if let Some(mut watched) = watched {
        watched.ending = Ending::of(outcome);
    }
}

/// Tells of a peer that has broken the protocol: instead of the call that it might have made, if it was a frame that was
/// broken.
pub(crate) fn broken(router: &Arc<Router>, conn: &Connection, error: &ProtocolError) {
    let is_frame = matches!(
        error.close_code(),
        CloseCode::PROTOCOL
            | CloseCode::UNSUPPORTED
            | CloseCode::INVALID_PAYLOAD
            | CloseCode::TOO_BIG
            | CloseCode::BAD_MESSAGE
    );
    if is_frame && !router.watch().hooks.is_empty() {
        let mut watched = Watched::begin(router, conn, None);
        watched.ending = Ending { code: None, ..Ending::early(CallStatus::BadFrame, Code::Unknown) };
    }
}

/// Who is told of the calls of one side.
#[derive(Default)]
pub(crate) struct Watch {
    hooks: Vec<Told>,
    #[cfg(feature = "metrics")]
    meters: meters::Calls,
}

/// A call that somebody is interested in.
pub(crate) struct Watched {
    router: Arc<Router>,
    conn: Connection,
    user: Option<User>,
    /// `None` if nothing is known under the name.
    route: Option<Arc<Route>>,
    /// The name as the peer wrote it, where no service has it.
    name: String,
    id: Option<RequestId>,
    began: Instant,
    bytes: usize,
    /// Items of the stream that the call gives, and their bytes.
    items: (u64, u64),
    span: Span,
    trace: Option<TraceContext>,
    ending: Ending,
}

impl Watch {
    /// Has `hook` told of every call that has ended.
    pub(crate) fn on_log(&mut self, hook: impl Fn(&CallLog) + Send + 'static) -> Result<(), ConfigError> {
        self.hooks.push(Told::new(hook)?);
        Ok(())
    }

    /// Whether every call is told of, whatever comes with it.
    fn is_interested(&self) -> bool {
        cfg!(feature = "metrics")
            || !self.hooks.is_empty()
            || tracing::span_enabled!(target: "trunkline::call", Level::DEBUG)
    }
}

impl Watched {
    /// What is to be told of a call that has come in; `None` if nobody is interested.
    pub(crate) fn new(
        router: &Arc<Router>,
        conn: &Connection,
        route: Option<&Arc<Route>>,
        request: &Request,
    ) -> Option<Box<Self>> {
        let caller = request.head.as_ref().and_then(|head| TraceContext::of_meta(&head.meta));
        if caller.is_none() && !router.watch().is_interested() {
            return None;
        }
        let name = match route {
            Some(route) if !route.schema.wire_name().is_empty() => String::new(),
            _ => Escaped(&request.method()).to_string(),
        };
        let mut watched = Self::begin(router, conn, route);
        (watched.name, watched.id, watched.bytes) = (name, request.id, request.params_len());
        watched.trace = caller.as_ref().map(TraceContext::child);
        #[cfg(feature = "metrics")]
        router.watch().meters.began();
        watched.open_span(caller.as_ref());
        Some(Box::new(watched))
    }

    fn begin(router: &Arc<Router>, conn: &Connection, route: Option<&Arc<Route>>) -> Self {
        Self {
            router: Arc::clone(router),
            conn: conn.clone(),
            user: conn.user(),
            route: route.cloned(),
            name: String::new(),
            id: None,
            began: now(),
            bytes: 0,
            items: (0, 0),
            span: Span::none(),
            trace: None,
            // Unless told otherwise, it is dropped because nobody waits for it any more.
            ending: Ending::early(CallStatus::Cancelled, Code::Cancelled),
        }
    }

    fn open_span(&mut self, caller: Option<&TraceContext>) {
        self.span = tracing::debug_span!(
            target: "trunkline::call",
            "call",
            otel.kind = "server",
            rpc.system = "trunkline",
            rpc.service = self.service().unwrap_or_default(),
            rpc.method = self.method(),
            connection = self.conn.id().0,
            user = field::Empty,
            trace_id = field::Empty,
            parent_id = field::Empty,
            span_id = field::Empty,
            status = field::Empty,
            code = field::Empty,
            items = field::Empty,
            duration_ms = field::Empty,
        );
        if self.span.is_disabled() {
            return;
        }
        if let Some(user) = &self.user {
            self.span.record("user", field::display(Escaped(user.id())));
        }
        if let (Some(caller), Some(own)) = (caller, &self.trace) {
            self.span.record("trace_id", own.trace_id());
            self.span.record("parent_id", caller.span_id());
            self.span.record("span_id", own.span_id());
        }
    }

    /// Notes items that the method has given.
    pub(crate) fn sent(&mut self, items: u64, bytes: u64) {
        self.items = (self.items.0 + items, self.items.1 + bytes);
    }

    /// Notes that the method is dropped before its end.
    pub(crate) fn ended_early(&mut self, status: CallStatus, code: Code) {
        self.ending = Ending::early(status, code);
    }

    /// Does a step of the method's work.
    pub(crate) fn within<T>(watched: Option<&Self>, work: impl FnOnce() -> T) -> T {
        let Some(watched) = watched else { return work() };
        let _entered = watched.span.enter();
        match &watched.trace {
            Some(trace) => trace.within(work),
            None => work(),
        }
    }

    fn service(&self) -> Option<&'static str> {
        self.route.as_ref().and_then(|route| route.service())
    }

    fn method(&self) -> &str {
        match &self.route {
            Some(route) if self.name.is_empty() => route.schema.wire_name(),
            _ => &self.name,
        }
    }

    fn entry(&mut self) -> CallLog {
        let duration = now().saturating_duration_since(self.began);
        let time = SystemTime::now();
        CallLog {
            time: time.checked_sub(duration).unwrap_or(time),
            connection: self.conn.id(),
            request: CallLog::request(self.id),
            peer: self.conn.peer().remote_addr(),
            user: self.user.as_ref().map(|user| CallLog::user(user.id())),
            service: self.service(),
            method: self.method().to_owned(),
            status: self.ending.status,
            code: self.ending.code,
            reference: self.ending.reference.take(),
            duration,
            request_bytes: self.bytes,
            response_bytes: self.ending.bytes + usize::try_from(self.items.1).unwrap_or(usize::MAX),
            items: self.items.0,
            dropped: 0,
        }
    }

    fn close_span(&self) {
        if self.span.is_disabled() {
            return;
        }
        let duration = now().saturating_duration_since(self.began);
        if self.items.0 > 0 {
            self.span.record("items", self.items.0);
        }
        self.span.record("status", self.ending.status.as_str());
        self.span.record("code", self.ending.label());
        self.span.record("duration_ms", duration.as_secs_f64() * 1e3);
    }
}

/// The one end of a call.
impl Drop for Watched {
    fn drop(&mut self) {
        self.close_span();
        #[cfg(feature = "metrics")]
        if self.ending.status != CallStatus::BadFrame {
            meters::items(self.items.0);
            let duration = now().saturating_duration_since(self.began);
            self.router.watch().meters.ended(self.route.as_deref(), &self.ending, duration);
        }
        let router = Arc::clone(&self.router);
        // A hook's thread may end the entry before the span is closed, so the span is closed first.
        drop(mem::replace(&mut self.span, Span::none()));
        if let [others @ .., last] = router.watch().hooks.as_slice() {
            let entry = self.entry();
            for hook in others {
                hook.tell(entry.clone());
            }
            last.tell(entry);
        }
    }
}
