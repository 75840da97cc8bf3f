//! Counts calls and their latencies while tasks make them; one per client process.
//!
//! Latencies go into log-linear buckets of 1.6 % width, so that recording is one `Instant::now` and one
//! counter, and fits in the L1 cache whatever the rate.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub(crate) struct Meter {
    stopped: AtomicBool,
    /// What has no latency.
    counted: AtomicU64,
    buckets: [AtomicU32; BUCKETS],
}

/// What one window of time held.
pub(crate) struct Sample {
    pub(crate) calls: u64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            stopped: AtomicBool::new(false),
            counted: AtomicU64::new(0),
            buckets: [const { AtomicU32::new(0) }; BUCKETS],
        }
    }

    /// Counts a call that began at `started` and is answered now; returns now, when the next call begins.
    pub(crate) fn record(&self, started: Instant) -> Instant {
        let now = Instant::now();
        if let Some(bucket) = self.buckets.get(bucket_of((now - started).as_nanos() as u64)) {
            bucket.fetch_add(1, Relaxed);
        }
        now
    }

    /// Counts what nobody has called for, such as items of a stream.
    pub(crate) fn count(&self, items: u64) {
        self.counted.fetch_add(items, Relaxed);
    }

    /// Whether tasks shall begin further calls.
    pub(crate) fn running(&self) -> bool {
        !self.stopped.load(Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    /// What was recorded since the last call of this function.
    pub(crate) fn take(&self) -> Sample {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.swap(0, Relaxed).into()).collect();
        let timed: u64 = counts.iter().sum();
        let quantile = |share: f64| {
            let rank = (timed as f64 * share) as u64;
            let mut below = 0;
            let at = counts.iter().position(|count| {
                below += count;
                below > rank
            });
            Duration::from_nanos(at.map_or(0, middle_of))
        };
        let calls = timed + self.counted.swap(0, Relaxed);
        Sample { calls, p50: quantile(0.50), p99: quantile(0.99) }
    }
}

/// Values below `2 * STEPS` have a bucket each; above, every power of two has `STEPS`.
fn bucket_of(nanos: u64) -> usize {
    let shift = (nanos | 1).ilog2().saturating_sub(STEP_BITS);
    (shift as usize * STEPS + (nanos >> shift) as usize).min(BUCKETS - 1)
}

fn middle_of(bucket: usize) -> u64 {
    let shift = (bucket / STEPS).saturating_sub(1);
    let low = ((bucket - shift * STEPS) as u64) << shift;
    low + (1 << shift) / 2
}

const STEP_BITS: u32 = 6;
const STEPS: usize = 1 << STEP_BITS;
/// Up to 2^36 ns, a little over a minute.
const BUCKETS: usize = 31 * STEPS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_names_its_values_within_one_percent() {
        for nanos in [0, 1, 63, 64, 127, 128, 129, 999, 4_096, 65_535, 1_234_567, 59_000_000_000] {
            let middle = middle_of(bucket_of(nanos));
            assert!(middle.abs_diff(nanos) * 100 <= nanos, "{nanos} became {middle}");
        }
    }

    #[test]
    fn a_sample_has_the_count_and_quantiles_and_starts_over() {
        let meter = Meter::new();
        for micros in 1..=100 {
            meter.record(Instant::now() - Duration::from_micros(micros));
        }
        let sample = meter.take();
        assert_eq!(sample.calls, 100);
        assert!(sample.p50.as_micros().abs_diff(51) <= 5, "{:?}", sample.p50);
        assert!(sample.p99.as_micros().abs_diff(100) <= 5, "{:?}", sample.p99);
        assert_eq!(meter.take().calls, 0);
    }
}
