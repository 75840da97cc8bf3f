//! What the application wants to be told of sessions: closures, run beside the session that they are about.
//!
//! The hooks of one session begin in the order in which things happen, and none waits for another to end: `on_connect` may
//! go on for as long as the session lives. What is told before a session's first call has begun by then, since it is polled once
//! in place. What they fail with, or panic with, is logged and goes no further.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::runtime;
use trunkline_core::{CloseReason, Code, Error, Outcome, Payload, shown};
use trunkline_peer::{AsHandle, BoxFuture, Connection, LinkError, LinkEvent, Untyped, causes, contained};

/// What a hook ends with: nothing, or a result whose error is logged.
#[diagnostic::on_unimplemented(
    message = "a hook cannot end with `{Self}`",
    note = "return nothing, or `trunkline::Result<()>`, whose error is logged"
)]
pub trait HookOutput {
    /// What is to be logged.
    #[doc(hidden)]
    fn failure(self) -> Option<Error>;
}

impl HookOutput for () {
    fn failure(self) -> Option<Error> {
        None
    }
}

/// A hook that goes on for ever. The type `!` has no name on stable Rust but the one that a function gives it.
impl HookOutput for <fn() -> ! as Returns>::Type {
    fn failure(self) -> Option<Error> {
        self
    }
}

/// What a function returns.
#[doc(hidden)]
#[expect(unnameable_types, reason = "it only serves to name a type")]
pub trait Returns {
    /// The type of it.
    type Type;
}

impl<T> Returns for fn() -> T {
    type Type = T;
}

impl HookOutput for Result<(), Error> {
    fn failure(self) -> Option<Error> {
        self.err()
    }
}

/// A closure of the application's that takes an `A`.
type Hook<A> = Arc<dyn Fn(A) -> BoxFuture<Option<Error>> + Send + Sync>;

/// All hooks of a server.
#[derive(Default)]
pub(crate) struct Hooks {
    connect: Vec<Hook<Connection>>,
    authenticated: Vec<Hook<Connection>>,
    disconnect: Vec<Hook<(Connection, CloseReason)>>,
    link: Vec<Hook<(Connection, LinkEvent)>>,
    error: Vec<Hook<(Connection, LinkError)>>,
    message: Vec<Hook<(Connection, Untyped)>>,
}

impl Hooks {
    pub(crate) fn on_connect(&mut self, hook: Hook<Connection>) {
        self.connect.push(hook);
    }

    pub(crate) fn on_authenticated(&mut self, hook: Hook<Connection>) {
        self.authenticated.push(hook);
    }

    pub(crate) fn on_disconnect(&mut self, hook: Hook<(Connection, CloseReason)>) {
        self.disconnect.push(hook);
    }

    pub(crate) fn on_link(&mut self, hook: Hook<(Connection, LinkEvent)>) {
        self.link.push(hook);
    }

    pub(crate) fn on_error(&mut self, hook: Hook<(Connection, LinkError)>) {
        self.error.push(hook);
    }

    pub(crate) fn on_message(&mut self, hook: Hook<(Connection, Untyped)>) {
        self.message.push(hook);
    }

    /// What takes the messages that no service takes, if anybody wants them.
    pub(crate) fn take_messages(
        &self,
    ) -> Option<impl Fn(&Connection, Untyped) -> BoxFuture<Outcome> + Send + Sync + 'static> {
        let hooks = self.message.clone();
        let take = move |conn: &Connection, message: Untyped| -> BoxFuture<Outcome> {
            let (hooks, conn) = (hooks.clone(), conn.clone());
            Box::pin(async move {
                for hook in hooks {
                    run("on_message", &conn, &hook, (conn.clone(), message.clone())).await;
                }
                if message.is_call() {
                    let text = format!("there is no method `{}`", shown(message.method(), 64));
                    return Err(Error::new(Code::Unimplemented, text).into());
                }
                Ok(Payload::null(conn.as_handle().codec()))
            })
        };
        (!self.message.is_empty()).then_some(take)
    }

    /// Whether there is anything to tell of sessions.
    fn is_empty(&self) -> bool {
        let Self { connect, authenticated, disconnect, link, error, message: _ } = self;
        connect.is_empty()
            && authenticated.is_empty()
            && disconnect.is_empty()
            && link.is_empty()
            && error.is_empty()
    }
}

/// Boxes a closure that takes an `A`.
pub(crate) fn hook<A: 'static, F, R>(hook: F) -> Hook<A>
where
    F: Fn(A) -> R + Send + Sync + 'static,
    R: Future + Send + 'static,
    R::Output: HookOutput,
{
    Arc::new(move |of| {
        let running = hook(of);
        Box::pin(async move { running.await.failure() })
    })
}

