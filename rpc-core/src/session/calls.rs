//! The two tables of calls: those made here and those taken from the peer.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hasher},
    time::{Duration, Instant},
};

use super::{CallKey, Expects, Role};
use crate::{
    error::ProtocolError,
    message::{RequestHead, RequestId},
    payload::Payload,
};

/// The earliest of many deadlines, as a lower bound: calls that end in time cost nothing here.
///
/// When the bound passes, whoever keeps the deadlines looks at all of them once and sets the next bound. With one usual
/// time-out that is one look per time-out, however many calls there were.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Earliest(Option<Instant>);

impl Earliest {
    pub(super) fn add(&mut self, deadline: Instant) {
        self.0 = Some(self.0.map_or(deadline, |bound| bound.min(deadline)));
    }

    pub(super) fn get(self) -> Option<Instant> {
        self.0
    }

    fn has_passed(self, now: Instant) -> bool {
        self.0.is_some_and(|bound| bound <= now)
    }

    /// Puts the next look off by a millisecond per 1,024 deadlines, so that looking stays cheap however many there are
    /// and however they are spread.
    fn pace(&mut self, now: Instant, deadlines: usize) {
        let pause = Duration::from_millis((deadlines / 1024) as u64);
        self.0 = self.0.map(|bound| bound.max(now.checked_add(pause).unwrap_or(bound)));
    }
}

/// Calls made here.
#[derive(Debug)]
pub(super) struct Outgoing {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Requests that the peer has and has not answered, given up or not: it counts them as in flight.
    by_id: HashMap<u64, Option<CallKey>, BuildHasherDefault<OwnIds>>,
    /// Calls that wait, in their order; by the number under which their slot knows them.
    unsent: BTreeMap<u64, (CallKey, Unsent)>,
    last_unsent: u64,
    last_id: Option<RequestId>,
    role: Role,
    pub(super) earliest: Earliest,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Free,
    /// The call is over and nobody was told yet, so that its key cannot name another one.
    Over {
        wanted: bool,
        /// Under which id it was sent, if it was.
        id: Option<RequestId>,
    },
    Unsent {
        number: u64,
        deadline: Option<Instant>,
    },
    Sent {
        id: RequestId,
        deadline: Option<Instant>,
    },
}

/// A call or notification that could not be sent at once.
#[derive(Debug)]
pub(super) struct Unsent {
    pub(super) oneway: bool,
    pub(super) expects: Expects,
    pub(super) method: Box<str>,
    pub(super) head: Option<Box<RequestHead>>,
    pub(super) params: Payload,
    pub(super) deadline: Option<Instant>,
}

/// What marks the numbers of calls with streams, so that they wait behind one another and nobody waits behind them.
const STREAMS: u64 = 1 << 63;

/// A call that its deadline has ended.
pub(super) struct Expired {
    pub(super) key: CallKey,
    /// The request to cancel, if it was sent.
    pub(super) id: Option<RequestId>,
}

