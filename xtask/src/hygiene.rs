//! The step `hygiene`: rules for the sources of what users build that no lint knows. The numbers are those of the threats that
//! they answer.
//!
//! - 18: a type that holds a credential does not derive `Debug`, which would print it.
//! - 22: a map whose keys a peer chooses hashes them with random keys: other hashers are listed here, with the reason.
//! - 30: what is logged is a value of its own or [escaped](ESCAPED); libraries print nothing past the log.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{command::Failure, repo::Repo};

/// The folders of what users build.
const SOURCES: [&str; 6] =
    ["src", "rpc-core/src", "rpc-peer/src", "rpc-server/src", "rpc-client/src", "rpc-macros/src"];

/// Hashers that whoever chooses the keys can fill one bucket with.
const HASHERS: [&str; 7] =
    ["BuildHasherDefault", "with_hasher", "FxHash", "FnvHash", "DefaultHasher", "nohash", "ahash"];
/// Where one is used all the same, and why.
const OWN_KEYS: [(&str, &str); 3] = [
    ("rpc-core/src/session/calls.rs", "ids of calls made here, which no peer chooses"),
    ("rpc-core/src/session/documents.rs", "ids of documents, numbered here"),
    ("rpc-core/src/session/streams.rs", "ids of stream calls made here; ids of the peer have std's hasher"),
];

/// Fields that hold a credential.
const CREDENTIALS: [&str; 5] = ["token", "secret", "password", "credential", "key_bytes"];

/// What may stand behind a `%` in a log line: it has nothing of a peer in it, or escapes it.
const ESCAPED: [&str; 8] =
    ["Escaped", "error", "reason", "name", "self.conn.id", "conn.id", "addr", "inner.certificate"];

/// Macros that print.
const PRINTS: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let mut files = Vec::new();
    for folder in SOURCES {
        rust_files(&repo.root.join(folder), &mut files)?;
    }
    let mut broken = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        let name = path.strip_prefix(&repo.root).unwrap_or(path).display().to_string().replace('\\', "/");
        broken.extend(check(&name, &text));
    }
    if broken.is_empty() {
        println!("{} files keep the rules", files.len());
        return Ok(());
    }
    Err(Failure::Rule(format!("{} rules are broken:\n{}", broken.len(), broken.join("\n"))))
}

/// The rules that a file breaks, each with its line.
fn check(name: &str, text: &str) -> Vec<String> {
    if name.ends_with("tests.rs") || name.contains("/tests/") {
        return Vec::new();
    }
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut broken = Vec::new();
    let mut derives_debug = false;
    for (number, line) in (1..).zip(code.lines()) {
        let line = line.trim();
        let mut say = |rule: &str| broken.push(format!("{name}:{number}: {rule}: {line}"));
        if line.starts_with("//") {
            continue;
        }
        if line.starts_with("#[derive(") {
            derives_debug = line.contains("Debug");
        } else if line == "}" {
            derives_debug = false;
        }
        if derives_debug && holds_credential(line) {
            say("a type that holds a credential writes its Debug by hand");
        }
        if HASHERS.iter().any(|hasher| line.contains(hasher))
            && !OWN_KEYS.iter().any(|(known, _)| *known == name)
        {
            say(
                "a map with another hasher than std's is listed in xtask/src/hygiene.rs, if no peer chooses its keys",
            );
        }
        if PRINTS.iter().any(|print| line.contains(print)) {
            say("a library logs by `tracing`");
        }
    }
    let events = code.match_indices("tracing::").filter_map(|(at, _)| code.get(at..)?.split(';').next());
    for event in events.filter(|event| event.contains("!(")) {
        if let Some(value) =
            displayed(event).find(|value| !ESCAPED.iter().any(|safe| value.starts_with(safe)))
        {
            let rule = "what is logged by `%` is `Escaped`, or listed in xtask/src/hygiene.rs";
            broken.push(format!("{name}: {rule}: %{value}"));
        }
    }
    broken
}

/// Whether the line is a field that holds a credential as plain text or bytes.
fn holds_credential(line: &str) -> bool {
    let Some((field, ty)) = line.split_once(": ") else { return false };
    let field = field.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
    let plain = ["String", "&str", "&'a str", "Vec<u8>", "Box<str>", "[u8"];
    CREDENTIALS.contains(&field) && plain.iter().any(|plain| ty.contains(plain))
}

/// What stands behind each `%` that begins a field of an event.
fn displayed(event: &str) -> impl Iterator<Item = &str> {
    let fields = event.split([',', '(']).map(str::trim);
    fields.filter_map(|field| match field.split_once('=') {
        Some((_, value)) => value.trim().strip_prefix('%'),
        None => field.strip_prefix('%'),
    })
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, source: std::io::Error) -> Failure {
    Failure::File { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_broken_by_what_it_is_for() {
        for broken in [
            "#[derive(Debug, Clone)]\nstruct Hello {\n    token: Option<String>,\n}",
            "let seen: HashMap<String, u8, BuildHasherDefault<FxHasher>> = HashMap::default();",
            "println!(\"{token}\");",
            "tracing::warn!(client = %hello.client, \"said hello\");",
            "tracing::warn!(%origin, \"refused\");",
        ] {
            assert_eq!(check("rpc-server/src/x.rs", broken).len(), 1, "{broken}");
        }
        for kept in [
            "#[derive(Clone)]\nstruct Hello {\n    token: Option<String>,\n}",
            "#[derive(Debug)]\nstruct Ping {\n    token: u64,\n}",
            "let seen: HashMap<String, u8> = HashMap::new();",
            "// println!(\"{token}\");",
            "tracing::warn!(client = %Escaped(&hello.client), \"said hello\");",
            "tracing::warn!(%error, \"refused\");",
            "#[cfg(test)]\nmod tests { println!() }",
        ] {
            assert_eq!(check("rpc-server/src/x.rs", kept), [] as [String; 0], "{kept}");
        }
    }
}
