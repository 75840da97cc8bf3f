//! The command line of a generator binary.
//!
//! It exits with 0 when all is well; with 1 when a file is stale, a change breaks callers or nothing could be generated; and
//! with 2 when it was called in a wrong way.

use std::{
    error::Error,
    ffi::OsString,

    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, error::ErrorKind};
use trunkline_core::Description;

use crate::{
    GenerateError, Services, typescript,
    write::{File, State},
};

const DONE: u8 = 0;
const FAILED: u8 = 1;
const MISUSED: u8 = 2;

/// The whole `main` of a generator binary: reads the command line, and generates for the services that `services` adds.
///
/// ```no_run
/// # mod chat {
/// #     #[trunkline::service]
/// #     pub trait Chat { async fn rooms(&self) -> Vec<String>; }
/// # }
/// # use chat::ChatClient;
/// fn main() -> std::process::ExitCode {
///     trunkline_codegen::cli(|rpc| rpc.service::<ChatClient>())
/// }
/// ```
///
/// `rpc --out web/src/rpc.ts` writes TypeScript, and only if that changes the file. With `--check` nothing is written, and a
/// stale file is an exit code of 1 with the lines that differ, for CI. `rpc --help` has the rest.
///
/// The exit code is 0 when all is well; 1 when a file is stale or nothing can be generated; 2 when the command line is wrong.
pub fn cli(services: impl FnOnce(Services) -> Services) -> ExitCode {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    ExitCode::from(run(std::env::args_os(), || Services::describe(services), &mut out, &mut err))
}

#[derive(Debug, Parser)]
#[command(about = "Generates what clients need to know of the services in this program", arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    outputs: Outputs,
}

#[derive(Debug, Args)]
struct Outputs {
    /// The TypeScript file for the npm package `trunkline`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The services as data, to be kept and compared with later
    #[arg(long, value_name = "FILE")]
    describe: Option<PathBuf>,
    /// Writes nothing, and fails if a file is not what it would be
    #[arg(long)]
    check: bool,
}

fn run(
    args: impl IntoIterator<Item = OsString>,
    describe: impl FnOnce() -> Description,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let result = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments.outputs.generate(&describe(), out),
        Err(error) => return explain(&error, out, err),
    };
    result.unwrap_or_else(|failure| {
        // Nobody is there to be told that nobody can be told.
        let _ = write!(err, "error: {failure}");
        let mut cause = failure.source();
        while let Some(error) = cause {
            let _ = write!(err, ": {error}");
            cause = error.source();
        }
        let _ = writeln!(err);
        FAILED
    })
}

fn explain(error: &clap::Error, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    if error.kind() == ErrorKind::DisplayHelp {
        let _ = write!(out, "{error}");
        return DONE;
    }
    let _ = write!(err, "{error}");
    MISUSED
}

impl Outputs {
    fn generate(&self, description: &Description, out: &mut dyn Write) -> Result<u8, Failure> {
        let mut code = DONE;
        for file in self.files(description)? {
            let state = if self.check { file.state() } else { file.write() };
            let state = state.map_err(|error| Failure::File(file.path.clone(), error))?;
            let path = file.path.display();
            match state {
                State::Current => writeln!(out, "{path} is current"),
                _ if !self.check => writeln!(out, "wrote {path}"),
                State::Missing => {
                    code = FAILED;
                    writeln!(out, "{path} is missing")
                }
                State::Stale(diff) => {
                    code = FAILED;
                    writeln!(out, "{path} is stale\n{diff}")
                }
            }
            .map_err(Failure::Output)?;
        }
        if code == FAILED {
            writeln!(out, "run it again without --check").map_err(Failure::Output)?;
        }
        Ok(code)
    }

    fn files(&self, description: &Description) -> Result<Vec<File>, GenerateError> {
        let mut files = Vec::new();
        if let Some(path) = &self.out {
            files.push(File { path: path.clone(), text: typescript(description)? });
        }
        if let Some(path) = &self.describe {
            files.push(File { path: path.clone(), text: json(description) });
        }
        Ok(files)
    }
}

/// Data as JSON for people and diffs to read.
fn json(data: &impl serde::Serialize) -> String {
    let text = serde_json::to_string_pretty(data).expect("a description has nothing that JSON has no word for");
    text + "\n"
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error("cannot read or write {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("cannot print")]
    Output(#[source] io::Error),
}
