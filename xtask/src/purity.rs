//! The step `purity`: the core brings no runtime, socket, thread pool, clock or source of randomness.
//!
//! That its own code reads no clock either is clippy's work: `rpc-core/clippy.toml` lists what it may not call.

use crate::{
    command::{self, Failure},
    repo::Repo,
};

const CORE: &str = "trunkline-core";

/// Crates whose presence would mean that the core does I/O or makes its own time or randomness.
const IMPURE: [&str; 10] = [
    "async-io",
    "futures-timer",
    "getrandom",
    "hyper",
    "mio",
    "rand",
    "rayon",
    "socket2",
    "tokio",
    "tungstenite",
];

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let mut tree = command::cargo(&repo.root);
    tree.args(["tree", "--package", CORE, "--edges", "normal", "--all-features"]);
    tree.args(["--prefix", "none", "--format", "{lib}"]);
    let text = command::output(&mut tree)?;
    match text.lines().find(|library| IMPURE.contains(&library.replace('_', "-").as_str())) {
        Some(library) => Err(Failure::Rule(format!(
            "`{library}` is in the graph of {CORE}: cargo tree -p {CORE} -i {library}"
        ))),
        None => {
            println!("{CORE} brings none of {}", IMPURE.join(", "));
            Ok(())
        }
    }
}
