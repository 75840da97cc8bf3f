//! The Rust client of Trunkline: one connection, shared by every stub made from it.
//!
//! [`Client::builder`] says where to and as whom; generated clients (`ChatClient::new(&client)`) and [`Client::call`] make
//! the calls.

mod builder;
mod client;
mod dial;
mod error;
mod exposed;
mod line;
mod login;
mod socket;
#[cfg(feature = "tls")]
mod tls;
mod token;

pub use builder::ClientBuilder;
pub use client::Client;
pub use error::ConnectError;
pub use line::ClientState;
pub use token::{FetchToken, Fetched, Fixed, IntoToken};
