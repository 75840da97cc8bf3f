//! `cargo xtask fuzz`: every fuzz target in turn, each for some seconds.

use std::{num::NonZeroU32, path::Path, process::Command};

use crate::{
    command::{self, Failure},
    repo::Repo,
    tools::CARGO_FUZZ,
};

pub(crate) fn run(repo: &Repo, seconds: NonZeroU32) -> Result<(), Failure> {
    let program = CARGO_FUZZ.ensure(repo)?;
    let targets = command::output(cargo_fuzz(&program, repo).arg("list"))?;
    targets.lines().try_for_each(|target| {
        let limit = format!("-max_total_time={seconds}");
        command::run(cargo_fuzz(&program, repo).args(["run", target, "--", &limit]))
    })
}

/// The sanitizers that fuzzing needs are there in nightly alone.
fn cargo_fuzz(program: &Path, repo: &Repo) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&repo.root).env("RUSTUP_TOOLCHAIN", "nightly").env_remove("CARGO");
    command
}
