//! The server of Trunkline: from a listening socket to sessions that call services.
//!
//! [`Server::builder`] gathers services, authentication and limits; the built [`Server`] can listen by itself
//! ([`Server::serve`], [`Server::bind`]), take any byte stream ([`Server::handle`]), or be called without a network
//! ([`Server::in_memory`]). [`Hub`] knows all sessions.

mod admission;
mod auth;
#[cfg(feature = "axum")]
mod axum;
mod builder;
mod config;
mod contract;
mod failures;
mod files;
mod hooks;
mod hosts;
mod http;
mod hub;
mod info;
#[cfg(feature = "introspect")]
mod introspect;
#[cfg(feature = "jwt")]
mod jwt;
mod limits;
mod lines;
mod listen;
mod logins;
mod meters;
mod origin;
mod post;
#[cfg(feature = "prometheus")]
mod prometheus;
mod proxy;
mod server;
mod session;
mod shutdown;
#[cfg(feature = "tls")]
mod tls;
mod users;

pub use auth::{Authenticator, ByClosure, ByFuture, ByTrait, Credentials, IntoAuth};
pub use builder::{Heartbeat, ServerBuilder, Unauthenticated};
pub use config::Config;
pub use hooks::HookOutput;
pub use hub::{Audience, Hub};
pub use info::IntoInfo;
#[cfg(feature = "introspect")]
pub use introspect::Introspection;
#[cfg(feature = "jwt")]
pub use jwt::{Jwt, JwtKey};
pub use limits::Limits;
pub use listen::{Bound, Serve, ServeError};
pub use server::Server;
#[cfg(feature = "tls")]
pub use tls::Tls;
