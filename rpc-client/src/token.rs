//! The credential of a client: a string, or what fetches a fresh one.

use std::{error::Error, fmt, future::Future, sync::Arc};

use trunkline_peer::{BoxFuture, contained};

/// What fetches a token.
type Fetch = dyn Fn() -> BoxFuture<Result<String, Box<dyn Error + Send + Sync>>> + Send + Sync;

/// Where tokens come from.
#[derive(Clone)]
pub struct FetchToken {
    fetch: Arc<Fetch>,
    /// Whether another may come than the last time.
    may_change: bool,
}

impl FetchToken {
    pub(crate) async fn fetch(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        // Called within the future, so that a panic of the closure is contained as well.
        contained("token", async { (self.fetch)().await }).await?
    }

    pub(crate) fn may_change(&self) -> bool {
        self.may_change
    }
}

impl fmt::Debug for FetchToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchToken").field("may_change", &self.may_change).finish_non_exhaustive()
    }
}

/// A token, or an async function that fetches one, asked on each dial and before a login ends.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a token",
    note = "pass a string, or an async closure that returns `Result<String, _>`"
)]
pub trait IntoToken<Kind> {
    /// What fetches the token.
    #[doc(hidden)]
    fn fetch(self) -> FetchToken;
}

/// Marks tokens that are strings.
#[derive(Debug)]
pub struct Fixed;

/// Marks functions that fetch a token.
#[derive(Debug)]
pub struct Fetched;

impl IntoToken<Fixed> for String {
    fn fetch(self) -> FetchToken {
        let fetch: Arc<Fetch> = Arc::new(move || {
            let token = self.clone();
            Box::pin(async move { Ok(token) })
        });
        FetchToken { fetch, may_change: false }
    }
}

impl IntoToken<Fixed> for &str {
    fn fetch(self) -> FetchToken {
        self.to_owned().fetch()
    }
}

impl<F, R, E> IntoToken<Fetched> for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<String, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn fetch(self) -> FetchToken {
        let fetch: Arc<Fetch> = Arc::new(move || {
            let token = self();
            Box::pin(async move { token.await.map_err(Into::into) })
        });
        FetchToken { fetch, may_change: true }
    }
}
