//! The workloads: how many connections, how many calls in flight on each, and which call.
//!
//! The letters are those of the target tables.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    Seq,
    C64,
    C1024,
    M16,
    Doc64,
    Blob4,
    Stream,
    Fan1000,
    Fan10000,
    Slow1000,
    Idle,
}

/// What is done under a workload.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Calls(Load),
    /// Items of [`ITEM_LEN`] from the server to one client, as many as there may be.
    Stream,
    /// Publications of [`ITEM_LEN`] to so many connections, one after the other.
    Fan(usize),
    /// Publications of [`LARGE_LEN`] to so many connections, of which one reads nothing.
    Slow(usize),
    /// So many connections that do nothing.
    Idle(usize),
}

/// What one client process puts on a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Calls outstanding at once on each connection.
    pub(crate) in_flight: usize,
    pub(crate) call: Call,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `add(a, b)` of two integers; 32 bytes for a raw subject.
    Add,
    /// Echo of a [`Doc`](crate::doc::Doc); 1,024 bytes for a raw subject.
    Doc,
    /// Echo of a 64 KiB string; 65,536 bytes for a raw subject.
    Blob,
}

impl Workload {
    pub(crate) fn kind(self) -> Kind {
        let (connections, in_flight, call) = match self {
            Self::Seq => (1, 1, Call::Add),
            Self::C64 => (1, 64, Call::Add),
            Self::C1024 => (1, 1024, Call::Add),
            Self::M16 => (16, 16, Call::Add),
            Self::Doc64 => (1, 64, Call::Doc),
            Self::Blob4 => (1, 4, Call::Blob),
            Self::Stream => return Kind::Stream,
            Self::Fan1000 => return Kind::Fan(1000),
            Self::Fan10000 => return Kind::Fan(10_000),
            Self::Slow1000 => return Kind::Slow(1000),
            Self::Idle => return Kind::Idle(5000),
        };
        Kind::Calls(Load { connections, in_flight, call })
    }

    /// Whether it gives a window of calls, and not only how much memory is taken.
    pub(crate) fn is_timed(self) -> bool {
        !matches!(self.kind(), Kind::Idle(_) | Kind::Slow(_))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seq => "seq",
            Self::C64 => "c64",
            Self::C1024 => "c1024",
            Self::M16 => "m16",
            Self::Doc64 => "doc64",
            Self::Blob4 => "blob4",
            Self::Stream => "stream",
            Self::Fan1000 => "fan1000",
            Self::Fan10000 => "fan10000",
            Self::Slow1000 => "slow1000",
            Self::Idle => "idle",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Seq => "(a) seq: sequential add, 1 connection",
            Self::C64 => "(b) c64: add, 1 connection x 64 in flight",
            Self::C1024 => "(c) c1024: add, 1 connection x 1,024 in flight",
            Self::M16 => "(d) m16: add, 16 connections x 16 in flight",
            Self::Doc64 => "(e) doc64: ~1 KiB struct echo, 1 connection x 64 in flight",
            Self::Blob4 => "(f) blob4: 64 KiB echo, 1 connection x 4 in flight",
            Self::Stream => "(g) stream: 100-byte items from the server to 1 client",
            Self::Fan1000 => "(i) fan1000: 1 publish to 1,000 connections, 100 bytes",
            Self::Fan10000 => "(i) fan10000: 1 publish to 10,000 connections, 100 bytes",
            Self::Slow1000 => "(i) slow1000: memory while 1 subscriber of 1,000 never reads, 16 KiB each",
            Self::Idle => "(h) idle: memory per idle connection, 5,000 connections",
        }
    }
}

impl Call {
    /// Bytes of the message that a raw subject echoes in place of this call.
    pub(crate) fn raw_len(self) -> usize {
        match self {
            Self::Add => 32,
            Self::Doc => 1024,
            Self::Blob => BLOB_LEN,
        }
    }
}

pub(crate) const BLOB_LEN: usize = 65_536;
pub(crate) const ITEM_LEN: usize = 100;
pub(crate) const LARGE_LEN: usize = 16 << 10;
