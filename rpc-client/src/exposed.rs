//! What a client serves to its server: the router and the driver are those of a server, for one peer.

use std::{fmt, sync::Arc};

use trunkline_core::ConfigError;
use trunkline_peer::{
    Connection, ConnectionId, Dispatch, Expiry, Handle, Host, PeerInfo, Router, Services, TrafficLimits,
};

/// The services of a client.
#[derive(Clone, Default)]
pub(crate) struct Exposed {
    services: Vec<Arc<dyn Dispatch>>,
    /// Made of them when the client is: it outlives connections, and with it what rate limits have counted.
    router: Option<Arc<Router>>,
}

impl Exposed {
    pub(crate) fn add(&mut self, service: impl Dispatch) {
        self.services.push(Arc::new(service));
    }

    /// Finds out where each name leads.
    pub(crate) fn build(&mut self) -> Result<(), ConfigError> {
        if self.services.is_empty() {
            return Ok(());
        }
        let mut router = Router::default();
        self.services.iter().try_for_each(|service| router.add(Arc::clone(service)))?;
        self.router = Some(Arc::new(router));
        Ok(())
    }

    /// What a session is served whose driver listens to `handle`.
    pub(crate) fn session(&self, id: ConnectionId, server: PeerInfo, handle: Handle) -> Option<Services> {
        let router = Arc::clone(self.router.as_ref()?);
        Some(Services {
            router,
            connection: Connection::new(id, server, handle, None, Some(Arc::new(ServedByClient))),
            login_until: None,
            expiry: Expiry::default(),
            // The server was chosen by this end. A refusal is answer enough: a connection that is closed for it is missing here.
            limits: Arc::new(TrafficLimits { denials: u32::MAX, ..TrafficLimits::default() }),
        })
    }
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.services).finish()
    }
}

/// A client as the host of its session: nobody logs in to it.
struct ServedByClient;

impl Host for ServedByClient {
    fn knows_users(&self) -> bool {
        false
    }
}
