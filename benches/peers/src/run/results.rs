//! Every run of one `peers run`, and the medians over them.

use serde::Serialize;

use super::syscalls::BothSides;
use crate::client::{Calls, Memory};
use crate::subjects::Subject;
use crate::workload::Workload;

#[derive(Debug, Default, Serialize)]
pub(super) struct Results {
    pub(super) runs: Vec<Run>,
    pub(super) memory: Vec<(Workload, Subject, Memory)>,
    pub(super) syscalls: Vec<(Workload, Subject, BothSides)>,
}

#[derive(Debug, Serialize)]
pub(super) struct Run {
    pub(super) round: usize,
    pub(super) workload: Workload,
    pub(super) subject: Subject,
    #[serde(flatten)]
    pub(super) calls: Calls,
}

/// A number that one run gives.
pub(super) type Metric = fn(&Calls) -> f64;

impl Results {
    pub(super) fn median(&self, workload: Workload, subject: Subject, metric: Metric) -> Option<f64> {
        median(self.of(workload, subject).map(|run| metric(&run.calls)).collect())
    }

    /// The median over the rounds of what `metric` is relative to `base` in the same round.
    pub(super) fn ratio(
        &self,
        workload: Workload,
        subject: Subject,
        base: Subject,
        metric: Metric,
    ) -> Option<f64> {
        let in_round = |run: &Run| {
            let base = self.of(workload, base).find(|base| base.round == run.round)?;
            Some(metric(&run.calls) / metric(&base.calls))
        };
        median(self.of(workload, subject).filter_map(in_round).collect())
    }

    pub(super) fn worst_foreign(&self, workload: Workload, subject: Subject) -> Option<f64> {
        self.of(workload, subject).map(|run| run.calls.foreign).max_by(f64::total_cmp)
    }

    pub(super) fn syscalls(&self, workload: Workload, subject: Subject) -> Option<BothSides> {
        let found = self.syscalls.iter().find(|(at, of, _)| (*at, *of) == (workload, subject));
        found.map(|(_, _, counts)| *counts)
    }

    pub(super) fn memory(&self, workload: Workload, subject: Subject) -> Option<&Memory> {
        let found = self.memory.iter().find(|(at, of, _)| (*at, *of) == (workload, subject));
        found.map(|(_, _, memory)| memory)
    }

    fn of(&self, workload: Workload, subject: Subject) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.workload == workload && run.subject == subject)
    }
}

impl Calls {
    pub(super) fn rate(&self) -> f64 {
        self.calls as f64 * 1e9 / self.elapsed_ns as f64
    }

    pub(super) fn server_us(&self) -> f64 {
        self.server_cpu_ns as f64 / 1e3 / self.calls as f64
    }

    pub(super) fn client_us(&self) -> f64 {
        self.client_cpu_ns as f64 / 1e3 / self.calls as f64
    }
}

impl Memory {
    pub(super) fn server_kib(&self) -> f64 {
        self.server_bytes as f64 / 1024.0 / self.connections as f64
    }

    pub(super) fn server_mib(&self) -> f64 {
        self.server_bytes as f64 / f64::from(1 << 20)
    }

    pub(super) fn client_kib(&self) -> f64 {
        self.client_bytes as f64 / 1024.0 / self.connections as f64
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A run of one second with as many calls as `calls` and a server CPU of `server_us` for each.
    pub(crate) fn run(round: usize, subject: Subject, calls: u64, server_us: u64) -> Run {
        let calls = Calls {
            calls,
            elapsed_ns: 1_000_000_000,
            p50_us: 10.0,
            p99_us: 20.0,
            client_cpu_ns: calls * 1_000,
            server_cpu_ns: calls * server_us * 1_000,
            foreign: 0.0,
            calls_in_all: calls,
        };
        Run { round, workload: Workload::C64, subject, calls }
    }

    #[test]
    fn a_ratio_is_formed_inside_a_round_before_the_median() {
        let (tung, tarpc) = (Subject::Tung, Subject::Tarpc);
        let mut results = Results::default();
        for (round, base, rate) in [(0, 100, 50), (1, 1_000, 400), (2, 10, 9)] {
            results.runs.extend([run(round, tung, base, 1), run(round, tarpc, rate, 1)]);
        }
        assert_eq!(results.ratio(Workload::C64, tarpc, tung, Calls::rate), Some(0.5));
        assert_eq!(results.median(Workload::C64, tarpc, Calls::rate), Some(50.0));
        assert_eq!(results.median(Workload::Seq, tarpc, Calls::rate), None);
    }
}
