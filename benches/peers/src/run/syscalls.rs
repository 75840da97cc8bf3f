//! Counts system calls per call, in runs of their own since tracing slows a process down.
//!
//! Both processes run under `perf stat` or, where that is not permitted, under `strace -c`, from first to
//! last; the few system calls of starting up vanish among tens of thousands of calls.

use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result};
use serde::Serialize;

use super::process::{Pair, Timing};
use crate::client::Calls;
use crate::subjects::Subject;
use crate::workload::Workload;

/// The workloads whose system calls are counted: those with a target.
pub(super) const WORKLOADS: [Workload; 4] =
    [Workload::Seq, Workload::C64, Workload::Stream, Workload::Fan1000];

/// System calls per call.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Syscalls {
    pub(super) sends: f64,
    pub(super) receives: f64,
    pub(super) waits: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
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
    let tracing = Tracing::new(*tracer);
    let pair = Pair::start(subject, Some(&tracing))?;
    let calls: Calls = pair.load(workload, timing)?;
    drop(pair);
    Ok(BothSides {
        server: tracer.parse(&fs::read_to_string(&tracing.server)?, calls.calls_in_all),
        client: tracer.parse(&fs::read_to_string(&tracing.client)?, calls.calls_in_all),
    })
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
        Ok(status.success() && self.parse(&report, 1).sends > 0.0)
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

    fn parse(self, report: &str, calls: u64) -> Syscalls {
        let mut result = Syscalls::default();
        for (count, name) in report.lines().filter_map(|line| self.parse_line(line)) {
            let kind = ALL.iter().find(|(_, names)| names.contains(&name));
            match kind.map(|(kind, _)| kind) {
                Some(Kind::Send) => result.sends += count / calls as f64,
                Some(Kind::Receive) => result.receives += count / calls as f64,
                Some(Kind::Wait) => result.waits += count / calls as f64,
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

enum Kind {
    Send,
    Receive,
    Wait,
}

const EVENT: &str = "syscalls:sys_enter_";
const ALL: [(Kind, &[&str]); 3] = [
    (Kind::Send, &["sendto", "sendmsg", "sendmmsg", "write", "writev"]),
    (Kind::Receive, &["recvfrom", "recvmsg", "recvmmsg", "read", "readv"]),
    (Kind::Wait, &["epoll_wait", "epoll_pwait", "epoll_pwait2"]),
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
        let counts = Tracer::Perf.parse(perf, 100);
        assert_eq!((counts.sends, counts.receives, counts.waits), (2.2, 0.0, 1.0));

        let strace = concat!(
            "% time     seconds  usecs/call     calls    errors syscall\n",
            "------ ----------- ----------- --------- --------- ----------------\n",
            " 50.00    0.000001           1       300        20 recvfrom\n",
            " 50.00    0.000001           1       100           sendto\n",
        );
        let counts = Tracer::Strace.parse(strace, 100);
        assert_eq!((counts.sends, counts.receives, counts.waits), (1.0, 3.0, 0.0));
    }
}
