//! The two tables of calls: those made here and those taken from the peer.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    time::{Duration, Instant},
};

use super::{CallKey, Role};
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
}

/// Calls made here.
#[derive(Debug)]
pub(super) struct Outgoing {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Requests that the peer has and has not answered, given up or not: it counts them as in flight.
    by_id: HashMap<u64, Option<CallKey>, BuildHasherDefault<OwnIds>>,
    unsent: VecDeque<Unsent>,
    last_id: Option<RequestId>,
    role: Role,
    pub(super) earliest: Earliest,
}

#[derive(Debug)]
enum Slot {
    Free,
    /// Waits in `unsent`.
    Unsent {
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
    pub(super) key: CallKey,
    pub(super) oneway: bool,
    pub(super) method: Box<str>,
    pub(super) head: Option<Box<RequestHead>>,
    pub(super) params: Payload,
}

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
            unsent: VecDeque::new(),
            last_id: None,
            role,
            earliest: Earliest::default(),
        }
    }

    /// Takes a key for a call that waits.
    pub(super) fn reserve(&mut self, deadline: Option<Instant>) -> CallKey {
        if let Some(deadline) = deadline {
            self.earliest.add(deadline);
        }
        let slot = Slot::Unsent { deadline };
        if let Some(index) = self.free.pop() {
            if let Some(place) = self.slots.get_mut(index) {
                *place = slot;
            }
            return CallKey(index);
        }
        self.slots.push(slot);
        CallKey(self.slots.len() - 1)
    }

    /// Gives the call its id, which makes it in flight; `None` when ids are exhausted.
    pub(super) fn send(&mut self, key: CallKey) -> Option<RequestId> {
        let id = match (self.last_id, self.role) {
            (Some(last), _) => RequestId(last.0 + 2),
            (None, Role::Client) => RequestId(1),
            (None, Role::Server) => RequestId(2),
        };
        if id > RequestId::MAX {
            return None;
        }
        self.last_id = Some(id);
        if let Some(slot) = self.slots.get_mut(key.0)
            && let Slot::Unsent { deadline } = *slot
        {
            *slot = Slot::Sent { id, deadline };
        }
        self.by_id.insert(id.0, Some(key));
        Some(id)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    pub(super) fn push_unsent(&mut self, unsent: Unsent) {
        self.unsent.push_back(unsent);
    }

    /// The next call to send, skipping those that have ended meanwhile.
    pub(super) fn pop_unsent(&mut self, mut may_send: impl FnMut(&Unsent) -> bool) -> Option<Unsent> {
        while let Some(next) = self.unsent.front() {
            let waiting = matches!(self.slots.get(next.key.0), Some(Slot::Unsent { .. }));
            if waiting && !may_send(next) {
                return None;
            }
            let next = self.unsent.pop_front()?;
            if waiting {
                return Some(next);
            }
            self.free.push(next.key.0);
        }
        None
    }

    /// Ends the call that the peer has answered. `None` if nobody waits for it.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<CallKey> {
        let key = self.by_id.remove(&id.0)??;
        self.release(key);
        Some(key)
    }

    /// Gives a call up; the request to cancel, if it was sent.
    ///
    /// The peer counts it as in flight until it has answered, so `by_id` does as well.
    pub(super) fn give_up(&mut self, key: CallKey) -> Option<RequestId> {
        match self.slots.get_mut(key.0)? {
            slot @ Slot::Unsent { .. } => {
                // The key is free when the call comes up in `unsent`.
                *slot = Slot::Free;
                None
            }
            Slot::Sent { id, .. } => {
                let id = *id;
                if let Some(waiting) = self.by_id.get_mut(&id.0) {
                    *waiting = None;
                }
                self.release(key);
                Some(id)
            }
            Slot::Free => None,
        }
    }

    /// Ends a call that was never in flight.
    pub(super) fn release(&mut self, key: CallKey) {
        if let Some(slot) = self.slots.get_mut(key.0) {
            *slot = Slot::Free;
            self.free.push(key.0);
        }
    }

    /// Ends every call whose deadline has passed.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Expired> {
        let mut expired = Vec::new();
        if self.earliest.get().is_none_or(|bound| bound > now) {
            return expired;
        }
        self.earliest = Earliest::default();
        for (index, slot) in self.slots.iter().enumerate() {
            let (deadline, id) = match slot {
                Slot::Unsent { deadline: Some(deadline) } => (*deadline, None),
                Slot::Sent { id, deadline: Some(deadline) } => (*deadline, Some(*id)),
                _ => continue,
            };
            if deadline <= now {
                expired.push(Expired { key: CallKey(index), id });
            } else {
                self.earliest.add(deadline);
            }
        }
        for call in &expired {
            self.give_up(call.key);
        }
        expired
    }

    /// Ends every call in flight, because the link that carried them is gone for good.
    pub(super) fn take_in_flight(&mut self) -> Vec<CallKey> {
        let mut keys: Vec<(u64, CallKey)> =
            self.by_id.drain().filter_map(|(id, key)| Some((id, key?))).collect();
        keys.sort_unstable_by_key(|(id, _)| *id);
        for (_, key) in &keys {
            self.release(*key);
        }
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// Ends every call that was not sent.
    pub(super) fn take_unsent(&mut self) -> Vec<CallKey> {
        let mut keys = Vec::new();
        while let Some(unsent) = self.pop_unsent(|_| true) {
            self.release(unsent.key);
            keys.push(unsent.key);
        }
        keys
    }

    /// Frees memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.by_id.is_empty() && self.unsent.is_empty() && self.slots.capacity() > 64 {
            *self = Self { last_id: self.last_id, ..Self::new(self.role) };
        }
    }
}

