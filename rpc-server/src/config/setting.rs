//! The table of settings: the name of each, how its value is read, and how it is written.

use std::{fmt::Display, str::FromStr, time::Duration};

use bytesize::ByteSize;
use trunkline_peer::Rate;

use super::Config;

/// What the names of variables begin with.
pub(super) const ENV: &str = "TRUNKLINE_";

/// One setting.
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// Whether its name with `_ms` is known as well.
    pub(super) is_time: bool,
    /// Reads a value; the error says what to write.
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
    write: fn(&Config) -> String,
}

impl Setting {
    /// Its value as it stands in a file; empty if there is none.
    pub(super) fn written(&self, config: &Config) -> String {
        (self.write)(config)
    }
}

/// The known names, for whoever has used another one.
pub(super) fn known(variables: bool) -> String {
    let name = |name: &str| match variables {
        true => format!("{ENV}{}", name.to_ascii_uppercase()),
        false => name.to_owned(),
    };
    let names: Vec<String> =
        ["profile"].into_iter().chain(SETTINGS.iter().map(|setting| setting.name)).map(name).collect();
    let also = if variables { format!(", and {ENV}CONFIG for a file") } else { String::new() };
    format!("{}{also}; times may be given in milliseconds under their names and `_ms`", names.join(", "))
}

macro_rules! settings {
    ($($name:literal: $kind:ident = $($field:ident).+;)+) => {
        &[$(Setting {
            name: $name,
            is_time: is_time(stringify!($kind)),
            set: |config, text| {
                config.$($field).+ = $kind::read(text)?;
                Ok(())
            },
            write: |config| $kind::write(&config.$($field).+),
        }),+]
    };
}

pub(super) const SETTINGS: &[Setting] = settings! {
    "host": text = host;
    "port": number = port;
    "path": optional_text = path;
    "allow_origins": list = allow_origins;
    "allow_hosts": list = allow_hosts;
    "trusted_proxies": list = trusted_proxies;
    "tls_certificate_file": optional_text = tls_certificate_file;
    "tls_key_file": optional_text = tls_key_file;
    "tls_client_roots_file": optional_text = tls_client_roots_file;
    "heartbeat": time = heartbeat.every;
    "heartbeat_timeout": time = heartbeat.timeout;
    "login_notice": time = expiry.notice;
    "login_grace": time = expiry.grace;
    "shutdown_grace": time = shutdown_grace;
    "tls_timeout": time = limits.tls_timeout;
    "head_timeout": time = limits.head_timeout;
    "upgrade_timeout": time = limits.upgrade_timeout;
    "login_timeout": time = limits.login_timeout;
    "message_timeout": time = limits.message_timeout;
    "stall_timeout": time = limits.stall_timeout;
    "call_timeout": time = limits.session.call_timeout;
    "max_head": size = limits.max_head;
    "max_headers": number = limits.max_headers;
    "max_bytes_before_login": size = limits.max_bytes_before_login;
    "max_messages_before_login": number = limits.max_messages_before_login;
    "max_message_size": size = limits.session.max_packet;
    "max_frames": number = limits.session.max_frames;
    "max_batch": number = limits.session.max_batch;
    "max_depth": number = limits.session.max_depth;
    "max_in_flight": number = limits.session.max_in_flight;
    "max_streams": number = limits.session.max_streams;
    "stream_items": number = limits.session.stream_items;
    "stream_bytes": size = limits.session.stream_bytes;
    "max_params": size = limits.session.max_params;
    "outbound_mark": size = limits.session.outbound_mark;
    "max_outbound": size = limits.session.max_outbound;
    "max_fragments": number = limits.max_fragments;
    "max_reassembly": size = limits.max_reassembly;
    "control_frames": rate = limits.control_frames;
    "max_connections": number = limits.max_connections;
    "max_pending_per_address": number = limits.max_pending_per_address;
    "max_connections_per_address": optional_number = limits.max_connections_per_address;
    "connection_rate": rate = limits.connection_rate;
    "max_connections_per_user": optional_number = limits.max_connections_per_user;
    "max_in_flight_per_user": optional_number = limits.max_in_flight_per_user;
    "messages": rate = limits.messages;
    "bytes": byte_rate = limits.bytes;
    "max_failed_logins": number = limits.max_failed_logins;
    "failed_logins_per_minute": number = limits.failed_logins_per_minute;
    "max_denials": number = limits.max_denials;
};

