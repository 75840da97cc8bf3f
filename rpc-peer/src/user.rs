//! Who is at the other end.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::{Serialize, de::DeserializeOwned};
use trunkline_core::Error;

use crate::{
    attr::{AttrKey, Attrs},
    info::UserInfo,
};

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
    info: Option<Arc<UserInfo>>,
}

impl User {
    /// The user of this id, without claims and without an end.
    pub fn new(id: impl Into<String>) -> Self {
        Self(Arc::new(Inner { id: id.into(), claims: Attrs::default(), expires_at: None, info: None }))
    }

    /// Claims something about the user. Claims are read before the attributes of the session and cannot be changed
    /// by them.
    #[must_use]
    pub fn with<T: Serialize>(mut self, key: impl AttrKey<T>, value: T) -> Self {
        Arc::make_mut(&mut self.0).claims.set(key.into_name(), Attrs::value_of(&value));
        self
    }

    /// Sets when the login ends. The client is told a minute before. At the end the calls that run are ended with
    /// `UNAUTHENTICATED` and no more are let in; if the client has not logged in again half a minute later, as the same
    /// user, the connection is closed with 4401. The server can set [both times](crate::Expiry).
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

    /// What the server knows of the user beside the identity, from `.user_info(..)` of its builder. It is loaded when it is
    /// first asked for, once for all sessions that the user has at the same time, and kept until the last of them ends.
    /// `T` is what the closure there gives.
    ///
    /// # Errors
    ///
    /// What the closure failed with, in which case the next who asks tries again; an internal error if there is no such
    /// closure, it gives something else than a `T`, or it panics.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the loading; whoever else waits for it goes on with one of its own.
    pub async fn info<T: Clone + Send + Sync + 'static>(&self) -> Result<T, Error> {
        match &self.0.info {
            Some(info) => info.get(self).await,
            None => Err(Error::internal().with_detail("this server has no `.user_info(..)`")),
        }
    }

    /// Says where [`Self::info`] comes from.
    #[must_use]
    pub fn with_info(mut self, info: Arc<UserInfo>) -> Self {
        Arc::make_mut(&mut self.0).info = Some(info);
        self
    }

    /// Where [`Self::info`] comes from.
    pub fn info_source(&self) -> Option<&Arc<UserInfo>> {
        self.0.info.as_ref()
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
