//! The step `typescript`: the TypeScript client is built, linted and measured, and tested in Node and in a real browser against
//! the real server.

use std::process::Command;

use crate::{
    chromium,
    command::{self, Failure},
    npm,
    repo::Repo,
};

/// The scripts of `package.json` that need nothing from Rust, in the order of what they cost.
const SCRIPTS: [&str; 4] = ["check", "size", "lint:pkg", "test:consumers"];

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let client = repo.root.join(npm::CLIENT);
    for name in SCRIPTS {
        command::run(&mut npm::script(&client, name)?)?;
    }
    command::run(command::cargo(&repo.root).args(["build", "--package", "trunkline-fixture"]))?;
    command::run(command::cargo(&repo.root).args(["build", "--example", "quickstart"]))?;
    command::run(&mut test(repo)?)
}

/// The tests find the servers that they start by these variables.
fn test(repo: &Repo) -> Result<Command, Failure> {
    let built = repo.target.join("debug");
    let mut test = npm::script(&repo.root.join(npm::CLIENT), "test")?;
    test.env("CHROMIUM", chromium::ensure()?);
    test.env("TRUNKLINE_FIXTURE", built.join("trunkline-fixture"));
    test.env("TRUNKLINE_QUICKSTART", built.join("examples/quickstart"));
    Ok(test)
}
