//! The tables, as Markdown on standard output.

use std::fs;

use super::results::{Metric, Results};
use super::syscalls::{self, Syscalls};
use super::targets::{self, Target};
use crate::client::Calls;
use crate::subjects::Subject;
use crate::workload::Workload;

pub(super) fn print(results: &Results, subjects: &[Subject], workloads: &[Workload]) {
    print_machine(results);
    for &workload in workloads {
        match workload {
            Workload::Idle => print_memory(results, subjects),
            Workload::Slow1000 => print_growth(results, subjects, workload),
            _ => print_calls(results, subjects, workload),
        }
    }
    print_syscalls(results, subjects, workloads);
    print_targets(results, subjects, workloads);
}

fn print_machine(results: &Results) {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown CPU");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rounds = results.runs.iter().map(|run| run.round + 1).max().unwrap_or(0);
    println!("{}; Linux {}; {rounds} rounds, medians.", model.trim_matches([' ', '\t', ':']), kernel.trim());
}

fn print_calls(results: &Results, subjects: &[Subject], workload: Workload) {
    head(
        workload.title(),
        "subject | per s | p50 us | p99 us | server CPU us/call | client CPU us/call | rate / tung \
         | server CPU / tung | client CPU / tung | foreign at most | must | stretch",
    );
    for &subject in subjects.iter().filter(|subject| subject.does(workload)) {
        let median = |metric: Metric| results.median(workload, subject, metric);
        // What nobody calls for has no latency.
        let latency = |metric: Metric| number(median(metric).filter(|value| *value > 0.0), 1);
        let ratio = |metric: Metric| number(results.ratio(workload, subject, Subject::Tung, metric), 2);
        row(&[
            subject.name().into(),
            grouped(median(Calls::rate)),
            latency(|calls| calls.p50_us),
            latency(|calls| calls.p99_us),
            number(median(Calls::server_us), 2),
            number(median(Calls::client_us), 2),
            ratio(Calls::rate),
            ratio(Calls::server_us),
            ratio(Calls::client_us),
            number(results.worst_foreign(workload, subject), 2),
            verdict(results, workload, subject, |target| target.must),
            verdict(results, workload, subject, |target| target.stretch),
        ]);
    }
}

fn print_memory(results: &Results, subjects: &[Subject]) {
    head(
        Workload::Idle.title(),
        "subject | server KiB/conn | client KiB/conn | server base MiB | must | stretch",
    );
    for &subject in subjects {
        let Some(memory) = results.memory(Workload::Idle, subject) else { continue };
        row(&[
            subject.name().into(),
            format!("{:.1}", memory.server_kib()),
            format!("{:.1}", memory.client_kib()),
            format!("{:.1}", memory.server_base_bytes as f64 / f64::from(1 << 20)),
            verdict(results, Workload::Idle, subject, |target| target.must),
            verdict(results, Workload::Idle, subject, |target| target.stretch),
        ]);
    }
}

fn print_growth(results: &Results, subjects: &[Subject], workload: Workload) {
    head(workload.title(), "subject | server grew by MiB | server MiB before | must | stretch");
    for &subject in subjects {
        let Some(memory) = results.memory(workload, subject) else { continue };
        row(&[
            subject.name().into(),
            format!("{:.1}", memory.server_mib()),
            format!("{:.1}", memory.server_base_bytes as f64 / f64::from(1 << 20)),
            verdict(results, workload, subject, |target| target.must),
            verdict(results, workload, subject, |target| target.stretch),
        ]);
    }
}

fn print_syscalls(results: &Results, subjects: &[Subject], workloads: &[Workload]) {
    if !workloads.iter().any(|at| syscalls::WORKLOADS.contains(at)) {
        return;
    }
    if results.syscalls.is_empty() {
        println!("\nSystem calls were not counted: neither `perf stat` nor `strace` works here.");
        return;
    }
    head(
        "System calls per call",
        "workload | subject | server sends | server receives | server waits | client sends | client receives \
         | client waits",
    );
    let cells = |counts: Syscalls| [counts.sends, counts.receives, counts.waits].map(|n| number(Some(n), 3));
    for workload in syscalls::WORKLOADS {
        for &subject in subjects {
            let Some(both) = results.syscalls(workload, subject) else { continue };
            let names = [workload.name().into(), subject.name().into()];
            row(&[&names[..], &cells(both.server), &cells(both.client)].concat());
        }
    }
}

fn print_targets(results: &Results, subjects: &[Subject], workloads: &[Workload]) {
    let judged: Vec<_> = subjects.iter().filter_map(|subject| Some((*subject, subject.spoken()?))).collect();
    if judged.is_empty() {
        return;
    }
    head("Targets", "workload | subject | quantity | measured | must | | stretch | |");
    for &workload in workloads {
        for &(subject, spoken) in &judged {
            for target in targets::of(workload, spoken) {
                let measured = target.measured(results, subject);
                let mark = |bound| measured.map_or("-", |value| mark(target.meets(value, bound)));
                row(&[
                    workload.name().into(),
                    subject.name().into(),
                    target.quantity.name(),
                    number(measured, 2),
                    target.must.to_string(),
                    mark(target.must).into(),
                    target.stretch.to_string(),
                    mark(target.stretch).into(),
                ]);
            }
        }
    }
}

/// All measured targets of a row in one cell; those missed are named.
fn verdict(results: &Results, workload: Workload, subject: Subject, bound: fn(&Target) -> f64) -> String {
    let Some(spoken) = subject.spoken() else { return "-".into() };
    let mut missed = Vec::new();
    let mut any = false;
    for target in targets::of(workload, spoken) {
        let Some(measured) = target.measured(results, subject) else { continue };
        any = true;
        if !target.meets(measured, bound(&target)) {
            missed.push(target.quantity.name());
        }
    }
    match (any, missed.is_empty()) {
        (false, _) => "-".into(),
        (true, true) => mark(true).into(),
        (true, false) => format!("{} {}", mark(false), missed.join(", ")),
    }
}

fn mark(met: bool) -> &'static str {
    if met { "✓" } else { "✗" }
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.decimals$}"))
}

/// A whole number with a comma after every third digit.
fn grouped(value: Option<f64>) -> String {
    let mut digits = number(value, 0);
    for at in (1..digits.len()).rev().filter(|at| (digits.len() - at).is_multiple_of(3)).collect::<Vec<_>>() {
        digits.insert(at, ',');
    }
    digits
}

fn head(title: &str, columns: &str) {
    let columns: Vec<_> = columns.split('|').map(str::trim).collect();
    println!("\n### {title}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_number_is_grouped_by_three() {
        let cases = [(7.0, "7"), (999.6, "1,000"), (123_456.0, "123,456"), (2_447_301.0, "2,447,301")];
        for (value, text) in cases {
            assert_eq!(grouped(Some(value)), text);
        }
        assert_eq!(grouped(None), "-");
    }
}
