//! Commands: shown, run, and named in the error if they fail.

use std::{
    env, io,
    path::Path,
    process::{Command, ExitStatus, Output},
    string::FromUtf8Error,
};

/// Why a task ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A command ran and said no.
    #[error("`{command}` ended with {status}")]
    Command { command: String, status: ExitStatus },
    /// A command could not be run at all.
    #[error("cannot run `{command}`")]
    Start { command: String, source: io::Error },
    /// A command printed something else than it should.
    #[error("cannot read the output of `{command}`")]
    Output { command: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// A file or folder is not as it has to be.
    #[error("cannot use {path}")]
    File { path: String, source: io::Error },
    /// The repository breaks one of its own rules.
    #[error("{0}")]
    Rule(String),
    /// Steps of the test run failed, as its summary says.
    #[error("{0} of the steps failed")]
    Steps(usize),
}

/// The cargo that runs this task, in `folder`.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(tells_of_xtask) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether `cargo run` set this variable to describe xtask itself. Some build scripts watch these, and would run again each
/// time that cargo is called now from here and now from a shell.
fn tells_of_xtask(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
}

/// Shows a command and waits for it; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    println!("$ {}", shown(command));
    let status = command.status().map_err(|source| Failure::Start { command: shown(command), source })?;
    check(command, status)
}

/// Runs a command unseen and returns what it prints.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let started = command.stderr(std::process::Stdio::inherit()).output();
    let Output { status, stdout, .. } =
        started.map_err(|source| Failure::Start { command: shown(command), source })?;
    check(command, status)?;
    String::from_utf8(stdout).map_err(|error: FromUtf8Error| unreadable(command, error))
}

/// The error for output that does not read as it should.
pub(crate) fn unreadable(
    command: &Command,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Failure {
    Failure::Output { command: shown(command), source: source.into() }
}

fn check(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(Failure::Command { command: shown(command), status }) }
}

/// The command as one could type it: variables, the name of the program, arguments.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let variables = command.get_envs().filter_map(|(name, value)| {
        let value = quoted(&value?.to_string_lossy());
        Some(format!("{}={value}", name.to_string_lossy()))
    });
    let words = [program].into_iter().chain(command.get_args()).map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+,./:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_could_type_it() {
        let mut command = Command::new("/some/where/cargo");
        command.args(["clippy", "--", "-D", "warnings"]).env("FLAGS", "-D warnings").env_remove("OTHER");
        assert_eq!(shown(&command), "FLAGS='-D warnings' cargo clippy -- -D warnings");
        assert_eq!(shown(Command::new("cargo").args(["--bench", "*"])), "cargo --bench '*'");
    }

    #[test]
    fn a_failure_names_the_command() {
        let failure = run(Command::new("no-such-program").arg("x")).unwrap_err();
        assert_eq!(failure.to_string(), "cannot run `no-such-program x`");
    }
}
