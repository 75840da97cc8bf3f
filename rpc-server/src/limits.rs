//! Every limit of a server: what it bounds, its unit, its default, and what happens beyond it.
//!
//! Two sets of them are there by name. The profile `default` is for the open internet; `test` has small numbers, so that a test
//! reaches each of them within seconds.

use std::time::Duration;

use trunkline_core::{ConfigError, SessionConfig};
use trunkline_peer::Rate;

const SECOND: Duration = Duration::from_secs(1);

/// The limits of a server.
///
/// A limit that is `None` is off, and costs nothing.
///
/// ```
/// use trunkline_server::Limits;
///
/// let limits = Limits { max_connections: 500, ..Limits::default() };
/// assert!(limits.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long a client may take for the TLS handshake: 10 s unless set. Then the connection is dropped.
    pub tls_timeout: Duration,
    /// How long a client may take for the head of a request, from the connection or the last answer on: 10 s unless set. More
    /// bytes do not extend it. Then the connection is dropped.
    pub head_timeout: Duration,
    /// How long a client may take to take the answer to an upgrade: 10 s unless set. Then the connection is dropped.
    pub upgrade_timeout: Duration,
    /// How long a client may take from the upgrade to its login: 10 s unless set. Then it is closed with 4408.
    pub login_timeout: Duration,
    /// How long a message may take from its first byte to its last: 30 s unless set. More bytes do not extend it. Then the
    /// connection is closed with 4408. For the largest messages it also is the slowest line: 1 MiB in 30 s are 35 KiB/s.
    pub message_timeout: Duration,
    /// How long a client may take none of the bytes that wait for it: 10 s unless set. Then it is closed with 4431.
    pub stall_timeout: Duration,
    /// The largest head of a request, in bytes: 16 KiB unless set, at least 8 KiB. A larger one is answered with 431.
    pub max_head: usize,
    /// The most headers of a request: 64 unless set. More are answered with 431.
    pub max_headers: usize,
    /// How many bytes a client may send before its login: 16 KiB unless set. A message that is larger by its header, and more
    /// in all, closes with 4401.
    pub max_bytes_before_login: usize,
    /// How many messages a client may send before its login, behind the hello: 4 unless set. More close with 4401.
    pub max_messages_before_login: u32,
    /// What holds within a session: sizes, depth, calls in flight, deadlines, the outbound queue.
    pub session: SessionConfig,
    /// The most fragments of one message: 256 unless set, empty ones included. More close with 1008.
    pub max_fragments: u32,
    /// How many bytes the messages of all connections may have that have not arrived whole: 256 MiB unless set. Whoever wants
    /// more is closed with 1013.
    pub max_reassembly: usize,
    /// How many WebSocket pings and pongs a client may send: `10/1s burst 20` unless set. More close with 1008.
    pub control_frames: Option<Rate>,
    /// How many connections there may be at once: 10,000 unless set. One more is answered with 503 and `Retry-After`.
    pub max_connections: usize,
    /// How many connections of one address (for IPv6, one /64) may be there that have not logged in: 64 unless set. One more is
    /// answered with 503 and `Retry-After`.
    pub max_pending_per_address: usize,
    /// How many connections one address (for IPv6, one /64) may have: no limit unless set, since whole companies share an
    /// address. One more is answered with 503 and `Retry-After`.
    pub max_connections_per_address: Option<usize>,
    /// How often one address (for IPv6, one /64) may connect: no limit unless set. More are answered with 429 and
    /// `Retry-After`.
    pub connection_rate: Option<Rate>,
    /// How many connections one user may have: 16 unless set. One more is closed with 4413 after its login.
    pub max_connections_per_user: Option<usize>,
    /// How many calls of all connections of one user may be unanswered at once: 4,096 unless set. One more is refused with
    /// `RESOURCE_EXHAUSTED`.
    pub max_in_flight_per_user: Option<usize>,
    /// How many calls and notifications may come on a connection, and on all connections of a user: no limit unless set. More
    /// are refused with `RESOURCE_EXHAUSTED` and the time to wait; whoever goes on like that for 5 s is closed with 4429.
    pub messages: Option<Rate>,
    /// How many bytes may come on a connection, and on all connections of a user: no limit unless set. The calls in what is
    /// beyond are refused with `RESOURCE_EXHAUSTED` and the time to wait; whoever goes on like that for 5 s is closed with 4429.
    pub bytes: Option<Rate>,
    /// How many logins may fail on one connection: 3 unless set. The last of them closes with 4401.
    pub max_failed_logins: u32,
    /// How many logins may fail in a minute from one address (for IPv6, one /64), and of those who say that they are one user:
    /// 10 unless set. Whoever has used them up is not judged, but refused with `RESOURCE_EXHAUSTED` or closed with 4429.
    pub failed_logins_per_minute: u32,
    /// How many calls guards may refuse on a connection in one second: 3 unless set. One more closes with 4429.
    pub max_denials: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tls_timeout: 10 * SECOND,
            head_timeout: 10 * SECOND,
            upgrade_timeout: 10 * SECOND,
            login_timeout: 10 * SECOND,
            message_timeout: 30 * SECOND,
            stall_timeout: 10 * SECOND,
            max_head: 16 << 10,
            max_headers: 64,
            max_bytes_before_login: 16 << 10,
            max_messages_before_login: 4,
            session: SessionConfig::default(),
            max_fragments: 256,
            max_reassembly: 256 << 20,
            control_frames: Some(Rate::new(10, SECOND).with_burst(20)),
            max_connections: 10_000,
            max_pending_per_address: 64,
            max_connections_per_address: None,
            connection_rate: None,
            max_connections_per_user: Some(16),
            max_in_flight_per_user: Some(4096),
            messages: None,
            bytes: None,
            max_failed_logins: 3,
            failed_logins_per_minute: 10,
            max_denials: 3,
        }
    }
}

