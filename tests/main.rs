//! The public API as a user has it: one binary, one module per subject.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod acceptance;
mod auth;
#[cfg(feature = "axum")]
mod axum;
mod bad_input;
mod by_hand;
mod clock;
mod disclosure;
mod duplex;
mod errors;
mod hooks;
mod http;
mod introspection;
mod json_rpc;
mod lazy;
mod lifecycle;
mod limits;
mod log;
mod metrics;
mod operator;
mod params;
mod peer_services;
mod post;
mod raw;
mod settings;
mod shutdown;
mod states;
mod streams;
mod threats;
#[cfg(feature = "tls")]
mod tls;
