//! A Chromium for the tests that need a browser: the one that is there, or else Debian's.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::command::{self, Failure};

const USUAL: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const HOW: &str = "tests in a browser need Chromium: install it (Debian: `apt-get install chromium`), or set CHROMIUM to its path";

/// Where the browser is; installs Debian's package if there is none and that is possible.
pub(crate) fn ensure() -> Result<PathBuf, Failure> {
    if let Some(path) = env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    if let Some(path) = find() {
        return Ok(path);
    }
    let install = || {
        command::run(apt_get().arg("update"))?;
        command::run(apt_get().args(["install", "--yes", "--no-install-recommends", "chromium"]))
    };
    install().map_err(|_| Failure::Rule(HOW.to_owned()))?;
    find().ok_or_else(|| Failure::Rule(HOW.to_owned()))
}

fn find() -> Option<PathBuf> {
    USUAL.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_owned)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    command
}
