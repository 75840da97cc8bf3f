//! Tools that a task needs: built from crates.io into `target/tools` when missing, at a version that is written here.

use std::{env::consts::EXE_SUFFIX, path::PathBuf};

use crate::{
    command::{self, Failure},
    repo::Repo,
};

/// A program on crates.io.
#[derive(Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

pub(crate) const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };
pub(crate) const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

impl Tool {
    /// Where the program is, after building it if it is not there yet.
    pub(crate) fn ensure(&self, repo: &Repo) -> Result<PathBuf, Failure> {
        let Self { name, version } = self;
        let root = repo.target.join("tools").join(format!("{name}-{version}"));
        let program = root.join("bin").join(format!("{name}{EXE_SUFFIX}"));
        if program.is_file() {
            return Ok(program);
        }
        let mut install = command::cargo(&repo.root);
        install.args(["install", name, "--version", &format!("={version}"), "--locked", "--root"]).arg(&root);
        // A release build of cargo-deny takes 133 s here, this one 49 s, and then it checks the graph in 1 s.
        install.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "0");
        // Cargo then builds in a folder that it deletes at the end.
        install.env_remove("CARGO_TARGET_DIR");
        command::run(&mut install)?;
        Ok(program)
    }
}
