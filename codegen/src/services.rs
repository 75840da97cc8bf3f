//! Which services to generate for.

use std::fmt;

use trunkline_core::{Description, Service, ServiceSchema};

/// Gathers the services that a file is generated for.
#[derive(Default)]
#[must_use]
pub struct Services(Vec<&'static ServiceSchema>);

impl Services {
    /// Adds a service by the client that `#[service]` makes of it.
    pub fn service<C: Service>(mut self) -> Self {
        self.0.push(C::SCHEMA);
        self
    }

    /// All services that `add` adds, described.
    pub(crate) fn describe(add: impl FnOnce(Self) -> Self) -> Description {
        Description::of(add(Self::default()).0)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|service| service.name)).finish()
    }
}
