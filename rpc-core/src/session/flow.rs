//! What a session does for streams: items in and out, credit, uploads and their ends. The tables are in [`super::streams`].

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    CallKey, Event, Expects, Inflow, Queued, Session,
    calls::Kind,
    not_available_in_value,
    outbox::Outbox,
    streams::{self, Amount, Receiver},
};
use crate::{
    error::{Code, Error, ProtocolError},
    items::{ItemBatch, Run},
    link::Link,
    message::{Message, Outcome, Request, RequestId, ValueHead},
    protocol::{self, Frames, Id},
};

impl Session {
    /// The application wants no more of an upload of the peer: there will be no event for it. The peer is told.
    pub fn leave_upload(&mut self, upload: RequestId) {
        if self.streams.as_mut().is_some_and(|streams| streams.leave_upload(upload)) {
            self.push(&Message::Cancel(upload));
        }
    }

    /// The application has taken items of a stream, with so many bytes of credit: the peer may send as many more.
    pub fn consume(&mut self, stream: Inflow, items: u64, bytes: u64) {
        let id = match stream {
            Inflow::Call(key) => self.outgoing.id_of(key),
            Inflow::Upload(id) => Some(id),
        };
        let own = self.config.limits();
        if let (Some(id), Some(streams)) = (id, &mut self.streams)
            && let Some(Amount { items, bytes }) = streams.eat(id, Amount { items, bytes }, own)
        {
            self.push(&Message::Credit { id, items, bytes });
        }
    }

    /// Whether a request of the peer that gives a stream finds a slot. If not, refuse it with [`Self::streams_refusal`].
    pub fn has_room_for_stream(&self, request: &Request) -> bool {
        let taken = self.streams.as_ref().map_or(0, |streams| streams.taken);
        let load = self.incoming.load(Kind::Stream);
        taken < self.config.max_streams as usize
            && load.has_room(self.config.max_streams, self.config.max_params, request.params_len())
    }

    /// What to tell a peer that has more streams than allowed.
    pub fn streams_refusal(&self) -> Error {
        let message = format!(
            "more than {} streams, or {} bytes of parameters of calls that give one, at once",
            self.config.max_streams, self.config.max_params
        );
        Error::new(Code::ResourceExhausted, message)
    }

    /// As [`Self::take`], for a request that has streams among its parameters or, if `gives`, gives one. Such a method may go on
    /// for ever where nobody says otherwise.
    pub fn take_streaming(
        &mut self,
        now: Instant,
        id: RequestId,
        gives: bool,
        timeout: Option<Duration>,
        asked: Option<Duration>,
        params_len: usize,
    ) {
        if self.link.is_none() {
            return self.report(Event::Cancelled(id));
        }
        let timeout = [timeout, asked].into_iter().flatten().min();
        let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
        let kind = if gives { Kind::Stream } else { Kind::Request };
        self.incoming.insert(id, kind, deadline, params_len);
        if gives {
            let peer = self.peer_limits;
            self.streams.get_or_insert_default().begin(id, peer);
        }
    }

    /// How many items and bytes of a stream the peer may have sent that the application has not taken.
    pub fn window(&self) -> (u64, u64) {
        (self.config.stream_items.into(), self.config.stream_bytes.into())
    }

    /// Begins to write items of a stream that is produced here.
    pub fn batch(&self, id: RequestId) -> ItemBatch {
        let js = self.link.as_ref().is_some_and(Link::peer_is_js);
        ItemBatch::new(self.codec(), id, js, self.outbox.limit())
    }

    /// How many items and bytes of a stream that is produced here may be sent now. An item may be sent while both are
    /// left. Nothing while enough of all streams waits to be sent: look again when that has changed.
    pub fn room(&self, id: RequestId) -> (u64, u64) {
        if self.link.is_none() || !self.wants_items() {
            return (0, 0);
        }
        let room = self.streams.as_ref().and_then(|streams| streams.room(id));
        room.map_or((0, 0), |room| (room.items, room.bytes))
    }

    /// Whether less of all streams waits to be sent than the outbound mark.
    pub fn wants_items(&self) -> bool {
        self.bulk.as_ref().is_none_or(|bulk| bulk.len() < self.config.outbound_mark)
    }

    /// Sends items, for which there was [room](Self::room). They go behind all calls and answers.
    pub fn send_items(&mut self, batch: &mut ItemBatch) {
        let (id, amount) = (batch.id(), Amount { items: batch.items(), bytes: batch.bytes() });
        let is_there = self.streams.as_mut().is_some_and(|streams| streams.sent(id, amount));
        for body in batch.take() {
            if is_there && self.link.is_some() {
                self.bulk_mut().push_frames(body);
            }
        }
    }

    /// Ends an upload from here; nothing happens if it was cancelled, or its call is over.
    pub fn end_upload(&mut self, upload: RequestId, outcome: Outcome) {
        if self.streams.as_mut().is_some_and(|streams| streams.end_own_upload(upload)) {
            self.push_checked(&Id::Number(upload.0), outcome, true);
        }
    }

    /// Whether there can be streams.
    pub fn has_streams(&self) -> bool {
        self.documents.is_none()
    }

    pub(super) fn bulk_mut(&mut self) -> &mut Outbox {
        let (protocol, limit) = (self.protocol, self.outbox.limit());
        self.bulk.get_or_insert_with(|| {
            let mut bulk = Outbox::new(protocol);
            bulk.set_limit(limit);
            Box::new(bulk)
        })
    }

