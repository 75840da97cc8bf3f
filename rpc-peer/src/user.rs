//! Who is at the other end.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::{Serialize, de::DeserializeOwned};

use crate::attr::{AttrKey, Attrs};

/// An identity that was proven, with what is claimed about it. Cheap to clone, and it never changes.
///
/// ```
/// use trunkline_peer::User;
///
/// let user = User::new("ada").with("role", "admin");
/// assert_eq!(user.id(), "ada");
/// assert_eq!(user.get::<String>("role").as_deref(), Some("admin"));
/// ```
#[derive(Clone)]
pub struct User(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    id: String,
    claims: Attrs,
    expires_at: Option<SystemTime>,
}

impl User {
    /// The user of this id, without claims and without an end.
    pub fn new(id: impl Into<String>) -> Self {
        Self(Arc::new(Inner { id: id.into(), claims: Attrs::default(), expires_at: None }))
    }

    /// Claims something about the user. Claims are read before the attributes of the session and cannot be changed
    /// by them.
    #[must_use]
    pub fn with<T: Serialize>(mut self, key: impl AttrKey<T>, value: T) -> Self {
        Arc::make_mut(&mut self.0).claims.set(key.into_name(), Attrs::value_of(&value));
        self
    }

    /// Sets when the login ends: the connection is then closed with 4401. A login as the same user before that, with a
    /// later end, lets it stay.
    #[must_use]
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        Arc::make_mut(&mut self.0).expires_at = Some(at);
        self
    }

    /// The id that the authenticator gave.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// A claim, if it is there and of this type.
    pub fn get<T: DeserializeOwned>(&self, key: impl AttrKey<T>) -> Option<T> {
        self.0.claims.get(&key.into_name())
    }

    /// When the login ends, if it does.
    pub fn expiry(&self) -> Option<SystemTime> {
        self.0.expires_at
    }

    pub(crate) fn claims(&self) -> &Attrs {
        &self.0.claims
    }
}

/// Two users are the same if their ids are.
impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for User {}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.0.id).finish_non_exhaustive()
    }
}
