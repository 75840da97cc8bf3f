//! `peers client`: one load on one server, measured over one window.
//!
//! Both processes' CPU clocks and the machine's are read at the two edges of the window, so what neither of
//! them spent was foreign.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::control::Control;
use crate::machine;
use crate::meter::Meter;
use crate::push;
use crate::subjects::Subject;
use crate::workload::{ITEM_LEN, Kind, LARGE_LEN, Workload};

#[derive(Args)]
pub(crate) struct Options {
    subject: Subject,
    workload: Workload,
    address: SocketAddr,
    /// The second address that the server printed.
    #[arg(long)]
    control: SocketAddr,
    #[arg(long, default_value_t = 500)]
    warmup_ms: u64,
    #[arg(long, default_value_t = 2000)]
    measure_ms: u64,
    /// Run on this core only.
    #[arg(long)]
    core: Option<usize>,
}

/// What a client prints after a workload that is timed: one window of calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Calls {
    pub(crate) calls: u64,
    pub(crate) elapsed_ns: u64,
    /// Of calls; 0 for what nobody calls for.
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) client_cpu_ns: u64,
    pub(crate) server_cpu_ns: u64,
    /// The share of the machine that other processes took meanwhile.
    pub(crate) foreign: f64,
    /// Calls from first to last, those outside the window included.
    pub(crate) calls_in_all: u64,
}

/// What a client prints after the others: how memory has grown while they had it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) connections: usize,
    pub(crate) server_base_bytes: u64,
    pub(crate) server_bytes: u64,
    pub(crate) client_bytes: u64,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    options.core.map_or(Ok(()), machine::pin)?;
    machine::raise_open_files()?;
    let limit = PATIENCE + Duration::from_millis(options.warmup_ms + options.measure_ms);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let line = runtime.block_on(async { timeout(limit, measure(options)).await })?;
    println!("{}", line.context("the load failed")?);
    Ok(())
}

async fn measure(options: &Options) -> Result<String> {
    Ok(match options.workload.kind() {
        Kind::Idle(connections) => serde_json::to_string(&idle(options, connections).await?)?,
        Kind::Slow(connections) => serde_json::to_string(&slow(options, connections).await?)?,
        Kind::Calls(_) | Kind::Stream | Kind::Fan(_) => serde_json::to_string(&calls(options).await?)?,
    })
}

async fn calls(options: &Options) -> Result<Calls> {
    let mut control = Control::connect(options.control)?;
    let meter = Arc::new(Meter::new());
    let mut tasks = start(options, &meter).await?;

    run_for(options.warmup_ms, &mut tasks).await?;
    let machine_before = machine::machine_busy()?;
    let server_before = control.cpu()?;
    let warmup = meter.take();
    let (client_before, started) = (machine::process_cpu(), Instant::now());

    run_for(options.measure_ms, &mut tasks).await?;
    let (client_cpu_ns, elapsed) = (machine::process_cpu() - client_before, started.elapsed());
    let window = meter.take();
    let server_cpu_ns = control.cpu()? - server_before;
    let machine_busy = machine::machine_busy()? - machine_before;

    meter.stop();
    if matches!(options.workload.kind(), Kind::Fan(_)) {
        // Its tasks wait for what nobody publishes any more.
        tasks.detach_all();
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(Calls {
        calls: window.calls,
        elapsed_ns: elapsed.as_nanos() as u64,
        p50_us: window.p50.as_nanos() as f64 / 1e3,
        p99_us: window.p99.as_nanos() as f64 / 1e3,
        client_cpu_ns,
        server_cpu_ns,
        foreign: machine::share(machine_busy.saturating_sub(client_cpu_ns + server_cpu_ns), elapsed)?,
        calls_in_all: warmup.calls + window.calls + meter.take().calls,
    })
}

async fn start(options: &Options, meter: &Arc<Meter>) -> Result<JoinSet<Result<()>>> {
    let (subject, address) = (options.subject, options.address);
    match options.workload.kind() {
        Kind::Calls(load) => subject.start(address, load, meter).await,
        Kind::Stream => subject.stream(address, meter).await,
        Kind::Fan(connections) => {
            let listeners = subject.listen(address, connections).await?;
            Ok(push::fan(listeners, Control::connect(options.control)?, ITEM_LEN, meter))
        }
        Kind::Idle(_) | Kind::Slow(_) => bail!("there is nothing to time"),
    }
}

async fn run_for(millis: u64, tasks: &mut JoinSet<Result<()>>) -> Result<()> {
    tokio::select! {
        () = sleep(Duration::from_millis(millis)) => Ok(()),
        done = tasks.join_next() => match done {
            Some(done) => done?.context("a task failed"),
            None => bail!("there is nothing to run"),
        },
    }
}

/// How much the server's memory grows from when one of the connections reads no more.
async fn slow(options: &Options, connections: usize) -> Result<Memory> {
    let mut control = Control::connect(options.control)?;
    let meter = Arc::new(Meter::new());
    let listeners = options.subject.listen(options.address, connections).await?;
    let publisher = Control::connect(options.control)?;
    let (mut tasks, deaf) = push::fan_with_one_slow(listeners, publisher, LARGE_LEN, &meter);
    // Until then everybody has what it takes to be told something.
    run_for(options.warmup_ms, &mut tasks).await?;
    let (server_base_bytes, client_base_bytes) = (control.rss()?, machine::process_rss()?);
    deaf.store(true, Ordering::Relaxed);
    run_for(options.measure_ms * 4, &mut tasks).await?;
    let (server_bytes, client_bytes) = (control.rss()?, machine::process_rss()?);
    ensure!(meter.take().calls > 0, "nothing was published");
    tasks.abort_all();
    Ok(Memory {
        connections,
        server_base_bytes,
        server_bytes: server_bytes.saturating_sub(server_base_bytes),
        client_bytes: client_bytes.saturating_sub(client_base_bytes),
    })
}

async fn idle(options: &Options, connections: usize) -> Result<Memory> {
    let mut control = Control::connect(options.control)?;
    let (server_base_bytes, client_base_bytes) = (control.rss()?, machine::process_rss()?);
    let _held = options.subject.hold(options.address, connections).await?;
    sleep(SETTLE).await;
    Ok(Memory {
        connections,
        server_base_bytes,
        server_bytes: control.rss()?.saturating_sub(server_base_bytes),
        client_bytes: machine::process_rss()?.saturating_sub(client_base_bytes),
    })
}

/// How long connecting and the last answers may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long idle connections stay idle before memory is read.
const SETTLE: Duration = Duration::from_millis(500);
