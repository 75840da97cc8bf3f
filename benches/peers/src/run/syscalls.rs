//! Counts system calls per call, in runs of their own since tracing slows a process down.
//!
//! Both processes run under `perf stat` or, where that is not permitted, under `strace -c`, from first to
//! last; the few system calls of starting up vanish among tens of thousands of calls. Those of opening a thousand connections do
//! not, so a run that only opens them is taken off.

use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result};
use serde::Serialize;

use super::process::{Pair, Timing};
use crate::client::Calls;
use crate::subjects::Subject;
use crate::workload::{Kind, Workload};

/// The workloads whose system calls are counted: those with a target.
pub(super) const WORKLOADS: [Workload; 4] =
    [Workload::Seq, Workload::C64, Workload::Stream, Workload::Fan1000];

/// System calls, in all or per call.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Syscalls {
    pub(super) sends: f64,
    pub(super) receives: f64,
    pub(super) waits: f64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct BothSides {
    pub(super) server: Syscalls,
    pub(super) client: Syscalls,
}

pub(super) fn count(
    tracer: &Tracer,
    subject: Subject,
    workload: Workload,
    timing: Timing,
) -> Result<BothSides> {
    let (all, calls) = count_all(tracer, subject, workload, timing)?;
    let (opening, early) = match workload.kind() {
        Kind::Fan(_) => count_all(tracer, subject, workload, Timing::NONE)?,
        _ => Default::default(),
    };
    let calls = calls.saturating_sub(early).max(1) as f64;
    let per_call = |all: Syscalls, opening: Syscalls| Syscalls {
        sends: (all.sends - opening.sends) / calls,
        receives: (all.receives - opening.receives) / calls,
        waits: (all.waits - opening.waits) / calls,
    };
    Ok(BothSides {
        server: per_call(all.server, opening.server),
        client: per_call(all.client, opening.client),
    })
}

/// How many system calls a run takes, and how many calls it makes.
fn count_all(
    tracer: &Tracer,
    subject: Subject,
    workload: Workload,
    timing: Timing,
) -> Result<(BothSides, u64)> {
    let tracing = Tracing::new(*tracer);
    let pair = Pair::start(subject, Some(&tracing))?;
    let calls: Calls = pair.load(workload, timing)?;
    drop(pair);
    let both = BothSides {
        server: tracer.parse(&fs::read_to_string(&tracing.server)?),
        client: tracer.parse(&fs::read_to_string(&tracing.client)?),
    };
    Ok((both, calls.calls_in_all))
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Tracer {
    Perf,
    Strace,
}

impl Tracer {
    /// The first that works here.
    pub(super) fn find() -> Option<Self> {
        [Self::Perf, Self::Strace].into_iter().find(|tracer| tracer.works().unwrap_or(false))
    }

    fn works(self) -> Result<bool> {
        let tracing = Tracing::new(self);
        let mut command = tracing.server_command()?;
        let status = command.arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        let report = fs::read_to_string(&tracing.server)?;
        Ok(status.success() && self.parse(&report).sends > 0.0)
    }

    fn command(self, output: &PathBuf) -> Result<Command> {
        let mut command = match self {
            Self::Perf => Command::new("perf"),
            Self::Strace => Command::new("strace"),
        };
        match self {
            Self::Perf => {
                let events = ALL.iter().flat_map(|(_, names)| *names);
                let events: Vec<_> = events.map(|name| format!("{EVENT}{name}")).collect();
                command.args(["stat", "-x,", "-e", &events.join(","), "-o"]).arg(output).arg("--")
            }
            Self::Strace => command.args(["-c", "-f", "-o"]).arg(output),
        };
        command.arg(env::current_exe()?);
        Ok(command)
    }

    fn parse(self, report: &str) -> Syscalls {
        let mut result = Syscalls::default();
        for (count, name) in report.lines().filter_map(|line| self.parse_line(line)) {
            let kind = ALL.iter().find(|(_, names)| names.contains(&name));
            match kind.map(|(kind, _)| kind) {
                Some(Call::Send) => result.sends += count,
                Some(Call::Receive) => result.receives += count,
                Some(Call::Wait) => result.waits += count,
                None => {}
            }
        }
        result
    }

    fn parse_line(self, line: &str) -> Option<(f64, &str)> {
        let (count, name) = match self {
            // 1234,,syscalls:sys_enter_write,…
            Self::Perf => {
                let mut fields = line.split(',');
                (fields.next()?, fields.nth(1)?.strip_prefix(EVENT)?)
            }
            // % time     seconds  usecs/call     calls    [errors] syscall
            Self::Strace => (line.split_whitespace().nth(3)?, line.split_whitespace().last()?),
        };
        Some((count.parse().ok()?, name))
    }
}

/// One traced pair of processes: where the two reports go. The files go with this value.
pub(super) struct Tracing {
    tracer: Tracer,
    server: PathBuf,
    client: PathBuf,
}

impl Tracing {
    fn new(tracer: Tracer) -> Self {
        let file = |side| env::temp_dir().join(format!("peers-{}-{side}.txt", process::id()));
        Self { tracer, server: file("server"), client: file("client") }
    }

    pub(super) fn server_command(&self) -> Result<Command> {
        self.tracer.command(&self.server).context("cannot trace the server")
    }

    pub(super) fn client_command(&self) -> Result<Command> {
        self.tracer.command(&self.client).context("cannot trace the client")
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.server);
        let _ = fs::remove_file(&self.client);
    }
}

enum Call {
    Send,
    Receive,
    Wait,
}

const EVENT: &str = "syscalls:sys_enter_";
const ALL: [(Call, &[&str]); 3] = [
    (Call::Send, &["sendto", "sendmsg", "sendmmsg", "write", "writev"]),
    (Call::Receive, &["recvfrom", "recvmsg", "recvmmsg", "read", "readv"]),
    (Call::Wait, &["epoll_wait", "epoll_pwait", "epoll_pwait2"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reports_of_both_tracers_are_read() {
        let perf = concat!(
            "# started on some day\n\n",
            "200,,syscalls:sys_enter_sendto,1000,100.00,,\n",
            "20,,syscalls:sys_enter_write,1000,100.00,,\n",
            "100,,syscalls:sys_enter_epoll_wait,1000,100.00,,\n",
        );
        let counts = Tracer::Perf.parse(perf);
        assert_eq!((counts.sends, counts.receives, counts.waits), (220.0, 0.0, 100.0));

        let strace = concat!(
            "% time     seconds  usecs/call     calls    errors syscall\n",
            "------ ----------- ----------- --------- --------- ----------------\n",
            " 50.00    0.000001           1       300        20 recvfrom\n",
            " 50.00    0.000001           1       100           sendto\n",
        );
        let counts = Tracer::Strace.parse(strace);
        assert_eq!((counts.sends, counts.receives, counts.waits), (100.0, 300.0, 0.0));
    }
}
