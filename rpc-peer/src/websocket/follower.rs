//! Finds the frames in a stream of bytes (RFC 6455, section 5.2), before tungstenite sees them.
//!
//! It tells large messages apart, which tungstenite is spared, and judges only what tungstenite does not: how many fragments a
//! message has, how large it is going to be, and how often control frames come.

use trunkline_core::ProtocolError;

use super::{End, limits::SocketLimits};
use crate::rate::Budget;

/// A message in one frame that has more payload than this is large.
pub(super) const LARGE: usize = 4 << 10;

/// What is known of the stream at a point in it.
#[derive(Debug)]
pub(super) struct Follower {
    end: End,
    /// The largest message that is taken, in bytes.
    max_message: usize,
    max_fragments: u32,
    control_frames: Option<Budget>,
    /// The header that is being read.
    header: [u8; 14],
    header_len: usize,
    /// Bytes of the current frame's payload that have not come yet.
    payload: u64,
    /// Frames of the current message so far, and the bytes that they have or announce.
    fragments: u32,
    message_len: u64,
    /// Messages that have begun.
    begun: u64,
    /// The rule that was broken behind what was handed over.
    broken: Option<ProtocolError>,
}

/// What some bytes turned out to be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// So many of them are for tungstenite. What follows is the beginning of a header, or of a large message.
    pub(super) handed_over: usize,
    /// The large message, and where its payload begins in the bytes.
    pub(super) large: Option<(Large, usize)>,
}

/// The header of a large message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Large {
    pub(super) is_text: bool,
    pub(super) len: usize,
    pub(super) mask: [u8; 4],
}

/// A header that is whole.
struct Header {
    first: u8,
    payload: u64,
    mask: Option<[u8; 4]>,
}

impl Follower {
    /// Follows what arrives at `end`, from the first byte on.
    pub(super) fn new(end: End, limits: &SocketLimits) -> Self {
        Self {
            end,
            max_message: limits.max_packet,
            max_fragments: limits.max_fragments,
            control_frames: limits.control_frames.map(Budget::new),
            header: [0; 14],
            header_len: 0,
            payload: 0,
            fragments: 0,
            message_len: 0,
            begun: 0,
            broken: None,
        }
    }

    /// The number of the message that has begun and not ended, if there is one; a control frame counts as well.
    pub(super) fn unfinished(&self) -> Option<u64> {
        match (self.fragments > 0 || self.payload > 0, self.header_len > 0) {
            (true, _) => Some(self.begun),
            (false, true) => Some(self.begun + 1),
            (false, false) => None,
        }
    }

    /// The number of the message that began last.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// The rule that was broken behind what was handed over last.
    pub(super) fn take_broken(&mut self) -> Option<ProtocolError> {
        self.broken.take()
    }

    /// How large the current message is or announces to be.
    pub(super) fn message_len(&self) -> u64 {
        self.message_len
    }

    /// How much of the current message has arrived.
    pub(super) fn arrived(&self) -> usize {
        if self.fragments == 0 && self.payload == 0 {
            return 0;
        }
        usize::try_from(self.message_len.saturating_sub(self.payload)).unwrap_or(usize::MAX)
    }

    /// The beginning of a header, which was found at the end of the last bytes and not handed over.
    pub(super) fn held(&self) -> &[u8] {
        self.header.get(..self.header_len).unwrap_or_default()
    }

    /// What was [held](Self::held) stands before the next bytes.
    pub(super) fn forget_held(&mut self) {
        self.header_len = 0;
    }

    /// Follows `bytes` up to their end or to a large message. The payload of that one is not followed.
    ///
    /// # Errors
    ///
    /// If the bytes begin with what breaks a rule: a message is too large or has too many fragments, or control frames come
    /// too often. Else what stands before that is handed over first, see [`Self::take_broken`].
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<Found, ProtocolError> {
        let mut at = 0;
        while at < bytes.len() {
            let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len() - at);
            self.payload -= skipped as u64;
            at += skipped;
            let start = at;
            while self.payload == 0 {
                let Some(byte) = bytes.get(at) else { return Ok(Found { handed_over: start, large: None }) };
                at += 1;
                let Some(header) = self.header_byte(*byte) else { continue };
                match self.begin(&header) {
                    Ok(Some(large)) => return Ok(Found { handed_over: start, large: Some((large, at)) }),
                    Ok(None) => break,
                    Err(broken) if start > 0 => {
                        self.broken = Some(broken);
                        return Ok(Found { handed_over: start, large: None });
                    }
                    Err(broken) => return Err(broken),
                }
            }
        }
        Ok(Found { handed_over: bytes.len(), large: None })
    }

    /// Takes one byte of a header; the header if it was the last one.
    fn header_byte(&mut self, byte: u8) -> Option<Header> {
        if let Some(place) = self.header.get_mut(self.header_len) {
            *place = byte;
        }
        self.header_len += 1;
        let [first, second, rest @ ..] = &self.header;
        let length_len = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let is_masked = second & 0x80 != 0;
        if self.header_len < 2 + length_len + if is_masked { 4 } else { 0 } {
            return None;
        }
        let payload = match length_len {
            0 => u64::from(second & 0x7f),
            len => rest.iter().take(len).fold(0, |length, byte| (length << 8) | u64::from(*byte)),
        };
        let mask = rest.get(length_len..length_len + 4).and_then(|mask| mask.try_into().ok());
        self.header_len = 0;
        Some(Header { first: *first, payload, mask: mask.filter(|_| is_masked) })
    }

    /// Counts the frame, and says whether it is a large message. Whatever is wrong with one, tungstenite shall say.
    fn begin(&mut self, header: &Header) -> Result<Option<Large>, ProtocolError> {
        let (is_final, opcode) = (header.first & 0x80 != 0, header.first & 0x0f);
        let is_control = opcode & 0x08 != 0;
        if is_control {
            self.count_control(opcode)?;
        } else {
            self.count_fragment(header.payload)?;
        }
        let is_whole = self.fragments == 1 && header.first & 0xf0 == 0x80 && matches!(opcode, 0x1 | 0x2);
        let is_masked_right = header.mask.is_some() == (self.end == End::Server);
        let len = usize::try_from(header.payload).unwrap_or(usize::MAX);
        if is_final && !is_control {
            self.fragments = 0;
        }
        if is_whole && is_masked_right && len > LARGE && len <= self.max_message {
            return Ok(Some(Large { is_text: opcode == 0x1, len, mask: header.mask.unwrap_or_default() }));
        }
        self.payload = header.payload;
        Ok(None)
    }

    fn count_fragment(&mut self, len: u64) -> Result<(), ProtocolError> {
        if self.fragments == 0 {
            self.begun += 1;
            self.message_len = 0;
        }
        self.fragments += 1;
        self.message_len = self.message_len.saturating_add(len);
        if self.fragments > self.max_fragments {
            return Err(ProtocolError::TooManyFragments(self.max_fragments));
        }
        // tungstenite adds fragments up when they are there. One frame alone it judges by its header.
        match self.fragments > 1 && self.message_len > self.max_message as u64 {
            true => Err(ProtocolError::PacketTooLarge(self.max_message)),
            false => Ok(()),
        }
    }

    /// Pings and pongs, asked for or not. A close frame comes once.
    fn count_control(&self, opcode: u8) -> Result<(), ProtocolError> {
        let Some(budget) = self.control_frames.as_ref().filter(|_| opcode != 0x8) else { return Ok(()) };
        budget.take(1).map_err(|_| ProtocolError::TooManyControlFrames)
    }
}

#[cfg(test)]
mod tests;
