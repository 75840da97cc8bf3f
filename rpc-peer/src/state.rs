//! The eight states of a connection, and how they are watched.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use trunkline_core::CloseReason;

use crate::handle::Handle;

/// How many changes a watcher may be behind before it misses the oldest.
const KEPT: usize = 32;

/// Where a connection stands. The states are in the order in which a connection that logs in goes through them.
///
/// ```text
/// Initializing → Connecting → Connected ⇄ Authenticating → Authenticated → Disconnecting → Disconnected
/// ```
///
/// - From `Authenticating` it goes back to `Connected` if the credentials are those of nobody, and from `Authenticated` when
///   the login has expired.
/// - A public method that calls [`Connection::login`](crate::Connection::login) leads from `Connected` to `Authenticated`
///   at once.
/// - `Disconnecting` can follow on any of the first five. What comes behind is `Disconnected` if one side closed the
///   connection on purpose, and `Error` if it broke.
/// - `Error` can also follow at once, where there is nothing to wait for: nobody could be reached, or the connection was
///   lost.
/// - From both a client that dials again comes to `Connecting`.
///
/// A server knows a connection from the hello on: there it begins as `Connected`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectionState {
    /// It is there, and nothing was done yet.
    #[default]
    Initializing,
    /// The socket is being opened, and made a WebSocket.
    Connecting,
    /// The WebSocket is open, and nobody is logged in: public methods can be called.
    Connected,
    /// The credentials are being judged.
    Authenticating,
    /// The peer is logged in.
    Authenticated,
    /// One side has begun to close the connection; what was sent before still arrives.
    Disconnecting,
    /// It was closed on purpose.
    Disconnected,
    /// It was lost, refused, or closed because a side broke the protocol or was silent.
    Error,
}

impl ConnectionState {
    /// Whether the connection has ended.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Disconnected | Self::Error)
    }

    /// Whether `next` can follow.
    pub const fn may_become(self, next: Self) -> bool {
        use ConnectionState::{
            Authenticated, Authenticating, Connected, Connecting, Disconnected, Disconnecting, Error,
            Initializing,
        };
        match next {
            Initializing => false,
            Connecting => matches!(self, Initializing | Disconnected | Error),
            Connected => matches!(self, Connecting | Authenticating | Authenticated),
            Authenticating => matches!(self, Connected),
            Authenticated => matches!(self, Connected | Authenticating),
            Disconnecting => !matches!(self, Disconnecting | Disconnected | Error),
            Disconnected => !self.is_over(),
            Error => !self.is_over(),
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initializing => "initializing",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Authenticating => "authenticating",
            Self::Authenticated => "authenticated",
            Self::Disconnecting => "disconnecting",
            Self::Disconnected => "disconnected",
            Self::Error => "error",
        })
    }
}

/// Is told, in the task that drives a connection, what happens to it. A client has one; it must not block.
pub trait Observer: Send + Sync {
    /// The connection has come to `state`.
    fn entered(&self, state: ConnectionState);

    /// The connection is about to end, for this reason; then come the states.
    fn closing(&self, reason: &CloseReason) {
        let _ = reason;
    }

    /// The server says that the login ends so soon, unless it is refreshed.
    fn expiring(&self, left: Duration) {
        let _ = left;
    }
}

/// The states of one connection, from the one that it was in on.
#[derive(Debug)]
pub struct States {
    handle: Handle,
    id: u64,
    next: u64,
}

impl States {
    pub(crate) fn new(handle: Handle, id: u64, next: u64) -> Self {
        Self { handle, id, next }
    }

    /// The next state: at first the present one, then each that the connection comes to; `None` when it has ended for good.
    /// Whoever falls more than 32 changes behind misses the oldest of them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<ConnectionState> {
        poll_fn(|cx| self.handle.poll_state(cx, self.id, &mut self.next)).await
    }
}

impl Drop for States {
    fn drop(&mut self) {
        drop(self.handle.unwatch(self.id));
    }
}

