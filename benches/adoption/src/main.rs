//! Measures what it costs to build a crate that uses Trunkline, beside the same crate with jsonrpsee and with tarpc.
//!
//! README.md says what the numbers are. Nothing here is part of Trunkline.

mod machine;
mod report;
mod subject;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::{report::Row, subject::Subject};

#[derive(Parser)]
#[command(about = "Measures what adopting an RPC library costs to compile")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures every adopter and prints one table
    Run(Options),
}

#[derive(Args)]
struct Options {
    /// How often each adopter is built; the table has medians
    #[arg(long, default_value = "7")]
    rounds: usize,
}

fn main() -> Result<()> {
    let Command::Run(options) = Cli::parse().command;
    let rows = measure(options.rounds)?;
    report::print(&rows);
    Ok(())
}

/// Builds what the adopters stand on and shows that they work, then builds the adopters alone, in turn.
fn measure(rounds: usize) -> Result<[Row; 3]> {
    for subject in Subject::ALL {
        subject.check()?;
        subject.release()?;
        subject.run()?;
    }
    let mut rows = Subject::ALL.map(Row::new);
    for round in 1..=rounds {
        for row in &mut rows {
            row.check.push(machine::quietly(|| row.subject.check())?);
            row.release.push(machine::quietly(|| row.subject.release())?);
            row.tell(round);
        }
    }
    for row in &mut rows {
        row.crates = row.subject.crates()?;
        row.expanded = row.subject.expanded_lines()?;
    }
    Ok(rows)
}
