//! All sessions of a server: by number, by user, all of them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use trunkline_core::{Code, Error};
use trunkline_peer::{CallHead, Connection, ConnectionId, FromCall, Host};

/// The sessions of one server. Cheap to clone, and usable from any task; a method has it injected by naming it.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last_id: AtomicU64,
    sessions: RwLock<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    all: BTreeMap<ConnectionId, Connection>,
    by_user: HashMap<String, Vec<ConnectionId>>,
}

impl Hub {
    /// The session of this number.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if it has ended or never was.
    pub fn connection(&self, id: ConnectionId) -> Result<Connection, Error> {
        let found = self.read().all.get(&id).cloned();
        found.ok_or_else(|| Error::new(Code::NotFound, format!("there is no connection {id}")))
    }

    /// All sessions, in the order in which they began.
    pub fn connections(&self) -> Vec<Connection> {
        self.read().all.values().cloned().collect()
    }

    /// All sessions of one user: several tabs, several devices.
    pub fn user(&self, id: &str) -> Audience {
        let sessions = self.read();
        let ids = sessions.by_user.get(id).into_iter().flatten();
        Audience(ids.filter_map(|id| sessions.all.get(id).cloned()).collect())
    }

    /// All sessions.
    pub fn everyone(&self) -> Audience {
        Audience(self.connections())
    }

    pub(crate) fn next_id(&self) -> ConnectionId {
        ConnectionId(self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Knows `conn` until the result is dropped.
    pub(crate) fn register(&self, conn: &Connection) -> Registered {
        let mut sessions = self.write();
        sessions.all.insert(conn.id(), conn.clone());
        drop(sessions);
        self.logged_in(conn);
        Registered { hub: self.clone(), id: conn.id() }
    }

    fn forget(&self, id: ConnectionId) {
        let mut sessions = self.write();
        let Some(user) = sessions.all.remove(&id).and_then(|conn| conn.user()) else { return };
        if let Some(ids) = sessions.by_user.get_mut(user.id()) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                sessions.by_user.remove(user.id());
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Sessions> {
        // Nothing that holds this lock can panic half-way through a change.
        self.0.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Sessions> {
        self.0.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for Hub {
    fn logged_in(&self, conn: &Connection) {
        let Some(user) = conn.user() else { return };
        let mut sessions = self.write();
        // A session that ended meanwhile must not come back.
        if !sessions.all.contains_key(&conn.id()) {
            return;
        }
        let ids = sessions.by_user.entry(user.id().to_owned()).or_default();
        if !ids.contains(&conn.id()) {
            ids.push(conn.id());
        }
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
pub struct Audience(Vec<Connection>);

impl Audience {
    /// The sessions.
    pub fn connections(self) -> Vec<Connection> {
        self.0
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Closes all of them; see [`Connection::close`].
    pub fn close(&self, code: u16, reason: &str) {
        for conn in &self.0 {
            conn.close(code, reason);
        }
    }
}

/// A session that the hub knows.
#[derive(Debug)]
pub(crate) struct Registered {
    hub: Hub,
    id: ConnectionId,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.hub.forget(self.id);
    }
}
