//! The step `examples`: each example that can end by itself runs to its end, and each server says where it listens.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    process::Stdio,
};

use crate::{
    command::{self, Failure},
    repo::Repo,
};

/// The examples that show what they have to show and exit when called with `--once`, with the features that they need.
const ONCE: [(&str, &[&str]); 2] = [("quickstart", &[]), ("axum", &["--features", "axum"])];

/// The examples that serve until they are ended, with the arguments that make them take a free port.
const SERVERS: [(&str, &[&str]); 1] = [("conformance", &["--listen", "127.0.0.1:0", "--profile", "test"])];

/// The examples that generate files: the step `generated` runs them.
const GENERATORS: [&str; 1] = ["quickstart-rpc"];

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let examples = examples(repo);
    for (name, features) in ONCE {
        if !examples.contains(&name) {
            return Err(Failure::Rule(format!("there is no example `{name}`")));
        }
        command::run(
            command::cargo(&repo.root).args(["run", "--example", name]).args(features).args(["--", "--once"]),
        )?;
    }
    for (name, args) in SERVERS {
        serve(repo, name, args)?;
    }
    let known = |name: &str| {
        ONCE.iter().any(|(once, _)| *once == name)
            || GENERATORS.contains(&name)
            || SERVERS.iter().any(|(server, _)| *server == name)
    };
    match examples.iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => {
            Err(Failure::Rule(format!("nothing runs the example `{name}`: add it to xtask/src/examples.rs")))
        }
    }
}

/// Starts a server, reads from its first line where it listens, connects and ends it.
fn serve(repo: &Repo, name: &str, args: &[&str]) -> Result<(), Failure> {
    let mut command = command::cargo(&repo.root);
    command.args(["run", "--example", name, "--"]).args(args);
    println!("$ {}", command::shown(&command));
    let broken = |why: String| Failure::Rule(format!("the example `{name}` {why}"));
    let mut server = command.stdout(Stdio::piped()).spawn().map_err(|error| broken(error.to_string()))?;
    let mut line = String::new();
    if let Some(output) = server.stdout.take() {
        let _ = BufReader::new(output).read_line(&mut line);
    }
    let listening = serde_json::from_str::<serde_json::Value>(&line).ok();
    let address = listening.as_ref().and_then(|line| line.get("listening")?.as_str());
    let connected = match address {
        None => Err(broken(format!("begins with {line:?} and not with where it listens"))),
        Some(address) => {
            TcpStream::connect(address).map(drop).map_err(|error| broken(format!("refuses: {error}")))
        }
    };
    let _ = server.kill();
    let _ = server.wait();
    connected
}

fn examples(repo: &Repo) -> Vec<&str> {
    let targets = repo.members().flat_map(|package| &package.targets);
    let examples = targets.filter(|target| target.kind.iter().any(|kind| kind == "example"));
    examples.map(|target| target.name.as_str()).collect()
}
