//! Generates the TypeScript of the chat: `cargo rpc --out FILE`, where `rpc` is the alias in
//! `.cargo/config.toml`.

#![allow(missing_docs, dead_code, reason = "an example is its own documentation")]

pub mod contract;

fn main() -> std::process::ExitCode {
    trunkline::codegen::cli(|rpc| rpc.service::<contract::ChatClient>())
}
