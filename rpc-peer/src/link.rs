//! What happens to the socket under a session.

use std::{io, sync::Arc};

use trunkline_core::ProtocolError;

/// What has happened to the socket of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkEvent {
    /// It is gone without a close frame. The session ends with it: in this version none is resumed.
    Lost,
}

/// How a connection broke.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer broke a rule, was silent for too long, reads too slowly, or goes on although it was refused.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// Nobody has logged in within the time for it.
    #[error("no login in time")]
    NoLogin,
    /// The peer is gone without a close frame; the cause is there if the system tells one.
    #[error("the connection was lost")]
    Lost(#[source] Option<Arc<io::Error>>),
}
