//! The two tables of streams: those produced here, of which the peer is the consumer, and those consumed here.
//!
//! A session without streams has none of this. The items themselves pass through: credit is all that is kept of them.

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::{CallKey, Limits, calls::OwnIds};
use crate::{error::ProtocolError, items::Run, message::RequestId};

/// The most uploads of one call: no method has more parameters of that kind.
pub(super) const MAX_UPLOADS: usize = 16;

type Ids<T> = HashMap<u64, T, BuildHasherDefault<OwnIds>>;
/// The peer chooses these.
type PeersIds<T> = HashMap<u64, T>;

/// The streams of a session.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// By the id of the call, or of the upload.
    produced: PeersIds<Produced>,
    consumed: PeersIds<Consumed>,
    /// Calls made here that have streams, until they are answered.
    own: Ids<CallStreams>,
    /// Uploads of calls of the peer.
    uploads: PeersIds<Vec<RequestId>>,
    /// How many streams of this side the peer has.
    pub(super) open: usize,
    /// How many of the calls made here give one.
    pub(super) giving: usize,
    /// How many streams of the peer there are.
    pub(super) taken: usize,
}

/// What a call made here has of streams.
#[derive(Debug)]
struct CallStreams {
    gives: bool,
    uploads: Vec<RequestId>,
}

/// A stream whose items come from here.
#[derive(Debug)]
struct Produced {
    sent: Amount,
    /// What the consumer has allowed.
    credit: Amount,
    /// Whether it is an upload, and not what a call of the peer gives.
    is_upload: bool,
}

/// A stream whose items come from the peer.
#[derive(Debug)]
struct Consumed {
    /// The call made here; `None` for an upload.
    key: Option<CallKey>,
    got: Amount,
    /// What the application has taken.
    eaten: Amount,
    /// What the peer was told.
    credit: Amount,
    /// Whether anybody still wants the items.
    wanted: bool,
}

/// Items, and the bytes of their payloads, from the beginning of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) items: u64,
    pub(super) bytes: u64,
}

impl Amount {
    /// What a consumer takes at first, and ahead of its application.
    pub(super) fn window(limits: Limits) -> Self {
        Self { items: limits.stream_items.into(), bytes: limits.stream_bytes.into() }
    }

    fn plus(self, other: Self) -> Self {
        Self { items: self.items.saturating_add(other.items), bytes: self.bytes.saturating_add(other.bytes) }
    }

