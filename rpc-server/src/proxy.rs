//! Who a client is behind a proxy. Whatever a client says of its own address is worth nothing; what a proxy says that the
//! operator has named is believed, and only the part that it has added.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use trunkline_core::ConfigError;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word is taken.
#[derive(Debug, Default)]
pub(crate) struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Believes a proxy at an address, or all in a network such as `10.0.0.0/8`.
    pub(crate) fn trust(&mut self, network: &str) -> Result<(), ConfigError> {
        let network = network.trim();
        let parsed =
            network.parse::<IpNet>().ok().or_else(|| network.parse::<IpAddr>().ok().map(IpNet::from));
        self.0.push(parsed.ok_or_else(|| {
            ConfigError(format!(
                "`{network}` is not an address: write it as `10.0.0.7`, or as a network, `10.0.0.0/8`"
            ))
        })?);
        Ok(())
    }

    /// Whether a proxy at `addr` is believed.
    pub(crate) fn trusts(&self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        self.0.iter().any(|network| network.contains(&addr))
    }

    /// Where the client is that a request with these headers comes from, over a connection from `peer`.
    ///
    /// Each proxy adds the address that it was reached from at the end, so the last one that is no trusted proxy is the client.
    /// A client can send both kinds of headers, and a proxy may set one and hand on the other: if they disagree, neither is
    /// believed.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        if !self.trusts(peer.ip()) {
            return peer;
        }
        let forwarded = self.last_untrusted(elements(headers, &header::FORWARDED).map(for_of));
        let x_forwarded = self.last_untrusted(elements(headers, &X_FORWARDED_FOR).map(Some));
        match (forwarded, x_forwarded) {
            (None, None) => peer,
            (Some(one), Some(other)) if one.map(|addr| addr.ip()) != other.map(|addr| addr.ip()) => peer,
            (Some(client), _) | (None, Some(client)) => client.unwrap_or(peer),
        }
    }

    /// The last address that is no trusted proxy's. `None`: there are no addresses; `Some(None)`: it is not known.
    fn last_untrusted<'a>(
        &self,
        nodes: impl DoubleEndedIterator<Item = Option<&'a str>>,
    ) -> Option<Option<SocketAddr>> {
        let mut last = None;
        for node in nodes.rev() {
            let addr = node.and_then(address);
            let trusted = addr.is_some_and(|addr| self.trusts(addr.ip()));
            last = Some(addr);
            if !trusted {
                break;
            }
        }
        last
    }
}

/// The elements of a header that is a list, in all of its lines.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a str> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    lines.into_iter().flat_map(|line| line.split(',')).map(str::trim).filter(|element| !element.is_empty())
}

/// The parameter `for` of an element of `Forwarded` (RFC 7239, section 4).
fn for_of(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// An address, with or without a port and brackets (RFC 7239, section 6).
fn address(node: &str) -> Option<SocketAddr> {
    let bare = |node: &str| node.parse::<IpAddr>().ok().map(|addr| SocketAddr::new(addr, 0));
    let brackets = || bare(node.strip_prefix('[')?.strip_suffix(']')?);
    node.parse::<SocketAddr>().ok().or_else(|| bare(node)).or_else(brackets)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::Proxies;

    fn client(peer: &str, headers: &[(&str, &str)]) -> String {
        let mut proxies = Proxies::default();
        for network in ["10.0.0.0/8", "192.0.2.7", "fd00::/8"] {
            proxies.trust(network).unwrap();
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn only_what_a_trusted_proxy_has_added_is_believed() {
        let (proxy, stranger) = ("10.1.2.3:80", "203.0.113.9:80");
        for (peer, headers, expected) in [
            (stranger, &[("x-forwarded-for", "1.1.1.1")][..], stranger),
            (stranger, &[("forwarded", "for=1.1.1.1")], stranger),
            (proxy, &[], proxy),
            (proxy, &[("x-forwarded-for", "1.1.1.1")], "1.1.1.1:0"),
            (proxy, &[("x-forwarded-for", "6.6.6.6, 1.1.1.1")], "1.1.1.1:0"),
            (proxy, &[("x-forwarded-for", "6.6.6.6, 1.1.1.1, 192.0.2.7, 10.9.9.9")], "1.1.1.1:0"),
            (proxy, &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.1.1.1")], "1.1.1.1:0"),
            (proxy, &[("x-forwarded-for", "10.5.5.5")], "10.5.5.5:0"),
            (proxy, &[("x-forwarded-for", "1.1.1.1:4711")], "1.1.1.1:4711"),
            (proxy, &[("x-forwarded-for", "[2001:db8::1]:9")], "[2001:db8::1]:9"),
            (proxy, &[("x-forwarded-for", "2001:db8::1")], "[2001:db8::1]:0"),
            (proxy, &[("x-forwarded-for", "6.6.6.6, unknown")], proxy),
            (proxy, &[("x-forwarded-for", "6.6.6.6, \u{e9}")], proxy),
            (
                proxy,
                &[("forwarded", "for=6.6.6.6, For=\"[2001:db8::1]:47\";proto=https")],
                "[2001:db8::1]:47",
            ),
            (proxy, &[("forwarded", "proto=https;for=1.1.1.1;by=10.0.0.1")], "1.1.1.1:0"),
            (proxy, &[("forwarded", "for=6.6.6.6, for=_hidden")], proxy),
            (proxy, &[("forwarded", "for=6.6.6.6, proto=https")], proxy),
            (proxy, &[("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "9.9.9.9, 1.1.1.1")], "1.1.1.1:0"),
            (proxy, &[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "1.1.1.1")], proxy),
            ("[fd00::1]:80", &[("x-forwarded-for", "1.1.1.1")], "1.1.1.1:0"),
            ("[::ffff:10.1.2.3]:80", &[("x-forwarded-for", "1.1.1.1")], "1.1.1.1:0"),
        ] {
            assert_eq!(client(peer, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_network_is_written_as_one() {
        for wrong in ["", "proxy.example", "10.0.0.0/33", "10.0.0"] {
            let error = Proxies::default().trust(wrong).unwrap_err();
            assert!(error.0.contains("10.0.0.0/8"), "{error}");
        }
    }
}
