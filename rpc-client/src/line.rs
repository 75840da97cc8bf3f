//! What a client knows of its connection while there is one, and in between: its state, who it is, until when.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use trunkline_core::{CloseReason, Codec, Error, Welcome};
use trunkline_peer::{ConnectionState, Handle, Observer, TraceSource, contain, ended, now};

use crate::error::ConnectError;

/// What is told of each state.
pub(crate) type OnState = Arc<dyn Fn(&ClientState) + Send + Sync>;

/// Where a client stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientState {
    /// The state of its connection.
    pub connection: ConnectionState,
    /// Who the server takes the client for; `None` before a login.
    pub user: Option<String>,
    /// Why the last connection has ended, or could not be made; `None` while there is one.
    pub close: Option<CloseReason>,
}

impl fmt::Display for ClientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.connection)?;
        if let Some(user) = &self.user {
            write!(f, " as {user}")?;
        }
        if let Some(close) = &self.close {
            write!(f, " ({close})")?;
        }
        Ok(())
    }
}

/// The way to the driver, and what the client knows of the connection.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) handle: Handle,
    pub(crate) info: Arc<Info>,
}

impl Line {
    pub(crate) fn new(
        codec: Codec,
        call_timeout: Duration,
        on_state: Option<OnState>,
        trace: Option<Arc<TraceSource>>,
    ) -> Self {
        let info = Arc::new(Info { on_state, facts: Mutex::default(), login_changed: Notify::new() });
        let observer: Arc<dyn Observer> = Arc::clone(&info) as _;
        info.entered(ConnectionState::Initializing);
        let handle = Handle::observed(codec, call_timeout, observer);
        let handle = match trace {
            Some(trace) => handle.traced(trace),
            None => handle,
        };
        Self { handle, info }
    }

    pub(crate) fn enter(&self, state: ConnectionState) {
        self.handle.enter(state);
    }

    /// Goes through an attempt to connect.
    pub(crate) async fn reached<T>(
        &self,
        attempt: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        self.info.lock().forget();
        self.enter(ConnectionState::Connecting);
        let reached = attempt.await;
        if let Err(error) = &reached {
            if let ConnectError::Closed(reason) = error {
                self.info.lock().close = Some(reason.clone());
            }
            self.enter(ConnectionState::Error);
        }
        reached
    }

    pub(crate) fn welcomed(&self, welcome: &Welcome) {
        match &welcome.user {
            Some(user) => self.logged_in(user.clone(), welcome.expires_ms),
            None => self.enter(ConnectionState::Connected),
        }
    }

    pub(crate) fn logged_in(&self, user: String, expires_ms: Option<u64>) {
        self.info.lock().logged_in(user, expires_ms.map(Duration::from_millis));
        self.enter(ConnectionState::Authenticated);
        self.info.login_changed.notify_one();
    }

    /// The login has ended, and nobody has renewed it.
    pub(crate) fn logged_out(&self) {
        let mut facts = self.info.lock();
        (facts.user, facts.login_end) = (None, None);
        drop(facts);
        if self.handle.state() == ConnectionState::Authenticated {
            self.enter(ConnectionState::Connected);
        }
    }

    /// What calls fail with that come behind the end.
    pub(crate) fn end_of_calls(&self) -> Error {
        match &self.info.lock().close {
            Some(reason) => ended(reason),
            None => Error::unavailable("the connection is closed"),
        }
    }
}

/// What is known of the connection of a client.
pub(crate) struct Info {
    on_state: Option<OnState>,
    facts: Mutex<Facts>,
    /// Told when there is another login, or another end of it.
    login_changed: Notify,
}

#[derive(Default)]
struct Facts {
    state: ConnectionState,
    user: Option<String>,
    login_end: Option<LoginEnd>,
    close: Option<CloseReason>,
}

/// The end of a login, as the client knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoginEnd {
    pub(crate) at: Instant,
    /// When the login should be refreshed.
    pub(crate) refresh_at: Instant,
}

impl Facts {
    fn forget(&mut self) {
        (self.user, self.login_end, self.close) = (None, None, None);
    }

    fn logged_in(&mut self, user: String, left: Option<Duration>) {
        self.user = Some(user);
        // At four fifths of its time, a little earlier or later, so that clients that came together do not refresh together.
        self.login_end = left.and_then(|left| LoginEnd::new(left, left.mul_f64(0.75 + 0.1 * jitter())));
    }
}

impl LoginEnd {
    /// `None` if that is beyond every clock.
    fn new(left: Duration, refresh_in: Duration) -> Option<Self> {
        let now = now();
        Some(Self { at: now.checked_add(left)?, refresh_at: now.checked_add(refresh_in)? })
    }
}

impl Info {
    pub(crate) fn state(&self) -> ClientState {
        let facts = self.lock();
        ClientState { connection: facts.state, user: facts.user.clone(), close: facts.close.clone() }
    }

    pub(crate) fn login_end(&self) -> Option<LoginEnd> {
        self.lock().login_end
    }

    pub(crate) async fn login_changed(&self) {
        self.login_changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        // Nothing that holds this lock can panic half-way through a change.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Info {
    fn entered(&self, state: ConnectionState) {
        self.lock().state = state;
        if let Some(tell) = &self.on_state {
            let state = self.state();
            contain("on_state panicked", || tell(&state));
        }
    }

    fn closing(&self, reason: &CloseReason) {
        let mut facts = self.lock();
        facts.login_end = None;
        facts.close = Some(reason.clone());
    }

    fn expiring(&self, left: Duration) {
        // Soon, and not with all the others that were told at the same time.
        self.lock().login_end = LoginEnd::new(left, left.mul_f64(0.25 * jitter()));
        self.login_changed.notify_one();
    }
}

/// A number from 0 to 1.
pub(crate) fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};

    f64::from(RandomState::new().hash_one(0_u8) as u32) / f64::from(u32::MAX)
}
