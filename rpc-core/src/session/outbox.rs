//! Frames on their way out, gathered into packets.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    items,
    payload::Payload,
    protocol::{Around, FILL, Protocol},
};

/// The bodies of packets that no link has taken yet. Frames are written straight into the newest.
///
/// Where a packet is one document, documents are written behind one another all the same, so that many share one piece of
/// memory, and are cut apart when they are taken.
#[derive(Debug)]
pub(super) struct Outbox {
    full: VecDeque<Body>,
    open: Vec<u8>,
    /// Where the documents in `open` end; unused where a packet has many frames.
    ends: Vec<usize>,
    /// Whether a packet carries many frames.
    gathers: bool,
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

/// A packet's body.
#[derive(Debug)]
struct Body {
    bytes: Bytes,
    /// How many of them are values that were only added while there was little else.
    alone: usize,
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
            ends: Vec::new(),
            gathers: protocol.gathers(),
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
        if !self.gathers {
            self.ends.push(self.open.len());
        }
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
        self.queue(payload.into_frame(&around.head, around.tail), len);
        Ok(())
    }

    /// Adds a document that was put together elsewhere, of which `alone` bytes were added while there was little else.
    pub(super) fn push_document(&mut self, document: Vec<u8>, alone: usize) {
        if !self.open.is_empty() {
            self.close();
        }
        self.queue(document.into(), alone);
    }

    /// Adds frames that were written elsewhere.
    pub(super) fn push_frames(&mut self, body: items::Body) {
        let fill = FILL.min(self.limit);
        if !self.open.is_empty() && self.open.len() + self.separator + body.bytes.len() > fill {
            self.close();
        }
        if self.open.is_empty() {
            (self.open, self.frames) = (body.bytes, body.frames);
        } else {
            if self.separator > 0 {
                self.open.push(b'\n');
            }
            self.open.extend_from_slice(&body.bytes);
            self.frames += body.frames;
        }
        if self.open.len() >= fill {
            self.close();
        }
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
        if self.full.is_empty() && self.gathers {
            self.frames = 0;
            let body = std::mem::take(&mut self.open);
            return (!body.is_empty()).then(|| body.into());
        }
        if self.full.is_empty() && !self.open.is_empty() {
            self.close();
        }
        let Body { bytes, alone } = self.full.pop_front()?;
        self.queued -= bytes.len();
        self.alone -= alone;
        Some(bytes)
    }

    /// Forgets all that was not taken, and the limit of the peer for whom it was.
    pub(super) fn clear(&mut self) {
        self.full = VecDeque::new();
        self.open = Vec::new();
        self.ends = Vec::new();
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
        let mut body = Bytes::from(std::mem::take(&mut self.open));
        let mut start = 0;
        for end in std::mem::take(&mut self.ends) {
            let document = body.split_to(end - start);
            start = end;
            self.queue_closed(document);
        }
        if !body.is_empty() {
            self.queue_closed(body);
        }
    }

    fn queue_closed(&mut self, body: Bytes) {
        // A frame may be larger than what it was expected to take.
        let alone = if body.len() > FILL { body.len() } else { 0 };
        self.queue(body, alone);
    }

    fn queue(&mut self, bytes: Bytes, alone: usize) {
        self.queued += bytes.len();
        self.alone += alone;
        self.full.push_back(Body { bytes, alone });
    }
}
