//! `peers run`: every subject under every workload, round by round, then the tables.
//!
//! Within a round the subjects follow each other directly, so that a good or bad minute of the machine hits
//! them alike; ratios are formed inside a round, and medians over the rounds. The order is fixed in the first
//! two rounds and shuffled from the third on.

mod process;
mod report;
mod results;
mod syscalls;
mod targets;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use self::process::{Pair, Timing};
use self::results::{Results, Run};
use crate::client::Calls;
use crate::machine;
use crate::subjects::Subject;
use crate::workload::Workload;

#[derive(Args)]
pub(crate) struct Options {
    /// How many rounds: 5, or 1 with --quick.
    #[arg(long)]
    rounds: Option<usize>,
    /// Workloads, separated by commas: all unless given.
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<Workload>,
    /// Subjects, separated by commas: all unless given. Ratios need `tung` among them.
    #[arg(long, value_delimiter = ',')]
    subjects: Vec<Subject>,
    /// Also write every single run to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// One round of 0.5 s: shows that everything runs, not how fast.
    #[arg(long)]
    quick: bool,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let rounds = options.rounds.unwrap_or(if options.quick { 1 } else { 5 });
    let timing = if options.quick { Timing::QUICK } else { Timing::FULL };
    let subjects = all_unless(&options.subjects);
    let workloads = all_unless(&options.workloads);

    let mut results = Results::default();
    let outcome = measure(&mut results, rounds, &subjects, &workloads, timing);
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_vec_pretty(&results)?).context("cannot write the JSON file")?;
    }
    report::print(&results, &subjects, &workloads);
    outcome
}

fn measure(
    results: &mut Results,
    rounds: usize,
    subjects: &[Subject],
    workloads: &[Workload],
    timing: Timing,
) -> Result<()> {
    for round in 0..rounds {
        measure_round(results, round, subjects, workloads, timing)?;
    }
    measure_memory(results, subjects, workloads, timing)?;
    count_syscalls(results, subjects, workloads, timing)
}

fn all_unless<T: ValueEnum + Clone>(chosen: &[T]) -> Vec<T> {
    if chosen.is_empty() { T::value_variants().to_vec() } else { chosen.to_vec() }
}

fn measure_round(
    results: &mut Results,
    round: usize,
    subjects: &[Subject],
    workloads: &[Workload],
    timing: Timing,
) -> Result<()> {
    for &workload in workloads.iter().filter(|workload| workload.is_timed()) {
        let mut order: Vec<_> = subjects.iter().copied().filter(|subject| subject.does(workload)).collect();
        if round >= 2 {
            fastrand::shuffle(&mut order);
        }
        for subject in order {
            let calls = measure_in_quiet(subject, workload, timing)?;
            eprintln!("round {round} {:8} {:12} {:.0}/s", workload.name(), subject.name(), calls.rate());
            results.runs.push(Run { round, workload, subject, calls });
        }
    }
    Ok(())
}

/// Measures again while other processes disturb, and settles for the least disturbed run in the end.
fn measure_in_quiet(subject: Subject, workload: Workload, timing: Timing) -> Result<Calls> {
    let mut best: Option<Calls> = None;
    for _ in 0..TRIES {
        machine::wait_until_quiet(FOREIGN_AT_MOST)?;
        let calls: Calls = Pair::start(subject, None)?.load(workload, timing)?;
        if best.as_ref().is_none_or(|best| calls.foreign < best.foreign) {
            best = Some(calls);
        }
        if best.as_ref().is_some_and(|best| best.foreign <= FOREIGN_AT_MOST) {
            break;
        }
        eprintln!("disturbed: {} {}", workload.name(), subject.name());
    }
    best.context("nothing was tried")
}

fn measure_memory(
    results: &mut Results,
    subjects: &[Subject],
    workloads: &[Workload],
    timing: Timing,
) -> Result<()> {
    for &workload in workloads.iter().filter(|workload| !workload.is_timed()) {
        for &subject in subjects.iter().filter(|subject| subject.does(workload)) {
            let memory = Pair::start(subject, None)?.load(workload, timing)?;
            results.memory.push((workload, subject, memory));
            eprintln!("{} {}", workload.name(), subject.name());
        }
    }
    Ok(())
}

fn count_syscalls(
    results: &mut Results,
    subjects: &[Subject],
    workloads: &[Workload],
    timing: Timing,
) -> Result<()> {
    let counted: Vec<_> = workloads.iter().filter(|at| syscalls::WORKLOADS.contains(at)).copied().collect();
    let Some(tracer) = syscalls::Tracer::find() else {
        return Ok(());
    };
    for workload in counted {
        for &subject in subjects.iter().filter(|subject| subject.does(workload)) {
            results.syscalls.push((workload, subject, syscalls::count(&tracer, subject, workload, timing)?));
            eprintln!("syscalls {} {}", workload.name(), subject.name());
        }
    }
    Ok(())
}

/// The share of the machine that other processes may take of a run.
const FOREIGN_AT_MOST: f64 = 0.06;
const TRIES: usize = 4;
