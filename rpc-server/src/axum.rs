//! The server as a route of an axum application.

use std::net::SocketAddr;

use ::axum::{
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
    routing::{MethodRouter, any},
};
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use tokio::net::TcpStream;
use trunkline_peer::PeerInfo;

use crate::{
    http::{self, Upgrade},
    server::Server,
    session::Arrival,
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
        let (answer, upgrade) = http::answer_ours(&self.0, request, addr).await;
        if let Some(upgrade) = upgrade {
            tokio::spawn(self.clone().upgraded(upgrade, addr));
        }
        answer.map(Body::new)
    }

    /// Speaks to the peer, once axum has sent the answer.
    async fn upgraded(self, upgrade: Upgrade, addr: Option<SocketAddr>) {
        let Ok(Ok(upgraded)) = tokio::time::timeout(self.0.head_timeout, upgrade.on_upgrade).await else {
            return;
        };
        let peer = addr.map_or_else(PeerInfo::local, PeerInfo::new).headers(&upgrade.headers);
        let arrival = Arrival { peer, subprotocol: upgrade.subprotocol, user: None };
        // What goes wrong was told to the peer, and to the hooks.
        let _ = match downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => {
                let stream = parts.io.into_inner();
                // What is sent is gathered already; a delay would only add to it.
                let _ = stream.set_nodelay(true);
                self.speak(stream, &parts.read_buf, arrival).await
            }
            Err(upgraded) => self.speak(TokioIo::new(upgraded), &[], arrival).await,
        };
    }
}
