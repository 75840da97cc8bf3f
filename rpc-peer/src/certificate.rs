//! What a peer has proven by TLS.

use std::fmt;

/// A certificate that a client has shown, and that was verified when the connection was made.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    subject: Box<str>,
    common_name: Option<Box<str>>,
    der: Box<[u8]>,
}

impl PeerCertificate {
    /// A certificate with this subject and common name, as whoever has verified it has read them.
    pub fn new(subject: impl Into<Box<str>>, common_name: Option<String>, der: impl Into<Box<[u8]>>) -> Self {
        Self { subject: subject.into(), common_name: common_name.map(Into::into), der: der.into() }
    }

    /// Whose it is, as in `CN=ada,O=Example` (RFC 4514).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The common name in the subject, if there is one.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The whole certificate in DER, for what else is in it.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate").field("subject", &self.subject).finish_non_exhaustive()
    }
}
