//! Panics of the application's code: each fails the call that it belongs to, and nothing else.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

use trunkline_core::Error;

/// What `work` gives, unless it panics: that is logged as `what`.
pub fn contain<T>(what: &'static str, work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.inspect_err(|panic| tracing::error!(panic = text(&**panic), "{what}")).ok()
}

/// The error of a call for which `what` panicked.
pub(crate) fn panicked(what: &str, panic: &(dyn Any + Send)) -> Error {
    Error::internal().with_detail(format!("the {what} panicked: {}", text(panic)))
}

/// What was said in panicking.
pub(crate) fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default()
}

/// Waits for `work`, a future of the application's; a panic in it is an error that names it as `what`.
///
/// # Errors
///
/// If `work` panics: an internal error, whose detail has the panic's text.
pub async fn contained<T>(what: &str, work: impl Future<Output = T>) -> Result<T, Error> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panicked(what, &*panic))),
    })
    .await
}
