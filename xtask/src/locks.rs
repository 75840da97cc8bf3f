//! The step `locks`: a lock file names crates.io and nothing else, so that it means the same on every machine, also when
//! it was written where a mirror stands in for crates.io.

use std::{fs, path::Path, process::Command};

use crate::{
    command::{self, Failure},
    repo::Repo,
};

const CRATES_IO: &str = r#"source = "registry+https://github.com/rust-lang/crates.io-index""#;

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let mut git = Command::new("git");
    git.current_dir(&repo.root);
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "*Cargo.lock"]);
    for file in command::output(&mut git)?.lines() {
        check(&repo.root, file)?;
    }
    Ok(())
}

fn check(root: &Path, file: &str) -> Result<(), Failure> {
    let text = fs::read_to_string(root.join(file))
        .map_err(|source| Failure::File { path: file.to_owned(), source })?;
    match foreign_source(&text) {
        None => {
            println!("{file} names crates.io only");
            Ok(())
        }
        Some((line, source)) => {
            Err(Failure::Rule(format!("{file}:{line} does not name crates.io: {source}")))
        }
    }
}

/// The first line that names another place than crates.io, counted from 1.
fn foreign_source(lock: &str) -> Option<(usize, &str)> {
    let mut sources = (1..).zip(lock.lines()).filter(|(_, line)| line.starts_with("source = "));
    sources.find(|(_, line)| *line != CRATES_IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_found_by_its_line() {
        let lock = |source: &str| {
            format!("[[package]]\nname = \"a\"\n{CRATES_IO}\n[[package]]\nsource = {source}\n")
        };
        assert_eq!(foreign_source(&lock(r#""registry+https://github.com/rust-lang/crates.io-index""#)), None);
        let mirrored = lock(r#""registry+https://mirror.example/index""#);
        assert_eq!(
            foreign_source(&mirrored),
            Some((5, r#"source = "registry+https://mirror.example/index""#))
        );
        assert!(foreign_source(&lock(r#""git+https://github.com/a/b#0123""#)).is_some());
        assert!(
            foreign_source(&lock(r#""registry+https://github.com/rust-lang/crates.io-index2""#)).is_some()
        );
    }
}
