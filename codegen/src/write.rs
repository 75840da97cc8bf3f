//! Files: written only when they change, or only compared.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Services, diff::diff, typescript};

/// A file as it should be.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// How a file is, compared with what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    Current,
    Missing,
    /// With the lines in which it differs.
    Stale(String),
}

impl File {
    /// Looks at what is there. Line ends do not count, which git may have changed.
    pub(crate) fn state(&self) -> io::Result<State> {
        let there = match fs::read(&self.path) {
            Ok(there) => String::from_utf8_lossy(&there).replace("\r\n", "\n"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
            Err(error) => return Err(error),
        };
        Ok(if there == self.text { State::Current } else { State::Stale(diff(&there, &self.text)) })
    }

    /// Writes the file, and the folders above it, unless it is current: a tool that watches it sees changes only.
    pub(crate) fn write(&self) -> io::Result<State> {
        let state = self.state()?;
        if state != State::Current {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&self.path, &self.text)?;
        }
        Ok(state)
    }
}

/// Fails a test when a generated TypeScript file is not what these services give: the whole of a drift test.
///
/// A relative path is looked up from the folder of your package, where `cargo test` runs. With the environment variable
/// `UPDATE_RPC=1` the file is written instead.
///
/// ```no_run
/// # mod chat {
/// #     #[trunkline::service]
/// #     pub trait Chat { async fn rooms(&self) -> Vec<String>; }
/// # }
/// # use chat::ChatClient;
/// #[test]
/// fn rpc_types_are_current() {
///     trunkline_codegen::assert_current("web/src/rpc.ts", |rpc| rpc.service::<ChatClient>());
/// }
/// ```
///
/// # Panics
///
/// If the file is missing or differs, with the lines in which it does; if it cannot be read; and with the
/// [`crate::GenerateError`] of services that cannot be generated for.
#[track_caller]
#[expect(clippy::panic, reason = "a test fails by it")]
pub fn assert_current(path: impl AsRef<Path>, services: impl FnOnce(Services) -> Services) {
    let path = path.as_ref().to_owned();
    let text = typescript(&Services::describe(services)).unwrap_or_else(|error| panic!("{error}"));
    let file = File { path, text };
    let is_update = std::env::var_os("UPDATE_RPC").is_some_and(|it| it == "1");
    let state = if is_update { file.write() } else { file.state() };
    let shown = file.path.display();
    let how = "run the test again with UPDATE_RPC=1 in the environment, or `cargo rpc`";
    match state {
        Ok(_) if is_update => {}
        Ok(State::Current) => {}
        Ok(State::Missing) => panic!("{shown} is not there: {how}"),
        Ok(State::Stale(diff)) => panic!("{shown} is not what the services give: {how}\n{diff}"),
        Err(error) => panic!("cannot read or write {shown}: {error}"),
    }
}
