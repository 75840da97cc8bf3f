//! `cargo xtask test`: the steps of a test run, their order, and their summary.

use std::time::{Duration, Instant};

use crate::{
    canary, command::Failure, deny, docs, examples, fmt, generated, hygiene, lints, locks, msrv, peers,
    purity, repo::Repo, tests, typescript, workspaces,
};

/// One thing that CI checks, by its name.
type Step = (&'static str, fn(&Repo) -> Result<(), Failure>);

/// Every step, in the order in which they run: what costs least comes first.
const STEPS: &[Step] = &[
    ("fmt", fmt::run),
    ("locks", locks::run),
    ("msrv", msrv::run),
    ("purity", purity::run),
    ("hygiene", hygiene::run),
    ("clippy", lints::run),
    ("features", lints::feature_sets),
    ("docs", docs::run),
    ("workspaces", workspaces::run),
    ("deny", deny::run),
    ("tests", tests::run),
    ("peers", peers::run),
    ("examples", examples::run),
    ("canary", canary::run),
    ("generated", generated::check),
    ("typescript", typescript::run),
];

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// An earlier step failed.
    NotRun,
}

/// Whether the steps after a failed one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    Stop,
    KeepGoing,
}

/// The names of all steps.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|(name, _)| *name)
}

/// Runs the steps that are named, or all of them if none is.
pub(crate) fn run(repo: &Repo, after_failure: AfterFailure, only: &[String]) -> Result<(), Failure> {
    let mut outcomes = Vec::new();
    let started = Instant::now();
    for (name, work) in STEPS.iter().filter(|(name, _)| only.is_empty() || only.iter().any(|it| it == name)) {
        let failed = outcomes.iter().any(|(_, outcome, _)| *outcome == Outcome::Failed);
        let (outcome, took) = match after_failure {
            AfterFailure::Stop if failed => (Outcome::NotRun, Duration::ZERO),
            _ => run_step(repo, name, *work),
        };
        outcomes.push((*name, outcome, took));
    }
    summarise(&outcomes, started.elapsed())
}

fn run_step(repo: &Repo, name: &str, work: fn(&Repo) -> Result<(), Failure>) -> (Outcome, Duration) {
    println!("\n== {name}");
    let started = Instant::now();
    let result = work(repo);
    let took = started.elapsed();
    match result {
        Ok(()) => {
            println!("== {name} passed in {:.1} s", took.as_secs_f64());
            (Outcome::Passed, took)
        }
        Err(failure) => {
            println!("== {name} failed after {:.1} s: {failure}", took.as_secs_f64());
            (Outcome::Failed, took)
        }
    }
}

/// Prints a line for each step and one for all.
fn summarise(outcomes: &[(&str, Outcome, Duration)], took: Duration) -> Result<(), Failure> {
    println!("\n== summary");
    for (name, outcome, took) in outcomes {
        match outcome {
            Outcome::Passed => println!("{name:10} passed {:6.1} s", took.as_secs_f64()),
            Outcome::Failed => println!("{name:10} FAILED {:6.1} s", took.as_secs_f64()),
            Outcome::NotRun => println!("{name:10} not run"),
        }
    }
    let count = |wanted| outcomes.iter().filter(|(_, outcome, _)| *outcome == wanted).count();
    let failed = count(Outcome::Failed);
    println!("all        {:13.1} s", took.as_secs_f64());
    println!("steps: {} passed, {failed} failed, {} skipped", count(Outcome::Passed), count(Outcome::NotRun));
    if failed == 0 { Ok(()) } else { Err(Failure::Steps(failed)) }
}
