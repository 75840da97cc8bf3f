//! All sessions of a server: by number, by user, all of them.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;
use trunkline_core::{CloseCode, CloseReason, Code, Codec, Error, Payload};
use trunkline_peer::{
    AsHandle, BoxFuture, Broadcast, CallHead, Callee, Cast, Connection, ConnectionId, FromCall, Host,
    LinkError, LinkEvent, Login, Notification, User, UserLoad, network,
};

use crate::{
    hooks::{Begin, Hooks, SessionHooks},
    info::Infos,
    meters::{Counted, Standing},
    users::{Users, Whose},
};

/// The sessions of one server. Cheap to clone, and usable from any task; a method has it injected by naming it.
#[derive(Clone, Default)]
pub struct Hub(Arc<Inner>);

#[derive(Default)]
struct Inner {
    last_id: AtomicU64,
    pending: AtomicUsize,
    sessions: RwLock<Sessions>,
    hooks: Arc<Hooks>,
    infos: Option<Infos>,
    users: Users,
    /// Told when the last session has ended.
    emptied: Notify,
}

#[derive(Default)]
struct Sessions {
    all: BTreeMap<ConnectionId, Session>,
    by_user: HashMap<String, Vec<ConnectionId>>,
    revoked: Revocations,
}

/// What the hub keeps of a session.
struct Session {
    conn: Connection,
    hooks: Option<SessionHooks>,
    counted: Counted,
}

/// How many revocations are remembered for those who are logging in meanwhile.
const REMEMBERED: usize = 256;

/// Logins that were taken back lately: whoever was judged before and logs in after has to be told too.
#[derive(Default)]
struct Revocations {
    count: u64,
    latest: VecDeque<String>,
}

impl Hub {
    pub(crate) fn new(hooks: Hooks, infos: Option<Infos>, users: Users) -> Self {
        Self(Arc::new(Inner { hooks: Arc::new(hooks), infos, users, ..Inner::default() }))
    }

    /// The session of this number.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if it has ended or never was.
    pub fn connection(&self, id: ConnectionId) -> Result<Connection, Error> {
        let found = self.read().all.get(&id).map(|session| session.conn.clone());
        found.ok_or_else(|| Error::new(Code::NotFound, format!("there is no connection {id}")))
    }

    /// All sessions, in the order in which they began.
    pub fn connections(&self) -> Vec<Connection> {
        self.read().all.values().map(|session| session.conn.clone()).collect()
    }

    /// All sessions of one user: several tabs, several devices.
    pub fn user(&self, id: &str) -> Audience {
        let sessions = self.read();
        let ids = sessions.by_user.get(id).into_iter().flatten();
        let found = ids.filter_map(|id| Some(sessions.all.get(id)?.conn.clone())).collect();
        drop(sessions);
        Audience { hub: self.clone(), user: Some(id.to_owned()), found }
    }

    /// All sessions.
    pub fn everyone(&self) -> Audience {
        Audience { hub: self.clone(), user: None, found: self.connections() }
    }

    /// How many connections were accepted and are no sessions yet: they are at TLS, the upgrade, or the hello.
    pub fn pending(&self) -> usize {
        self.0.pending.load(Ordering::Relaxed)
    }

    /// Counts a connection as pending until the result is dropped.
    pub(crate) fn arrive(&self) -> Pending {
        self.0.pending.fetch_add(1, Ordering::Relaxed);
        Pending { hub: self.clone(), _counted: Counted::new(Standing::Pending) }
    }

