//! The numbers of this process as Prometheus reads them: a recorder for the crate `metrics`, and its text.
//!
//! A process has one recorder, whoever installed it, and all of its servers tell the same numbers.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use trunkline_core::ConfigError;

/// How often samples are put into their buckets, also if nobody asks: they would take more and more memory.
const UPKEEP: Duration = Duration::from_secs(5);
/// From a call that is answered at once to a connection that lives for days.
const SECONDS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0, 3600.0, 86400.0];
const BYTES: [f64; 7] = [0.0, 1024.0, 16384.0, 65536.0, 262_144.0, 524_288.0, 1_048_576.0];

/// The recorder that was installed here.
static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder of this process, unless it was installed here before.
pub(crate) fn install() -> Result<&'static PrometheusHandle, ConfigError> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    // It guards nothing that could be left half-way.
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = INSTALLED.get() {
        return Ok(handle);
    }
    let problem = |text: String| ConfigError(format!("metrics: {text}"));
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES))
        .map_err(|error| problem(error.to_string()))?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| {
        problem("the application has installed a recorder already: serve its numbers and leave `.metrics(..)` out".to_owned())
    })?;
    let upkeep = handle.clone();
    let keep_up = move || {
        loop {
            thread::sleep(UPKEEP);
            upkeep.run_upkeep();
        }
    };
    let spawned = thread::Builder::new().name("trunkline-metrics".to_owned()).spawn(keep_up);
    spawned.map_err(|error| problem(format!("its thread cannot be started: {error}")))?;
    Ok(INSTALLED.get_or_init(|| handle))
}

/// The numbers as text (version 0.0.4 of Prometheus' exposition format), if the recorder was installed here.
pub(crate) fn text() -> Option<String> {
    INSTALLED.get().map(PrometheusHandle::render)
}
