//! Starts the two processes of a measurement, the server on core 0 and the client on core 1.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

use super::syscalls::Tracing;
use crate::control::Control;
use crate::server::Addresses;
use crate::subjects::Subject;
use crate::workload::Workload;

#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    warmup_ms: u64,
    measure_ms: u64,
}

impl Timing {
    pub(super) const FULL: Self = Self { warmup_ms: 500, measure_ms: 2_000 };
    /// Just connects.
    pub(super) const NONE: Self = Self { warmup_ms: 0, measure_ms: 1 };
    pub(super) const QUICK: Self = Self { warmup_ms: 200, measure_ms: 500 };
}

/// A running server process, and the client process to come; the server ends with this value.
pub(super) struct Pair<'a> {
    subject: Subject,
    server: Child,
    addresses: Addresses,
    tracing: Option<&'a Tracing>,
}

impl<'a> Pair<'a> {
    pub(super) fn start(subject: Subject, tracing: Option<&'a Tracing>) -> Result<Self> {
        let mut command = match tracing {
            Some(tracing) => tracing.server_command()?,
            None => Command::new(env::current_exe()?),
        };
        command.args(["server", subject.name(), "--core", "0"]).stdout(Stdio::piped());
        let mut server = command.spawn().context("cannot start the server")?;
        let mut line = String::new();
        BufReader::new(server.stdout.take().context("no output")?).read_line(&mut line)?;
        let addresses = serde_json::from_str(&line).context("the server did not start")?;
        Ok(Self { subject, server, addresses, tracing })
    }

    /// Runs the client to its end and returns the one line it prints.
    pub(super) fn load<T: DeserializeOwned>(&self, workload: Workload, timing: Timing) -> Result<T> {
        let mut command = match self.tracing {
            Some(tracing) => tracing.client_command()?,
            None => Command::new(env::current_exe()?),
        };
        command.args(["client", self.subject.name(), workload.name(), "--core", "1"]);
        command.arg(self.addresses.listening.to_string());
        command.args(["--control", &self.addresses.control.to_string()]);
        command.args(["--warmup-ms", &timing.warmup_ms.to_string()]);
        command.args(["--measure-ms", &timing.measure_ms.to_string()]);
        let output = command.stderr(Stdio::inherit()).output().context("cannot start the client")?;
        ensure!(output.status.success(), "{} failed under {}", self.subject.name(), workload.name());
        serde_json::from_slice(&output.stdout).context("the client printed something else")
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        let told = Control::connect(self.addresses.control).and_then(|mut control| control.exit());
        if told.is_err() {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}
