//! The server of Trunkline: from a listening socket to sessions that call services.
//!
//! [`Server::builder`] gathers services, authentication and limits; the built [`Server`] can listen by itself
//! ([`Server::serve`], [`Server::bind`]), take any byte stream ([`Server::handle`]), or be called without a network
//! ([`Server::in_memory`]). [`Hub`] knows all sessions.

mod auth;
mod builder;
mod contract;
mod files;
mod http;
mod hub;
#[cfg(feature = "introspect")]
mod introspect;
mod listen;
mod origin;
mod server;
mod session;

pub use auth::{Authenticator, ByClosure, ByFuture, ByTrait, Credentials, IntoAuth};
pub use builder::{Heartbeat, ServerBuilder};
pub use hub::{Audience, Hub};
#[cfg(feature = "introspect")]
pub use introspect::Introspection;
pub use listen::{Bound, Serve, ServeError};
pub use server::Server;
