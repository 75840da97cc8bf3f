//! The handle of a session, as methods and hooks see it.

use std::{
    any::Any,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, HeaderName, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use trunkline_core::{CloseCode, CloseReason};

use crate::{
    attr::{AttrKey, AttrName, Attrs},
    handle::{AsHandle, Handle, Wish},
    user::User,
};

/// The number of a session on its server: never used twice, and no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of a peer before it has said anything: its address and the headers of its HTTP request. Its `Debug` form
/// names the headers and tells no value: they may be secret.
#[derive(Clone, Default)]
pub struct PeerInfo {
    addr: Option<SocketAddr>,
    /// Copies: a slice would keep the whole read buffer of the request alive for as long as the session.
    headers: Box<[(HeaderName, Box<str>)]>,
}

impl PeerInfo {
    /// A peer at `addr`.
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr: Some(addr), headers: Box::default() }
    }

    /// A peer without an address, such as the other end of an in-memory pair.
    pub fn local() -> Self {
        Self::default()
    }

    /// Adds the headers of the HTTP request that became the connection, without those that only made it one.
    #[must_use]
    pub fn headers(mut self, headers: &HeaderMap) -> Self {
        let told = |name: &HeaderName| {
            !matches!(*name, header::CONNECTION | header::UPGRADE)
                && !name.as_str().starts_with("sec-websocket-")
        };
        let text = |(name, value): (&HeaderName, &http::HeaderValue)| {
            Some((name.clone(), value.to_str().ok()?.into()))
        };
        self.headers = headers.iter().filter(|(name, _)| told(name)).filter_map(text).collect();
        self
    }

    /// Says what the peer calls itself, as a `User-Agent` header.
    #[must_use]
    pub fn user_agent(mut self, name: &str) -> Self {
        self.headers = self.headers.into_iter().chain([(header::USER_AGENT, name.into())]).collect();
        self
    }

    /// Where the peer is.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.as_str().eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }
}

impl fmt::Debug for PeerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("PeerInfo").field("addr", &self.addr).field("headers", &names).finish()
    }
}

/// The side that serves a connection, as the connection finds it again: what extractors are made of.
pub trait Host: Any + Send + Sync {
    /// The peer of `conn` has logged in by itself.
    fn logged_in(&self, conn: &Connection);
}

/// One session of a peer: who it is, what is remembered about it, and the way to call it. Cheap to clone; two are equal if
/// they are the same session.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    id: ConnectionId,
    peer: PeerInfo,
    handle: Handle,
    state: Mutex<State>,
    host: Option<Arc<dyn Host>>,
}

#[derive(Default)]
struct State {
    user: Option<User>,
    attrs: Attrs,
}

impl Connection {
    /// The connection of a session whose driver listens to `handle`. `host` is what the side that serves wants to find
    /// again from any call.
    pub fn new(
        id: ConnectionId,
        peer: PeerInfo,
        handle: Handle,
        user: Option<User>,
        host: Option<Arc<dyn Host>>,
    ) -> Self {
        let expires = expires(user.as_ref());
        let state = Mutex::new(State { user, attrs: Attrs::default() });
        let conn = Self(Arc::new(Inner { id, peer, handle, state, host }));
        if expires {
            conn.0.handle.push(Wish::LoggedIn);
        }
        conn
    }

    /// The number of the session on its server.
    pub fn id(&self) -> ConnectionId {
        self.0.id
    }

    /// Who is at the other end, once that is proven.
    pub fn user(&self) -> Option<User> {
        self.state().user.clone()
    }

    /// Logs the peer in as `user`, as a public method does that has checked credentials of its own. For a user who is
    /// logged in already, it sets new claims and a new [expiry](User::expires_at).
    ///
    /// # Errors
    ///
    /// If the session belongs to another user already: an identity never changes.
    pub fn login(&self, user: User) -> Result<(), trunkline_core::Error> {
        let mut state = self.state();
        if state.user.as_ref().is_some_and(|known| *known != user) {
            let message = "this session belongs to another user: open a connection of its own";
            return Err(trunkline_core::Error::new(trunkline_core::Code::PermissionDenied, message));
        }
        let expires = expires(Some(&user)) || expires(state.user.as_ref());
        state.user = Some(user);
        drop(state);
        if expires {
            self.0.handle.push(Wish::LoggedIn);
        }
        if let Some(host) = &self.0.host {
            host.logged_in(self);
        }
        Ok(())
    }

    /// Where the peer is; `None` for an in-memory pair.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.0.peer.remote_addr()
    }

    /// A header of the HTTP request that became the connection.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.peer.header(name)
    }

    /// Remembers `value` as long as the session lives, in place of what was there under `key`.
    pub fn set<T: Serialize>(&self, key: impl AttrKey<T>, value: T) {
        let (name, value) = (key.into_name(), Attrs::value_of(&value));
        self.state().attrs.set(name, value);
    }

    /// What the user claims under `key`, or else what was [set](Self::set); `None` if it is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: impl AttrKey<T>) -> Option<T> {
        let name = key.into_name();
        self.attribute(&name, |value| T::deserialize(value?).ok())
    }

    /// Whether the user claims something under `key` or something was [set](Self::set).
    pub fn contains(&self, key: impl AttrName) -> bool {
        self.attribute(&key.into_name(), |value| value.is_some())
    }

    /// Forgets what was [set](Self::set) under `key`; whether there was something.
    pub fn remove(&self, key: impl AttrName) -> bool {
        self.state().attrs.remove(&key.into_name())
    }

    /// Closes the connection. What was sent before arrives before; calls in flight end.
    ///
    /// `code` is 1000, 1001, 1008, 1011 to 1013, or from 3000 to 4999. Any other has no place in a close frame (RFC 6455,
    /// section 7.4): it is logged, and 1011 is sent. The reason is cut to 123 bytes.
    pub fn close(&self, code: u16, reason: impl Into<String>) {
        let mut close = CloseReason::new(CloseCode(code), reason);
        if !close.code.may_be_sent() {
            tracing::error!(code, "no connection can be closed with this code: 1011 is sent");
            close.code = CloseCode::INTERNAL;
        }
        self.0.handle.close(close);
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.0.handle.is_closed()
    }

    /// What the serving side attached to all of its sessions, if it is an `H`.
    pub fn host<H: Host>(&self) -> Option<&H> {
        let host: &dyn Any = self.0.host.as_deref()?;
        host.downcast_ref()
    }

    /// Looks at one attribute, claims first.
    pub(crate) fn attribute<R>(&self, name: &str, look: impl FnOnce(Option<&Value>) -> R) -> R {
        let state = self.state();
        let claim = state.user.as_ref().and_then(|user| user.claims().value(name));
        look(claim.or_else(|| state.attrs.value(name)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds this lock can panic half-way through a change.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a login has an end, of which the driver has to be told.
fn expires(user: Option<&User>) -> bool {
    user.is_some_and(|user| user.expiry().is_some())
}

impl AsHandle for Connection {
    fn as_handle(&self) -> &Handle {
        &self.0.handle
    }
}

impl PartialEq for Connection {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Connection {}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.0.id.0)
            .field("user", &self.user())
            .finish_non_exhaustive()
    }
}
