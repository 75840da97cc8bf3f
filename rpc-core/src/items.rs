//! Items of streams, many at a time: a batch on its way out, and what a packet has brought.
//!
//! Streams are where the costs per message count: an item is encoded straight into the body of a packet, and read out of one, with
//! no allocation and no message of its own.

use std::mem;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{self, Codec},
    error::{Code, DecodeError, Error},
    message::RequestId,
    protocol::{self, FILL},
};

/// Items of one stream, written as frames before a session takes them: see [`crate::Session::batch`].
#[derive(Debug)]
pub struct ItemBatch {
    codec: Codec,
    id: RequestId,
    /// Whether integers beyond ±(2^53 − 1) are refused.
    js: bool,
    /// The largest packet that the peer takes.
    limit: usize,
    full: Vec<Body>,
    open: Body,
    items: u64,
    bytes: u64,
}

/// Frames that go into one packet.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) frames: usize,
    /// Where the last frame ends. What is behind it was left by an item that panicked while it was written.
    whole: usize,
}

impl Body {
    /// The frames alone.
    fn into_whole(mut self) -> Self {
        self.bytes.truncate(self.whole);
        self
    }
}

impl ItemBatch {
    pub(crate) fn new(codec: Codec, id: RequestId, js: bool, limit: usize) -> Self {
        Self { codec, id, js, limit, full: Vec::new(), open: Body::default(), items: 0, bytes: 0 }
    }

    /// Adds an item; how many bytes of credit it takes.
    ///
    /// # Errors
    ///
    /// If the item has no form in the codec, or the peer could not take or read it. It was not added then.
    pub fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<u64, Error> {
        let fill = FILL.min(self.limit);
        if self.open.bytes.len() + 64 > fill {
            self.close();
        }
        // Few streams have one item at a time for long.
        if self.open.frames == 1 {
            self.open.bytes.reserve(fill);
        }
        let start = self.open.bytes.len();
        let written = protocol::encode_item(self.codec, self.id, value, &mut self.open.bytes);
        let payload = written.map_err(|error| Error::internal().with_detail(error).after_execution())?;
        let len = self.open.bytes.len() - start;
        if len > self.limit {
            self.open.bytes.truncate(start);
            let message = format!("an item takes {len} bytes and the peer accepts packets of {}", self.limit);
            return Err(Error::new(Code::ResourceExhausted, message).after_execution());
        }
        let value = self.open.bytes.get(payload.clone()).unwrap_or_default();
        if self.js
            && let Err(error) = codec::check_integers(self.codec, value)
        {
            self.open.bytes.truncate(start);
            return Err(Error::new(Code::OutOfRange, error.to_string()).after_execution());
        }
        if start > 0 && self.open.bytes.len() > fill {
            self.begin_packet_at(start);
        }
        self.open.frames += 1;
        self.open.whole = self.open.bytes.len();
        if self.open.bytes.len() >= fill {
            self.close();
        }
        let bytes = payload.len() as u64;
        self.items += 1;
        self.bytes += bytes;
        Ok(bytes)
    }

    /// The frame at `start` goes into the next packet.
    fn begin_packet_at(&mut self, start: usize) {
        let separator = usize::from(self.codec == Codec::Json);
        let mut next = Vec::with_capacity(FILL + 512);
        next.extend_from_slice(self.open.bytes.get(start + separator..).unwrap_or_default());
        self.open.bytes.truncate(start);
        self.close();
        self.open.bytes = next;
    }

    fn close(&mut self) {
        let body = mem::take(&mut self.open).into_whole();
        if body.frames > 0 {
            self.full.push(body);
        }
    }

    /// How many items there are.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// How many bytes of credit they take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn id(&self) -> RequestId {
        self.id
    }

    /// Hands all of it over, and is empty afterwards.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Body> {
        (self.items, self.bytes) = (0, 0);
        self.close();
        mem::take(&mut self.full).into_iter()
    }
}

/// Items of one stream that have arrived together.
#[derive(Debug, Clone, PartialEq)]
pub struct Items {
    codec: Codec,
    depth: u16,
    body: Bytes,
    /// Where the items are in `body`.
    places: Vec<(u32, u32)>,
    next: usize,
}

impl Items {
    pub(crate) fn new(codec: Codec, depth: u16, body: Bytes, places: Vec<(u32, u32)>) -> Self {
        Self { codec, depth, body, places, next: 0 }
    }

    /// How many are left.
    pub fn len(&self) -> usize {
        self.places.len() - self.next
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes the next item; with how many bytes of credit it took.
    pub fn take<T: DeserializeOwned>(&mut self) -> Option<(u64, Result<T, DecodeError>)> {
        let (start, end) = *self.places.get(self.next)?;
        self.next += 1;
        let value = self.body.get(start as usize..end as usize).unwrap_or_default();
        let decoded = match (value, self.codec) {
            // An item that was left out is null.
            ([], Codec::Json) => codec::decode(self.codec, b"null", self.depth.into()),
            ([], Codec::MessagePack) => codec::decode(self.codec, b"\xc0", self.depth.into()),
            (value, _) => codec::decode(self.codec, value, self.depth.into()),
        };
        Some((u64::from(end - start), decoded))
    }
}

/// About how many bytes a frame has around the value of an item.
const FRAME: u64 = 32;

/// The items of one stream that stand behind one another in a packet, while it is read.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: RequestId,
    /// What is left of the credit.
    pub(crate) items: u64,
    pub(crate) bytes: u64,
    /// Where the run is in the packet.
    start: usize,
    end: usize,
    places: Vec<(u32, u32)>,
    taken: u64,
}

