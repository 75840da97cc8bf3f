//! Lines of the log that are about no session yet, so that whoever connects can cause them at will.

use std::{
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use trunkline_peer::{QuietKinds, Turn, now};

/// What the log was told: a line a minute of each kind, of which 16 are told apart.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<QuietKinds>);

impl Lines {
    /// Whether a line of this `kind` may be written now: then how many were left out since the last.
    pub(crate) fn speak(&self, kind: impl Hash) -> Option<u64> {
        // Nothing that holds this lock can panic half-way through a change.
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kinds.speak(now(), kind, || ()) {
            Turn::Speak(left_out) => Some(left_out),
            Turn::Said(()) | Turn::TooMany => None,
        }
    }
}
