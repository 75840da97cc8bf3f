//! The step `fmt`: rustfmt has nothing to change, here and in the workspaces beside this one.

use crate::{
    command::{self, Failure},
    repo::Repo,
};

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    command::run(command::cargo(&repo.root).args(["fmt", "--all", "--check"]))?;
    repo.side_workspaces()
        .try_for_each(|folder| command::run(command::cargo(&folder).args(["fmt", "--all", "--check"])))
}
