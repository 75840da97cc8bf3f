//! What a connection costs the server while nothing happens on it: memory above the process without connections, and CPU.
//!
//! The server is a process of its own. Its connections are logged in, and each has the defaults of everything: limits, heartbeats
//! every 25 s. Memory is the resident set; what the kernel has for a socket is not in it. Linux, through `/proc`.

use std::{
    error::Error,
    fs,
    net::SocketAddr,
    process::{ExitCode, Stdio},
    time::Duration,
};

use clap::Parser;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use trunkline::{Client, Config, Credentials, Server, User, service};

/// What issue 3 of the project asks for.
const MOST_BYTES: f64 = 10.0 * 1024.0;
const MOST_MICROS: f64 = 2.0;
/// Connections that are made at once: fewer than may be there without a login.
const AT_ONCE: usize = 32;
/// Connections of one user: no more than one may have.
const PER_USER: usize = 10;
/// Files that a process has open besides.
const OTHER_FILES: usize = 100;

#[derive(Parser)]
#[command(about = "Measures what idle connections cost a server")]
struct Args {
    /// How many connections
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// For how long CPU is measured
    #[arg(long, default_value_t = 50)]
    seconds: u64,
    /// Be the server
    #[arg(long, hide = true)]
    serve: bool,
}

#[service]
trait Nothing {
    async fn nothing(&self) -> ();
}

struct App;

impl Nothing for App {
    async fn nothing(&self) {}
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    if args.serve {
        serve(args.connections).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let allowed = open_files()?.saturating_sub(OTHER_FILES);
    let connections = args.connections.min(allowed);
    if connections < args.connections {
        println!("this machine lets a process open {allowed} sockets: measured with as many");
    }
    measure(connections, Duration::from_secs(args.seconds)).await
}

async fn serve(connections: usize) -> Result<(), Box<dyn Error>> {
    let mut config = Config { port: 0, ..Config::default() };
    config.limits.max_connections = connections + AT_ONCE;
    let server = Server::builder()
        .config(config)
        .service(NothingServer::new(App))
        .auth(|creds: &Credentials| Ok(creds.token().map(User::new)))
        .build()?;
    let bound = server.bind(server.config().addr()).await?;
    println!("{}", bound.local_addr()?);
    bound.run().await;
    Ok(())
}

async fn measure(connections: usize, time: Duration) -> Result<ExitCode, Box<dyn Error>> {
    let (server, addr) = start(connections).await?;
    let pid = server.id().ok_or("the server has ended")?;
    // What the first connections allocate for all is not theirs.
    drop(connect(addr, AT_ONCE).await?);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let empty = resident(pid)?;
    let clients = connect(addr, connections).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let bytes = resident(pid)?.saturating_sub(empty) as f64 / connections as f64;
    let before = cpu(pid)?;
    tokio::time::sleep(time).await;
    let micros = (cpu(pid)? - before).as_secs_f64() * 1e6 / time.as_secs_f64() / connections as f64;
    if let Some(gone) = clients.iter().find(|client| client.is_closed()) {
        return Err(format!("a connection was lost: {gone:?}").into());
    }
    println!("{connections} idle connections, each logged in, pings every 25 s");
    println!("memory {:>8.1} KiB per connection (at most {:.0})", bytes / 1024.0, MOST_BYTES / 1024.0);
    println!("cpu    {micros:>8.2} µs per second and connection (at most {MOST_MICROS:.0})");
    Ok(if bytes <= MOST_BYTES && micros <= MOST_MICROS { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn start(connections: usize) -> Result<(Child, SocketAddr), Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--serve").arg("--connections").arg(connections.to_string());
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let stdout = child.stdout.take().ok_or("the server has no output")?;
    let line = BufReader::new(stdout).lines().next_line().await?.ok_or("the server did not start")?;
    Ok((child, line.parse()?))
}

async fn connect(addr: SocketAddr, connections: usize) -> Result<Vec<Client>, Box<dyn Error>> {
    let dial = |number: usize| async move {
        let token = format!("user-{}", number / PER_USER);
        Client::builder(format!("ws://{addr}")).token(token).connect().await
    };
    Ok(stream::iter(0..connections).map(dial).buffer_unordered(AT_ONCE).try_collect().await?)
}

/// Bytes that the process has in memory.
fn resident(pid: u32) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// Time that the process has run, of all its threads.
fn cpu(pid: u32) -> Result<Duration, Box<dyn Error>> {
    let mut total = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let times = fs::read_to_string(thread?.path().join("schedstat"))?;
        let nanos = times.split(' ').next().ok_or("no time")?.parse()?;
        total += Duration::from_nanos(nanos);
    }
    Ok(total)
}

/// How many files a process may have open.
fn open_files() -> Result<usize, Box<dyn Error>> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).ok_or("no limit")?;
    Ok(line.split_whitespace().next().ok_or("no limit")?.parse().unwrap_or(usize::MAX))
}