const fn is_time(kind: &str) -> bool {
    matches!(kind.as_bytes(), b"time")
}

/// What is absent, or no limit at all.
const OFF: &str = "off";

fn is_off(text: &str) -> bool {
    text.trim() == OFF
}

fn quoted(text: impl Display) -> String {
    toml::Value::String(text.to_string()).to_string()
}

mod text {
    pub(super) fn read(text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }

    pub(super) fn write(text: &String) -> String {
        super::quoted(text)
    }
}

mod optional_text {
    #[expect(clippy::unnecessary_wraps, reason = "all kinds are read alike")]
    pub(super) fn read(text: &str) -> Result<Option<String>, String> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    pub(super) fn write(text: &Option<String>) -> String {
        text.as_ref().map(super::quoted).unwrap_or_default()
    }
}

mod list {
    #[expect(clippy::unnecessary_wraps, reason = "all kinds are read alike")]
    pub(super) fn read(text: &str) -> Result<Vec<String>, String> {
        Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    pub(super) fn write(items: &[String]) -> String {
        let items: Vec<String> = items.iter().map(super::quoted).collect();
        format!("[{}]", items.join(", "))
    }
}

mod number {
    use super::{Display, FromStr};

    pub(super) fn read<T: FromStr>(text: &str) -> Result<T, String> {
        text.trim().parse().map_err(|_| format!("`{text}` is not a number that fits"))
    }

    pub(super) fn write<T: Display>(number: &T) -> String {
        number.to_string()
    }
}

mod optional_number {
    use super::{OFF, is_off, number, quoted};

    pub(super) fn read(text: &str) -> Result<Option<usize>, String> {
        if is_off(text) { Ok(None) } else { number::read(text).map(Some) }
    }

    pub(super) fn write(number: &Option<usize>) -> String {
        number.map_or_else(|| quoted(OFF), |number| number.to_string())
    }
}

mod size {
    use super::{ByteSize, quoted};

    pub(super) fn read<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
        let size = text.trim().parse::<ByteSize>().ok().and_then(|size| T::try_from(size.as_u64()).ok());
        size.ok_or_else(|| {
            format!("`{text}` is not a size that fits: write it as `64 KiB`, or a number of bytes")
        })
    }

    pub(super) fn write<T: TryInto<u64> + Copy>(size: &T) -> String {
        let bytes = (*size).try_into().unwrap_or(u64::MAX);
        match [(1 << 20, "MiB"), (1 << 10, "KiB")]
            .into_iter()
            .find(|(unit, _)| bytes > 0 && bytes % unit == 0)
        {
            Some((unit, name)) => quoted(format!("{} {name}", bytes / unit)),
            None => bytes.to_string(),
        }
    }
}

mod time {
    use super::{Duration, quoted};

    pub(super) fn read(text: &str) -> Result<Duration, String> {
        humantime::parse_duration(text.trim())
            .map_err(|_| format!("`{text}` is not a time: write it with its unit, as in `25s` or `1m 30s`"))
    }

    pub(super) fn write(time: &Duration) -> String {
        quoted(humantime::format_duration(*time))
    }
}

mod rate {
    use super::{OFF, Rate, is_off, quoted};

    pub(super) fn read(text: &str) -> Result<Option<Rate>, String> {
        if is_off(text) {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|error: trunkline_core::ConfigError| format!("{error}, or `off`"))
    }

    pub(super) fn write(rate: &Option<Rate>) -> String {
        rate.map_or_else(|| quoted(OFF), quoted)
    }
}

use rate as byte_rate;
