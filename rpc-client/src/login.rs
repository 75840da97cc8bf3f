//! Keeping a client logged in: `rpc.login`, `rpc.refresh`, and a refresh by itself before a login ends.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use trunkline_core::{Code, Error};
use trunkline_peer::{ConnectionState, causes, now};

use crate::{
    line::{Line, LoginEnd, jitter},
    token::FetchToken,
};

/// How long to wait after a refresh that has failed: twice as long each time, up to the longest, and a random part of that.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Logs in with `token`, by the reserved method of this name.
pub(crate) async fn log_in(line: &Line, method: &'static str, token: &str) -> Result<(), Error> {
    let _asking = Asking::begin(line);
    let params = line.handle.body(&json!({ "token": token }));
    let answer: Value = line.handle.call_by_name(method, params).await?;
    let user = answer.get("user").and_then(Value::as_str).unwrap_or_default();
    line.logged_in(user.to_owned(), answer.get("expires_ms").and_then(Value::as_u64));
    Ok(())
}

/// The time while a client that is not logged in asks to be.
struct Asking<'a>(&'a Line);

impl<'a> Asking<'a> {
    fn begin(line: &'a Line) -> Self {
        line.enter(ConnectionState::Authenticating);
        Self(line)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.0.handle.state() == ConnectionState::Authenticating {
            self.0.enter(ConnectionState::Connected);
        }
    }
}

/// Refreshes the login before it ends, if there may be another token, and notes when it has ended all the same. Never returns.
pub(crate) async fn keep(line: &Line, token: Option<&FetchToken>) {
    let token = token.filter(|token| token.may_change());
    loop {
        let Some(end) = line.info.login_end() else {
            line.info.login_changed().await;
            continue;
        };
        let until = token.map_or(end.at, |_| end.refresh_at);
        // Whoever logs in meanwhile may have changed the end.
        if timeout_at(Instant::from_std(until), line.info.login_changed()).await.is_ok() {
            continue;
        }
        match token {
            Some(token) => refresh(line, token, end).await,
            None => line.logged_out(),
        }
    }
}

/// Refreshes the login, and tries again until that cannot help.
async fn refresh(line: &Line, token: &FetchToken, end: LoginEnd) {
    let mut pause = PAUSE;
    loop {
        let refreshed = match token.fetch().await {
            Ok(token) => log_in(line, "rpc.refresh", &token).await,
            Err(error) => Err(Error::unavailable("there is no token").with_detail(error)),
        };
        let Err(error) = refreshed else { return };
        tracing::warn!(error = causes(&error), "the login could not be refreshed");
        let may_help = matches!(
            error.code(),
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Internal
        );
        if !may_help || end.at <= now() {
            // Unless somebody logs in by other means.
            if timeout_at(Instant::from_std(end.at), line.info.login_changed()).await.is_err() {
                line.logged_out();
            }
            return;
        }
        // Clients that came together do not ask together, and none is late for the end of its login.
        let wait = error.retry_after().unwrap_or_else(|| pause.mul_f64(0.5 + 0.5 * jitter()));
        pause = (pause * 2).min(LONGEST_PAUSE);
        tokio::time::sleep(wait.min(end.at.saturating_duration_since(now()))).await;
    }
}
