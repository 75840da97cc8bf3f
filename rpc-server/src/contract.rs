//! Whether a client was generated from the services that are served here, by the hashes in its hello.
//!
//! Nothing is refused for it: a client that is a little older often fits. But a mismatch is the first thing to know when a call
//! fails to decode, so the log and the client are told.

#[cfg(feature = "schema")]
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use trunkline_core::{Hashes, ServiceSchema};

/// The services of one server, with their hashes once somebody asks.
#[derive(Debug)]
pub(crate) struct Contract {
    services: Vec<&'static ServiceSchema>,
    #[cfg(feature = "schema")]
    hashes: OnceLock<Vec<Known>>,
}

impl Contract {
    pub(crate) fn new(services: Vec<&'static ServiceSchema>) -> Self {
        Self {
            services,
            #[cfg(feature = "schema")]
            hashes: OnceLock::new(),
        }
    }

    pub(crate) fn services(&self) -> &[&'static ServiceSchema] {
        &self.services
    }

    /// Of the services that a client names, those that it has another hash of than this server: with the server's.
    #[cfg(feature = "schema")]
    pub(crate) fn stale(&self, named: &Hashes) -> Hashes {
        if named.is_empty() {
            return Hashes::new();
        }
        let known =
            self.hashes.get_or_init(|| self.services.iter().map(|service| Known::of(service)).collect());
        let stale = |(name, hash): (&String, &String)| {
            // A client may also know services that others serve, and two traits may have one name.
            let mut of_that_name = known.iter().filter(|known| known.service.name == name);
            let first = of_that_name.clone().next()?;
            if of_that_name.any(|known| known.hash == *hash) {
                return None;
            }
            first.tell();
            Some((name.clone(), first.hash.clone()))
        };
        named.iter().filter_map(stale).collect()
    }

    /// Without descriptions of the types there are no hashes.
    #[cfg(not(feature = "schema"))]
    pub(crate) fn stale(&self, _: &Hashes) -> Hashes {
        Hashes::new()
    }
}

/// A service and its hash.
#[cfg(feature = "schema")]
#[derive(Debug)]
struct Known {
    service: &'static ServiceSchema,
    hash: String,
    /// Whether the log has said that a client has another hash.
    told: AtomicBool,
}

#[cfg(feature = "schema")]
impl Known {
    fn of(service: &'static ServiceSchema) -> Self {
        Self { service, hash: service.hash(), told: AtomicBool::new(false) }
    }

    /// Once per service: after a deploy, every open page would say it again.
    fn tell(&self) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                service = self.service.name,
                "a client was generated from another version of this service: generate its definitions again"
            );
        }
    }
}