    /// Takes an item, together with those of the same stream beside it.
    pub(super) fn handle_item(
        &mut self,
        frames: &Frames,
        run: &mut Option<Run>,
        place: (usize, usize),
    ) -> Result<(), ProtocolError> {
        let (id, head, value) = protocol::decode_item(self.codec(), frames.get(place))?;
        if run.as_ref().is_none_or(|run| run.id != id) {
            self.finish_run(run.take(), frames.body());
            *run = self.begin_run(id, place.0);
        }
        if let Some(going) = run {
            if !going.push(place, value) {
                return Err(ProtocolError::CreditExceeded(id));
            }
            if let Some(what) = head.as_deref().and_then(not_available_in_value) {
                self.finish_run(run.take(), frames.body());
                self.fail_inflow(id, Error::new(Code::Unimplemented, what));
            }
        } else {
            // What belongs to a stream is within its credit.
            self.others = self.others.saturating_add(1);
        }
        Ok(())
    }

    /// Where the items under `id` go, the first of which is at `start` in its packet; `None` if nowhere.
    pub(super) fn begin_run(&mut self, id: RequestId, start: usize) -> Option<Run> {
        let waits = self.outgoing.waits_for(id).is_some();
        let receiver = match &self.streams {
            Some(streams) => streams.receiver(id, start, waits),
            None => waits.then_some(Receiver::NotExpected),
        };
        match receiver? {
            Receiver::Stream(run) => Some(run),
            Receiver::NotExpected => {
                let message = "the method gives a stream, and the call expected one result: call it as one that streams";
                self.fail_inflow(id, Error::new(Code::Unimplemented, message));
                None
            }
        }
    }

    /// Ends a stream, or a call, of which something has come that nobody can take here.
    pub(super) fn fail_inflow(&mut self, id: RequestId, error: Error) {
        let failed = Err(error.after_execution().into());
        if let Some(key) = self.outgoing.waits_for(id) {
            self.end_uploads_of(id);
            self.outgoing.forget(id);
            self.outgoing.finish(key);
            self.report(Event::Answered(key, failed));
            self.push(&Message::Cancel(id));
        } else if self.streams.as_mut().is_some_and(|streams| streams.leave_upload(id)) {
            self.report(Event::Ended(id, failed));
            self.push(&Message::Cancel(id));
        }
    }

    pub(super) fn finish_run(&mut self, run: Option<Run>, packet: &Bytes) {
        let (Some(run), Some(streams)) = (run, &mut self.streams) else { return };
        if let Some(key) = streams.got(&run) {
            let id = run.id;
            let items = run.into_items(self.protocol.codec(), self.config.max_depth, packet);
            self.events.push_back(Queued::Items(id, key, items));
        }
    }

    pub(super) fn handle_upload_end(&mut self, id: RequestId, head: Option<&ValueHead>, outcome: Outcome) {
        let Some(streams) = &mut self.streams else { return };
        // Whoever has left it was told of its end.
        let wanted = streams.leave_upload(id);
        streams.end_upload(id);
        if wanted {
            let outcome = match head.and_then(not_available_in_value) {
                None => outcome,
                Some(what) => Err(Error::new(Code::Unimplemented, what).after_execution().into()),
            };
            self.report(Event::Ended(id, outcome));
        }
    }

    /// Notes the streams of a call that was sent, and tells of its uploads.
    pub(super) fn open_streams(&mut self, key: CallKey, id: RequestId, expects: Expects) {
        if !expects.any() {
            return;
        }
        let uploads = self.outgoing.draw(id, expects.uploads);
        let (own, peer) = (self.config.limits(), self.peer_limits);
        let streams = self.streams.get_or_insert_default();
        streams.opened(key, id, expects.stream, uploads.clone(), own, peer);
        if !uploads.is_empty() {
            self.report(Event::Opened(key, uploads));
        }
    }

    /// Whether the call of these uploads still is what its key names.
    pub(super) fn has_opened(&self, key: CallKey, uploads: &[RequestId]) -> bool {
        uploads.first().is_some_and(|first| self.outgoing.names(key, RequestId(first.0 - 2)))
    }

    /// A call made here is given up: its uploads end.
    pub(super) fn end_uploads_of(&mut self, id: RequestId) {
        let uploads = self.streams.as_mut().map(|streams| streams.give_up(id)).unwrap_or_default();
        for upload in uploads {
            self.report(Event::Cancelled(upload));
        }
    }

    /// The peer wants no more of an upload; whether it was running.
    pub(super) fn cancel_upload(&mut self, id: RequestId) -> bool {
        let cancelled = self.streams.as_mut().is_some_and(|streams| streams.end_own_upload(id));
        if cancelled {
            let error = Error::new(Code::Cancelled, "cancelled by the receiver").after_execution();
            self.push_checked(&Id::Number(id.0), Err(error.into()), true);
        }
        cancelled
    }

    pub(super) fn check_streams(&self, expects: Expects) -> Result<(), Error> {
        if expects.any() && self.documents.is_some() {
            let message = "JSON-RPC has no streams: the peer has to speak the native protocol";
            return Err(Error::new(Code::Unimplemented, message));
        }
        let (count, max) = (expects.count(), self.peer_limits.streams as usize);
        if count > max || expects.uploads as usize > streams::MAX_UPLOADS {
            let message = format!("the call has {count} streams, and the peer takes {max} at once");
            return Err(Error::new(Code::ResourceExhausted, message));
        }
        Ok(())
    }
}
