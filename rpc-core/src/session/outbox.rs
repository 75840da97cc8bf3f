//! Frames on their way out, gathered into packets.

use std::collections::VecDeque;

/// How many bytes of frames go into one packet: 16 KiB. A larger frame travels alone.
const FILL: usize = 16 << 10;

/// The bodies of packets that no link has taken yet. Frames are written straight into the newest.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    full: VecDeque<Vec<u8>>,
    open: Vec<u8>,
    frames: usize,
    /// Bytes in `full`.
    queued: usize,
}

impl Outbox {
    /// Adds one frame, which `write` appends to the body it is given.
    pub(super) fn push(&mut self, max_frames: usize, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.open.is_empty() && (self.open.len() + len > FILL || self.frames == max_frames) {
            self.close();
        }
        if self.open.capacity() == 0 {
            self.open.reserve(len + 64);
        }
        write(&mut self.open);
        self.frames += 1;
        if self.open.len() >= FILL {
            self.close();
        }
    }

    /// Bytes not taken by a link yet.
    pub(super) fn len(&self) -> usize {
        self.queued + self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a packet is full, so that nothing is gained by waiting.
    pub(super) fn has_full(&self) -> bool {
        !self.full.is_empty()
    }

    /// The oldest packet.
    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        if let Some(body) = self.full.pop_front() {
            self.queued -= body.len();
            return Some(body);
        }
        self.frames = 0;
        let body = std::mem::take(&mut self.open);
        (!body.is_empty()).then_some(body)
    }

    /// Forgets all that was not taken.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn close(&mut self) {
        self.frames = 0;
        self.queued += self.open.len();
        self.full.push_back(std::mem::take(&mut self.open));
    }
}