    pub(crate) fn next_id(&self) -> ConnectionId {
        ConnectionId(self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Knows `conn` until the result is dropped, and tells the hooks that it is there. Must be called within a runtime.
    pub(crate) fn register(&self, conn: &Connection) -> Registered {
        let hooks = SessionHooks::new(&self.0.hooks);
        let counted = Counted::new(Standing::Connected);
        let session = Session { conn: conn.clone(), hooks: hooks.clone(), counted };
        self.write().all.insert(conn.id(), session);
        if let Some(hooks) = &hooks {
            hooks.connected(conn);
        }
        if conn.is_authenticated() {
            self.note_login(conn, Login::First, Begin::InPlace);
        }
        Registered { hub: self.clone(), conn: conn.clone(), hooks, reason: CloseReason::abnormal() }
    }

    fn note_login(&self, conn: &Connection, login: Login, begin: Begin) {
        let Some(user) = conn.user() else { return };
        let mut sessions = self.write();
        // A session that ended meanwhile must not come back.
        let Some(session) = sessions.all.get_mut(&conn.id()) else { return };
        session.counted.set(Standing::Authenticated);
        let hooks = session.hooks.clone();
        let ids = sessions.by_user.entry(user.id().to_owned()).or_default();
        // A renewal adds none.
        let is_new = !ids.contains(&conn.id());
        if is_new {
            ids.push(conn.id());
        }
        let allowed = !is_new || self.0.users.allows(ids.len());
        drop(sessions);
        if !allowed {
            conn.as_handle()
                .close(CloseReason::new(CloseCode::TOO_MANY, "too many connections of this user"));
        }
        if let (Login::First, Some(hooks)) = (login, hooks) {
            hooks.authenticated(begin, conn);
        }
    }

    fn forget(&self, conn: &Connection) {
        let mut sessions = self.write();
        let known = sessions.all.remove(&conn.id());
        if let Some(user) = conn.user() {
            sessions.forget_user(user.id(), conn.id());
        }
        let empty = sessions.all.is_empty();
        drop(sessions);
        drop(known);
        if empty {
            self.0.emptied.notify_waiters();
        }
    }

    /// Waits until there are no sessions.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.0.emptied.notified();
            if self.read().all.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// How many logins were taken back so far.
    pub(crate) fn revocations(&self) -> u64 {
        self.read().revoked.count
    }

    /// Whether the logins of `user` were taken back after the first `since` revocations, or may have been.
    pub(crate) fn was_revoked(&self, user: &str, since: u64) -> bool {
        let sessions = self.read();
        let missed = sessions.revoked.count - since;
        let latest = sessions.revoked.latest.iter().rev();
        let missed = usize::try_from(missed).unwrap_or(usize::MAX);
        missed > REMEMBERED || latest.take(missed).any(|revoked| revoked == user)
    }

    fn session_hooks(&self, conn: &Connection) -> Option<SessionHooks> {
        self.read().all.get(&conn.id())?.hooks.clone()
    }

    fn read(&self) -> RwLockReadGuard<'_, Sessions> {
        // Nothing that holds this lock can panic half-way through a change.
        self.0.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Sessions> {
        self.0.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn forget_user(&mut self, user: &str, id: ConnectionId) {
        if let Some(ids) = self.by_user.get_mut(user) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.by_user.remove(user);
            }
        }
    }
}

impl Host for Hub {
    fn adopt(&self, user: User) -> User {
        match &self.0.infos {
            Some(infos) => infos.adopt(user),
            None => user,
        }
    }

    fn load(&self, conn: &Connection) -> Option<Arc<UserLoad>> {
        match conn.user() {
            Some(user) => self.0.users.load(Whose::User(user.id().into())),
            None if conn.peer().has_connection() => None,
            None => self.0.users.load(Whose::Network(network(conn.remote_addr().ip()))),
        }
    }

    fn logged_in(&self, conn: &Connection, login: Login) {
        self.note_login(conn, login, Begin::Soon);
    }

    fn logged_out(&self, conn: &Connection, user: &User) {
        let mut sessions = self.write();
        // Somebody may have logged in again meanwhile, of which this must not make the hub forget.
        if conn.is_authenticated() {
            return;
        }
        sessions.forget_user(user.id(), conn.id());
        if let Some(session) = sessions.all.get_mut(&conn.id()) {
            session.counted.set(Standing::Connected);
        }
    }

    fn failed(&self, conn: &Connection, error: LinkError) {
        if let Some(hooks) = self.session_hooks(conn) {
            hooks.failed(conn, &error);
        }
    }

