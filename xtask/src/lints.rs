//! The steps `clippy` and `features`: no warning in any target, nor in a contract under any set of features.

use crate::{
    command::{self, Failure},
    repo::Repo,
};

/// The sets that users choose between, besides the default. Path dependencies are linted along with the contract.
const FEATURE_SETS: [&str; 5] = [
    "",
    "client",
    "server",
    "client,server",
    "client,server,schema,axum,introspect,codegen,jwt,prometheus,tls,chrono,uuid",
];

/// Every target of every package, with default features.
pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let mut clippy = command::cargo(&repo.root);
    clippy.args(["clippy", "--workspace", "--all-targets"]);
    command::run(clippy.args(["--", "-D", "warnings"]))
}

/// A contract, and all of Trunkline that it reaches, under each set of features. Clippy is used since it denies warnings in
/// our crates alone, while `RUSTFLAGS` would have every dependency built once more.
pub(crate) fn feature_sets(repo: &Repo) -> Result<(), Failure> {
    FEATURE_SETS.iter().try_for_each(|features| {
        let mut clippy = command::cargo(&repo.root);
        clippy.args([
            "clippy",
            "--package",
            "trunkline-contract",
            "--no-default-features",
            "--features",
            features,
        ]);
        command::run(clippy.args(["--", "-D", "warnings"]))
    })
}
