//! The server for black-box tests: methods that misbehave on purpose, users with known tokens, and counters.
//!
//! `cargo run --example conformance -- --listen 127.0.0.1:0 --profile test` prints `{"listening":"127.0.0.1:PORT"}` first.
//! Standard error has the log without the causes of failures, since whoever tests searches it for what must not be told;
//! `--log FILE` writes all of it to a file.

#![allow(missing_docs, reason = "an example is its own documentation")]

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::stream;
use tracing_subscriber::{field::MakeExt, fmt::format::debug_fn};

use trunkline::{
    Attr, Code, Config, Connection, Credentials, Error, Hub, Result, ResultExt, Server, Stream, User, Value,
    attr, data, json, service,
};

const ADMIN: Attr<bool> = attr("admin");

#[service(namespace = "public")]
pub trait Public {
    /// Answers at once, before any login.
    #[method(public)]
    async fn ping(&self) -> String;
}

#[service]
pub trait Conformance {
    /// Gives back what it was sent.
    async fn echo(&self, x: Value) -> Value;

    /// Takes its time, and ends when it is cancelled.
    async fn sleep(&self, ms: u64) -> u64;

    /// Takes its time, cancelled or not.
    async fn stuck(&self, ms: u64) -> Result<u64>;

    /// A text of `n` bytes.
    async fn blob(&self, n: usize) -> Result<String>;

    /// Texts of so many bytes, one every so many milliseconds: `n` of them, or without end if that is 0.
    fn ticks(&self, n: u64, every_ms: u64, bytes: usize) -> impl Stream<Item = Result<String>> + Send;

    /// Fails in the way that is asked for: `typed`, `untyped` or `panic`.
    async fn fail(&self, how: String) -> Result<Value, Failed>;

    /// Who the caller is.
    async fn whoami(&self, user: User) -> String;

    /// Takes the logins of a user back; how many sessions that ends.
    #[method(requires = ADMIN)]
    async fn revoke(&self, hub: Hub, user: String) -> usize;

    /// What the server counts.
    #[method(requires = ADMIN)]
    async fn stats(&self, hub: Hub) -> Stats;
}

/// The typed error of `fail`.
#[data(error)]
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("failed as asked")]
    Typed { reason: String },
    #[error("internal")]
    #[other]
    Other(Error),
}

#[data]
#[derive(Debug)]
pub struct Stats {
    /// Sessions.
    pub connections: usize,
    /// Connections that are no sessions yet.
    pub pending: usize,
    /// Methods that run, the one that tells this not counted.
    pub in_flight: u64,
    /// Streams that run; they count as methods as well.
    pub streams: u64,
    /// Bytes that wait to be sent, on all connections.
    pub queued_bytes: usize,
    pub handlers_started: u64,
    pub handlers_ended: u64,
    pub panics: u64,
    /// Resident memory in bytes; 0 where the system does not tell.
    pub rss: u64,
}

#[derive(Default)]
struct App {
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    started: AtomicU64,
    ended: AtomicU64,
    panics: AtomicU64,
    streams: AtomicU64,
}

/// A stream that is running.
struct Ticking {
    counts: Arc<Counts>,
    _running: Running,
}

impl Ticking {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.streams.fetch_add(1, Ordering::SeqCst);
        Self { counts: Arc::clone(counts), _running: Running::new(counts) }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.counts.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A handler that is running.
struct Running(Arc<Counts>);

impl Running {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.started.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Public for App {
    async fn ping(&self) -> String {
        "pong".to_owned()
    }
}

impl Conformance for App {
    async fn echo(&self, x: Value) -> Value {
        let _running = Running::new(&self.counts);
        x
    }

    async fn sleep(&self, ms: u64) -> u64 {
        let _running = Running::new(&self.counts);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        ms
    }

    async fn stuck(&self, ms: u64) -> Result<u64> {
        let running = Running::new(&self.counts);
        let work = async move {
            let _running = running;
            tokio::time::sleep(Duration::from_millis(ms)).await;
            ms
        };
        tokio::spawn(work).await.or_internal()
    }

    async fn blob(&self, n: usize) -> Result<String> {
        let _running = Running::new(&self.counts);
        if n > 64 << 20 {
            return Err(Error::new(Code::OutOfRange, "at most 64 MiB"));
        }
        Ok("x".repeat(n))
    }

