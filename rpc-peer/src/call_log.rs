//! One entry per call for whoever keeps the books, told on a thread of its own.
//!
//! An entry has no parameter, result, header or credential of the call, so nothing has to be taken out of it. The hook can
//! neither slow a call down nor end one: entries wait for it in a bounded queue, and when that is full they are counted and
//! dropped.

use std::{
    fmt,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, SystemTime},
};

use serde::{Serialize, Serializer};
use trunkline_core::{Code, ConfigError, Escaped, Failure, Outcome, RequestId};

use crate::{clock::now, connection::ConnectionId, panics::text, quiet::Quiet};

/// How many entries wait for a hook.
const WAITING: usize = 1024;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CallStatus {
    /// The method returned a result.
    Success,
    /// The method failed, with a typed error or another; or its parameters did not fit.
    Error,
    /// Nobody is logged in, or the login has ended meanwhile.
    InvalidAuth,
    /// A guard refused the call.
    Denied,
    /// A rate limit or a limit on what is in flight refused the call.
    Limited,
    /// There is no such method.
    NotFound,
    /// The method took longer than allowed.
    Timeout,
    /// The caller gave up, or the connection ended before the method did.
    Cancelled,
    /// Not a call but what should have been one: the peer broke the protocol, and its connection is closed.
    BadFrame,
}

impl CallStatus {
    /// The status of a call that was answered. Errors of the method itself are those after execution, whatever their code.
    fn of(outcome: &Outcome) -> Self {
        let error = match outcome {
            Ok(_) => return Self::Success,
            Err(Failure::App(_)) => return Self::Error,
            Err(Failure::Rpc(error)) => error,
        };
        match error.code() {
            _ if error.maybe_executed() => Self::Error,
            Code::Unauthenticated => Self::InvalidAuth,
            Code::PermissionDenied => Self::Denied,
            Code::ResourceExhausted => Self::Limited,
            Code::Unimplemented => Self::NotFound,
            Code::DeadlineExceeded => Self::Timeout,
            _ => Self::Error,
        }
    }

    /// The name, for example `not-found`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::InvalidAuth => "invalid-auth",
            Self::Denied => "denied",
            Self::Limited => "limited",
            Self::NotFound => "not-found",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::BadFrame => "bad-frame",
        }
    }
}

impl fmt::Display for CallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a call ended, as far as it is told.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) status: CallStatus,
    /// `None` for a result.
    pub(crate) code: Option<Code>,
    /// Whether the code is only that of all typed errors.
    pub(crate) is_app: bool,
    pub(crate) reference: Option<String>,
    pub(crate) bytes: usize,
}

impl Ending {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let (code, is_app, reference, bytes) = match outcome {
            Ok(value) => (None, false, None, value.bytes().len()),
            Err(Failure::App(value)) => (Some(Code::Unknown), true, None, value.bytes().len()),
            Err(Failure::Rpc(error)) => {
                (Some(error.code()), false, error.reference().map(ToOwned::to_owned), error.message().len())
            }
        };
        Self { status: CallStatus::of(outcome), code, is_app, reference, bytes }
    }

    /// The code as a name out of a closed set: `OK` for a result, `APP` for a typed error.
    pub(crate) fn label(&self) -> &'static str {
        match self.code {
            _ if self.is_app => "APP",
            Some(code) => code.as_str(),
            None => "OK",
        }
    }

    /// The end of a call whose method was dropped.
    pub(crate) fn early(status: CallStatus, code: Code) -> Self {
        Self { status, code: Some(code), is_app: false, reference: None, bytes: 0 }
    }
}

