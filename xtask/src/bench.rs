//! `cargo xtask bench`: what is measured, and how it is started.

use clap::Subcommand;

use crate::{
    command::{self, Failure},
    repo::Repo,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Trunkline beside its peers, as ratios to a raw WebSocket echo
    Peers(Program),
    /// What it costs to adopt Trunkline beside its peers: seconds to build, crates, lines of expansion
    Adoption(Program),
    /// What connections cost a server while nothing happens on them
    Idle {
        /// What to hand on to the measuring program
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// The parts of Trunkline one by one
    Units {
        /// What to hand on to the benches
        #[arg(last = true)]
        args: Vec<String>,
    },
}

/// A measuring program with a workspace of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Program {
    /// Lints and tests the measuring program, and measures nothing
    #[arg(long, conflicts_with = "args")]
    check: bool,
    /// What to hand on to the measuring program
    #[arg(last = true)]
    args: Vec<String>,
}

impl Bench {
    pub(crate) fn run(&self, repo: &Repo) -> Result<(), Failure> {
        match self {
            Self::Peers(program) => program.run(repo, "benches/peers"),
            Self::Adoption(program) => program.run(repo, "benches/adoption"),
            Self::Idle { args } => idle(repo, args),
            Self::Units { args } => units(repo, args),
        }
    }
}

impl Program {
    fn run(&self, repo: &Repo, name: &str) -> Result<(), Failure> {
        let folder = repo.root.join(name);
        if !folder.is_dir() {
            return Err(Failure::Rule(format!("there is no {name} yet")));
        }
        if self.check {
            let mut clippy = command::cargo(&folder);
            command::run(clippy.args(["clippy", "--locked", "--all-targets", "--", "-D", "warnings"]))?;
            return command::run(command::cargo(&folder).args(["test", "--locked"]));
        }
        let mut program = command::cargo(&folder);
        command::run(program.args(["run", "--locked", "--release", "--", "run"]).args(&self.args))
    }
}

fn idle(repo: &Repo, args: &[String]) -> Result<(), Failure> {
    let mut program = command::cargo(&repo.root);
    command::run(program.args(["run", "--release", "--package", "trunkline-idle", "--"]).args(args))
}

fn units(repo: &Repo, args: &[String]) -> Result<(), Failure> {
    let mut bench = command::cargo(&repo.root);
    command::run(bench.args(["bench", "--workspace", "--bench", "*", "--"]).args(args))
}
