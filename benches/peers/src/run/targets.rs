//! The targets of Trunkline's plain JSON and MessagePack: "must" is the gate of a release, "stretch" what the
//! model of the costs says is attainable.
//!
//! They were proposed from measurements of the peers, see README.md. Encryption has targets too, and no workload here yet.

use super::results::Results;
use super::syscalls::{BothSides, Syscalls};
use crate::client::Calls;
use crate::subjects::{Spoken, Subject};
use crate::workload::{Kind, Workload};

pub(super) struct Target {
    pub(super) workload: Workload,
    pub(super) quantity: Quantity,
    pub(super) must: f64,
    pub(super) stretch: f64,
}

/// What is held against a target. Of a rate at least that much is wanted, of all others at most.
#[derive(Debug, Clone, Copy)]
pub(super) enum Quantity {
    /// Relative to that subject's in the same round, as the next three.
    Rate(Subject),
    ServerCpu(Subject),
    ClientCpu(Subject),
    P99(Subject),
    /// Relative to the subject's own p50.
    P99OverP50,
    /// Per call.
    Sends(Side),
    Receives(Side),
    Waits(Side),
    /// Of the server, per idle connection.
    Kib,
    /// By how many MiB the server has grown.
    Growth,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Server,
    Client,
}

/// The targets of one workload for a subject that speaks so.
pub(super) fn of(workload: Workload, spoken: Spoken) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut want = |quantity, (must, stretch)| targets.push(Target { workload, quantity, must, stretch });
    if spoken == Spoken::JsonRpc {
        match workload.kind() {
            Kind::Idle(_) => want(Quantity::Kib, OVER_JSONRPSEE_IDLE),
            Kind::Calls(_) => {
                want(Quantity::Rate(Subject::Jsonrpsee), OVER_JSONRPSEE);
                want(Quantity::ServerCpu(Subject::Jsonrpsee), BELOW_JSONRPSEE);
            }
            Kind::Stream | Kind::Fan(_) | Kind::Slow(_) => {}
        }
        return targets;
    }
    for (_, json, messagepack) in OVER_TUNG.into_iter().filter(|row| row.0 == workload) {
        let [rate, cpu] = match spoken {
            Spoken::MessagePack => messagepack,
            Spoken::Json | Spoken::JsonRpc => json,
        };
        want(Quantity::Rate(Subject::Tung), rate);
        want(Quantity::ServerCpu(Subject::Tung), cpu);
    }
    for (_, naive, jsonrpsee, tarpc) in OVER_PEERS.into_iter().filter(|row| row.0 == workload) {
        match spoken {
            Spoken::MessagePack => want(Quantity::Rate(Subject::Tarpc), tarpc),
            Spoken::Json | Spoken::JsonRpc => {
                want(Quantity::Rate(Subject::TungNaive), naive);
                want(Quantity::Rate(Subject::Jsonrpsee), jsonrpsee);
            }
        }
    }
    if spoken == Spoken::Json {
        for (_, base, bounds) in PUSH_OVER_PEERS.into_iter().filter(|row| row.0 == workload) {
            want(Quantity::Rate(base), bounds);
        }
    }
    for (_, quantity, must, stretch) in ALIKE.into_iter().filter(|row| row.0 == workload) {
        want(quantity, (must, stretch));
    }
    targets
}

impl Target {
    /// What the subject showed, if that was measured.
    pub(super) fn measured(&self, results: &Results, subject: Subject) -> Option<f64> {
        let ratio = |base, metric| results.ratio(self.workload, subject, base, metric);
        let syscalls = |side: Side| results.syscalls(self.workload, subject).map(|both| side.of(both));
        match self.quantity {
            Quantity::Rate(base) => ratio(base, Calls::rate),
            Quantity::ServerCpu(base) => ratio(base, Calls::server_us),
            Quantity::ClientCpu(base) => ratio(base, Calls::client_us),
            Quantity::P99(base) => ratio(base, |calls| calls.p99_us),
            Quantity::P99OverP50 => {
                results.median(self.workload, subject, |calls| calls.p99_us / calls.p50_us)
            }
            Quantity::Sends(side) => syscalls(side).map(|counts| counts.sends),
            Quantity::Receives(side) => syscalls(side).map(|counts| counts.receives),
            Quantity::Waits(side) => syscalls(side).map(|counts| counts.waits),
            Quantity::Kib => results.memory(self.workload, subject).map(|memory| memory.server_kib()),
            Quantity::Growth => results.memory(self.workload, subject).map(|memory| memory.server_mib()),
        }
    }

