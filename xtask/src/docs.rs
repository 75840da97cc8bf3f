//! The step `docs`: rustdoc has nothing to warn of, in the docs that users read and in those of the private items.

use crate::{
    command::{self, Failure},
    repo::Repo,
};

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let mut all = command::cargo(&repo.root);
    all.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    command::run(all.env("RUSTDOCFLAGS", "-D warnings"))?;
    // Only without the private items does rustdoc see that a public page links to one. It runs last, so that these stay.
    let mut public = command::cargo(&repo.root);
    public.args(["doc", "--workspace", "--no-deps", "--exclude", "xtask"]);
    command::run(public.env("RUSTDOCFLAGS", "-D warnings"))
}