    fn minus(self, other: Self) -> Self {
        Self { items: self.items.saturating_sub(other.items), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    /// Whether it is at least half of `window`, in one or the other.
    fn is_half_of(self, window: Self) -> bool {
        self.items >= window.items.div_ceil(2) || self.bytes >= window.bytes.div_ceil(2)
    }
}

/// Who an item is for.
pub(super) enum Receiver {
    Stream(Run),
    /// A call made here that expects none.
    NotExpected,
}

impl Streams {
    // Calls made here.

    /// Notes a call made here that was sent.
    pub(super) fn opened(
        &mut self,
        key: CallKey,
        id: RequestId,
        gives: bool,
        uploads: Vec<RequestId>,
        own: Limits,
        peer: Limits,
    ) {
        if gives {
            self.consumed.insert(id.0, Consumed::new(Some(key), Amount::window(own)));
            self.giving += 1;
        }
        for upload in &uploads {
            self.produced.insert(upload.0, Produced::new(Amount::window(peer), true));
        }
        let streams = CallStreams { gives, uploads };
        self.open += streams.weight();
        self.own.insert(id.0, streams);
    }

    /// Nobody wants the items of a call made here any more, nor sends its uploads: those that were running.
    pub(super) fn give_up(&mut self, id: RequestId) -> Vec<RequestId> {
        if let Some(consumed) = self.consumed.get_mut(&id.0) {
            consumed.wanted = false;
        }
        let uploads = self.own.get(&id.0).map(|streams| streams.uploads.clone()).unwrap_or_default();
        uploads.into_iter().filter(|upload| self.produced.remove(&upload.0).is_some()).collect()
    }

    /// A call made here is over: whether it gave a stream, and the uploads that were running.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<(bool, Vec<RequestId>)> {
        let streams = self.own.remove(&id.0)?;
        self.open -= streams.weight();
        self.giving -= usize::from(streams.gives);
        self.consumed.remove(&id.0);
        let mut uploads = streams.uploads;
        uploads.retain(|upload| self.produced.remove(&upload.0).is_some());
        Some((streams.gives, uploads))
    }

    // Calls of the peer.

    /// Notes the uploads of a call that has come in.
    pub(super) fn begin_uploads(&mut self, call: RequestId, uploads: Vec<RequestId>, own: Limits) {
        for upload in &uploads {
            self.consumed.insert(upload.0, Consumed::new(None, Amount::window(own)));
        }
        self.taken += uploads.len();
        self.uploads.insert(call.0, uploads);
    }

    /// Notes that a call of the peer that was taken gives a stream.
    pub(super) fn begin(&mut self, call: RequestId, peer: Limits) {
        self.produced.insert(call.0, Produced::new(Amount::window(peer), false));
        self.taken += 1;
    }

    /// A call of the peer is over: whether it gave a stream, and the uploads that were running.
    pub(super) fn finish(&mut self, call: RequestId) -> (bool, Vec<RequestId>) {
        let gave = self.produced.remove(&call.0).is_some();
        self.taken -= usize::from(gave);
        let mut uploads = self.uploads.remove(&call.0).unwrap_or_default();
        uploads.retain(|upload| self.end_upload(*upload));
        (gave, uploads)
    }

    /// An upload of the peer has ended; whether there was one.
    pub(super) fn end_upload(&mut self, upload: RequestId) -> bool {
        // A call has an entry of that kind under an id of the other parity.
        let found = self.consumed.remove(&upload.0).is_some();
        self.taken -= usize::from(found);
        found
    }

    /// Whether an upload of the peer goes on, now that nobody wants its items.
    pub(super) fn leave_upload(&mut self, upload: RequestId) -> bool {
        let Some(consumed) = self.consumed.get_mut(&upload.0).filter(|consumed| consumed.key.is_none())
        else {
            return false;
        };
        std::mem::take(&mut consumed.wanted)
    }

    // Producing.

    /// What may still be sent of a stream.
    pub(super) fn room(&self, id: RequestId) -> Option<Amount> {
        self.produced.get(&id.0).map(|produced| produced.credit.minus(produced.sent))
    }

    /// Notes what was sent of a stream; whether it is there.
    pub(super) fn sent(&mut self, id: RequestId, amount: Amount) -> bool {
        let Some(produced) = self.produced.get_mut(&id.0) else { return false };
        produced.sent = produced.sent.plus(amount);
        true
    }

    /// The consumer allows so much in all; whether that is more than before.
    pub(super) fn allow(&mut self, id: RequestId, credit: Amount) -> bool {
        let Some(produced) = self.produced.get_mut(&id.0) else { return false };
        let before = produced.credit;
        produced.credit =
            Amount { items: before.items.max(credit.items), bytes: before.bytes.max(credit.bytes) };
        produced.credit != before
    }

    /// An upload from here has ended; whether it was running.
    pub(super) fn end_own_upload(&mut self, id: RequestId) -> bool {
        let is_upload = self.produced.get(&id.0).is_some_and(|produced| produced.is_upload);
        is_upload && self.produced.remove(&id.0).is_some()
    }

    // Consuming.

    /// Who the items under `id` are for, the first of which is at `start` in its packet. `waits` says whether it is a call made
    /// here that waits for its answer.
    pub(super) fn receiver(&self, id: RequestId, start: usize, waits: bool) -> Option<Receiver> {
        match self.consumed.get(&id.0) {
            Some(consumed) => {
                let left = consumed.credit.minus(consumed.got);
                Some(Receiver::Stream(Run::new(id, left.items, left.bytes, start)))
            }
            None => waits.then_some(Receiver::NotExpected),
        }
    }

    /// Items have arrived: whose they are, if anybody wants them.
    pub(super) fn got(&mut self, run: &Run) -> Option<Option<CallKey>> {
        let (items, bytes) = run.taken();
        let consumed = self.consumed.get_mut(&run.id.0)?;
        consumed.got = consumed.got.plus(Amount { items, bytes });
        consumed.wanted.then_some(consumed.key)
    }

    /// The application has taken so much more of a stream: what to tell the producer, if it is time.
    pub(super) fn eat(&mut self, id: RequestId, amount: Amount, own: Limits) -> Option<Amount> {
        let window = Amount::window(own);
        let consumed = self.consumed.get_mut(&id.0)?;
        consumed.eaten = consumed.eaten.plus(amount);
        let credit = consumed.eaten.plus(window);
        if !consumed.wanted || !credit.minus(consumed.credit).is_half_of(window) {
            return None;
        }
        consumed.credit = credit;
        Some(credit)
    }

    /// The link is gone: uploads from here, and uploads of the peer, that were running.
    pub(super) fn end(&mut self) -> (Vec<RequestId>, Vec<RequestId>) {
        let ids = |mut ids: Vec<u64>| {
            ids.sort_unstable();
            ids.into_iter().map(RequestId).collect()
        };
        let is_upload = |(id, produced): (&u64, &Produced)| produced.is_upload.then_some(*id);
        let produced = self.produced.iter().filter_map(is_upload).collect();
        let is_upload = |(id, consumed): (&u64, &Consumed)| consumed.key.is_none().then_some(*id);
        let consumed = self.consumed.iter().filter_map(is_upload).collect();
        *self = Self::default();
        (ids(produced), ids(consumed))
    }

    /// Whether there is no stream.
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.produced.is_empty() && self.consumed.is_empty() && self.uploads.is_empty()
    }
}

impl CallStreams {
    fn weight(&self) -> usize {
        usize::from(self.gives) + self.uploads.len()
    }
}

impl Produced {
    fn new(credit: Amount, is_upload: bool) -> Self {
        Self { sent: Amount::default(), credit, is_upload }
    }
}

impl Consumed {
    fn new(key: Option<CallKey>, credit: Amount) -> Self {
        Self { key, got: Amount::default(), eaten: Amount::default(), credit, wanted: true }
    }
}

/// The uploads that a request names: ids of the sender's parity, behind its own, each greater than the one before.
pub(super) fn upload_ids(
    call: RequestId,
    named: &[serde_json::Value],
) -> Result<Vec<RequestId>, ProtocolError> {
    if named.len() > MAX_UPLOADS {
        return Err(ProtocolError::TooManyUploads(MAX_UPLOADS));
    }
    let mut last = call;
    let mut ids = Vec::with_capacity(named.len());
    for id in named {
        let id = id.as_u64().filter(|id| (1..=RequestId::MAX.0).contains(id));
        let id = RequestId(id.ok_or(ProtocolError::BadFrame("an id of a stream is no id"))?);
        if id.0 % 2 != call.0 % 2 {
            return Err(ProtocolError::WrongParity(id));
        }
        if id <= last {
            return Err(ProtocolError::IdReused(id));
        }
        last = id;
        ids.push(id);
    }
    Ok(ids)
}