impl Limits {
    /// Small numbers, for tests that want to reach each limit within seconds.
    pub fn test() -> Self {
        Self {
            tls_timeout: 2 * SECOND,
            head_timeout: 2 * SECOND,
            upgrade_timeout: 2 * SECOND,
            login_timeout: 2 * SECOND,
            message_timeout: 3 * SECOND,
            stall_timeout: 3 * SECOND,
            session: SessionConfig {
                max_packet: 64 << 10,
                max_in_flight: 8,
                max_streams: 8,
                call_timeout: 5 * SECOND,
                outbound_mark: 64 << 10,
                max_outbound: 256 << 10,
                ..SessionConfig::default()
            },
            max_fragments: 64,
            max_reassembly: 16 << 20,
            max_connections: 200,
            max_pending_per_address: 8,
            max_connections_per_address: Some(64),
            connection_rate: Some(Rate::new(10, SECOND).with_burst(20)),
            max_connections_per_user: Some(4),
            max_in_flight_per_user: Some(16),
            messages: Some(Rate::new(50, SECOND).with_burst(100)),
            bytes: Some(Rate::new(256 << 10, SECOND).with_burst(1 << 20)),
            ..Self::default()
        }
    }

    /// The limits of a profile, `default` or `test`.
    ///
    /// # Errors
    ///
    /// If there is none of this name.
    pub fn profile(name: &str) -> Result<Self, ConfigError> {
        match name {
            "default" => Ok(Self::default()),
            "test" => Ok(Self::test()),
            _ => Err(ConfigError(format!("there is no profile `{name}`: write `default` or `test`"))),
        }
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    ///
    /// Naming the limit and what it may be.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.session.check()?;
        for (name, time) in [
            ("tls_timeout", self.tls_timeout),
            ("head_timeout", self.head_timeout),
            ("upgrade_timeout", self.upgrade_timeout),
            ("login_timeout", self.login_timeout),
            ("message_timeout", self.message_timeout),
            ("stall_timeout", self.stall_timeout),
        ] {
            rule(!time.is_zero(), || format!("{name} is more than zero"))?;
        }
        for (name, count) in [
            ("max_headers", self.max_headers),
            ("max_messages_before_login", self.max_messages_before_login as usize),
            ("max_fragments", self.max_fragments as usize),
            ("max_failed_logins", self.max_failed_logins as usize),
            ("failed_logins_per_minute", self.failed_logins_per_minute as usize),
            ("max_connections", self.max_connections),
            ("max_pending_per_address", self.max_pending_per_address),
            ("max_connections_per_address", self.max_connections_per_address.unwrap_or(1)),
            ("max_connections_per_user", self.max_connections_per_user.unwrap_or(1)),
            ("max_in_flight_per_user", self.max_in_flight_per_user.unwrap_or(1)),
        ] {
            rule(count > 0, || format!("{name} is at least 1"))?;
        }
        for (name, rate) in [
            ("control_frames", self.control_frames),
            ("connection_rate", self.connection_rate),
            ("messages", self.messages),
            ("bytes", self.bytes),
        ] {
            rate.as_ref()
                .map_or(Ok(()), Rate::check)
                .map_err(|ConfigError(why)| ConfigError(format!("{name}: {why}")))?;
        }
        let packet = self.session.max_packet;
        rule(self.max_head >= SMALLEST_HEAD, || format!("max_head is at least {SMALLEST_HEAD} bytes"))?;
        rule(self.max_bytes_before_login >= 1024, || "max_bytes_before_login is at least 1024".to_owned())?;
        rule(self.max_reassembly >= packet as usize, || {
            format!("max_reassembly is at least max_packet, which is {packet} bytes")
        })?;
        rule(self.bytes.is_none_or(|rate| rate.burst >= packet), || {
            format!("the burst of `bytes` is at least max_packet, which is {packet} bytes")
        })
    }
}

