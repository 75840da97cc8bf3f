//! What a session does for peers that speak JSON-RPC: documents in, and entries of batches out. The tables are in
//! [`super::documents`].

use bytes::Bytes;

use super::{
    Event, Session,
    documents::{BatchKey, Complete, Origin},
};
use crate::{
    message::{Failure, Outcome},
    protocol::{
        Id, ValueKind,
        jsonrpc::{self, Document, Entry},
    },
};

impl Session {
    pub(super) fn handle_document(&mut self, body: &Bytes) {
        match jsonrpc::decode(body, self.config.max_batch) {
            Document::Single(entry) => self.handle_entry(entry, None),
            Document::Broken(broken) => {
                self.others = self.others.saturating_add(1);
                self.push_document(|body| jsonrpc::encode_broken(broken, body));
            }
            Document::Batch(entries) => {
                let ids = || entries.iter().filter_map(Entry::answered_under);
                let batch = match ids().count() {
                    0 => None,
                    count => match self.open_batch(count, ids().map(Id::len).sum()) {
                        Some(key) => Some(key),
                        None => {
                            let broken = jsonrpc::Broken::NoRoom;
                            return self.push_document(|body| jsonrpc::encode_broken(broken, body));
                        }
                    },
                };
                for entry in entries {
                    self.handle_entry(entry, batch);
                }
            }
        }
    }

    fn open_batch(&mut self, entries: usize, ids: usize) -> Option<BatchKey> {
        self.documents.as_mut()?.open(entries, ids)
    }

    fn handle_entry(&mut self, entry: Entry, batch: Option<BatchKey>) {
        self.others = self.others.saturating_add(u32::from(!matches!(entry, Entry::Request(..))));
        match entry {
            Entry::Request(id, mut request) => {
                let documents = self.documents.as_mut();
                request.id = id.zip(documents).map(|(id, documents)| documents.begin(Origin { id, batch }));
                request.depth = self.config.max_depth;
                self.report(Event::Request(request));
            }
            Entry::Answer(Some(id), outcome) => self.handle_answer(id, None, outcome),
            Entry::Answer(None, _) => {}
            Entry::Invalid(id, rule) => match batch {
                None => self.push_document(|body| jsonrpc::encode_invalid_entry(&id, rule, body)),
                Some(key) => {
                    self.push_entry(key, &id, 0, false, |body| {
                        jsonrpc::encode_invalid_entry(&id, rule, body)
                    });
                }
            },
        }
    }

    pub(super) fn push_outcome_of_batch(&mut self, key: BatchKey, id: &Id, outcome: &Outcome) {
        let protocol = self.protocol;
        let (kind, value) = match outcome {
            Ok(value) => (ValueKind::Ok, value),
            Err(Failure::App(value)) => (ValueKind::App, value),
            Err(Failure::Rpc(error)) => {
                let len = error.message().len();
                return self.push_entry(key, id, len, false, |body| protocol.encode_failure(id, error, body));
            }
        };
        let len = value.bytes().len();
        self.push_entry(key, id, len, true, |body| protocol.encode_value(kind, id, value, body));
    }

    /// Adds an entry to the answer of a batch, which goes out with the last one.
    pub(super) fn push_entry(
        &mut self,
        key: BatchKey,
        id: &Id,
        len: usize,
        is_result: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let complete =
            self.documents.as_mut().and_then(|documents| documents.add(key, id, len, is_result, write));
        if let Some(complete) = complete {
            self.push_batch(complete);
        }
    }

    pub(super) fn push_batch(&mut self, batch: Complete) {
        if self.link.is_some() {
            self.outbox.push_document(batch.body, batch.results);
        }
    }

    /// Adds a document that is no outcome of a call.
    pub(super) fn push_document(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.link.is_some() {
            // Every peer takes a document of this size.
            let _ = self.outbox.push(128, write);
        }
    }
}
