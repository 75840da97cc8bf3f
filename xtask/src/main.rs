//! The task runner of this repository: `cargo xtask <task>`.
//!
//! Each task only puts commands in order that a person could type as well, and prints them before they run.

mod bench;
mod canary;
mod chromium;
mod command;
mod deny;
#[cfg(test)]
mod dependencies;
mod docs;
mod examples;
mod fmt;
mod fuzz;
mod generated;
mod hygiene;
mod lints;
mod locks;
mod msrv;
mod npm;
mod peers;
mod purity;
mod repo;
mod suite;
mod tests;
mod tools;
mod typescript;
mod workspaces;

use std::{error::Error, num::NonZeroU32, process::ExitCode};

use clap::{Parser, builder::PossibleValuesParser};

use crate::{bench::Bench, command::Failure, generated::Stale, repo::Repo, suite::AfterFailure};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "The tasks of this repository")]
enum Task {
    /// Runs everything that CI runs, and stops at the first failure
    #[command(visible_alias = "ci")]
    Test {
        /// Runs the other steps too when one has failed
        #[arg(long)]
        keep_going: bool,
        /// Only these steps; all of them unless named
        #[arg(value_name = "STEP", value_parser = PossibleValuesParser::new(suite::names()))]
        only: Vec<String>,
    },
    /// Generates what this repository keeps of what is generated: TypeScript, OpenRPC, the example's page
    Gen {
        /// Writes nothing, and fails if something is stale
        #[arg(long)]
        check: bool,
    },
    /// Measures
    #[command(subcommand)]
    Bench(Bench),
    /// Runs every fuzz target in turn, on the nightly toolchain
    Fuzz {
        /// How long each target runs
        #[arg(long, default_value = "60")]
        seconds: NonZeroU32,
    },
}

fn main() -> ExitCode {
    match run(Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            let mut cause = failure.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    let repo = Repo::load()?;
    match task {
        Task::Test { keep_going: true, only } => suite::run(&repo, AfterFailure::KeepGoing, &only),
        Task::Test { only, .. } => suite::run(&repo, AfterFailure::Stop, &only),
        Task::Gen { check: true } => generated::run(&repo, Stale::Fail),
        Task::Gen { check: false } => generated::run(&repo, Stale::Write),
        Task::Bench(bench) => bench.run(&repo),
        Task::Fuzz { seconds } => fuzz::run(&repo, seconds),
    }
}