/// Runs one hook; what goes wrong with it is logged.
async fn run<A>(name: &'static str, conn: &Connection, hook: &Hook<A>, of: A) {
    // Called within the future, so that a panic of the closure is contained as well.
    let failure = contained(name, async { hook(of).await }).await.unwrap_or_else(Some);
    if let Some(error) = failure {
        tracing::error!(connection = %conn.id(), hook = name, error = causes(&error), "a hook failed");
    }
}

/// When a hook is polled first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// At once: whatever it does before it waits for something has happened before the session's first call.
    InPlace,
    /// By a task of its own, because who tells may hold what the hook wants.
    Soon,
}

/// The hooks of one session: where it tells what has happened.
#[derive(Clone)]
pub(crate) struct SessionHooks {
    hooks: Arc<Hooks>,
    queue: Arc<Queue>,
}

impl SessionHooks {
    /// `None` if nobody wants to be told. Must be called within the runtime in which the hooks are to run.
    pub(crate) fn new(hooks: &Arc<Hooks>) -> Option<Self> {
        if hooks.is_empty() {
            return None;
        }
        let queue = Queue { runtime: runtime::Handle::current(), state: Mutex::default() };
        Some(Self { hooks: Arc::clone(hooks), queue: Arc::new(queue) })
    }

    pub(crate) fn connected(&self, conn: &Connection) {
        self.tell(Begin::InPlace, "on_connect", &self.hooks.connect, conn, || conn.clone());
    }

    pub(crate) fn authenticated(&self, begin: Begin, conn: &Connection) {
        self.tell(begin, "on_authenticated", &self.hooks.authenticated, conn, || conn.clone());
    }

    pub(crate) fn disconnected(&self, conn: &Connection, reason: &CloseReason) {
        self.tell(Begin::Soon, "on_disconnect", &self.hooks.disconnect, conn, || {
            (conn.clone(), reason.clone())
        });
    }

    pub(crate) fn link(&self, conn: &Connection, event: LinkEvent) {
        self.tell(Begin::Soon, "on_link", &self.hooks.link, conn, || (conn.clone(), event));
    }

    pub(crate) fn failed(&self, conn: &Connection, error: &LinkError) {
        self.tell(Begin::Soon, "on_error", &self.hooks.error, conn, || (conn.clone(), error.clone()));
    }

    fn tell<A: Send + 'static>(
        &self,
        begin: Begin,
        name: &'static str,
        hooks: &[Hook<A>],
        conn: &Connection,
        of: impl Fn() -> A,
    ) {
        for hook in hooks {
            let (hook, conn, of) = (Arc::clone(hook), conn.clone(), of());
            let mut running: BoxFuture<()> = Box::pin(async move { run(name, &conn, &hook, of).await });
            // What waits for something is polled again when the queue has it, with a waker that serves.
            let has_ended = begin == Begin::InPlace
                && running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            if !has_ended {
                self.queue.push(running);
            }
        }
    }
}

impl fmt::Debug for SessionHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHooks").finish_non_exhaustive()
    }
}

/// The hooks of one session that run. There is a task while there are any.
struct Queue {
    runtime: runtime::Handle,
    state: Mutex<QueueState>,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<BoxFuture<()>>,
    has_task: bool,
    task: Option<Waker>,
}

impl Queue {
    fn push(self: &Arc<Self>, hook: BoxFuture<()>) {
        let mut state = self.lock();
        state.waiting.push_back(hook);
        let had_task = mem::replace(&mut state.has_task, true);
        let waker = state.task.take();
        drop(state);
        match waker {
            Some(waker) => waker.wake(),
            None if had_task => {}
            None => drop(self.runtime.spawn(Arc::clone(self).run())),
        }
    }

    async fn run(self: Arc<Self>) {
        let mut running = FuturesUnordered::new();
        poll_fn(|cx| self.poll(cx, &mut running)).await;
    }

    fn poll(&self, cx: &mut Context<'_>, running: &mut FuturesUnordered<BoxFuture<()>>) -> Poll<()> {
        loop {
            // It polls first what was first put in.
            running.extend(mem::take(&mut self.lock().waiting));
            let polled = running.poll_next_unpin(cx);
            if polled == Poll::Ready(Some(())) {
                continue;
            }
            let mut state = self.lock();
            if !state.waiting.is_empty() {
                continue;
            }
            state.has_task = polled.is_pending();
            let earlier = state.has_task.then(|| state.task.replace(cx.waker().clone()));
            drop((state, earlier));
            return polled.map(|_| ());
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Nothing that holds this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
