//! What a server knows of a user beside the identity: loaded when it is first asked for, and kept.

use std::{any::Any, fmt, sync::Arc};

use tokio::sync::OnceCell;
use trunkline_core::Error;

use crate::{dispatch::BoxFuture, panics::contained, user::User};

/// Something that was loaded, without its type.
pub type Loaded = Arc<dyn Any + Send + Sync>;

/// What loads the information of a user.
pub type LoadInfo = Arc<dyn Fn(User) -> BoxFuture<Result<Loaded, Error>> + Send + Sync>;

/// The information of one user, shared by all of its sessions.
pub struct UserInfo {
    load: LoadInfo,
    loaded: OnceCell<Loaded>,
}

impl UserInfo {
    /// Information that `load` brings when it is first asked for.
    pub fn new(load: LoadInfo) -> Self {
        Self { load, loaded: OnceCell::new() }
    }

    /// Loads it, if that was not done. Whoever asks meanwhile waits for the same.
    pub(crate) async fn get<T: Clone + 'static>(&self, user: &User) -> Result<T, Error> {
        let load = || contained("user_info", async { (self.load)(user.clone()).await });
        let loaded = self.loaded.get_or_try_init(|| async { load().await? }).await?;
        loaded.downcast_ref::<T>().cloned().ok_or_else(|| {
            let asked = std::any::type_name::<T>();
            Error::internal().with_detail(format!("`.user_info(..)` does not give a `{asked}`"))
        })
    }
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo").field("is_loaded", &self.loaded.initialized()).finish_non_exhaustive()
    }
}
