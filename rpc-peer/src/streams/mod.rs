//! Streams: what a method gives or takes in place of one value.
//!
//! Whoever produces one polls it in the driver's task, as a handler (`outlet`); whoever consumes one takes items out of a queue
//! (`consumer`) that the driver fills, many at a time. How far the producer may be ahead is the session's business.

mod consumer;
mod outlet;
mod streaming;
mod subscription;

pub(crate) use self::{
    consumer::{Flow, Next},
    outlet::{Outlet, Pump},
    streaming::Source,
};
pub use self::{
    streaming::{Streaming, Uploads, WithUploads},
    subscription::{StreamOf, Subscription},
};

/// A stream of any type, for a method whose streams are of several.
pub type BoxStream<T> = std::pin::Pin<Box<dyn futures_core::Stream<Item = T> + Send>>;