impl Outgoing {
    pub(super) fn new(role: Role) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::default(),
            unsent: BTreeMap::new(),
            last_unsent: 0,
            last_id: None,
            role,
            earliest: Earliest::default(),
        }
    }

    /// The id of the next request, behind which there are `more`; `None` when ids are exhausted.
    pub(super) fn next_id_of(&self, more: u32) -> Option<RequestId> {
        self.next_id().filter(|id| id.0 + 2 * u64::from(more) <= RequestId::MAX.0)
    }

    /// The id of the next request; `None` when ids are exhausted.
    pub(super) fn next_id(&self) -> Option<RequestId> {
        let id = match (self.last_id, self.role) {
            (Some(last), _) => RequestId(last.0 + 2),
            (None, Role::Client) => RequestId(1),
            (None, Role::Server) => RequestId(2),
        };
        (id <= RequestId::MAX).then_some(id)
    }

    /// Notes a request that has been sent as [`Self::next_id`].
    pub(super) fn insert_sent(&mut self, id: RequestId, deadline: Option<Instant>) -> CallKey {
        let key = self.reserve(Slot::Sent { id, deadline }, deadline);
        self.last_id = Some(id);
        self.by_id.insert(id.0, Some(key));
        key
    }

    /// Keeps a call until it can be sent.
    pub(super) fn insert_unsent(&mut self, unsent: Unsent) -> CallKey {
        self.last_unsent += 1;
        let class = if unsent.expects.any() { STREAMS } else { 0 };
        let (number, deadline) = (self.last_unsent | class, unsent.deadline);
        let key = self.reserve(Slot::Unsent { number, deadline }, deadline);
        self.unsent.insert(number, (key, unsent));
        key
    }

    fn reserve(&mut self, slot: Slot, deadline: Option<Instant>) -> CallKey {
        if let Some(deadline) = deadline {
            self.earliest.add(deadline);
        }
        if let Some(index) = self.free.pop()
            && let Some(place) = self.slots.get_mut(index)
        {
            *place = slot;
            return CallKey(index);
        }
        self.slots.push(slot);
        CallKey(self.slots.len() - 1)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.by_id.len()
    }

    /// Whether the last id was used and its call is over.
    pub(super) fn is_exhausted(&self) -> bool {
        self.by_id.is_empty() && self.next_id().is_none()
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Whether a call of this kind has to wait behind others.
    pub(super) fn has_unsent_before(&self, expects: Expects) -> bool {
        match expects.any() {
            true => self.unsent.last_key_value().is_some_and(|(number, _)| *number >= STREAMS),
            false => self.unsent.first_key_value().is_some_and(|(number, _)| *number < STREAMS),
        }
    }

    /// The number of the call that has waited longest and that `may_send` lets go.
    pub(super) fn next_unsent(&self, may_send: impl Fn(&Unsent) -> bool) -> Option<u64> {
        let plain = self.unsent.range(..STREAMS).next();
        let streaming = self.unsent.range(STREAMS..).next();
        let allowed = [plain, streaming].into_iter().flatten().filter(|(_, (_, unsent))| may_send(unsent));
        allowed.min_by_key(|(number, _)| **number & !STREAMS).map(|(number, _)| *number)
    }

    /// The call of this number. Its key is still taken.
    pub(super) fn take_unsent_call(&mut self, number: u64) -> Option<(CallKey, Unsent)> {
        self.unsent.remove(&number)
    }

    /// The ids of `count` uploads of the request that was sent last.
    pub(super) fn draw(&mut self, id: RequestId, count: u32) -> Vec<RequestId> {
        let ids: Vec<RequestId> = (1..=u64::from(count)).map(|nth| RequestId(id.0 + 2 * nth)).collect();
        self.last_id = ids.last().copied().or(self.last_id);
        ids
    }

    /// Whether `key` still names the call that was sent as `id`.
    pub(super) fn names(&self, key: CallKey, id: RequestId) -> bool {
        match self.slots.get(key.0) {
            Some(Slot::Sent { id: sent, .. }) => *sent == id,
            Some(Slot::Over { wanted, id: sent }) => *wanted && *sent == Some(id),
            _ => false,
        }
    }

    /// Under which id a call was sent that is not over.
    pub(super) fn id_of(&self, key: CallKey) -> Option<RequestId> {
        match self.slots.get(key.0) {
            Some(Slot::Sent { id, .. }) => Some(*id),
            _ => None,
        }
    }

    /// The call that waits for the answer to a request.
    pub(super) fn waits_for(&self, id: RequestId) -> Option<CallKey> {
        self.by_id.get(&id.0).copied().flatten()
    }

    /// Notes that a call which has waited was sent as [`Self::next_id`].
    pub(super) fn sent(&mut self, key: CallKey, id: RequestId, deadline: Option<Instant>) {
        if let Some(slot) = self.slots.get_mut(key.0) {
            *slot = Slot::Sent { id, deadline };
        }
        self.last_id = Some(id);
        self.by_id.insert(id.0, Some(key));
    }

    /// Makes `id` the next one.
    #[cfg(test)]
    pub(super) fn skip_ids_to(&mut self, id: RequestId) {
        self.last_id = Some(RequestId(id.0 - 2));
    }

    /// How many keys there is memory for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// How many keys are taken.
    #[cfg(test)]
    pub(super) fn live(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Ends the call that the peer has answered. `None` if nobody waits for it.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<CallKey> {
        let key = self.by_id.remove(&id.0)??;
        self.finish(key);
        Some(key)
    }

    /// Gives a call up; the request to cancel, if it was sent.
    ///
    /// The peer counts it as in flight until it has answered, so `by_id` does as well.
    pub(super) fn give_up(&mut self, key: CallKey) -> Option<RequestId> {
        let slot = self.slots.get_mut(key.0)?;
        match *slot {
            Slot::Free => None,
            Slot::Over { id, .. } => {
                *slot = Slot::Over { wanted: false, id };
                None
            }
            Slot::Unsent { number, .. } => {
                self.release(key);
                self.unsent.remove(&number);
                None
            }
            Slot::Sent { id, .. } => {
                self.release(key);
                self.forget(id);
                Some(id)
            }
        }
    }

    /// Waits no longer for the answer to a request that the peer still has.
    pub(super) fn forget(&mut self, id: RequestId) {
        if let Some(waiting) = self.by_id.get_mut(&id.0) {
            *waiting = None;
        }
    }

    /// Ends a call whose end is going to be reported.
    pub(super) fn finish(&mut self, key: CallKey) {
        if let Some(slot) = self.slots.get_mut(key.0) {
            let id = if let Slot::Sent { id, .. } = slot { Some(*id) } else { None };
            *slot = Slot::Over { wanted: true, id };
        }
    }

    /// The end of a call is being reported; whether anybody still wants to know.
    pub(super) fn reported(&mut self, key: CallKey) -> bool {
        let wanted = matches!(self.slots.get(key.0), Some(Slot::Over { wanted: true, .. }));
        self.release(key);
        wanted
    }

    fn release(&mut self, key: CallKey) {
        if let Some(slot) = self.slots.get_mut(key.0)
            && !matches!(slot, Slot::Free)
        {
            *slot = Slot::Free;
            self.free.push(key.0);
        }
    }

    /// Ends every call whose deadline has passed.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Expired> {
        let mut expired = Vec::new();
        if !self.earliest.has_passed(now) {
            return expired;
        }
        self.earliest = Earliest::default();
        for (index, slot) in self.slots.iter().enumerate() {
            let (deadline, id) = match slot {
                Slot::Unsent { deadline: Some(deadline), .. } => (*deadline, None),
                Slot::Sent { id, deadline: Some(deadline) } => (*deadline, Some(*id)),
                _ => continue,
            };
            if deadline <= now {
                expired.push(Expired { key: CallKey(index), id });
            } else {
                self.earliest.add(deadline);
            }
        }
        self.earliest.pace(now, self.slots.len());
        for call in &expired {
            if let Some(Slot::Unsent { number, .. }) = self.slots.get(call.key.0) {
                self.unsent.remove(number);
            }
            if let Some(id) = call.id {
                self.forget(id);
            }
            self.finish(call.key);
        }
        expired
    }

    /// Ends every call in flight, because the link that carried them is gone for good.
    pub(super) fn take_in_flight(&mut self) -> Vec<CallKey> {
        let mut keys: Vec<(u64, CallKey)> =
            self.by_id.drain().filter_map(|(id, key)| Some((id, key?))).collect();
        keys.sort_unstable_by_key(|(id, _)| *id);
        for (_, key) in &keys {
            self.finish(*key);
        }
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// Ends every call that was not sent.
    pub(super) fn take_unsent(&mut self) -> Vec<CallKey> {
        let keys: Vec<CallKey> = std::mem::take(&mut self.unsent).into_values().map(|(key, _)| key).collect();
        for key in &keys {
            self.finish(*key);
        }
        keys
    }

    /// Frees memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        let spare = self.by_id.is_empty() && self.slots.len() == self.free.len();
        if spare && self.slots.capacity().max(self.by_id.capacity()) > 64 {
            *self = Self { last_id: self.last_id, ..Self::new(self.role) };
        }
    }
}

