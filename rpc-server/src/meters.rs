//! What the server counts and measures, under the names that `docs/operations.md` lists. Without the feature `metrics` nothing
//! of it is left.
//!
//! Labels are of closed sets: nothing that a peer writes becomes one.

#[cfg(feature = "metrics")]
use std::time::Instant;

use trunkline_core::CloseCode;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was accepted and is no session yet.
    Pending,
    /// It is a session on which nobody is logged in.
    Connected,
    /// It is a session on which somebody is logged in.
    Authenticated,
}

/// Counts a connection as long as it is there.
#[derive(Debug)]
pub(crate) struct Counted {
    #[cfg(feature = "metrics")]
    standing: Standing,
    #[cfg(feature = "metrics")]
    since: Instant,
}

#[cfg(feature = "metrics")]
impl Counted {
    pub(crate) fn new(standing: Standing) -> Self {
        count(standing, 1.0);
        Self { standing, since: trunkline_peer::now() }
    }

    pub(crate) fn set(&mut self, standing: Standing) {
        if self.standing != standing {
            count(self.standing, -1.0);
            count(standing, 1.0);
            self.standing = standing;
        }
    }
}

#[cfg(feature = "metrics")]
impl Drop for Counted {
    fn drop(&mut self) {
        count(self.standing, -1.0);
        if self.standing != Standing::Pending {
            let age = trunkline_peer::now().saturating_duration_since(self.since);
            metrics::histogram!("trunkline_connection_age_seconds").record(age);
        }
    }
}

#[cfg(feature = "metrics")]
fn count(standing: Standing, by: f64) {
    let state = match standing {
        Standing::Pending => "pending",
        Standing::Connected => "connected",
        Standing::Authenticated => "authenticated",
    };
    metrics::gauge!("trunkline_connections", "state" => state).increment(by);
}

#[cfg(not(feature = "metrics"))]
impl Counted {
    pub(crate) fn new(_: Standing) -> Self {
        Self {}
    }

    pub(crate) fn set(&mut self, _: Standing) {}
}

/// A part of the way from a socket to a session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Phase {
    /// From the accepted socket to the answer to the upgrade.
    Upgrade,
    /// From there to the welcome, with the authentication.
    Login,
}

/// Measures a phase, unless it is dropped before its end.
#[derive(Debug)]
pub(crate) struct Measured {
    #[cfg(feature = "metrics")]
    began: Instant,
}

#[cfg(feature = "metrics")]
impl Measured {
    pub(crate) fn begin() -> Self {
        Self { began: trunkline_peer::now() }
    }

    pub(crate) fn end(self, phase: Phase) {
        let phase = match phase {
            Phase::Upgrade => "upgrade",
            Phase::Login => "login",
        };
        let took = trunkline_peer::now().saturating_duration_since(self.began);
        metrics::histogram!("trunkline_handshake_seconds", "phase" => phase).record(took);
    }
}

#[cfg(not(feature = "metrics"))]
impl Measured {
    pub(crate) fn begin() -> Self {
        Self {}
    }

    pub(crate) fn end(self, _: Phase) {}
}

/// A request was not upgraded and answered with this status.
pub(crate) fn refused(status: http::StatusCode) {
    let reason = match status.as_u16() {
        400 => "400",
        403 => "403",
        404 => "404",
        405 => "405",
        421 => "421",
        426 => "426",
        429 => "429",
        431 => "431",
        503 => "503",
        _ => "other",
    };
    rejected(reason);
}

/// A connection was closed with this code before it was a session.
pub(crate) fn hung_up(code: CloseCode) {
    let reason = match code.0 {
        1001 => "1001",
        1002 => "1002",
        1003 => "1003",
        1006 => "1006",
        1007 => "1007",
        1008 => "1008",
        1009 => "1009",
        1011 => "1011",
        1012 => "1012",
        1013 => "1013",
        4400 => "4400",
        4401 => "4401",
        4403 => "4403",
        4408 => "4408",
        4413 => "4413",
        4429 => "4429",
        _ => "other",
    };
    rejected(reason);
}

/// How somebody's credentials were judged.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Judged {
    Accepted,
    Unknown,
    Throttled,
    Failed,
}

impl Judged {
    #[cfg(feature = "metrics")]
    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unknown => "unknown",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
        }
    }
}

/// Credentials were judged, at the hello or by `rpc.login`.
pub(crate) fn judged(result: Judged) {
    #[cfg(feature = "metrics")]
    metrics::counter!("trunkline_auth_total", "result" => result.label()).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = result;
}

/// A login was renewed in band, or was to be.
pub(crate) fn refreshed(accepted: bool) {
    #[cfg(feature = "metrics")]
    {
        let result = if accepted { "accepted" } else { "refused" };
        metrics::counter!("trunkline_auth_refresh_total", "result" => result).increment(1);
    }
    #[cfg(not(feature = "metrics"))]
    let _ = accepted;
}

fn rejected(reason: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("trunkline_handshake_rejected_total", "reason" => reason).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = reason;
}