    fn ticks(&self, n: u64, every_ms: u64, bytes: usize) -> impl Stream<Item = Result<String>> + Send {
        let ticking = Ticking::new(&self.counts);
        stream::unfold((0, ticking), move |(sent, ticking)| async move {
            if n > 0 && sent == n {
                return None;
            }
            if bytes > 64 << 20 {
                return Some((Err(Error::new(Code::OutOfRange, "at most 64 MiB")), (n.max(1), ticking)));
            }
            if every_ms > 0 {
                tokio::time::sleep(Duration::from_millis(every_ms)).await;
            }
            Some((Ok("x".repeat(bytes)), (sent + 1, ticking)))
        })
    }

    async fn fail(&self, how: String) -> Result<Value, Failed> {
        let _running = Running::new(&self.counts);
        match how.as_str() {
            "typed" => Err(Failed::Typed { reason: "asked for".to_owned() }),
            "untyped" => Err(std::io::Error::other("CANARY-7f3a: db password=hunter2")).or_internal()?,
            "panic" => {
                self.counts.panics.fetch_add(1, Ordering::SeqCst);
                panic!("CANARY-7f3a");
            }
            _ => Ok(json!("ask for typed, untyped or panic")),
        }
    }

    async fn whoami(&self, user: User) -> String {
        user.id().to_owned()
    }

    async fn revoke(&self, hub: Hub, user: String) -> usize {
        hub.user(&user).revoke()
    }

    async fn stats(&self, hub: Hub) -> Stats {
        // In this order: what ends meanwhile has started before.
        let ended = self.counts.ended.load(Ordering::SeqCst);
        let started = self.counts.started.load(Ordering::SeqCst);
        Stats {
            connections: hub.connections().len(),
            pending: hub.pending(),
            in_flight: started - ended,
            streams: self.counts.streams.load(Ordering::SeqCst),
            queued_bytes: hub.connections().iter().map(Connection::queued_bytes).sum(),
            handlers_started: started,
            handlers_ended: ended,
            panics: self.counts.panics.load(Ordering::SeqCst),
            rss: rss().unwrap_or_default(),
        }
    }
}

/// Resident memory, where Linux tells it.
fn rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

fn authenticate(creds: &Credentials) -> Result<Option<User>> {
    Ok(match creds.token() {
        Some("tok-alice-1" | "tok-alice-2") => Some(User::new("alice")),
        Some("tok-alice-4s") => {
            Some(User::new("alice").expires_at(SystemTime::now() + Duration::from_secs(4)))
        }
        Some("tok-bob-1") => Some(User::new("bob")),
        Some("tok-admin") => Some(User::new("admin").with(ADMIN, true)),
        _ => None,
    })
}

/// Writes the log to `file`, and to standard error what of it tells no cause.
fn log_to(file: &str) -> std::io::Result<()> {
    // What the panics of `fail` say is a cause as well.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(location = panic.location().map(tracing::field::display), "a thread panicked");
    }));
    if !file.is_empty() {
        let file = std::fs::File::create(file)?;
        tracing_subscriber::fmt().with_writer(Arc::new(file)).with_ansi(false).init();
        return Ok(());
    }
    let fields = debug_fn(|writer, field, value| match field.name() {
        "detail" | "panic" => write!(writer, "{field}=…"),
        "message" => write!(writer, "{value:?}"),
        _ => write!(writer, "{field}={value:?}"),
    });
    tracing_subscriber::fmt().with_writer(std::io::stderr).fmt_fields(fields.delimited(" ")).init();
    Ok(())
}

/// The value behind `name`, or `usual`.
fn arg(name: &str, usual: &str) -> String {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1).unwrap_or_else(|| usual.to_owned())
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    log_to(&arg("--log", ""))?;
    let config = match Config::profile(&arg("--profile", "default")) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("--profile: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let app = App::default();
    let counts = Arc::clone(&app.counts);
    let server = Server::builder()
        .config(config)
        .service(PublicServer::new(App { counts }))
        .service(ConformanceServer::new(app))
        .auth(authenticate)
        .allow_origins(["https://app.example"])
        .build()?;
    let bound = server.bind(arg("--listen", "127.0.0.1:0")).await?;
    println!("{}", json!({ "listening": bound.local_addr()?.to_string() }));
    bound.run_until(async { drop(tokio::signal::ctrl_c().await) }).await;
    Ok(ExitCode::SUCCESS)
}
