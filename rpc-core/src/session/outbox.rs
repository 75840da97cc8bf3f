//! Frames on their way out, gathered into packets.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    payload::Payload,
    protocol::{Around, Protocol},
};

/// How many bytes of frames go into one packet: 16 KiB, or what the peer takes if that is less. A larger frame travels
/// alone. Even the smallest frames are then fewer than the 4,096 that a packet may have.
const FILL: usize = 16 << 10;

/// The bodies of packets that no link has taken yet. Frames are written straight into the newest.
#[derive(Debug)]
pub(super) struct Outbox {
    full: VecDeque<Bytes>,
    open: Vec<u8>,
    /// Frames in `open`.
    frames: usize,
    /// Bytes in `full`.
    queued: usize,
    /// Those of them in packets of a single large frame.
    alone: usize,
    /// Bytes that stand between two frames.
    separator: usize,
    /// The largest packet that the peer takes.
    limit: usize,
}

/// A frame that the peer would not take; it was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge {
    pub(super) len: usize,
    pub(super) limit: usize,
}

impl Outbox {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            full: VecDeque::new(),
            open: Vec::new(),
            frames: 0,
            queued: 0,
            alone: 0,
            separator: protocol.separator_len(),
            limit: usize::MAX,
        }
    }

    /// Sets the largest packet that the peer takes.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The largest packet that the peer takes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Adds one frame of about `len` bytes, which `write` appends to the body it is given.
    pub(super) fn push(&mut self, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), TooLarge> {
        let fill = FILL.min(self.limit);
        if !self.open.is_empty() && self.open.len() + len > fill {
            self.close();
        }
        if self.open.capacity() == 0 {
            self.open.reserve(len + 64);
        }
        let others = self.open.len();
        write(&mut self.open);
        let start = if others == 0 { 0 } else { others + self.separator };
        let len = self.open.len() - start;
        if len > self.limit {
            self.open.truncate(others);
            return Err(TooLarge { len, limit: self.limit });
        }
        if others > 0 && self.open.len() > fill {
            // It was larger than expected: it begins the next packet.
            let frame = self.open.split_off(start);
            self.open.truncate(others);
            self.close();
            self.open = frame;
        }
        self.frames += 1;
        if self.open.len() >= fill {
            self.close();
        }
        Ok(())
    }

    /// Whether a payload is so large that its frame is a packet of its own, which then takes it over as it is.
    pub(super) fn travels_alone(&self, payload: &Payload) -> bool {
        payload.bytes().len() > FILL && payload.is_one_line()
    }

    /// Adds a frame whose payload [travels alone](Self::travels_alone).
    pub(super) fn push_alone(&mut self, around: &Around, payload: Payload) -> Result<(), TooLarge> {
        let len = around.head.len() + payload.bytes().len() + around.tail.len();
        if len > self.limit {
            return Err(TooLarge { len, limit: self.limit });
        }
        if !self.open.is_empty() {
            self.close();
        }
        self.queue(payload.into_frame(&around.head, around.tail));
        Ok(())
    }

    /// Bytes not taken by a link yet.
    pub(super) fn len(&self) -> usize {
        self.queued + self.open.len()
    }

    /// Bytes not taken by a link yet, without large frames: those are only added while there is little else.
    pub(super) fn small(&self) -> usize {
        self.len() - self.alone
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a packet is full, so that nothing is gained by waiting.
    pub(super) fn has_full(&self) -> bool {
        !self.full.is_empty()
    }

    /// Frames in the packet that is not full.
    pub(super) fn frames(&self) -> usize {
        self.frames
    }

    /// The oldest packet.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if let Some(body) = self.full.pop_front() {
            self.queued -= body.len();
            self.alone -= alone(&body);
            return Some(body);
        }
        self.frames = 0;
        let body = std::mem::take(&mut self.open);
        (!body.is_empty()).then(|| body.into())
    }

    /// Forgets all that was not taken, and the limit of the peer for whom it was.
    pub(super) fn clear(&mut self) {
        self.full = VecDeque::new();
        self.open = Vec::new();
        self.frames = 0;
        self.queued = 0;
        self.alone = 0;
        self.limit = usize::MAX;
    }

    /// Frees memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.full.is_empty() && self.full.capacity() > 16 {
            self.full = VecDeque::new();
        }
    }

    fn close(&mut self) {
        self.frames = 0;
        let body = std::mem::take(&mut self.open);
        self.queue(body.into());
    }

    fn queue(&mut self, body: Bytes) {
        self.queued += body.len();
        self.alone += alone(&body);
        self.full.push_back(body);
    }
}

/// The size of a packet if it is that of a large frame.
fn alone(body: &Bytes) -> usize {
    if body.len() > FILL { body.len() } else { 0 }
}