impl Run {
    pub(crate) fn new(id: RequestId, items: u64, bytes: u64, start: usize) -> Self {
        Self { id, items, bytes, start, end: start, places: Vec::new(), taken: 0 }
    }

    /// Adds an item, whose frame is at `frame` in the packet and whose value is at `place` in the frame; whether there was
    /// credit for it.
    pub(crate) fn push(&mut self, frame: (usize, usize), place: (u32, u32)) -> bool {
        if self.items == 0 || self.bytes == 0 {
            return false;
        }
        let len = u64::from(place.1 - place.0);
        self.items -= 1;
        self.bytes = self.bytes.saturating_sub(len);
        self.taken += len;
        // A packet has less than 4 GiB.
        let offset = u32::try_from(frame.0 - self.start).unwrap_or(u32::MAX);
        self.places.push((offset.saturating_add(place.0), offset.saturating_add(place.1)));
        self.end = frame.1;
        true
    }

    /// How many items and bytes there are.
    pub(crate) fn taken(&self) -> (u64, u64) {
        (self.places.len() as u64, self.taken)
    }

    /// What is left when the packet is read. A small part of it does not keep all of it in memory, nor does a value keep what
    /// stands around it beyond what such a frame needs, because nobody has counted that.
    pub(crate) fn into_items(self, codec: Codec, depth: u16, packet: &Bytes) -> Items {
        let range = self.start..self.end;
        let counted = self.taken + FRAME * self.places.len() as u64;
        if range.len() as u64 > 2 * counted {
            return self.values_alone(codec, depth, packet);
        }
        let body = if range.len() < packet.len() / 2 {
            Bytes::copy_from_slice(packet.get(range).unwrap_or_default())
        } else {
            packet.slice(range)
        };
        Items::new(codec, depth, body, self.places)
    }

    fn values_alone(mut self, codec: Codec, depth: u16, packet: &Bytes) -> Items {
        let run = packet.get(self.start..self.end).unwrap_or_default();
        let mut body = Vec::with_capacity(usize::try_from(self.taken).unwrap_or_default());
        for place in &mut self.places {
            // It is shorter than the packet, which has less than 4 GiB.
            let start = u32::try_from(body.len()).unwrap_or(u32::MAX);
            body.extend_from_slice(run.get(place.0 as usize..place.1 as usize).unwrap_or_default());
            *place = (start, start + (place.1 - place.0));
        }
        Items::new(codec, depth, body.into(), self.places)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use serde::{Serializer, ser::SerializeSeq};

    use super::*;

    /// Writes something, and then panics.
    struct Touchy;

    impl Serialize for Touchy {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(Some(2))?;
            list.serialize_element("begun")?;
            panic!("this cannot be written");
        }
    }

    #[test]
    fn what_panics_while_it_is_written_leaves_whole_frames() {
        for codec in [Codec::Json, Codec::MessagePack] {
            for others in [0, 1, 300] {
                let new = || ItemBatch::new(codec, RequestId(1), false, 1 << 20);
                let (mut touched, mut expected) = (new(), new());
                for number in 0..others {
                    touched.push(&"x".repeat(number)).unwrap();
                    expected.push(&"x".repeat(number)).unwrap();
                }
                assert!(catch_unwind(AssertUnwindSafe(|| touched.push(&Touchy))).is_err());
                let bodies = |mut batch: ItemBatch| {
                    batch.take().map(|body| (body.bytes, body.frames)).collect::<Vec<_>>()
                };
                assert_eq!(bodies(touched), bodies(expected), "{codec} {others}");
            }
        }
    }

    #[test]
    fn what_stands_around_a_value_is_not_kept() {
        // Frames of 1 KiB with one byte of value each.
        let packet = Bytes::from(vec![b' '; 64 << 10]);
        let mut run = Run::new(RequestId(1), u64::MAX, u64::MAX, 0);
        for frame in (0..64).map(|number| number << 10) {
            assert!(run.push((frame, frame + 1024), (1000, 1001)));
        }
        let items = run.into_items(Codec::Json, 64, &packet);
        assert_eq!((items.len(), items.body.len()), (64, 64));
        // Where there is little around it, there is no copy.
        let mut run = Run::new(RequestId(1), u64::MAX, u64::MAX, 0);
        for frame in (0..64).map(|number| number << 10) {
            assert!(run.push((frame, frame + 1024), (10, 1020)));
        }
        let items = run.into_items(Codec::Json, 64, &packet);
        assert_eq!(items.body.as_ptr(), packet.as_ptr());
    }
}