/// Hashes the ids given out here, which no peer chooses: a multiplication spreads them enough.
#[derive(Debug, Default)]
pub(super) struct OwnIds(u64);

impl Hasher for OwnIds {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte) ^ self.0);
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Calls taken from the peer that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    calls: HashMap<u64, Taken>,
    last_id: Option<RequestId>,
    /// Notifications that were given a number of their own.
    notifications: u64,
    loads: [Load; 3],
    pub(super) earliest: Earliest,
}

/// What counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Notification,
    /// A request that gives a stream.
    Stream,
}

impl Kind {
    pub(super) fn of(id: Option<RequestId>) -> Self {
        if id.is_none_or(RequestId::is_notification) { Self::Notification } else { Self::Request }
    }
}

/// How much of the same kind is in flight.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Load {
    calls: usize,
    /// Bytes of parameters.
    bytes: usize,
}

impl Load {
    /// Whether one more with so many bytes of parameters finds a slot.
    pub(super) fn has_room(self, slots: u32, max_bytes: usize, bytes: usize) -> bool {
        self.calls < slots as usize && (self.calls == 0 || self.bytes + bytes <= max_bytes)
    }
}

#[derive(Debug)]
struct Taken {
    kind: Kind,
    deadline: Option<Instant>,
    bytes: usize,
}