    fn link(&self, conn: &Connection, event: LinkEvent) {
        if let Some(hooks) = self.session_hooks(conn) {
            hooks.link(conn, event);
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("connections", &self.read().all.len()).finish_non_exhaustive()
    }
}

impl FromCall for Hub {
    async fn from_call(call: &CallHead) -> Result<Self, Error> {
        // Only a server has one; a service that a client exposes does not.
        let none = || Error::internal().with_detail("there is no hub at this end of the connection");
        call.connection().host::<Self>().cloned().ok_or_else(none)
    }
}

/// Some sessions, as they were when it was made.
#[derive(Debug, Clone)]
pub struct Audience {
    hub: Hub,
    /// Whose sessions they are, if they are all of one user.
    user: Option<String>,
    found: Vec<Connection>,
}

impl Audience {
    /// The sessions.
    pub fn connections(self) -> Vec<Connection> {
        self.found
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Closes all of them; see [`Connection::close`].
    pub fn close(&self, code: u16, reason: &str) {
        for conn in &self.found {
            conn.close(code, reason);
        }
    }

    /// Takes the logins of all of them back, at once: their calls are ended with `UNAUTHENTICATED` and their connections
    /// closed with 4403. Of [one user](Hub::user) also a login that is just being judged. Gives back how many sessions there were.
    ///
    /// Whether the user may log in again is for the authenticator to say, which has to know of it before this is called.
    pub fn revoke(&self) -> usize {
        let mut sessions = self.hub.write();
        let users: Vec<String> = match &self.user {
            Some(user) => vec![user.clone()],
            None => self.found.iter().filter_map(|conn| Some(conn.user()?.id().to_owned())).collect(),
        };
        for user in users {
            sessions.revoked.add(user);
        }
        // Those that have come since this audience was made.
        let ids = self.user.as_ref().and_then(|user| sessions.by_user.get(user)).cloned().unwrap_or_default();
        let mut found = self.found.clone();
        for conn in ids.iter().filter_map(|id| Some(sessions.all.get(id)?.conn.clone())) {
            if !found.contains(&conn) {
                found.push(conn);
            }
        }
        drop(sessions);
        found.iter().for_each(Connection::revoke);
        found.len()
    }
}

/// A generated client over an audience calls methods that are `oneway`: `EventsClient::new(&hub.user("ann"))`.
impl Callee for Audience {
    type Kind = Cast;

    fn callee(&self) -> Cast {
        Cast::new(self.clone())
    }
}

impl Broadcast for Audience {
    fn broadcast(&self, notification: Notification) -> BoxFuture<Result<usize, Error>> {
        let told = self.tell(&notification);
        Box::pin(std::future::ready(told))
    }
}

impl Audience {
    /// Sends a notification to all of them, encoded once for each codec that they speak.
    fn tell(&self, notification: &Notification) -> Result<usize, Error> {
        // All of it before anybody is told: if it fails, nobody was.
        let mut encoded: Vec<(Codec, Payload)> = Vec::new();
        for codec in self.found.iter().map(|conn| conn.as_handle().codec()) {
            if !encoded.iter().any(|(known, _)| *known == codec) {
                encoded.push((codec, notification.params(codec)?.into_shared()));
            }
        }
        let tell = |conn: &Connection| {
            let handle = conn.as_handle();
            let params = encoded.iter().find(|(codec, _)| *codec == handle.codec());
            params.is_some_and(|(_, params)| handle.notify(notification.method(), params.clone()))
        };
        Ok(self.found.iter().filter(|conn| tell(conn)).count())
    }
}

impl Revocations {
    fn add(&mut self, user: String) {
        self.count += 1;
        if self.latest.len() == REMEMBERED {
            self.latest.pop_front();
        }
        self.latest.push_back(user);
    }
}

/// A connection that is no session yet.
#[derive(Debug)]
pub(crate) struct Pending {
    hub: Hub,
    _counted: Counted,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.hub.0.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A session that the hub knows.
#[derive(Debug)]
pub(crate) struct Registered {
    hub: Hub,
    conn: Connection,
    hooks: Option<SessionHooks>,
    reason: CloseReason,
}

impl Registered {
    pub(crate) fn reason(&self) -> &CloseReason {
        &self.reason
    }

    /// Says why the session has ended.
    pub(crate) fn ended(&mut self, reason: CloseReason) {
        self.reason = reason;
    }
}

/// The session has ended, also if its task is dropped.
impl Drop for Registered {
    fn drop(&mut self) {
        self.hub.forget(&self.conn);
        if let Some(hooks) = &self.hooks {
            hooks.disconnected(&self.conn, &self.reason);
        }
    }
}