/// What has changed since somebody began to watch.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The number of the oldest that is kept.
    first: u64,
    kept: VecDeque<ConnectionState>,
    watchers: u64,
    wakers: Vec<(u64, Waker)>,
}

impl Changes {
    pub(crate) fn new(present: ConnectionState) -> Self {
        Self { kept: VecDeque::from([present]), ..Self::default() }
    }

    /// A watcher's id, and the number of the present state.
    pub(crate) fn add_watcher(&mut self) -> (u64, u64) {
        self.watchers += 1;
        (self.watchers, self.first + self.kept.len() as u64 - 1)
    }

    /// Adds a change; who is to be woken, without the lock.
    pub(crate) fn push(&mut self, state: ConnectionState) -> Vec<Waker> {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back(state);
        self.take_wakers()
    }

    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        self.wakers.drain(..).map(|(_, waker)| waker).collect()
    }

    /// The state of number `next`, or of the oldest behind it.
    pub(crate) fn next(&mut self, next: &mut u64) -> Option<ConnectionState> {
        let at = (*next).max(self.first);
        let state = self.kept.get((at - self.first) as usize)?;
        *next = at + 1;
        Some(*state)
    }

    /// Has `cx` woken by the next change; gives back who was woken before, to be dropped without the lock.
    pub(crate) fn wake(&mut self, cx: &Context<'_>, id: u64) -> Option<Waker> {
        let earlier = self.remove(id);
        self.wakers.push((id, cx.waker().clone()));
        earlier
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<Waker> {
        let place = self.wakers.iter().position(|(known, _)| *known == id)?;
        Some(self.wakers.swap_remove(place).1)
    }
}

/// Who is told of changes, if anybody is.
pub(crate) type Observed = Option<Arc<dyn Observer>>;

#[cfg(test)]
mod tests {
    use super::*;
    use ConnectionState::{
        Authenticated, Authenticating, Connected, Connecting, Disconnected, Disconnecting, Error,
        Initializing,
    };

    const ALL: [ConnectionState; 8] = [
        Initializing,
        Connecting,
        Connected,
        Authenticating,
        Authenticated,
        Disconnecting,
        Disconnected,
        Error,
    ];

    #[test]
    fn the_graph_is_the_documented_one() {
        let follows: [&[ConnectionState]; 8] = [
            &[Connecting, Disconnecting, Disconnected, Error],
            &[Connected, Disconnecting, Disconnected, Error],
            &[Authenticating, Authenticated, Disconnecting, Disconnected, Error],
            &[Connected, Authenticated, Disconnecting, Disconnected, Error],
            &[Connected, Disconnecting, Disconnected, Error],
            &[Disconnected, Error],
            &[Connecting],
            &[Connecting],
        ];
        for (state, expected) in ALL.into_iter().zip(follows) {
            let found: Vec<_> = ALL.into_iter().filter(|next| state.may_become(*next)).collect();
            assert_eq!(found, expected, "after {state}");
        }
        assert!(ALL.is_sorted(), "in the order in which a connection goes through them");
    }

    #[test]
    fn a_watcher_that_is_late_misses_the_oldest_only() {
        let mut changes = Changes::new(Connected);
        let (id, mut next) = changes.add_watcher();
        for _ in 0..20 {
            drop((changes.push(Authenticating), changes.push(Connected)));
        }
        let seen: Vec<_> = std::iter::from_fn(|| changes.next(&mut next)).collect();
        assert_eq!(seen.len(), KEPT);
        assert_eq!(seen.last(), Some(&Connected));
        let cx = Context::from_waker(Waker::noop());
        assert!(changes.wake(&cx, id).is_none() && changes.wake(&cx, id).is_some());
        assert_eq!(changes.push(Disconnected).len(), 1);
        assert_eq!((changes.next(&mut next), changes.next(&mut next)), (Some(Disconnected), None));
    }
}