/// The smallest buffer in which hyper reads a head.
const SMALLEST_HEAD: usize = 8 << 10;

fn rule(holds: bool, text: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError(text())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_checked() {
        for limits in [Limits::default(), Limits::test()] {
            assert_eq!(limits.check(), Ok(()));
        }
        let rate = |limit| Some(Rate::new(limit, SECOND));
        let good = Limits::default;
        for (limits, name) in [
            (Limits { tls_timeout: Duration::ZERO, ..good() }, "tls_timeout"),
            (Limits { head_timeout: Duration::ZERO, ..good() }, "head_timeout"),
            (Limits { upgrade_timeout: Duration::ZERO, ..good() }, "upgrade_timeout"),
            (Limits { login_timeout: Duration::ZERO, ..good() }, "login_timeout"),
            (Limits { message_timeout: Duration::ZERO, ..good() }, "message_timeout"),
            (Limits { stall_timeout: Duration::ZERO, ..good() }, "stall_timeout"),
            (Limits { max_head: 8191, ..good() }, "max_head"),
            (Limits { max_headers: 0, ..good() }, "max_headers"),
            (Limits { max_bytes_before_login: 0, ..good() }, "max_bytes_before_login"),
            (Limits { max_messages_before_login: 0, ..good() }, "max_messages_before_login"),
            (Limits { max_fragments: 0, ..good() }, "max_fragments"),
            (Limits { max_reassembly: 1 << 19, ..good() }, "max_reassembly"),
            (Limits { control_frames: rate(0), ..good() }, "control_frames"),
            (Limits { max_failed_logins: 0, ..good() }, "max_failed_logins"),
            (Limits { failed_logins_per_minute: 0, ..good() }, "failed_logins_per_minute"),
            (Limits { max_connections: 0, ..good() }, "max_connections"),
            (Limits { max_pending_per_address: 0, ..good() }, "max_pending_per_address"),
            (Limits { max_connections_per_address: Some(0), ..good() }, "max_connections_per_address"),
            (Limits { connection_rate: rate(0), ..good() }, "connection_rate"),
            (Limits { max_connections_per_user: Some(0), ..good() }, "max_connections_per_user"),
            (Limits { max_in_flight_per_user: Some(0), ..good() }, "max_in_flight_per_user"),
            (Limits { messages: rate(0), ..good() }, "messages"),
            (Limits { bytes: rate(100), ..good() }, "bytes"),
            (
                Limits { session: SessionConfig { max_depth: 0, ..SessionConfig::default() }, ..good() },
                "max_depth",
            ),
        ] {
            let ConfigError(text) = limits.check().unwrap_err();
            assert!(text.contains(name), "{text}");
        }
        assert!(Limits::profile("tests").unwrap_err().0.contains("`default` or `test`"));
    }
}
