//! `cargo xtask fuzz`: every fuzz target in turn, each for some seconds.

use std::{fs, num::NonZeroU32, path::Path, process::Command};

use crate::{
    command::{self, Failure},
    repo::Repo,
    tools::CARGO_FUZZ,
};

pub(crate) fn run(repo: &Repo, seconds: NonZeroU32) -> Result<(), Failure> {
    let program = CARGO_FUZZ.ensure(repo)?;
    let targets = command::output(cargo_fuzz(&program, repo).arg("list"))?;
    targets.lines().try_for_each(|target| {
        let mut fuzz = cargo_fuzz(&program, repo);
        fuzz.args(["run", target]).args(inputs(repo, target)?);
        command::run(fuzz.args(["--", &format!("-max_total_time={seconds}")]))
    })
}

/// The sanitizers that fuzzing needs are there in nightly alone.
fn cargo_fuzz(program: &Path, repo: &Repo) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&repo.root).env("RUSTUP_TOOLCHAIN", "nightly").env_remove("CARGO");
    command
}

/// The folders that a target starts from: the first takes what is found and is nobody's to commit, the second is part of the
/// repository.
fn inputs(repo: &Repo, target: &str) -> Result<Vec<String>, Failure> {
    let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
    fs::create_dir_all(repo.root.join(&corpus))
        .map_err(|source| Failure::File { path: corpus.clone(), source })?;
    let seeded = repo.root.join(&seeds).is_dir();
    Ok([corpus].into_iter().chain(seeded.then_some(seeds)).collect())
}
