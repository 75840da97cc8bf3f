//! Generates the TypeScript of the chat: `cargo run --example quickstart-rpc --features codegen -- --out FILE`.

#![allow(missing_docs, dead_code, reason = "an example is its own documentation")]

pub mod contract;

fn main() -> std::process::ExitCode {
    trunkline::codegen::cli(|rpc| rpc.service::<contract::ChatClient>())
}