/// Hashes the ids given out here, which no peer chooses: a multiplication spreads them enough.
#[derive(Debug, Default)]
struct OwnIds(u64);

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
    /// Bytes of parameters in `calls`.
    bytes: usize,
    pub(super) earliest: Earliest,
}

#[derive(Debug)]
struct Taken {
    deadline: Instant,
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

    /// Whether a request with so many bytes of parameters finds a slot.
    pub(super) fn has_room(&self, slots: u32, max_bytes: usize, bytes: usize) -> bool {
        self.calls.len() < slots as usize && (self.calls.is_empty() || self.bytes + bytes <= max_bytes)
    }

    /// Takes a slot until the request is answered.
    pub(super) fn insert(&mut self, id: RequestId, deadline: Instant, bytes: usize) {
        self.earliest.add(deadline);
        self.bytes += bytes;
        self.calls.insert(id.0, Taken { deadline, bytes });
    }

    /// Frees the slot; whether there was one.
    pub(super) fn remove(&mut self, id: RequestId) -> bool {
        match self.calls.remove(&id.0) {
            Some(taken) => {
                self.bytes -= taken.bytes;
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
        if self.earliest.get().is_none_or(|bound| bound > now) {
            return Vec::new();
        }
        self.earliest = Earliest::default();
        let mut expired = Vec::new();
        for (id, taken) in &self.calls {
            if taken.deadline <= now {
                expired.push(RequestId(*id));
            } else {
                self.earliest.add(taken.deadline);
            }
        }
        expired.sort_unstable();
        for id in &expired {
            self.remove(*id);
        }
        expired
    }

    /// Frees all slots and forgets the ids: the peer's next link begins anew.
    pub(super) fn take_all(&mut self) -> Vec<RequestId> {
        let mut ids: Vec<RequestId> = self.calls.keys().map(|id| RequestId(*id)).collect();
        ids.sort_unstable();
        *self = Self::default();
        ids
    }

    /// Frees memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.calls.is_empty() && self.calls.capacity() > 64 {
            self.calls = HashMap::new();
        }
    }
}

/// When a call that may take `timeout` from `now` is over; never, if that is beyond all time.
pub(super) fn deadline(now: Instant, timeout: Duration) -> Option<Instant> {
    now.checked_add(timeout)
}
