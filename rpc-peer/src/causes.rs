//! How errors are written to the log.

use std::{
    error::Error,
    fmt::{self, Write},
};

use crate::panics::contain;

/// An error with all of its causes, each behind a colon: for the log, and never for a peer.
///
/// ```
/// use trunkline_peer::causes;
/// use trunkline_core::{Error, ResultExt};
///
/// let error: Error = "x".parse::<u8>().or_internal().unwrap_err();
/// assert_eq!(causes(&error), "INTERNAL: internal error: invalid digit found in string");
/// ```
pub fn causes(error: &(dyn Error + 'static)) -> String {
    // The text comes from the application, which may also fail to write it.
    let text = contain("an error cannot be written", || {
        let mut text = String::new();
        write(&mut text, error).map(|()| text)
    });
    text.and_then(Result::ok).unwrap_or_else(|| "an error that cannot be written".to_owned())
}

fn write(text: &mut String, error: &(dyn Error + 'static)) -> fmt::Result {
    write!(text, "{error}")?;
    let mut error = error;
    while let Some(cause) = error.source() {
        write!(text, ": {cause}")?;
        error = cause;
    }
    Ok(())
}
