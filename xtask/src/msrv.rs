//! The step `msrv`: no crate in the graph says that it needs a newer Rust than this workspace promises.
//!
//! That our own code needs none is clippy's work: its lint `incompatible_msrv` reads `rust-version`.

use crate::{command::Failure, repo::Repo};

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let promised = promised(repo)?;
    let needs = |version: &String| release(version) > release(promised);
    let newer = repo.foreign().filter(|package| package.rust_version.as_ref().is_some_and(needs));
    let names: Vec<_> = newer.map(|package| format!("{} {}", package.name, package.version)).collect();
    if !names.is_empty() {
        return Err(Failure::Rule(format!("these need a newer Rust than {promised}: {}", names.join(", "))));
    }
    let silent = repo.foreign().filter(|package| package.rust_version.is_none()).count();
    println!(
        "Rust {promised} is enough for all {} crates of the graph; {silent} do not say",
        repo.foreign().count()
    );
    Ok(())
}

/// The `rust-version` of this workspace, the same in every package.
fn promised(repo: &Repo) -> Result<&str, Failure> {
    let mut versions: Vec<_> = repo.members().map(|package| package.rust_version.as_deref()).collect();
    versions.dedup();
    match *versions {
        [Some(version)] => Ok(version),
        _ => {
            Err(Failure::Rule("a package of this workspace lacks `rust-version.workspace = true`".to_owned()))
        }
    }
}

/// The numbers of a version, so that they can be compared: 1.88 and 1.88.0 are the same.
fn release(version: &str) -> Vec<u32> {
    let mut numbers: Vec<_> = version.split('.').map(|number| number.parse().unwrap_or(u32::MAX)).collect();
    numbers.resize(3, 0);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_by_number() {
        assert!(release("1.100") > release("1.88"));
        assert!(release("1.9.1") < release("1.88"));
        assert_eq!(release("1.88"), release("1.88.0"));
    }
}
