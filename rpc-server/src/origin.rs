//! Which web pages may connect. A browser sends cookies of the server's site along with any page's WebSocket request, so
//! the origin is checked before the upgrade (RFC 6455, section 10.2).

use http::{HeaderMap, header};

/// The pages that may connect: those of the server's own origin, and a list.
#[derive(Debug, Default)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// Allows `origin` too, exactly as browsers write it.
    pub(crate) fn allow(&mut self, origin: &str) -> Result<(), String> {
        let Some((scheme, host)) = split(origin) else {
            return Err(format!(
                "`{origin}` is not an origin: write it as `https://app.example`, without a path"
            ));
        };
        self.0.push(format!("{scheme}://{host}"));
        Ok(())
    }

    /// Whether a request with these headers may be upgraded; the origin if not. Only browsers send one. `host_is_proof` says
    /// whether a page of the host that the request names is the server's own.
    pub(crate) fn check(&self, headers: &HeaderMap, host_is_proof: bool) -> Result<(), String> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(()) };
        let text = String::from_utf8_lossy(origin.as_bytes()).into_owned();
        if origins.next().is_some() {
            return Err(text);
        }
        let Some((scheme, host)) = split(&text) else { return Err(text) };
        let own = headers.get(header::HOST).and_then(|own| own.to_str().ok()).map(|own| normal(&scheme, own));
        match (host_is_proof && own.is_some_and(|own| own == host))
            || self.0.contains(&format!("{scheme}://{host}"))
        {
            true => Ok(()),
            false => Err(text),
        }
    }
}

/// Scheme and host of an origin, in lower case and without the scheme's usual port (RFC 6454, section 6.2).
fn split(origin: &str) -> Option<(String, String)> {
    let (scheme, host) = origin.split_once("://")?;
    if host.is_empty() || host.contains(['/', '?', '#', '@']) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let host = normal(&scheme, host);
    Some((scheme, host))
}

fn normal(scheme: &str, host: &str) -> String {
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let host = host.to_ascii_lowercase();
    host.strip_suffix(usual).map(str::to_owned).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::Origins;

    fn check(host: &str, origins: &[&str]) -> bool {
        let mut allowed = Origins::default();
        allowed.allow("https://app.example").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        for origin in origins {
            headers.append(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        allowed.check(&headers, true).is_ok()
    }

    #[test]
    fn a_native_client_has_no_origin() {
        assert!(check("chat.example", &[]));
    }

    #[test]
    fn the_own_origin_and_listed_ones_pass() {
        assert!(check("chat.example", &["https://chat.example"]));
        assert!(check("chat.example:443", &["https://chat.example"]));
        assert!(check("127.0.0.1:8080", &["http://127.0.0.1:8080"]));
        assert!(check("chat.example", &["https://APP.example:443"]));
    }

    #[test]
    fn look_alikes_and_doubles_do_not() {
        for origin in [
            "null",
            "http://app.example",
            "https://app.example.evil",
            "https://evil-app.example",
            "https://app.example:8443",
            "https://app.example/",
            "https://chat.example@evil.example",
            "",
        ] {
            assert!(!check("chat.example", &[origin]), "{origin}");
        }
        assert!(!check("chat.example", &["https://app.example", "https://app.example"]));
    }

    #[test]
    fn the_own_origin_counts_where_the_host_is_a_proof() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("evil.example"));
        headers.insert(header::ORIGIN, HeaderValue::from_static("http://evil.example"));
        assert!(Origins::default().check(&headers, true).is_ok());
        assert!(Origins::default().check(&headers, false).is_err());
        let mut allowed = Origins::default();
        allowed.allow("http://evil.example").unwrap();
        assert!(allowed.check(&headers, false).is_ok());
    }

    #[test]
    fn a_list_entry_is_an_origin() {
        assert!(Origins::default().allow("app.example").unwrap_err().contains("https://app.example"));
    }
}
