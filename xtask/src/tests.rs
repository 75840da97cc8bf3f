//! The step `tests`: all tests of the workspace, doctests and ui tests among them; and no secret of theirs in what is printed.

use std::{process::Stdio, thread};

use crate::{
    canary,
    command::{self, Failure},
    repo::Repo,
};

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let mut tests = command::cargo(&repo.root);
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    let shown = command::shown(&tests);
    println!("$ {shown}");
    let start = |source| Failure::Start { command: shown.clone(), source };
    let mut child = tests.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(start)?;
    let readers = [
        child.stdout.take().map(|out| thread::spawn(move || canary::pass_on(out, std::io::stdout()))),
        child.stderr.take().map(|err| thread::spawn(move || canary::pass_on(err, std::io::stderr()))),
    ];
    let status = child.wait().map_err(start)?;
    let found = readers.into_iter().flatten().find_map(|reader| reader.join().ok().flatten());
    if !status.success() {
        return Err(Failure::Command { command: shown, status });
    }
    match found {
        Some(line) => Err(Failure::Rule(format!("the tests have printed what nobody may see: {line}"))),
        None => Ok(()),
    }
}
