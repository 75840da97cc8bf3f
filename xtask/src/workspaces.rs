//! The step `workspaces`: the workspaces beside this one (benches against peers, fuzzing) build without a warning and with
//! the lock files that they have. What they do takes minutes and has tasks of its own.

use crate::{
    command::{self, Failure},
    repo::Repo,
};

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    repo.side_workspaces().try_for_each(|folder| {
        let mut clippy = command::cargo(&folder);
        clippy.args(["clippy", "--workspace", "--all-targets", "--locked"]);
        // What is shared with this workspace, above all the procedural macros, is built once.
        clippy.env("CARGO_TARGET_DIR", &repo.target);
        // Linting links nothing, so the fuzzing runtime need not be compiled, which takes 20 s.
        clippy.env("CUSTOM_LIBFUZZER_PATH", "/not/linked/libfuzzer.a");
        command::run(clippy.args(["--", "-D", "warnings"]))
    })
}
