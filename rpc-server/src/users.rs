//! What all sessions of one user share: how many they may be, and how much they may have done at once.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use trunkline_peer::{TrafficLimits, UserLoad};

/// At how many users those who are gone are forgotten.
const FEW: usize = 64;

/// The limits of users, and who uses what of them.
#[derive(Default)]
pub(crate) struct Users {
    limits: Arc<TrafficLimits>,
    max_connections: Option<usize>,
    loads: Mutex<Loads>,
}

#[derive(Default)]
struct Loads {
    by_user: HashMap<Box<str>, Weak<UserLoad>>,
    sweep_at: usize,
}

impl Users {
    pub(crate) fn new(limits: Arc<TrafficLimits>, max_connections: Option<usize>) -> Self {
        Self { limits, max_connections, loads: Mutex::default() }
    }

    /// Whether a user may have so many connections.
    pub(crate) fn allows(&self, connections: usize) -> bool {
        self.max_connections.is_none_or(|max| connections <= max)
    }

    /// What all sessions of a user share, for as long as one of them holds it.
    pub(crate) fn load(&self, user: &str) -> Option<Arc<UserLoad>> {
        // Nothing that holds this lock can panic half-way through a change.
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = loads.by_user.get(user).and_then(Weak::upgrade) {
            return Some(load);
        }
        let load = Arc::new(UserLoad::new(&self.limits)?);
        if loads.by_user.len() >= loads.sweep_at {
            loads.by_user.retain(|_, load| load.strong_count() > 0);
            loads.sweep_at = FEW.max(loads.by_user.len() * 2);
        }
        loads.by_user.insert(user.into(), Arc::downgrade(&load));
        Some(load)
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_one_user_share_and_users_who_are_gone_are_forgotten() {
        let users = Users::new(Arc::default(), Some(2));
        let (one, two) = (users.load("ada").unwrap(), users.load("ada").unwrap());
        assert!(Arc::ptr_eq(&one, &two) && !Arc::ptr_eq(&one, &users.load("bob").unwrap()));
        assert!(users.allows(2) && !users.allows(3));
        for number in 0..1000 {
            users.load(&number.to_string());
        }
        assert!(users.loads.lock().unwrap().by_user.len() <= 2 * FEW);
        assert!(Arc::ptr_eq(&one, &users.load("ada").unwrap()));
        let off = TrafficLimits { in_flight_per_user: None, ..TrafficLimits::default() };
        assert!(Users::new(Arc::new(off), None).load("ada").is_none());
    }
}
