//! Node and npm: the TypeScript client is built and tested with them.

use std::{fs, path::Path, process::Command};

use crate::command::{self, Failure};

/// The folder of the TypeScript client.
pub(crate) const CLIENT: &str = "rpc-client-ts";

/// The oldest Node that the client supports.
const NODE: (u32, u32) = (20, 19);

/// `npm run <script>` in `folder`, once its packages are there.
pub(crate) fn script(folder: &Path, name: &str) -> Result<Command, Failure> {
    install(folder)?;
    let mut npm = npm(folder);
    npm.args(["run", "--silent", name]);
    Ok(npm)
}

/// A program that a package in `folder` brings.
pub(crate) fn program(folder: &Path, name: &str) -> Result<Command, Failure> {
    install(folder)?;
    Ok(Command::new(folder.join("node_modules/.bin").join(name)))
}

/// Installs exactly what the lock file says, unless that is done.
fn install(folder: &Path) -> Result<(), Failure> {
    let read = |path: &Path| fs::read(path).ok();
    let (lock, done) = (folder.join("package-lock.json"), folder.join("node_modules/.installed-lock.json"));
    if read(&lock).is_some_and(|wanted| read(&done).is_some_and(|found| found == wanted)) {
        return Ok(());
    }
    check_node()?;
    command::run(npm(folder).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]))?;
    fs::copy(&lock, &done)
        .map(drop)
        .map_err(|source| Failure::File { path: done.display().to_string(), source })
}

fn npm(folder: &Path) -> Command {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.current_dir(folder);
    npm
}

pub(crate) fn check_node() -> Result<(), Failure> {
    let (major, minor) = NODE;
    let wanted =
        || Failure::Rule(format!("install Node.js {major}.{minor} or later, with npm: https://nodejs.org"));
    let version = command::output(Command::new("node").arg("--version")).map_err(|_| wanted())?;
    if is_at_least(&version, NODE) { Ok(()) } else { Err(wanted()) }
}

/// Whether a version such as `v20.20.2` is this one or a later one.
fn is_at_least(version: &str, wanted: (u32, u32)) -> bool {
    let mut numbers =
        version.trim().trim_start_matches('v').split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= wanted
}

#[cfg(test)]
mod tests {
    use super::is_at_least;

    #[test]
    fn versions_of_node_are_compared_by_number() {
        for (version, is_enough) in
            [("v20.19.0\n", true), ("v20.9.0", false), ("v22.0.1", true), ("v18.20.4", false), ("", false)]
        {
            assert_eq!(is_at_least(version, (20, 19)), is_enough, "{version}");
        }
    }
}
