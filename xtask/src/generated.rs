//! `cargo xtask gen`: what this repository keeps of what is generated from Rust, and the step that finds it stale.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::{self, Failure},
    npm,
    repo::Repo,
};

/// What to do about a file that is not as it would be generated now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stale {
    Write,
    Fail,
}

/// The example's services, by the command that users have.
const QUICKSTART: [&str; 3] = ["rpc", "--out", "examples/quickstart/web/rpc.ts"];

/// The tests that compare files with what would be generated, and write them if they are told to: package, binary, names.
const TESTS: [[&str; 3]; 2] =
    [["trunkline-fixture", "generated", "current"], ["trunkline-codegen", "main", "golden::the_files"]];

/// The script of the example's page, with the client in it: whoever runs the example needs no Node.
const PAGE: (&str, &str) = ("examples/quickstart/web/app.ts", "examples/quickstart/web/app.js");

/// The step `generated`.
pub(crate) fn check(repo: &Repo) -> Result<(), Failure> {
    run(repo, Stale::Fail)
}

/// Generates everything again.
pub(crate) fn run(repo: &Repo, stale: Stale) -> Result<(), Failure> {
    let mut generator = command::cargo(&repo.root);
    generator.args(QUICKSTART);
    if stale == Stale::Fail {
        generator.arg("--check");
    }
    command::run(&mut generator)?;
    for [package, test, names] in TESTS {
        let mut tests = command::cargo(&repo.root);
        tests.args(["test", "--quiet", "--package", package, "--test", test, names]);
        match stale {
            Stale::Write => tests.env("UPDATE_RPC", "1"),
            Stale::Fail => tests.env_remove("UPDATE_RPC"),
        };
        command::run(&mut tests)?;
    }
    page(repo, stale)
}

fn page(repo: &Repo, stale: Stale) -> Result<(), Failure> {
    let (source, script) = PAGE;
    let fresh = repo.target.join("app.js");
    command::run(&mut bundle(repo, source, &fresh)?)?;
    let kept = repo.root.join(script);
    let (fresh, kept_text) = (read(&fresh)?, fs::read_to_string(&kept).ok());
    match stale {
        _ if kept_text.is_some_and(|text| text == fresh) => Ok(()),
        Stale::Write => {
            fs::write(&kept, fresh).map_err(|source| Failure::File { path: script.to_owned(), source })
        }
        Stale::Fail => Err(Failure::Rule(format!("{script} is stale: run `cargo xtask gen`"))),
    }
}

fn bundle(repo: &Repo, source: &str, out: &Path) -> Result<Command, Failure> {
    let client = repo.root.join(npm::CLIENT);
    command::run(&mut npm::script(&client, "build")?)?;
    let mut esbuild = npm::program(&client, "esbuild")?;
    esbuild.current_dir(&repo.root).args([
        source,
        "--bundle",
        "--format=esm",
        "--target=es2022",
        "--log-level=warning",
        "--banner:js=// Generated from app.ts by `cargo xtask gen`, with the client in it.",
    ]);
    esbuild
        .arg(format!("--alias:trunkline=./{}/dist/index.js", npm::CLIENT))
        .arg(format!("--outfile={}", out.display()));
    Ok(esbuild)
}

fn read(path: &PathBuf) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|source| Failure::File { path: path.display().to_string(), source })
}
