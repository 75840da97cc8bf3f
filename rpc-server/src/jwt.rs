//! Logins by JSON Web Tokens (RFC 7519): who signed them, for whom, until when. The checks are those of the crate
//! `jsonwebtoken`; what stands here is which key and rules a token is held against, and what user it makes.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use trunkline_core::{ConfigError, Error};
use trunkline_peer::User;

use crate::auth::{Authenticator, Credentials};

/// Claims that are not about the user (RFC 7519, section 4.1).
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
/// The longest leeway.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// Logs in whoever shows a token that was signed by one of its keys and has not expired: the token of the hello or of
/// `rpc.login`, or what stands behind `Bearer` in the header `Authorization`.
///
/// The claim `sub` is the id of the user, and the login ends at `exp`; both have to be there. Other claims become claims of
/// the user: `requires = is("admin")` asks for the claim `admin`. A token is held against the algorithm of its key and no other,
/// whatever it says of itself; one that has an audience is refused unless that is [set](Self::audience).
///
/// ```
/// use trunkline_server::{Jwt, JwtKey, Server};
///
/// let jwt = Jwt::hs256("a secret of at least 32 bytes, please")
///     .key("2026", JwtKey::hs256("the next secret, for tokens with this kid"))
///     .issuer("https://id.example")
///     .audience("chat");
/// let server = Server::builder().auth(jwt).build()?;
/// # Ok::<(), trunkline_core::ConfigError>(())
/// ```
pub struct Jwt {
    unnamed: Option<JwtKey>,
    named: Vec<(String, JwtKey)>,
    issuers: Vec<String>,
    audiences: Vec<String>,
    leeway: Duration,
    user: Option<Box<MakeUser>>,
}

type MakeUser = dyn Fn(&Map<String, Value>) -> Result<Option<User>, Error> + Send + Sync;

/// What signatures are checked with. Its `Debug` form tells the algorithm only.
#[derive(Clone)]
pub struct JwtKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtKey {
    /// A secret that the issuer shares with this server: HMAC with SHA-256. Fewer bytes than 32 are weaker than the hash (RFC
    /// 7518, section 3.2); the log has a warning of it.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Self {
        Self::hmac(Algorithm::HS256, secret.as_ref())
    }

    /// As [`Self::hs256`], with SHA-512.
    pub fn hs512(secret: impl AsRef<[u8]>) -> Self {
        Self::hmac(Algorithm::HS512, secret.as_ref())
    }

    /// The issuer's public RSA key in PEM: RSASSA-PKCS1-v1_5 with SHA-256.
    ///
    /// # Errors
    ///
    /// If it is no such key.
    pub fn rs256(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::public(Algorithm::RS256, "RSA", DecodingKey::from_rsa_pem(pem.as_ref()))
    }

    /// The issuer's public elliptic key in PEM: ECDSA over P-256 with SHA-256.
    ///
    /// # Errors
    ///
    /// If it is no such key.
    pub fn es256(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::public(Algorithm::ES256, "elliptic", DecodingKey::from_ec_pem(pem.as_ref()))
    }

    /// The issuer's public Ed25519 key in PEM.
    ///
    /// # Errors
    ///
    /// If it is no such key.
    pub fn eddsa(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::public(Algorithm::EdDSA, "Ed25519", DecodingKey::from_ed_pem(pem.as_ref()))
    }

    fn hmac(algorithm: Algorithm, secret: &[u8]) -> Self {
        if secret.len() < 32 {
            tracing::warn!(
                "a secret of fewer than 32 bytes is too short for tokens: who guesses it is anybody"
            );
        }
        Self(Arc::new(Inner { algorithm, key: DecodingKey::from_secret(secret) }))
    }

    fn public(
        algorithm: Algorithm,
        kind: &str,
        key: jsonwebtoken::errors::Result<DecodingKey>,
    ) -> Result<Self, ConfigError> {
        // Its text may quote the key.
        let key = key.map_err(|_| ConfigError(format!("this is no public {kind} key in PEM")))?;
        Ok(Self(Arc::new(Inner { algorithm, key })))
    }
}

impl Jwt {
    /// Tokens that are signed by a secret, which the issuer shares with this server: see [`JwtKey::hs256`].
    pub fn hs256(secret: impl AsRef<[u8]>) -> Self {
        Self::signed_by(JwtKey::hs256(secret))
    }

    /// Tokens that are signed by `key`, with whatever `kid` or none.
    pub fn signed_by(key: JwtKey) -> Self {
        Self { unnamed: Some(key), ..Self::new() }
    }

    /// Tokens whose `kid` names one of the keys that are to be [added](Self::key).
    pub fn new() -> Self {
        Self {
            unnamed: None,
            named: Vec::new(),
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway: Duration::from_secs(10),
            user: None,
        }
    }

    /// Adds the key of tokens with this `kid`, as it is done when keys are replaced.
    #[must_use]
    pub fn key(mut self, kid: impl Into<String>, key: JwtKey) -> Self {
        let kid = kid.into();
        self.named.retain(|(known, _)| *known != kid);
        self.named.push((kid, key));
        self
    }

