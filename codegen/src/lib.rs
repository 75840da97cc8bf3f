//! Generators of Trunkline, as a library and as a command line.
//!
//! Everything here is a function of a [`Description`]: services as plain data, with what ts-rs and schemars know of their
//! types. [`typescript()`] makes one file of it for the npm package `trunkline`, [`openrpc()`] and [`json_schemas`] make
//! documents of it for other tools, and [`compare`] tells what changed between two of them. Nothing is read from sources
//! and nothing runs at build time: your own binary describes the services that are compiled into it.
//!
//! In an application this crate is `trunkline::codegen`, behind the feature `codegen`. All that it takes is a binary of five
//! lines, which only who generates has to build, and a name to call it by:
//!
//! ```toml
//! # Cargo.toml
//! [features]
//! rpc = ["trunkline/codegen"]
//!
//! [[bin]]
//! name = "rpc"
//! required-features = ["rpc"]
//! ```
//!
//! ```toml
//! # .cargo/config.toml; in a workspace with `--package NAME` too
//! [alias]
//! rpc = "run --quiet --features rpc --bin rpc --"
//! ```
//!
//! ```no_run
//! // src/bin/rpc.rs
//! # mod chat {
//! #     #[trunkline::service]
//! #     pub trait Chat { async fn rooms(&self) -> Vec<String>; }
//! # }
//! # use chat::ChatClient;
//! # #[cfg(feature = "cli")]
//! fn main() -> std::process::ExitCode {
//!     trunkline_codegen::cli(|rpc| rpc.service::<ChatClient>())
//! }
//! # #[cfg(not(feature = "cli"))]
//! # fn main() {}
//! ```
//!
//! `cargo rpc --out web/src/rpc.ts` then writes the file, which belongs into version control. So that nobody forgets it, CI
//! runs the same with `--check`, or a test under `#[cfg(feature = "rpc")]` calls [`assert_current`].
//!
//! # What is refused
//!
//! A type in TypeScript must not lie about what is on the wire. ts-rs writes the types, and schemars, which reads attributes as
//! serde does, is their judge: where the two differ, where a name is taken, or where bytes and text in JSON could not be told
//! apart, there is no file but a [`GenerateError`] that names the type, the field and what to write instead.

#[cfg(feature = "cli")]
mod cli;
mod compat;
mod diff;
mod error;
mod json_schema;
mod openrpc;
mod refs;
mod services;
mod typescript;
mod write;

pub use trunkline_core::Description;

#[cfg(feature = "cli")]
pub use self::cli::cli;
pub use self::{
    compat::{Change, ChangeKind, Report, compare},
    error::GenerateError,
    json_schema::json_schemas,
    openrpc::openrpc,
    services::Services,
    typescript::typescript,
    write::assert_current,
};
