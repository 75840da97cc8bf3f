//! What all sessions of one user share: how many they may be, and how much they may have done at once. Requests of nobody share
//! it with their network.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use trunkline_peer::{TrafficLimits, UserLoad, now};

/// At how many users those who are gone are forgotten.
const FEW: usize = 64;

/// Who shares a load.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    User(Box<str>),
    /// Those of whom not even the address is known share one.
    Network(IpAddr),
}

/// The limits of users, and who uses what of them.
#[derive(Default)]
pub(crate) struct Users {
    limits: Arc<TrafficLimits>,
    max_connections: Option<usize>,
    loads: Mutex<Loads>,
}

#[derive(Default)]
struct Loads {
    by_owner: HashMap<Whose, Kept>,
    sweep_at: usize,
}

struct Kept {
    load: Arc<UserLoad>,
    asked_at: Instant,
}

impl Kept {
    /// Whether somebody holds it, or its rates may not be full again.
    fn is_needed(&self, now: Instant) -> bool {
        let idle = now.saturating_duration_since(self.asked_at);
        Arc::strong_count(&self.load) > 1 || idle < self.load.remembers()
    }
}

impl Users {
    pub(crate) fn new(limits: Arc<TrafficLimits>, max_connections: Option<usize>) -> Self {
        Self { limits, max_connections, loads: Mutex::default() }
    }

    /// Whether a user may have so many connections.
    pub(crate) fn allows(&self, connections: usize) -> bool {
        self.max_connections.is_none_or(|max| connections <= max)
    }

    /// What all sessions of a user share: also those that come one after another, as far as its rates remember.
    pub(crate) fn load(&self, whose: Whose) -> Option<Arc<UserLoad>> {
        // Nothing that holds this lock can panic half-way through a change.
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        if let Some(kept) = loads.by_owner.get_mut(&whose) {
            kept.asked_at = now;
            return Some(Arc::clone(&kept.load));
        }
        let load = Arc::new(UserLoad::new(&self.limits)?);
        if loads.by_owner.len() >= loads.sweep_at {
            loads.by_owner.retain(|_, kept| kept.is_needed(now));
            loads.sweep_at = FEW.max(loads.by_owner.len() * 2);
        }
        loads.by_owner.insert(whose, Kept { load: Arc::clone(&load), asked_at: now });
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

    fn user(name: &str) -> Whose {
        Whose::User(name.into())
    }

    #[test]
    fn sessions_of_one_user_share_and_users_who_are_gone_are_forgotten() {
        let users = Users::new(Arc::default(), Some(2));
        let (one, two) = (users.load(user("ada")).unwrap(), users.load(user("ada")).unwrap());
        assert!(Arc::ptr_eq(&one, &two) && !Arc::ptr_eq(&one, &users.load(user("bob")).unwrap()));
        assert!(users.allows(2) && !users.allows(3));
        for number in 0..1000 {
            users.load(user(&number.to_string()));
        }
        assert!(users.loads.lock().unwrap().by_owner.len() <= 2 * FEW);
        assert!(Arc::ptr_eq(&one, &users.load(user("ada")).unwrap()));
        let off = TrafficLimits { in_flight_per_user: None, ..TrafficLimits::default() };
        assert!(Users::new(Arc::new(off), None).load(user("ada")).is_none());
    }
}
