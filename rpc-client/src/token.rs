//! The credential of a client: a string, or what fetches a fresh one.

use std::{error::Error, future::Future, sync::Arc};

use trunkline_peer::BoxFuture;

/// What fetches the token for a dial.
pub(crate) type FetchToken =
    Arc<dyn Fn() -> BoxFuture<Result<String, Box<dyn Error + Send + Sync>>> + Send + Sync>;

/// A token, or an async function that fetches one, asked on each dial.
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
        Arc::new(move || {
            let token = self.clone();
            Box::pin(async move { Ok(token) })
        })
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
        Arc::new(move || {
            let token = self();
            Box::pin(async move { token.await.map_err(Into::into) })
        })
    }
}
