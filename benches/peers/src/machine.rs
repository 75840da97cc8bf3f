//! What this process and this machine spend, and where a process runs. Linux only.

use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of this process, user and system, all threads, in ns.
pub(crate) fn process_cpu() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Resident memory of this process in bytes.
pub(crate) fn process_rss() -> Result<u64> {
    // Unlike statm, the roll-up is exact: it walks the page tables.
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).context("smaps_rollup has no Rss")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

/// CPU time that all processes and the hypervisor's other guests took from this machine since boot, in ns.
///
/// In steps of 10 ms per core: good to about 1 % over a second.
pub(crate) fn machine_busy() -> Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map(str::parse).collect::<Result<_, _>>()?;
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks.as_slice() else {
        anyhow::bail!("/proc/stat has an unknown form: {line}");
    };
    let busy = user + nice + system + irq + softirq + steal;
    Ok(busy * 1_000_000_000 / rustix::param::clock_ticks_per_second())
}

/// The share of the machine that `busy` ns are of `elapsed`, all cores taken together.
pub(crate) fn share(busy: u64, elapsed: Duration) -> Result<f64> {
    // `available_parallelism` would tell a pinned process of one core only.
    let text = fs::read_to_string("/proc/stat")?;
    let cores = text.lines().skip(1).filter(|line| line.starts_with("cpu")).count();
    Ok(busy as f64 / (elapsed.as_nanos() as f64 * cores as f64))
}

/// Waits until other processes take less than `at_most` of the machine, or for a minute.
pub(crate) fn wait_until_quiet(at_most: f64) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let (busy, started) = (machine_busy()?, Instant::now());
        thread::sleep(Duration::from_millis(250));
        if share(machine_busy()? - busy, started.elapsed())? <= at_most {
            return Ok(());
        }
    }
    Ok(())
}

/// Keeps this process on one core. Call it before any thread is started.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).with_context(|| format!("cannot run on core {core}"))
}

/// Raises the number of open files to what the system allows.
pub(crate) fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).context("cannot raise open files")
}