impl Incoming {
    /// Accepts the id of a new request: of the peer's parity and above all before.
    pub(super) fn check_id(&mut self, id: RequestId, role: Role) -> Result<(), ProtocolError> {
        let odd = id.0 % 2 == 1;
        if odd != (role == Role::Server) {
            return Err(ProtocolError::WrongParity(id));
        }
        if self.last_id.is_some_and(|last| last >= id) {
            return Err(ProtocolError::IdReused(id));
        }
        self.last_id = Some(id);
        Ok(())
    }

    /// The ids of its uploads have been used as well.
    pub(super) fn skip_to(&mut self, id: RequestId) {
        self.last_id = self.last_id.max(Some(id));
    }

    /// A number for a notification, beyond all ids of the wire.
    pub(super) fn next_notification(&mut self) -> RequestId {
        self.notifications += 1;
        RequestId(RequestId::MAX.0 + self.notifications)
    }

    /// How many there are of a kind.
    pub(super) fn load(&self, kind: Kind) -> Load {
        let [requests, notifications, streams] = self.loads;
        match kind {
            Kind::Request => requests,
            Kind::Notification => notifications,
            Kind::Stream => streams,
        }
    }

    fn load_of(&mut self, kind: Kind) -> &mut Load {
        let [requests, notifications, streams] = &mut self.loads;
        match kind {
            Kind::Request => requests,
            Kind::Notification => notifications,
            Kind::Stream => streams,
        }
    }

    /// Takes a slot until the request is answered. No other with this id has one.
    pub(super) fn insert(&mut self, id: RequestId, kind: Kind, deadline: Option<Instant>, bytes: usize) {
        self.remove(id);
        if let Some(deadline) = deadline {
            self.earliest.add(deadline);
        }
        self.calls.insert(id.0, Taken { kind, deadline, bytes });
        let load = self.load_of(kind);
        load.calls += 1;
        load.bytes += bytes;
    }

    /// Frees the slot; whether there was one.
    pub(super) fn remove(&mut self, id: RequestId) -> bool {
        match self.calls.remove(&id.0) {
            Some(taken) => {
                let load = self.load_of(taken.kind);
                load.calls -= 1;
                load.bytes -= taken.bytes;
                true
            }
            None => false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Frees the slots of all requests whose deadline has passed.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<RequestId> {
        if !self.earliest.has_passed(now) {
            return Vec::new();
        }
        self.earliest = Earliest::default();
        let mut expired = Vec::new();
        for (id, taken) in &self.calls {
            match taken.deadline {
                Some(deadline) if deadline <= now => expired.push(RequestId(*id)),
                Some(deadline) => self.earliest.add(deadline),
                None => {}
            }
        }
        self.earliest.pace(now, self.calls.len());
        expired.sort_unstable();
        for id in &expired {
            self.remove(*id);
        }
        expired
    }

    /// Frees all slots.
    pub(super) fn take_all(&mut self) -> Vec<RequestId> {
        let mut ids: Vec<RequestId> = self.calls.drain().map(|(id, _)| RequestId(id)).collect();
        ids.sort_unstable();
        self.loads = [Load::default(); 3];
        self.earliest = Earliest::default();
        ids
    }

    /// Forgets the ids: the peer's next link begins anew.
    pub(super) fn forget_ids(&mut self) {
        self.last_id = None;
    }

    /// Frees memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.calls.is_empty() && self.calls.capacity() > 64 {
            self.calls = HashMap::new();
        }
    }
}
