//! What is counted and measured here, under the names that `docs/operations.md` lists.
//!
//! A meter is looked up once and kept, so that a call costs no look-up and no allocation; a recorder has to be installed
//! before the first call for that. Labels are of closed sets: nothing that a peer writes becomes one.

use std::{sync::OnceLock, time::Duration};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use trunkline_core::{CloseCode, Code};

use crate::{call_log::Ending, router::Route};

/// Results, typed errors, and the sixteen codes.
const ENDS: usize = 18;

/// The meters of all calls of one side.
#[derive(Default)]
pub(crate) struct Calls {
    in_flight: OnceLock<Gauge>,
    unknown: ByCode,
}

impl Calls {
    pub(crate) fn began(&self) {
        self.in_flight().increment(1.0);
    }

    pub(crate) fn ended(&self, route: Option<&Route>, ending: &Ending, took: Duration) {
        self.in_flight().decrement(1.0);
        match route {
            Some(route) => {
                let service = route.service().unwrap_or_default();
                route.meters.record(service, route.schema.wire_name(), ending, took);
            }
            None => self.unknown.record("", "", ending, took),
        }
    }

    fn in_flight(&self) -> &Gauge {
        self.in_flight.get_or_init(|| gauge!("trunkline_rpc_inflight"))
    }
}

/// The times of one method, by how its calls ended.
#[derive(Default)]
pub(crate) struct ByCode([OnceLock<Histogram>; ENDS]);

impl ByCode {
    fn record(&self, service: &'static str, method: &'static str, ending: &Ending, took: Duration) {
        let Some(place) = self.0.get(place(ending)) else { return };
        let meter = || {
            let labels = [("service", service), ("method", method), ("code", ending.label())];
            histogram!("trunkline_rpc_server_seconds", &labels)
        };
        place.get_or_init(meter).record(took);
    }
}

/// Where the meter of such calls is.
fn place(ending: &Ending) -> usize {
    match ending.code {
        _ if ending.is_app => 0,
        None => 1,
        Some(Code::Cancelled) => 2,
        Some(Code::InvalidArgument) => 3,
        Some(Code::DeadlineExceeded) => 4,
        Some(Code::NotFound) => 5,
        Some(Code::AlreadyExists) => 6,
        Some(Code::PermissionDenied) => 7,
        Some(Code::ResourceExhausted) => 8,
        Some(Code::FailedPrecondition) => 9,
        Some(Code::Aborted) => 10,
        Some(Code::OutOfRange) => 11,
        Some(Code::Unimplemented) => 12,
        Some(Code::Internal) => 13,
        Some(Code::Unavailable) => 14,
        Some(Code::DataLoss) => 15,
        Some(Code::Unauthenticated) => 16,
        Some(_) => 17,
    }
}

/// The bytes that wait to be sent on one connection, as they were found now and then.
pub(crate) fn outbound_queue(bytes: usize) {
    static METER: OnceLock<Histogram> = OnceLock::new();
    METER.get_or_init(|| histogram!("trunkline_outbound_queue_bytes")).record(bytes as f64);
}

/// The items of a stream that has ended.
pub(crate) fn items(items: u64) {
    if items > 0 {
        static METER: OnceLock<Counter> = OnceLock::new();
        METER.get_or_init(|| counter!("trunkline_stream_items_total")).increment(items);
    }
}

/// A connection was closed, by this side or by the peer.
pub(crate) fn closed(code: CloseCode, is_ours: bool) {
    let side = if is_ours { "server" } else { "client" };
    let labels = [("code", close_label(code)), ("side", side)];
    counter!("trunkline_connection_close_total", &labels).increment(1);
    if code == CloseCode::SLOW_CONSUMER {
        counter!("trunkline_slow_consumer_total", "action" => "close").increment(1);
    }
}

/// A close code as a label. A peer may close with any: those that nobody here sends are one.
fn close_label(code: CloseCode) -> &'static str {
    match code.0 {
        1000 => "1000",
        1001 => "1001",
        1002 => "1002",
        1003 => "1003",
        1005 => "1005",
        1006 => "1006",
        1007 => "1007",
        1008 => "1008",
        1009 => "1009",
        1011 => "1011",
        1012 => "1012",
        1013 => "1013",
        4400 => "4400",
        4401 => "4401",
        4403 => "4403",
        4408 => "4408",
        4410 => "4410",
        4413 => "4413",
        4429 => "4429",
        4431 => "4431",
        4440 => "4440",
        _ => "other",
    }
}

/// How long a peer took to answer a ping.
pub(crate) fn ping(took: Duration) {
    static METER: OnceLock<Histogram> = OnceLock::new();
    METER.get_or_init(|| histogram!("trunkline_ping_rtt_seconds")).record(took);
}