/// One call that has ended, without anything of what was said in it.
///
/// Its `Display` form is a line for people; `Serialize` gives the same by name.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CallLog {
    /// When the call came in.
    #[serde(serialize_with = "rfc3339")]
    pub time: SystemTime,
    /// The session.
    #[serde(serialize_with = "number")]
    pub connection: ConnectionId,
    /// The number of the request on its session; `None` for a notification.
    pub request: Option<u64>,
    /// Where the peer is.
    pub peer: Option<SocketAddr>,
    /// Who was logged in when the call came in.
    pub user: Option<String>,
    /// The trait of the method; `None` if there is no such method.
    pub service: Option<&'static str>,
    /// The name under which clients know the method. If there is none, what the peer asked for: escaped, and at most 128
    /// bytes of it.
    pub method: String,
    /// What became of the call.
    pub status: CallStatus,
    /// The code of the error that the caller was told; `UNKNOWN` for every typed error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The reference under which the log has the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// From the arrival of the call to its end.
    #[serde(rename = "duration_us", serialize_with = "micros")]
    pub duration: Duration,
    /// Bytes of the call: its parameters, name and head.
    pub request_bytes: usize,
    /// Bytes of the result or error, and of the items of a stream.
    pub response_bytes: usize,
    /// Items of the stream that the method gave.
    #[serde(skip_serializing_if = "is_zero")]
    pub items: u64,
    /// Entries before this one that were dropped because the hook was too slow.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

/// For example `2026-11-25T03:04:05.678Z echo success 0.412 ms connection=7 user=ada peer=192.0.2.1:5123`.
impl fmt::Display for CallLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = humantime::format_rfc3339_millis(self.time);
        let method = if self.method.is_empty() { "-" } else { &self.method };
        write!(f, "{time} {method} {}", self.status)?;
        if let Some(code) = self.code {
            write!(f, " {code}")?;
        }
        write!(f, " {:.3} ms connection={}", self.duration.as_secs_f64() * 1e3, self.connection)?;
        if let Some(user) = &self.user {
            write!(f, " user={user}")?;
        }
        if let Some(peer) = self.peer {
            write!(f, " peer={peer}")?;
        }
        if let Some(reference) = &self.reference {
            write!(f, " ref={reference}")?;
        }
        match self.dropped {
            0 => Ok(()),
            dropped => write!(f, " dropped={dropped}"),
        }
    }
}

impl CallLog {
    /// What the log may show of the id of a user: whoever made the user may have taken it from the peer.
    pub(crate) fn user(id: &str) -> String {
        Escaped(id).to_string()
    }

    pub(crate) fn request(id: Option<RequestId>) -> Option<u64> {
        id.map(|id| id.0)
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_micros(*time))
}

fn number<S: Serializer>(id: &ConnectionId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(id.0)
}

fn micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A hook, and the entries on their way to it.
pub(crate) struct Told {
    queue: SyncSender<CallLog>,
    dropped: Arc<AtomicU64>,
}

impl Told {
    /// Starts the thread of `hook`; it ends with the last entry after this is dropped.
    pub(crate) fn new(hook: impl Fn(&CallLog) + Send + 'static) -> Result<Self, ConfigError> {
        let (queue, entries) = sync_channel(WAITING);
        let spawned =
            thread::Builder::new().name("trunkline-on-log".to_owned()).spawn(move || tell(&entries, hook));
        match spawned {
            Ok(_) => Ok(Self { queue, dropped: Arc::default() }),
            Err(error) => Err(ConfigError(format!("the thread of on_log cannot be started: {error}"))),
        }
    }

    /// Hands an entry over, or drops it if the hook is too far behind.
    pub(crate) fn tell(&self, mut entry: CallLog) {
        entry.dropped = self.dropped.swap(0, Ordering::Relaxed);
        let lost = entry.dropped + 1;
        if self.queue.try_send(entry).is_err() {
            self.dropped.fetch_add(lost, Ordering::Relaxed);
        }
    }
}

fn tell(entries: &Receiver<CallLog>, hook: impl Fn(&CallLog)) {
    let (mut panicked, mut late) = (Quiet::default(), Quiet::default());
    while let Ok(entry) = entries.recv() {
        if entry.dropped > 0
            && let Some(left_out) = late.speak(now())
        {
            tracing::warn!(dropped = entry.dropped, left_out, "on_log is too slow: entries were dropped");
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| hook(&entry)))
            && let Some(left_out) = panicked.speak(now())
        {
            tracing::error!(panic = text(&*panic), left_out, "on_log has panicked");
        }
    }
}

#[cfg(test)]
mod tests;
