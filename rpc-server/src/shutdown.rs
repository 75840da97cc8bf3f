//! The end of a server: with time for what runs, or at once.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::watch;
use trunkline_core::{CloseCode, CloseReason};

use crate::{
    hub::Hub,
    server::{Inner, Server},
};

/// How long sessions have to end once they were told to.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// Whether a server goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    #[default]
    Never,
    /// When what runs has ended.
    Gracefully,
    Now,
}

impl Stop {
    /// What connections are told; `None` if the server goes on.
    pub(crate) fn reason(self) -> Option<CloseReason> {
        let code = match self {
            Self::Never => return None,
            Self::Gracefully => CloseCode::RESTART,
            Self::Now => CloseCode::GOING_AWAY,
        };
        Some(CloseReason::new(code, "the server is shutting down"))
    }
}

impl Server {
    /// Ends the server gracefully, and all of its listening with it. Nobody new is let in. Each client is told by a goaway; calls
    /// that run have the grace of [`shutdown_grace`](crate::ServerBuilder::shutdown_grace) to end, and those that come
    /// meanwhile are refused with `UNAVAILABLE`. A session closes with 1012 when nothing runs on it any more, or at the end of
    /// the grace.
    ///
    /// Returns when all sessions have ended, at the latest 5 s after the grace.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the waiting, not the shutdown.
    pub async fn shutdown(&self) {
        self.0.stop.send_if_modified(|stop| {
            *stop < Stop::Gracefully && std::mem::replace(stop, Stop::Gracefully) == Stop::Never
        });
        drain(&self.0, std::future::ready(())).await;
    }

    /// Ends the server at once, and all of its listening with it: sessions close with 1001 and their calls are dropped.
    ///
    /// Returns when all sessions have ended, at the latest after 5 s.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the waiting, not the shutdown.
    pub async fn shutdown_now(&self) {
        self.0.stop.send_replace(Stop::Now);
        close(&self.0.hub, Stop::Now);
        let _ = tokio::time::timeout(CLOSE_GRACE, self.0.hub.emptied()).await;
    }
}

/// Lets sessions end, and waits for that and for `others`.
pub(crate) async fn drain(server: &Arc<Inner>, others: impl Future<Output = ()>) {
    let grace = server.config.shutdown_grace;
    for conn in server.hub.connections() {
        conn.drain(grace);
    }
    let ended = async {
        others.await;
        server.hub.emptied().await;
    };
    // Sessions whose peers do not answer end with the process.
    let _ = tokio::time::timeout(grace.saturating_add(CLOSE_GRACE), ended).await;
}

fn close(hub: &Hub, stop: Stop) {
    if let Some(reason) = stop.reason() {
        hub.everyone().close(reason.code.0, &reason.reason);
    }
}

/// Resolves, to what connections are told, when `stop` says so; never if nobody can say it any more.
pub(crate) async fn stopped(mut stop: watch::Receiver<Stop>) -> CloseReason {
    match stop.wait_for(|stop| *stop != Stop::Never).await.map(|stop| stop.reason()) {
        Ok(Some(reason)) => reason,
        _ => std::future::pending().await,
    }
}
