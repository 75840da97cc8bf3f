//! The step `peers`: clients that others wrote call our server. Their crates have a workspace of their own.

use crate::{
    command::{self, Failure},
    npm,
    repo::{PEERS, Repo},
};

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    // One of them is a script in Node.
    npm::check_node()?;
    let mut tests = command::cargo(&repo.root.join(PEERS));
    tests.args(["test", "--locked", "--no-fail-fast"]);
    // What is shared with this workspace is built once.
    command::run(tests.env("CARGO_TARGET_DIR", &repo.target))
}
