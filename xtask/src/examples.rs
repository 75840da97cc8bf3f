//! The step `examples`: each example that can end by itself runs to its end.

use crate::{
    command::{self, Failure},
    repo::Repo,
};

/// The examples that show what they have to show and exit when called with `--once`.
const ONCE: [&str; 1] = ["quickstart"];

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let examples = examples(repo);
    for name in ONCE {
        if !examples.contains(&name) {
            return Err(Failure::Rule(format!("there is no example `{name}`")));
        }
        command::run(command::cargo(&repo.root).args(["run", "--example", name, "--", "--once"]))?;
    }
    for name in examples.iter().filter(|name| !ONCE.contains(name)) {
        println!("{name} is built by the step `tests` and not run here, since it has no `--once`");
    }
    Ok(())
}

fn examples(repo: &Repo) -> Vec<&str> {
    let targets = repo.members().flat_map(|package| &package.targets);
    let examples = targets.filter(|target| target.kind.iter().any(|kind| kind == "example"));
    examples.map(|target| target.name.as_str()).collect()
}
