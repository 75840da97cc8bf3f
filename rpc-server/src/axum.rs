//! The server as a route of an axum application.

use std::net::SocketAddr;

use ::axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
    routing::{MethodRouter, any},
};
use ::http::HeaderMap;
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use tokio::net::TcpStream;

use crate::{
    http::{self, Door, Ends, Line, Upgrade},
    server::Server,
    session::Arrival,
    shutdown::Stop,
};

impl Server {
    /// A route of an axum application, on any path and with any state: it takes upgrades to a WebSocket, and POST. What a
    /// connection goes through is the same as with [`Self::serve`]: origins, logins, limits, heartbeats. Only the deadline on the
    /// head of a request is the application's matter, and axum has none.
    ///
    /// The hub is a state that handlers can have: `.with_state(server.hub())`, and `State<Hub>` as an argument.
    ///
    /// ```
    /// use axum::{Router, extract::State, routing::get};
    /// use trunkline_server::{Hub, Server};
    ///
    /// async fn online(State(hub): State<Hub>) -> String {
    ///     hub.connections().len().to_string()
    /// }
    ///
    /// let server = Server::builder().build()?;
    /// let app: Router = Router::new()
    ///     .route("/rpc", server.axum_route())
    ///     .route("/online", get(online))
    ///     .with_state(server.hub());
    /// # let _ = app;
    /// # Ok::<(), trunkline_core::ConfigError>(())
    /// ```
    ///
    /// Addresses of peers, and limits per address, need
    /// `axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`. A path that was set on the server's builder,
    /// and files, have no effect here. A WebSocket needs HTTP/1.1. When the application stops, end the sessions by
    /// [`Self::shutdown`].
    pub fn axum_route<S>(&self) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let server = self.clone();
        any(move |request: Request| {
            let server = server.clone();
            async move { server.answer_axum(request).await }
        })
    }

    async fn answer_axum(&self, request: Request) -> Response {
        let addr = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(addr)| *addr);
        let (answer, upgrade) =
            http::answer_ours(&self.0, &self.line(addr, request.headers()), request).await;
        if let Some(upgrade) = upgrade {
            tokio::spawn(self.clone().upgraded(upgrade));
        }
        answer.map(Body::from)
    }

    /// What is known of the connection, on which only an upgrade is counted.
    fn line(&self, remote: Option<SocketAddr>, headers: &HeaderMap) -> Line {
        let door = match http::wants_upgrade(headers) {
            false => Door::Left,
            true if *self.0.stop.borrow() != Stop::Never => Door::Closing,
            true => self.0.admission.accept(None).map_or_else(Door::Full, Door::Open),
        };
        Line::new(Ends::of_remote(remote), door)
    }

    /// Speaks to the peer, once axum has sent the answer.
    async fn upgraded(self, upgrade: Upgrade) {
        let Upgrade { on_upgrade, peer, subprotocol, ticket } = upgrade;
        let timeout = self.0.config.limits.upgrade_timeout;
        let Ok(Ok(upgraded)) = tokio::time::timeout(timeout, on_upgrade).await else { return };
        let arrival = Arrival { peer, subprotocol, user: None };
        // What goes wrong was told to the peer, and to the hooks.
        let _ = match downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => {
                let stream = parts.io.into_inner();
                // What is sent is gathered already; a delay would only add to it.
                let _ = stream.set_nodelay(true);
                self.speak(stream, &parts.read_buf, ticket, arrival).await
            }
            Err(upgraded) => self.speak(TokioIo::new(upgraded), &[], ticket, arrival).await,
        };
    }
}
