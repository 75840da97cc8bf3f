//! Under which names the server is reached. A page that lets its own name point to another machine's address (DNS rebinding)
//! would else be one of the server's own origin.

use std::net::IpAddr;

use http::{HeaderMap, header};
use trunkline_core::ConfigError;

use crate::config::is_private;

/// The names of the server, in lower case, some with a port; any name if there are none.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Vec<String>);

/// Why a request is refused for its host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadHost {
    /// There is none, or more than one.
    Malformed,
    /// It is not one of the server's.
    Unknown(String),
}

impl Hosts {
    /// Takes requests for `host` too, on any port unless it names one.
    pub(crate) fn allow(&mut self, host: &str) -> Result<(), ConfigError> {
        let host = host.trim();
        let fits = host.parse::<http::uri::Authority>().is_ok_and(|parsed| !parsed.as_str().contains('@'));
        if !fits {
            return Err(ConfigError(format!(
                "`{host}` is not a host: write it as `chat.example` or `chat.example:8080`"
            )));
        }
        self.0.push(host.to_ascii_lowercase());
        Ok(())
    }

    /// Whether a request with these headers is for this server.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), BadHost> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => String::from_utf8_lossy(host.as_bytes()).to_ascii_lowercase(),
            (None, None) if self.0.is_empty() => return Ok(()),
            _ => return Err(BadHost::Malformed),
        };
        let is_known = |known: &String| *known == host || *known == name(&host);
        if self.0.is_empty() || self.0.iter().any(is_known) { Ok(()) } else { Err(BadHost::Unknown(host)) }
    }

    /// Whether the `Host` header proves that a page of that host is the server's own, on a connection to the address `local`.
    ///
    /// Anybody can let a name of theirs point into a private network, but nobody can own an address or `localhost`.
    pub(crate) fn are_proof(&self, headers: &HeaderMap, local: Option<IpAddr>) -> bool {
        if !self.0.is_empty() || !local.is_some_and(is_private) {
            return true;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = name(host).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
    }
}

/// The host without its port.
fn name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{BadHost, Hosts};

    fn headers(hosts: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        headers
    }

    #[test]
    fn a_list_holds_for_everybody() {
        let mut hosts = Hosts::default();
        for host in ["Chat.example", "10.0.0.1:8080", "[2001:db8::1]"] {
            hosts.allow(host).unwrap();
        }
        for host in ["chat.example", "CHAT.example:443", "10.0.0.1:8080", "[2001:db8::1]:80", "[2001:db8::1]"]
        {
            assert_eq!(hosts.check(&headers(&[host])), Ok(()), "{host}");
        }
        for host in ["evil.example", "chat.example.evil", "10.0.0.1", "10.0.0.1:80", "xchat.example", ""] {
            assert_eq!(hosts.check(&headers(&[host])), Err(BadHost::Unknown(host.to_owned())));
        }
        assert_eq!(hosts.check(&headers(&[])), Err(BadHost::Malformed));
        assert_eq!(hosts.check(&headers(&["chat.example", "chat.example"])), Err(BadHost::Malformed));
        for wrong in ["", "https://chat.example", "a b", "me@chat.example"] {
            assert!(Hosts::default().allow(wrong).unwrap_err().0.contains("chat.example"), "{wrong}");
        }
    }

    #[test]
    fn without_a_list_a_name_in_a_private_network_proves_nothing() {
        let hosts = Hosts::default();
        let is_proof =
            |host: &str, local: &str| hosts.are_proof(&headers(&[host]), Some(local.parse().unwrap()));
        for local in ["127.0.0.1", "10.0.0.1", "192.168.0.2", "::1", "fd00::1", "::ffff:127.0.0.1"] {
            for host in ["localhost:8080", "app.localhost", "127.0.0.1", "[::1]:80", "192.168.0.2:1"] {
                assert!(is_proof(host, local), "{host} {local}");
            }
            for host in
                ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example"]
            {
                assert!(!is_proof(host, local), "{host} {local}");
            }
        }
        assert!(is_proof("chat.example", "203.0.113.1") && is_proof("chat.example", "2001:db8::1"));
        assert!(hosts.are_proof(&headers(&["x"]), None));
        assert_eq!(hosts.check(&headers(&["evil.example"])), Ok(()));
    }
}
