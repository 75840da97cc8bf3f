//! What the server knows of its users beside their identity: one source per user who is there.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use trunkline_core::Error;
use trunkline_peer::{LoadInfo, Loaded, User, UserInfo};

use crate::auth::{ByClosure, ByFuture};

/// A closure that knows more of a user, or finds it out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell more of a user",
    note = "pass a closure `|user: &User| -> Profile`, or one that returns a future of `Result<Profile, trunkline::Error>`, \
            where `Profile` is `Clone` and `Debug`"
)]
pub trait IntoInfo<Kind>: Send + Sync + 'static {
    /// The boxed form of it.
    #[doc(hidden)]
    fn load(self) -> LoadInfo;
}

impl<F, T> IntoInfo<ByClosure> for F
where
    F: Fn(&User) -> T + Send + Sync + 'static,
    // No future is `Debug`, which tells the two kinds apart.
    T: Clone + fmt::Debug + Send + Sync + 'static,
{
    fn load(self) -> LoadInfo {
        let load = Arc::new(self);
        Arc::new(move |user| {
            let load = Arc::clone(&load);
            Box::pin(async move { Ok(Arc::new(load(&user)) as Loaded) })
        })
    }
}

impl<F, R, T> IntoInfo<(ByFuture, T)> for F
where
    F: Fn(&User) -> R + Send + Sync + 'static,
    R: Future<Output = Result<T, Error>> + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    fn load(self) -> LoadInfo {
        Arc::new(move |user| {
            let loading = self(&user);
            Box::pin(async move { Ok(Arc::new(loading.await?) as Loaded) })
        })
    }
}

/// The sources of all users who have a session: what is loaded is kept as long as one of them has it, so that there are
/// never more than there are sessions.
pub(crate) struct Infos {
    load: LoadInfo,
    by_user: Mutex<HashMap<String, Weak<UserInfo>>>,
}

/// How many sources are kept without looking which of them are gone.
const FEW: usize = 64;

impl Infos {
    pub(crate) fn new(load: LoadInfo) -> Self {
        Self { load, by_user: Mutex::default() }
    }

    /// The user, with a source that all of its sessions share.
    pub(crate) fn adopt(&self, user: User) -> User {
        if user.info_source().is_some() {
            return user;
        }
        let mut by_user = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(info) = by_user.get(user.id()).and_then(Weak::upgrade) {
            drop(by_user);
            return user.with_info(info);
        }
        if by_user.len() >= FEW && by_user.len() == by_user.capacity() {
            by_user.retain(|_, info| info.strong_count() > 0);
        }
        let info = Arc::new(UserInfo::new(Arc::clone(&self.load)));
        by_user.insert(user.id().to_owned(), Arc::downgrade(&info));
        drop(by_user);
        user.with_info(info)
    }
}

impl fmt::Debug for Infos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Infos").finish_non_exhaustive()
    }
}
