//! Every limit of a session, with its unit, default and reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{error::ConfigError, payload::DEFAULT_DEPTH};

/// The deepest nesting that a configuration may allow.
pub(crate) const MAX_DEPTH: u16 = 127;

/// Which end of the connection a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The end that dialled; its ids are odd.
    Client,
    /// The end that was dialled; its ids are even.
    Server,
}

/// What one end takes from the other, as told in hello and welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes in one packet: 1 MiB unless set, at least 1,024; less counts as that.
    pub packet: u32,
    /// Requests without an answer: 1,024 unless set.
    pub in_flight: u32,
    /// Streams at once, those that calls give and those that are sent along with calls: 128 unless set.
    #[serde(skip_serializing_if = "is_usual_streams")]
    pub streams: u32,
    /// Items of one stream that the application has not taken: 1,024 unless set.
    #[serde(skip_serializing_if = "is_usual_items")]
    pub stream_items: u32,
    /// Bytes of such items: 256 KiB unless set.
    #[serde(skip_serializing_if = "is_usual_bytes")]
    pub stream_bytes: u32,
}

impl Limits {
    /// Every peer takes packets of this size, so that it can be told why something else does not fit.
    pub(crate) const SMALLEST_PACKET: usize = 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet: 1 << 20,
            in_flight: 1024,
            streams: STREAMS,
            stream_items: STREAM_ITEMS,
            stream_bytes: STREAM_BYTES,
        }
    }
}

// What is usual is not said.
const STREAMS: u32 = 128;
const STREAM_ITEMS: u32 = 1024;
const STREAM_BYTES: u32 = 256 << 10;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_usual_streams(streams: &u32) -> bool {
    *streams == STREAMS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_usual_items(items: &u32) -> bool {
    *items == STREAM_ITEMS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_usual_bytes(bytes: &u32) -> bool {
    *bytes == STREAM_BYTES
}

/// The limits of a session.
///
/// ```
/// use trunkline_core::SessionConfig;
///
/// let config = SessionConfig { max_in_flight: 16, ..SessionConfig::default() };
/// assert!(config.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// The largest packet taken, in bytes: 1 MiB unless set. A larger one closes the link with 1009. The peer learns it
    /// in the handshake.
    pub max_packet: u32,
    /// The most frames taken in one packet: 4,096 unless set. More close the link with 4400.
    pub max_frames: usize,
    /// The most entries of a JSON-RPC batch: 1,024 unless set. A larger batch is refused as a whole, with −32600.
    pub max_batch: usize,
    /// How deep a value may be nested: 64 unless set, at most 127, which is what decoding by recursion can stand on a
    /// thread of 2 MiB in a debug build. A deeper one fails its call with `INVALID_ARGUMENT`.
    pub max_depth: u16,
    /// How many requests of the peer may be unanswered at once: 1,024 unless set. One more is refused with
    /// `RESOURCE_EXHAUSTED`; a slot is free when its handler has ended. The peer learns it in the handshake, after the model
    /// of HTTP/2's concurrent streams (RFC 9113, section 6.5.2).
    pub max_in_flight: u32,
    /// How many bytes of parameters of unanswered requests are held: 4 MiB unless set. A request beyond is refused
    /// with `RESOURCE_EXHAUSTED`, unless it is the only one.
    pub max_params: usize,
    /// How many streams of the peer there may be at once: 128 unless set. Calls that give one count, and the streams that
    /// are sent along with calls. More are refused with `RESOURCE_EXHAUSTED`; a peer that keeps to it waits before it
    /// sends them.
    pub max_streams: u32,
    /// How many items of a stream may have been sent that the application has not taken: 1,024 unless set. The peer
    /// stops there until it is told to go on; an item beyond closes the link with 4400.
    pub stream_items: u32,
    /// How many bytes such items may have, the last one not counted: 256 KiB unless set. As [`Self::stream_items`].
    pub stream_bytes: u32,
    /// How long a request of the peer may take: 30 s unless set; the method or the peer may set less. It then fails
    /// with `DEADLINE_EXCEEDED` and its handler is dropped.
    pub call_timeout: Duration,
    /// From how many unsent bytes on nothing is added that can wait, neither calls nor handlers: 256 KiB unless set.
    pub outbound_mark: usize,
    /// How many unsent bytes a peer that does not read may cause with what cannot wait: 1 MiB unless set. More close the
    /// link with 4431.
    pub max_outbound: usize,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            max_packet: 1 << 20,
            max_frames: 4096,
            max_batch: 1024,
            max_depth: DEFAULT_DEPTH,
            max_in_flight: 1024,
            max_params: 4 << 20,
            max_streams: STREAMS,
            stream_items: STREAM_ITEMS,
            stream_bytes: STREAM_BYTES,
            call_timeout: Self::CALL_TIMEOUT,
            outbound_mark: 256 << 10,
            max_outbound: 1 << 20,
        }
    }
}

impl SessionConfig {
    /// How long a call may take unless something else is said, at either end: 30 s.
    pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

    /// Refuses what cannot work.
    ///
    /// # Errors
    ///
    /// Naming the setting and what it may be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let rules = [
            ((self.max_packet as usize) < Limits::SMALLEST_PACKET, "max_packet is at least 1024 bytes"),
            (self.max_frames < 4096, "max_frames is at least 4096, which every peer may send"),
            (self.max_batch == 0, "max_batch is at least 1 entry"),
            (!(1..=MAX_DEPTH).contains(&self.max_depth), "max_depth is from 1 to 127"),
            (self.max_in_flight == 0, "max_in_flight is at least 1"),
            (self.max_streams == 0, "max_streams is at least 1"),
            (self.stream_items == 0, "stream_items is at least 1"),
            (self.stream_bytes == 0, "stream_bytes is at least 1 byte"),
            (self.call_timeout.is_zero(), "call_timeout must be more than zero"),
            (self.outbound_mark == 0, "outbound_mark is at least 1 byte"),
            (self.max_outbound < self.outbound_mark, "max_outbound is at least outbound_mark"),
        ];
        match rules.into_iter().find(|(broken, _)| *broken) {
            Some((_, rule)) => Err(ConfigError(rule.to_owned())),
            None => Ok(()),
        }
    }

    /// What a peer takes that has not said so, as in JSON-RPC: the defaults, and packets as large as it may send itself.
    pub fn limits_unsaid(&self) -> Limits {
        let usual = Limits::default();
        Limits { packet: usual.packet.max(self.max_packet), ..usual }
    }

    /// What the peer is told.
    pub fn limits(&self) -> Limits {
        Limits {
            packet: self.max_packet,
            in_flight: self.max_in_flight,
            streams: self.max_streams,
            stream_items: self.stream_items,
            stream_bytes: self.stream_bytes,
        }
    }
}
