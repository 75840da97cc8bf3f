//! The step `tests`: all tests of the workspace, doctests and ui tests among them.

use crate::{
    command::{self, Failure},
    repo::Repo,
};

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    command::run(command::cargo(&repo.root).args(["test", "--workspace", "--no-fail-fast"]))
}
