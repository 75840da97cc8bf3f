//! What a session has to remember of JSON-RPC documents: the ids that the peer waits for, and batches whose answers are
//! not all there.

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::calls::OwnIds;
use crate::{
    message::RequestId,
    protocol::{Id, jsonrpc},
};

/// What an entry of a batch reserves for its answer, beside its id: enough to say that the answer itself had no room.
const ENTRY: usize = 192;

/// Where the answer to a request goes.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) id: Id,
    /// The batch that it was a part of.
    pub(super) batch: Option<BatchKey>,
}

/// The number of a batch, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchKey(u64);

/// The answers to a batch, as far as they are there.
#[derive(Debug)]
struct Batch {
    body: Vec<u8>,
    /// Entries without an answer.
    left: usize,
    /// Bytes of results, which a peer cannot cause without reading.
    results: usize,
}

/// An answer to a whole batch.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) body: Vec<u8>,
    /// How much of it are results.
    pub(super) results: usize,
}

/// The documents of one session that are not answered.
#[derive(Debug, Default)]
pub(super) struct Documents {
    last_number: u64,
    origins: HashMap<u64, Origin, BuildHasherDefault<OwnIds>>,
    last_batch: u64,
    batches: HashMap<u64, Batch, BuildHasherDefault<OwnIds>>,
    /// Bytes that unanswered batches hold, or have reserved.
    held: usize,
    /// The most that they may.
    max_held: usize,
}

impl Documents {
    /// Sets how many bytes all unanswered batches may hold together.
    pub(super) fn set_limit(&mut self, max_held: usize) {
        self.max_held = max_held;
    }

    /// Numbers a request of the peer, whose own numbers are odd.
    pub(super) fn begin(&mut self, origin: Origin) -> RequestId {
        let number = self.last_number * 2 + 1;
        self.last_number += 1;
        self.origins.insert(number, origin);
        RequestId(number)
    }

    /// Where the answer goes; each request has one.
    pub(super) fn take(&mut self, id: RequestId) -> Option<Origin> {
        self.origins.remove(&id.0)
    }

    /// Begins a batch of which so many entries, with ids of so many bytes in all, want an answer. `None` if there is no room
    /// to say no more than that their answers have none.
    pub(super) fn open(&mut self, entries: usize, ids: usize) -> Option<BatchKey> {
        let reserved = entries * ENTRY + ids;
        if self.held + reserved > self.max_held {
            return None;
        }
        self.held += reserved;
        self.last_batch += 1;
        let batch = Batch { body: Vec::with_capacity(entries * 64), left: entries, results: 0 };
        self.batches.insert(self.last_batch, batch);
        Some(BatchKey(self.last_batch))
    }

    /// Adds the answer to an entry, which `write` appends and which takes about `len` bytes, or says why it is not there.
    /// The last one completes the batch.
    pub(super) fn add(
        &mut self,
        BatchKey(key): BatchKey,
        id: &Id,
        len: usize,
        is_result: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<Complete> {
        let batch = self.batches.get_mut(&key)?;
        self.held -= ENTRY + id.len();
        batch.body.push(if batch.body.is_empty() { b'[' } else { b',' });
        let start = batch.body.len();
        if self.held + len <= self.max_held {
            write(&mut batch.body);
        }
        let written = batch.body.len() - start;
        if written == 0 || self.held + written + 2 > self.max_held {
            batch.body.truncate(start);
            jsonrpc::encode_no_room(id, &mut batch.body);
        } else if is_result {
            batch.results += written;
        }
        self.held += batch.body.len() - start + 1;
        batch.left -= 1;
        if batch.left > 0 {
            return None;
        }
        self.close(key)
    }

    /// Gives up waiting: the batches as far as they are answered.
    pub(super) fn end(&mut self) -> Vec<Complete> {
        self.origins.clear();
        let mut keys: Vec<u64> = self.batches.keys().copied().collect();
        keys.sort_unstable();
        let ended = keys.into_iter().filter_map(|key| self.close(key)).collect();
        self.held = 0;
        ended
    }

    fn close(&mut self, key: u64) -> Option<Complete> {
        let Batch { mut body, results, .. } = self.batches.remove(&key)?;
        self.held -= body.len();
        if body.is_empty() {
            return None;
        }
        body.push(b']');
        Some(Complete { body, results })
    }

    /// Requests without an answer.
    pub(super) fn len(&self) -> usize {
        self.origins.len()
    }

    /// Frees memory that only a burst needed.
    pub(super) fn shrink(&mut self) {
        if self.origins.is_empty() && self.origins.capacity() > 64 {
            self.origins = HashMap::default();
        }
        if self.batches.is_empty() && self.batches.capacity() > 16 {
            self.batches = HashMap::default();
        }
    }
}
