//! What a peer may do below the packets, and what all peers together may have on their way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::rate::Rate;

/// What the other end of a WebSocket may do before it is closed, and with which code.
#[derive(Debug, Clone)]
pub struct SocketLimits {
    /// The largest packet, in bytes. A larger one closes with 1009 as soon as its header is there.
    pub max_packet: usize,
    /// The largest packet before the login, in bytes, if that is less: 4401.
    pub before_login: Option<usize>,
    /// The most fragments that a packet may come in: 1008.
    pub max_fragments: u32,
    /// How long a packet may take from its first byte to its last: 4408. More bytes do not extend it.
    pub message_timeout: Option<Duration>,
    /// How long the peer may take none of the bytes that wait for it: 4431.
    pub stall_timeout: Duration,
    /// How many ping and pong frames it may send: 1008.
    pub control_frames: Option<Rate>,
    /// What it shares with all others: 1013.
    pub reassembly: Option<Arc<Reassembly>>,
}

impl SocketLimits {
    /// Packets of at most `max_packet` bytes in 256 fragments, 10 s without progress, and nothing else.
    pub const fn new(max_packet: usize) -> Self {
        Self {
            max_packet,
            before_login: None,
            max_fragments: 256,
            message_timeout: None,
            stall_timeout: Duration::from_secs(10),
            control_frames: None,
            reassembly: None,
        }
    }
}

/// The bytes of all packets that have not arrived whole: one limit for many connections.
#[derive(Debug)]
pub struct Reassembly {
    max: usize,
    used: AtomicUsize,
}

impl Reassembly {
    /// Room for `max` bytes.
    pub const fn new(max: usize) -> Self {
        Self { max, used: AtomicUsize::new(0) }
    }

    /// How much of it is used.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Makes a part of it that was `from` bytes large `to` bytes large; whether there is room.
    pub fn resize(&self, from: usize, to: usize) -> bool {
        if to <= from {
            self.used.fetch_sub(from - to, Ordering::Relaxed);
            return true;
        }
        let fits = |used: usize| used.checked_add(to - from).filter(|used| *used <= self.max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}

/// One connection's part of it.
#[derive(Debug, Default)]
pub(super) struct Share(usize);

impl Share {
    /// Makes the part `len` bytes large; whether there is room.
    pub(super) fn resize(&mut self, total: Option<&Arc<Reassembly>>, len: usize) -> bool {
        let Some(total) = total else { return true };
        let fits = total.resize(self.0, len);
        if fits {
            self.0 = len;
        }
        fits
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == 0
    }
}