    /// Whether a measured value meets a bound, compared at the two decimals that the bounds have.
    pub(super) fn meets(&self, measured: f64, bound: f64) -> bool {
        let measured = (measured * 100.0).round() / 100.0;
        match self.quantity {
            Quantity::Rate(_) => measured >= bound,
            _ => measured <= bound,
        }
    }
}

impl Quantity {
    pub(super) fn name(self) -> String {
        match self {
            Self::Rate(base) => format!("rate / {}", base.name()),
            Self::ServerCpu(base) => format!("server CPU / {}", base.name()),
            Self::ClientCpu(base) => format!("client CPU / {}", base.name()),
            Self::P99(base) => format!("p99 / {}", base.name()),
            Self::P99OverP50 => "p99 / own p50".into(),
            Self::Sends(side) => format!("{} sends", side.name()),
            Self::Receives(side) => format!("{} receives", side.name()),
            Self::Waits(side) => format!("{} waits", side.name()),
            Self::Kib => "server KiB / connection".into(),
            Self::Growth => "server grew by MiB".into(),
        }
    }
}

impl Side {
    fn of(self, both: BothSides) -> Syscalls {
        match self {
            Self::Server => both.server,
            Self::Client => both.client,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// Must, stretch.
type Bounds = (f64, f64);

/// Under jsonrpsee's own client, relative to jsonrpsee's server: ahead on every call. That client does most of the work, so the
/// rate says less than what a call costs the server.
const OVER_JSONRPSEE: Bounds = (1.0, 1.05);
const BELOW_JSONRPSEE: Bounds = (1.0, 0.5);
const OVER_JSONRPSEE_IDLE: Bounds = (10.0, 8.0);

/// Relative to `tung`: rate and server CPU per call of JSON, then of MessagePack.
const OVER_TUNG: [(Workload, [Bounds; 2], [Bounds; 2]); 9] = [
    (Workload::Seq, [(0.93, 0.98), (1.15, 1.05)], [(0.95, 0.99), (1.15, 1.05)]),
    (Workload::C64, [(0.45, 0.60), (2.3, 1.8)], [(0.50, 0.65), (2.1, 1.6)]),
    (Workload::C1024, [(0.33, 0.45), (5.0, 3.8)], [(0.38, 0.50), (4.2, 3.0)]),
    (Workload::M16, [(0.42, 0.55), (2.1, 1.8)], [(0.45, 0.60), (1.9, 1.6)]),
    (Workload::Doc64, [(0.11, 0.15), (10.0, 8.5)], [(0.28, 0.35), (5.3, 4.0)]),
    (Workload::Blob4, [(0.28, 0.40), (3.5, 2.2)], [(0.70, 0.80), (1.45, 1.25)]),
    (Workload::Stream, [(0.25, 0.60), (4.5, 2.0)], [(0.35, 1.0), (3.0, 1.2)]),
    (Workload::Fan1000, [(0.90, 0.98), (1.12, 1.05)], [(0.90, 0.98), (1.12, 1.05)]),
    (Workload::Fan10000, [(0.90, 0.98), (1.12, 1.05)], [(0.90, 0.98), (1.12, 1.05)]),
];

/// Rate of JSON relative to `tung-naive` and jsonrpsee, of MessagePack relative to tarpc.
const OVER_PEERS: [(Workload, Bounds, Bounds, Bounds); 6] = [
    (Workload::Seq, (0.93, 0.98), (1.05, 1.12), (0.98, 1.02)),
    (Workload::C64, (1.6, 2.1), (4.0, 5.5), (1.3, 1.7)),
    (Workload::C1024, (4.0, 5.5), (8.0, 11.0), (1.3, 1.7)),
    (Workload::M16, (3.0, 4.0), (7.0, 9.0), (1.1, 1.5)),
    (Workload::Doc64, (0.45, 0.6), (1.8, 2.4), (1.0, 1.25)),
    (Workload::Blob4, (0.29, 0.42), (2.7, 3.8), (1.1, 1.3)),
];

/// Rate of what flows from the server in JSON, relative to others that have it.
const PUSH_OVER_PEERS: [(Workload, Subject, Bounds); 7] = [
    (Workload::Stream, Subject::TungNaive, (6.0, 15.0)),
    (Workload::Stream, Subject::Jsonrpsee, (10.0, 25.0)),
    (Workload::Stream, Subject::Socketioxide, (0.8, 2.0)),
    (Workload::Fan1000, Subject::Jsonrpsee, (1.25, 1.35)),
    (Workload::Fan1000, Subject::Socketioxide, (0.95, 1.03)),
    (Workload::Fan10000, Subject::Jsonrpsee, (1.25, 1.35)),
    (Workload::Fan10000, Subject::Socketioxide, (0.95, 1.03)),
];

/// Whatever the codec. The counts of system calls are exact, so their stretch is their must.
const ALIKE: [(Workload, Quantity, f64, f64); 17] = {
    use Quantity::*;
    use Side::{Client, Server};
    [
        (Workload::Seq, P99(Subject::Tung), 1.3, 1.3),
        (Workload::Seq, Sends(Server), 1.0, 1.0),
        (Workload::Seq, Receives(Server), 1.0, 1.0),
        (Workload::Seq, Waits(Server), 1.0, 1.0),
        (Workload::Seq, Sends(Client), 1.0, 1.0),
        (Workload::Seq, Receives(Client), 1.0, 1.0),
        (Workload::Seq, Waits(Client), 1.0, 1.0),
        (Workload::C64, P99OverP50, 2.5, 2.5),
        (Workload::C64, ClientCpu(Subject::Tung), 2.5, 1.9),
        (Workload::C64, ClientCpu(Subject::Tarpc), 1.0, 1.0),
        (Workload::C64, ClientCpu(Subject::Jsonrpsee), 0.15, 0.15),
        (Workload::C64, Sends(Server), 0.05, 0.05),
        (Workload::C64, Sends(Client), 0.05, 0.05),
        (Workload::M16, P99OverP50, 2.5, 2.5),
        (Workload::Fan1000, Sends(Server), 1.0, 1.0),
        // Half a MiB waits for the one that reads nothing, and the allocator keeps some.
        (Workload::Slow1000, Growth, 3.0, 2.0),
        (Workload::Idle, Kib, 10.0, 8.0),
    ]
};

#[cfg(test)]
mod tests {
    use super::super::results::tests::run;
    use super::*;

    #[test]
    fn a_rate_is_wanted_high_and_a_cost_low() {
        let mut results = Results::default();
        results.runs.extend([run(0, Subject::Tung, 1_000, 1), run(0, Subject::Tarpc, 500, 2)]);
        let targets = of(Workload::C64, Spoken::MessagePack);
        let verdicts: Vec<_> = targets
            .iter()
            .filter_map(|target| Some((target, target.measured(&results, Subject::Tarpc)?)))
            .map(|(target, value)| {
                (value, target.meets(value, target.must), target.meets(value, target.stretch))
            })
            .take(2)
            .collect();
        assert_eq!(verdicts, [(0.5, true, false), (2.0, true, false)]);
    }

    #[test]
    fn every_workload_has_targets_whatever_is_spoken() {
        for workload in <Workload as clap::ValueEnum>::value_variants() {
            for spoken in [Spoken::Json, Spoken::MessagePack, Spoken::JsonRpc] {
                let is_push = !matches!(workload.kind(), Kind::Calls(_) | Kind::Idle(_));
                let has_none = spoken == Spoken::JsonRpc && is_push;
                assert_eq!(of(*workload, spoken).is_empty(), has_none, "{}", workload.name());
            }
        }
    }
}
