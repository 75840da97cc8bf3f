//! The handle of a session, as methods and hooks see it.

use std::{
    any::Any,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use trunkline_core::{CloseCode, CloseReason, Code, Error};

use crate::{
    attr::{AttrKey, AttrName, Attrs},
    certificate::PeerCertificate,
    handle::{AsHandle, Handle, Wish},
    link::{LinkError, LinkEvent},
    state::{ConnectionState, States},
    traffic::UserLoad,
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
    /// Whether the session is gone with the request that it came in.
    once: bool,
    certificate: Option<Arc<PeerCertificate>>,
}

impl PeerInfo {
    /// A peer at `addr`.
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr: Some(addr), ..Self::default() }
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

    /// The peer has sent a single request, so that what is counted per connection is counted per address.
    #[must_use]
    pub fn without_connection(mut self) -> Self {
        self.once = true;
        self
    }

    /// Whether there is a connection that lasts, and not only a request.
    pub fn has_connection(&self) -> bool {
        !self.once
    }

    /// Adds the certificate that the peer has shown, once it is verified.
    #[must_use]
    pub fn certificate(mut self, certificate: impl Into<Arc<PeerCertificate>>) -> Self {
        self.certificate = Some(certificate.into());
        self
    }

    /// The certificate that the peer has shown, which is verified.
    pub fn peer_certificate(&self) -> Option<&PeerCertificate> {
        self.certificate.as_deref()
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
    /// Whether peers log in to this side.
    fn knows_users(&self) -> bool {
        true
    }

    /// Adds what this side knows of a user who is about to be logged in.
    fn adopt(&self, user: User) -> User {
        user
    }

    /// What `conn` shares with all connections of its user, or, if it is only a request and has none, with the requests of its
    /// network; `None` if nothing of that is limited.
    fn load(&self, conn: &Connection) -> Option<Arc<UserLoad>> {
        let _ = conn;
        None
    }

    /// The peer of `conn` has logged in, or its login was renewed.
    fn logged_in(&self, conn: &Connection, login: Login) {
        let _ = (conn, login);
    }

    /// The login of `user` on `conn` has expired.
    fn logged_out(&self, conn: &Connection, user: &User) {
        let _ = (conn, user);
    }

    /// The connection broke.
    fn failed(&self, conn: &Connection, error: LinkError) {
        let _ = (conn, error);
    }

    /// Something has happened to the socket of `conn`.
    fn link(&self, conn: &Connection, event: LinkEvent) {
        let _ = (conn, event);
    }
}

/// Which login of a session it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// The one that proved who the peer is.
    First,
    /// One of the same user: new claims and a new expiry, maybe after the last had ended.
    Renewal,
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
    /// Whose session it is, if the login has expired.
    expired: Option<User>,
    revoked: bool,
    /// Whether credentials are being judged that were shown on it.
    is_judged: bool,
    failed_logins: u32,
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
        let user = match &host {
            Some(host) => user.map(|user| host.adopt(user)),
            None => user,
        };
        let (expires, known) = (expires(user.as_ref()), user.is_some());
        let state = Mutex::new(State { user, ..State::default() });
        let conn = Self(Arc::new(Inner { id, peer, handle, state, host }));
        if expires {
            conn.0.handle.push(Wish::LoggedIn);
        }
        if known {
            conn.0.handle.enter(ConnectionState::Authenticated);
        }
        conn
    }

    /// The number of the session on its server.
    pub fn id(&self) -> ConnectionId {
        self.0.id
    }

    /// Who is at the other end, once that is proven.
    pub fn user(&self) -> Option<User> {
        self.lock().user.clone()
    }

    /// The id of the user; empty while nobody is logged in.
    pub fn user_id(&self) -> String {
        self.lock().user.as_ref().map_or_else(String::new, |user| user.id().to_owned())
    }

    /// What is shared with other connections, if something of that is limited.
    pub(crate) fn load(&self) -> Option<Arc<UserLoad>> {
        self.0.host.as_ref()?.load(self)
    }

    /// Whether somebody is logged in.
    pub fn is_authenticated(&self) -> bool {
        self.lock().user.is_some()
    }

    /// Logs the peer in as `user`, as a public method does that has checked credentials of its own. For a user who is
    /// logged in already, or whose login has expired, it sets new claims and a new [expiry](User::expires_at).
    ///
    /// # Errors
    ///
    /// If the session belongs to another user already, also to one whose login has expired: an identity never changes. If
    /// it was [revoked](Self::revoke). At the end of a client, to which no server logs in.
    pub fn login(&self, user: User) -> Result<(), Error> {
        if self.0.host.as_ref().is_some_and(|host| !host.knows_users()) {
            return Err(Error::new(Code::Unimplemented, "nobody logs in to a client: a server knows users"));
        }
        let user = match &self.0.host {
            Some(host) => host.adopt(user),
            None => user,
        };
        let mut state = self.lock();
        if state.revoked {
            return Err(Error::new(Code::Unauthenticated, "the login was taken back"));
        }
        let known = state.user.as_ref().or(state.expired.as_ref());
        if known.is_some_and(|known| *known != user) {
            let message = "this session belongs to another user: open a connection of its own";
            return Err(Error::new(Code::PermissionDenied, message));
        }
        let login = if known.is_some() { Login::Renewal } else { Login::First };
        let before = (state.user.replace(user), state.expired.take());
        drop(state);
        drop(before);
        self.0.handle.push(Wish::LoggedIn);
        self.0.handle.enter(ConnectionState::Authenticated);
        if let Some(host) = &self.0.host {
            host.logged_in(self, login);
        }
        Ok(())
    }

    /// Begins to judge credentials that were shown on this session, of which there is one at a time: guesses are no more for
    /// being made together. How many have failed; `None` while others are judged.
    #[doc(hidden)]
    pub fn begin_login(&self) -> Option<u32> {
        let mut state = self.lock();
        let taken = std::mem::replace(&mut state.is_judged, true);
        (!taken).then_some(state.failed_logins)
    }

    /// Credentials are judged no longer.
    #[doc(hidden)]
    pub fn end_login(&self) {
        self.lock().is_judged = false;
    }

    /// Counts a login that has failed; how many that are.
    #[doc(hidden)]
    pub fn failed_login(&self) -> u32 {
        let mut state = self.lock();
        state.failed_logins = state.failed_logins.saturating_add(1);
        state.failed_logins
    }

    /// Takes the login back: calls in flight are ended with `UNAUTHENTICATED` and the connection is closed with 4403, at
    /// once. Nobody can log in on it any more, and a client does not come back by itself.
    pub fn revoke(&self) {
        self.lock().revoked = true;
        self.0.handle.close(CloseReason::new(CloseCode::REVOKED, "the login was taken back"));
    }

    /// Whether the login was [taken back](Self::revoke).
    pub fn is_revoked(&self) -> bool {
        self.lock().revoked
    }

    /// Ends the login that was to end at `at`; nothing happens if there is another by now.
    pub(crate) fn expire(&self, at: SystemTime) -> bool {
        let mut state = self.lock();
        let Some(user) = state.user.take_if(|user| user.expiry() == Some(at)) else { return false };
        state.expired = Some(user.clone());
        drop(state);
        self.0.handle.enter(ConnectionState::Connected);
        if let Some(host) = &self.0.host {
            host.logged_out(self, &user);
        }
        true
    }

    /// Whether there was a login that has expired, and no other since.
    pub fn has_expired(&self) -> bool {
        self.lock().expired.is_some()
    }

    /// Where the connection stands.
    pub fn state(&self) -> ConnectionState {
        self.0.handle.state()
    }

    /// The states from the present one on.
    ///
    /// ```
    /// # use trunkline_peer::{Connection, ConnectionState};
    /// # async fn example(conn: Connection) {
    /// let mut states = conn.watch_state();
    /// while let Some(state) = states.next().await {
    ///     println!("{}: {state}", conn.id());
    /// }
    /// # }
    /// ```
    pub fn watch_state(&self) -> States {
        self.0.handle.watch_state()
    }

    /// Brings the connection to `state`, as the side that serves it does.
    pub fn enter(&self, state: ConnectionState) {
        self.0.handle.enter(state);
    }

    /// Lets no more calls in, tells the peer so, and closes the connection with 1012 once the calls that run have ended, or
    /// after `grace`.
    pub fn drain(&self, grace: Duration) {
        self.0.handle.push(Wish::Drain(Box::new(grace)));
    }

    /// What was known of the peer before it said anything.
    pub fn peer(&self) -> &PeerInfo {
        &self.0.peer
    }

    /// Where the peer is; `0.0.0.0:0` if it has no address, as in memory.
    pub fn remote_addr(&self) -> SocketAddr {
        self.0.peer.remote_addr().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }

    /// A header of the HTTP request that became the connection.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.peer.header(name)
    }

    /// Remembers `value` as long as the session lives, in place of what was there under `key`.
    pub fn set<T: Serialize>(&self, key: impl AttrKey<T>, value: T) {
        let (name, value) = (key.into_name(), Attrs::value_of(&value));
        self.lock().attrs.set(name, value);
    }

    /// What the user claims under `key`, or else what was [set](Self::set); `None` if it is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: impl AttrKey<T>) -> Option<T> {
        let name = key.into_name();
        // The application's `Deserialize` may ask for something of this connection.
        let value = self.attribute(&name, |value| value.cloned())?;
        T::deserialize(value).ok()
    }

    /// Whether the user claims something under `key` or something was [set](Self::set).
    pub fn contains(&self, key: impl AttrName) -> bool {
        self.attribute(&key.into_name(), |value| value.is_some())
    }

    /// Forgets what was [set](Self::set) under `key`; whether there was something.
    pub fn remove(&self, key: impl AttrName) -> bool {
        self.lock().attrs.remove(&key.into_name())
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

    /// How many calls of the peer run at the moment: those whose methods wait for something.
    pub fn in_flight(&self) -> usize {
        let [in_flight, _] = self.0.handle.load();
        in_flight
    }

    /// How many bytes wait here to be sent because the peer does not take them. What the operating system has taken is not
    /// among them.
    pub fn queued_bytes(&self) -> usize {
        let [_, queued] = self.0.handle.load();
        queued
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.0.handle.is_closed()
    }

    /// Tells the serving side that the connection broke.
    pub(crate) fn failed(&self, error: LinkError) {
        if let Some(host) = &self.0.host {
            if matches!(error, LinkError::Lost(_)) {
                host.link(self, LinkEvent::Lost);
            }
            host.failed(self, error);
        }
    }

    /// What the serving side attached to all of its sessions, if it is an `H`.
    pub fn host<H: Host>(&self) -> Option<&H> {
        let host: &dyn Any = self.0.host.as_deref()?;
        host.downcast_ref()
    }

    /// Looks at one attribute, claims first.
    pub(crate) fn attribute<R>(&self, name: &str, look: impl FnOnce(Option<&Value>) -> R) -> R {
        let state = self.lock();
        let claim = state.user.as_ref().and_then(|user| user.claims().value(name));
        look(claim.or_else(|| state.attrs.value(name)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
