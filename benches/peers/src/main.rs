//! Measures RPC peers side by side: one server process on one core, one client process on the other, loopback
//! TCP.
//!
//! `peers run` is what a person calls: it starts `peers server` and `peers client` for every subject,
//! workload and round, and prints the tables. README.md says how to read them. Nothing here is part of
//! Trunkline.

mod client;
mod control;
mod doc;
mod machine;
mod meter;
mod push;
mod rpc;
mod run;
mod server;
mod subjects;
mod workload;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures RPC peers side by side on one machine")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve one subject until told to exit; prints its two addresses as one JSON line.
    Server(server::Options),
    /// Put one load on a server; prints what was measured as one JSON line.
    Client(client::Options),
    /// Measure every subject under every workload and print the tables.
    Run(run::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Server(options) => server::main(&options),
        Command::Client(options) => client::main(&options),
        Command::Run(options) => run::main(&options),
    }
}
