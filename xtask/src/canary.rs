//! The step `canary`: a scripted session with the conformance server, and then no secret in anything it printed or sent.
//!
//! The script logs in well and badly, by every door, and has methods fail and panic with texts that nobody may see. What the
//! server sends and prints is then searched for these texts, and for what begins like a token. The client is written out
//! here, frame by frame, since every layer of ours could hide what the server sends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    command::{self, Failure},
    repo::Repo,
};

/// What may stand in no output: the text of errors and panics, and the beginning of every token that is used.
pub(crate) const CANARIES: [&str; 3] = ["CANARY-7f3a", "tok-", "hunter2"];
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection: the headers that it adds, and what is said on it, each with what the answer has to contain.
struct Part {
    path: &'static str,
    headers: &'static str,
    says: &'static [(&'static str, &'static str)],
}

const SCRIPT: &[Part] = &[
    Part {
        path: "/",
        headers: "",
        says: &[
            (r#"[1,{"v":1}]"#, "[2,"),
            (r#"[3,1,"public.ping"]"#, "pong"),
            (r#"[3,3,"fail",0,["panic"]]"#, "UNAUTHENTICATED"),
            (r#"[3,5,"no\nsuch\u001b[31m"]"#, "UNAUTHENTICATED"),
        ],
    },
    Part {
        path: "/",
        headers: "",
        says: &[
            (r#"[1,{"v":1,"client":"tok-in-a-name","token":"tok-alice-1"}]"#, "\"user\":\"alice\""),
            (r#"[3,1,"fail",0,["typed"]]"#, "[6,1,"),
            (r#"[3,3,"fail",0,["untyped"]]"#, "\"ref\""),
            (r#"[3,5,"fail",0,["untyped"]]"#, "\"ref\""),
            (r#"[3,7,"fail",0,["panic"]]"#, "\"ref\""),
            (r#"[3,9,"whoami"]"#, "alice"),
            (r#"[3,11,"echo",0,["a"],"b"]"#, "[7,11,"),
            (r#"[3,13,"rpc.refresh",0,["tok-alice-2"]]"#, "alice"),
            (r#"[3,15,"rpc.refresh",0,["tok-bob-1"]]"#, "[7,15,"),
            (r#"[3,17,"stats"]"#, "PERMISSION_DENIED"),
        ],
    },
    Part {
        path: "/",
        headers: "",
        says: &[
            (r#"[1,{"v":1,"token":"tok-wrong"}]"#, "[2,"),
            (r#"[3,1,"rpc.login",0,["tok-wrong-too"]]"#, "UNAUTHENTICATED"),
            (r#"[3,3,"rpc.login",0,{"token":7}]"#, "INVALID_ARGUMENT"),
            (r#"[3,5,"rpc.login",0,{"token":"tok-admin"}]"#, "admin"),
            (r#"[3,7,"stats"]"#, "handlers_started"),
        ],
    },
    Part {
        path: "/?token=tok-in-the-path",
        headers: "authorization: Bearer tok-in-a-header\r\ncookie: session=tok-in-a-cookie\r\n",
        says: &[(r#"[1,{"v":1}]"#, "[2,"), (r#"[3,1,"public.ping"]"#, "pong")],
    },
    // What is no frame, and a hello that is none.
    Part { path: "/", headers: "", says: &[(r#"[1,{"v":1,"token":"tok-alice-1"}]"#, "[2,"), ("[99]", "")] },
    Part { path: "/", headers: "", says: &[(r#"[1,{"v":9,"token":"tok-alice-1"}]"#, "")] },
];

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    let mut command = command::cargo(&repo.root);
    command.args(["run", "--example", "conformance", "--", "--listen", "127.0.0.1:0", "--profile", "test"]);
    println!("$ {}", command::shown(&command));
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut server = spawned.map_err(|error| broken(format!("cannot be started: {error}")))?;
    let played = play_to(&mut server);
    let _ = server.kill();
    let _ = server.wait();
    let (said, printed) = played?;
    let printed: Vec<String> = printed.into_iter().filter_map(|reader| reader.join().ok()).collect();
    for (what, text) in [("sent", &said)].into_iter().chain(printed.iter().map(|text| ("printed", text))) {
        if let Some(line) = found(text) {
            return Err(broken(format!("has {what} what nobody may see: {line}")));
        }
    }
    match printed.iter().any(|text| text.contains("a call failed")) {
        false => Err(broken("has logged no failure: the search would find nothing")),
        true => {
            println!("none of {} in {} bytes that it sent, nor in its log", CANARIES.join(", "), said.len());
            Ok(())
        }
    }
}

/// What may not stand in an output, with the line that it stands in.
pub(crate) fn found(text: &str) -> Option<&str> {
    text.lines().find(|line| CANARIES.iter().any(|canary| line.contains(canary)))
}

/// Prints what comes, line by line; the first line with something in it that nobody may see.
pub(crate) fn pass_on(from: impl Read, mut to: impl Write) -> Option<String> {
    let mut seen = None;
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let text = String::from_utf8_lossy(&line);
        let _ = writeln!(to, "{text}");
        seen = seen.or_else(|| found(&text).map(str::to_owned));
    }
    seen
}

type Printed = [JoinHandle<String>; 2];

/// Plays the script; what the server sent, and what reads the rest of its output.
fn play_to(server: &mut Child) -> Result<(String, Printed), Failure> {
    let (Some(out), Some(err)) = (server.stdout.take(), server.stderr.take()) else {
        return Err(broken("has no output"));
    };
    let (mut out, mut line) = (BufReader::new(out), String::new());
    // Both pipes have to be emptied, or the server stands still.
    let errors = thread::spawn(move || read_all(err));
    out.read_line(&mut line).map_err(|error| broken(format!("cannot be read: {error}")))?;
    let rest = thread::spawn(move || read_all(out));
    let first: Option<serde_json::Value> = serde_json::from_str(&line).ok();
    let address = first.as_ref().and_then(|first| first.get("listening")?.as_str());
    let address =
        address.ok_or_else(|| broken(format!("begins with {line:?} and not with where it listens")))?;
    let mut said = String::new();
    for part in SCRIPT {
        part.play(address, &mut said)?;
    }
    Ok((said, [errors, rest]))
}

fn read_all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Part {
    /// Says its lines one by one, and adds all that comes back to `said`.
    fn play(&self, address: &str, said: &mut String) -> Result<(), Failure> {
        let lost = |error: std::io::Error| broken(format!("has not answered: {error}"));
        let mut stream = TcpStream::connect(address).map_err(lost)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(lost)?;
        let head = format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: trunkline.v1.json\r\n{}\r\n",
            self.path, self.headers
        );
        stream.write_all(head.as_bytes()).map_err(lost)?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).map_err(lost)?;
            answer.extend(byte);
        }
        said.push_str(&String::from_utf8_lossy(&answer));
        for (line, expected) in self.says {
            stream.write_all(&masked(line)).map_err(lost)?;
            let answer = answer_to(&mut stream, expected).map_err(lost)?;
            said.push_str(&answer);
            said.push('\n');
            if !answer.contains(expected) {
                return Err(broken(format!("answers {line} with {answer}, not with {expected}")));
            }
        }
        Ok(())
    }
}

/// The next text that contains `expected`, with all before it; to the end of the connection if nothing more is expected.
fn answer_to(stream: &mut TcpStream, expected: &str) -> std::io::Result<String> {
    let mut all = String::new();
    loop {
        let mut head = [0; 2];
        match stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(_) if expected.is_empty() => return Ok(all),
            Err(error) => return Err(error),
        }
        let len = match head[1] & 0x7f {
            126 => {
                let mut len = [0; 2];
                stream.read_exact(&mut len)?;
                usize::from(u16::from_be_bytes(len))
            }
            len => usize::from(len),
        };
        let mut body = vec![0; len];
        stream.read_exact(&mut body)?;
        all.push_str(&String::from_utf8_lossy(&body));
        all.push('\n');
        if !expected.is_empty() && (all.contains(expected) || head[0] & 0x0f == 8) {
            return Ok(all);
        }
    }
}

/// One text frame as a client sends it, under a mask that changes nothing.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(len) if len < 126 => frame.push(0x80 | len),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.bytes());
    frame
}

fn broken(why: impl std::fmt::Display) -> Failure {
    Failure::Rule(format!("the conformance server {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_seen_is_found_in_any_line() {
        assert_eq!(found("a call failed\nreference=00ab\n"), None);
        assert_eq!(found("fine\ndetail=CANARY-7f3a: disk\nfine"), Some("detail=CANARY-7f3a: disk"));
        assert_eq!(found("token: tok-alice-1"), Some("token: tok-alice-1"));
    }

    #[test]
    fn what_is_printed_is_passed_on_and_searched() {
        let mut printed = Vec::new();
        assert_eq!(pass_on(&b"running 2 tests\nok\n"[..], &mut printed), None);
        assert_eq!(printed, b"running 2 tests\nok\n");
        assert_eq!(pass_on(&b"ok\na CANARY-7f3a\nok"[..], &mut printed), Some("a CANARY-7f3a".to_owned()));
    }
}
