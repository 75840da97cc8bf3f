//! The repository as `cargo metadata` describes it, as far as the tasks ask.

use std::path::PathBuf;

use serde::Deserialize;

use crate::command::{self, Failure};

/// The folders with a workspace of their own, whose crates stay out of our lock file. Some may not exist yet.
const SIDE_WORKSPACES: [&str; 4] = ["benches/peers", "benches/adoption", "fuzz", PEERS];

/// The folder of the tests with clients that others wrote.
pub(crate) const PEERS: &str = "tests/peers";

/// This workspace and every package in its graph, for all platforms and with all features.
#[derive(Debug, Deserialize)]
pub(crate) struct Repo {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A package in the graph.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// What the package says of the oldest Rust that builds it.
    pub(crate) rust_version: Option<String>,
    /// Where it comes from; `None` for a package of this workspace.
    source: Option<String>,
    pub(crate) targets: Vec<Target>,
    #[cfg(test)]
    pub(crate) dependencies: Vec<Dependency>,
}

/// Something that cargo builds from a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

/// A line under one of the `[dependencies]` of a manifest.
#[cfg(test)]
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for the ordinary ones, else "dev" or "build".
    pub(crate) kind: Option<String>,
    /// Set if it is a folder of this workspace.
    pub(crate) path: Option<PathBuf>,
}

impl Repo {
    /// Asks cargo about the workspace that the current folder is in.
    pub(crate) fn load() -> Result<Self, Failure> {
        let mut command = command::cargo(".".as_ref());
        command.args(["metadata", "--format-version", "1", "--all-features"]);
        let text = command::output(&mut command)?;
        serde_json::from_str(&text).map_err(|error| command::unreadable(&command, error))
    }

    /// The packages of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.source.is_none())
    }

    /// The packages that others wrote.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.source.is_some())
    }

    /// The folders beside this workspace that are one of their own.
    pub(crate) fn side_workspaces(&self) -> impl Iterator<Item = PathBuf> {
        let folders = SIDE_WORKSPACES.iter().map(|folder| self.root.join(folder));
        folders.filter(|folder| folder.join("Cargo.toml").is_file())
    }
}
