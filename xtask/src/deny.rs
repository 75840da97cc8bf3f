//! The step `deny`: licences, banned crates and sources of the graph, as `deny.toml` has them.

use std::process::Command;

use crate::{
    command::{self, Failure},
    repo::Repo,
    tools::CARGO_DENY,
};

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let mut deny = Command::new(CARGO_DENY.ensure(repo)?);
    deny.current_dir(&repo.root).args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    command::run(&mut deny)
}
