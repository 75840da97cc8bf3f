//! The consuming end: items wait in a queue until the application takes them, and the producer learns when it has.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, ready},
};

use serde::de::DeserializeOwned;
use trunkline_core::{DecodeError, Items, Outcome};

use super::streaming::Source;
use crate::handle::Pending;

/// Items that have arrived for a stream and wait for the application.
#[derive(Default)]
pub(crate) struct Flow {
    pub(crate) arrived: VecDeque<Items>,
    /// How far the producer may be ahead, in items and bytes.
    pub(crate) window: (u64, u64),
    /// What the application has taken, and the session was not told.
    pub(crate) eaten: (u64, u64),
    /// What sends the streams among the parameters of a call.
    pub(crate) uploads: Vec<Source>,
}

/// What comes next.
pub(crate) enum Next {
    /// Items, and how far the producer may be ahead.
    Items(Items, (u64, u64)),
    End(Outcome),
}

/// What the application has of a stream.
#[derive(Debug, Default)]
pub(crate) struct Consumer {
    current: Option<Items>,
    window: (u64, u64),
    eaten: (u64, u64),
}

/// An item, or the end of a stream.
pub(crate) enum Polled<T> {
    Item(Result<T, DecodeError>),
    End(Outcome),
}

impl Consumer {
    /// The next item, or the end; must not be called after that.
    pub(crate) fn poll<T: DeserializeOwned>(
        &mut self,
        pending: &Arc<Pending>,
        cx: &Context<'_>,
    ) -> Poll<Polled<T>> {
        loop {
            if let Some((bytes, item)) = self.current.as_mut().and_then(Items::take) {
                self.eat(pending, bytes);
                return Poll::Ready(Polled::Item(item));
            }
            self.current = None;
            match ready!(pending.poll_flow(cx)) {
                Next::Items(items, window) => (self.current, self.window) = (Some(items), window),
                Next::End(outcome) => return Poll::Ready(Polled::End(outcome)),
            }
        }
    }

    /// Tells the session in steps of half of what the producer may be ahead.
    fn eat(&mut self, pending: &Arc<Pending>, bytes: u64) {
        self.eaten = (self.eaten.0 + 1, self.eaten.1 + bytes);
        if self.eaten.0 >= self.window.0.div_ceil(2) || self.eaten.1 >= self.window.1.div_ceil(2) {
            pending.ate(std::mem::take(&mut self.eaten));
        }
    }
}