    /// Takes tokens of this issuer only; any issuer's unless set. It may be called for several.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// Takes tokens for this audience only; only those for nobody in particular unless set. It may be called for several.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// How far the issuer's clock may be off: 10 s unless set, at most a day. Tokens are good for so much longer, and logins last
    /// so much longer.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(A_DAY);
        self
    }

    /// Makes the user of a valid token's claims in another way; `None` is nobody. If the user has no expiry, it is that of
    /// the token.
    ///
    /// ```
    /// use trunkline_peer::User;
    /// use trunkline_server::Jwt;
    ///
    /// let jwt = Jwt::hs256("a secret of at least 32 bytes, please")
    ///     .user(|claims| Ok(claims.get("email").and_then(|email| email.as_str()).map(User::new)));
    /// # let _ = jwt;
    /// ```
    #[must_use]
    pub fn user(
        mut self,
        make: impl Fn(&Map<String, Value>) -> Result<Option<User>, Error> + Send + Sync + 'static,
    ) -> Self {
        self.user = Some(Box::new(make));
        self
    }

    /// The key that a token is to be checked with.
    fn key_of(&self, kid: Option<&str>) -> Option<&JwtKey> {
        let named = self.named.iter().find(|(known, _)| Some(known.as_str()) == kid);
        named.map(|(_, key)| key).or(self.unnamed.as_ref())
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        if !self.issuers.is_empty() {
            required.push("iss");
            validation.set_issuer(&self.issuers);
        }
        if !self.audiences.is_empty() {
            required.push("aud");
            validation.set_audience(&self.audiences);
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    /// The claims of a token that is valid now.
    fn claims(&self, token: &str) -> Result<Map<String, Value>, Refusal> {
        let header = decode_header(token)?;
        let key = self.key_of(header.kid.as_deref()).ok_or(Refusal::Key)?;
        let validation = self.validation(key.0.algorithm);
        Ok(decode(token, &key.0.key, &validation)?.claims)
    }

    fn make_user(&self, claims: &Map<String, Value>) -> Result<Option<User>, Error> {
        let user = match &self.user {
            Some(make) => make(claims)?,
            None => user(claims),
        };
        let expiry = claims.get("exp").and_then(Value::as_f64).and_then(|at| self.expiry(at));
        Ok(match (user, expiry) {
            (Some(user), Some(at)) if user.expiry().is_none() => Some(user.expires_at(at)),
            (user, _) => user,
        })
    }

    /// When a login ends; `None` if that is beyond the calendar.
    fn expiry(&self, exp: f64) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(exp).ok()?)?.checked_add(self.leeway)
    }
}

impl Default for Jwt {
    fn default() -> Self {
        Self::new()
    }
}

/// Who a token is about, and what it says of them.
fn user(claims: &Map<String, Value>) -> Option<User> {
    let id = claims.get("sub").and_then(Value::as_str).filter(|id| !id.is_empty())?;
    let others = claims.iter().filter(|(name, _)| !REGISTERED.contains(&name.as_str()));
    Some(others.fold(User::new(id), |user, (name, value)| user.with(name.clone(), value)))
}

/// Why a token is nobody's: for the log, without anything of the token.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("there is no key of its kid")]
    Key,
    #[error(transparent)]
    Invalid(#[from] jsonwebtoken::errors::Error),
}

impl Authenticator for Jwt {
    async fn authenticate(&self, creds: &Credentials) -> Result<Option<User>, Error> {
        let Some(token) = creds.bearer() else { return Ok(None) };
        match self.claims(token) {
            Ok(claims) => self.make_user(&claims),
            Err(refusal) => {
                let reason = match &refusal {
                    // What the other kinds say may quote the token.
                    Refusal::Invalid(error) => format!("{:?}", Kind(error)),
                    Refusal::Key => refusal.to_string(),
                };
                tracing::debug!(reason, "a token was refused");
                Ok(None)
            }
        }
    }
}

/// The kind of an error without what it quotes.
struct Kind<'a>(&'a jsonwebtoken::errors::Error);

impl fmt::Debug for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use jsonwebtoken::errors::ErrorKind;

        f.write_str(match self.0.kind() {
            ErrorKind::InvalidSignature => "its signature is another's",
            ErrorKind::ExpiredSignature => "it has expired",
            ErrorKind::ImmatureSignature => "it is not valid yet",
            ErrorKind::InvalidIssuer => "it is of another issuer",
            ErrorKind::InvalidAudience => "it is for another audience",
            ErrorKind::InvalidAlgorithm => "it is signed by another algorithm than its key is for",
            ErrorKind::MissingRequiredClaim(_) => "it lacks a claim: exp, or iss or aud where they are set",
            _ => "it is malformed",
        })
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey").field("algorithm", &self.0.algorithm).finish_non_exhaustive()
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<&str> = self.named.iter().map(|(kid, _)| kid.as_str()).collect();
        f.debug_struct("Jwt")
            .field("unnamed", &self.unnamed)
            .field("kids", &kids)
            .field("issuers", &self.issuers)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
