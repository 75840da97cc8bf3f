//! The server that the peers call.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use trunkline::{Credentials, Introspection, Result, Server, User, data, has, service};

#[data]
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub item: String,
    pub count: u32,
}

#[data(error)]
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    #[error("sold out")]
    SoldOut { left: u32 },
}

#[service]
pub trait Shop {
    #[method(alias = "add", public)]
    async fn sum(&self, a: i64, b: i64) -> i64;
    #[method(public)]
    async fn order(&self, order: Order) -> Result<Order, ShopError>;
    #[method(public)]
    async fn sleep(&self, ms: u64) -> u64;
    #[method(public, oneway)]
    async fn note(&self, text: String);
    #[method(public)]
    async fn notes(&self) -> usize;
    #[method(public, requires = has("staff"))]
    async fn staff(&self) -> String;
    #[method(public, rate_limit = "2/1m")]
    async fn limited(&self) -> String;
    async fn whoami(&self, user: User) -> String;
}

#[derive(Default)]
struct App {
    notes: Arc<AtomicUsize>,
}

impl Shop for App {
    async fn sum(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn order(&self, order: Order) -> Result<Order, ShopError> {
        if order.item == "tea" { Ok(order) } else { Err(ShopError::SoldOut { left: 0 }) }
    }

    async fn sleep(&self, ms: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        ms
    }

    async fn note(&self, _text: String) {
        self.notes.fetch_add(1, Ordering::SeqCst);
    }

    async fn notes(&self) -> usize {
        self.notes.load(Ordering::SeqCst)
    }

    async fn staff(&self) -> String {
        "staff".to_owned()
    }

    async fn limited(&self) -> String {
        "ok".to_owned()
    }

    async fn whoami(&self, user: User) -> String {
        user.id().to_owned()
    }
}

/// Serves on a free port as long as the runtime lives.
pub async fn serve() -> SocketAddr {
    let auth = |creds: &Credentials| Ok(creds.bearer().and_then(|it| it.strip_prefix("tok-")).map(User::new));
    let server = Server::builder()
        .service(ShopServer::new(App::default()))
        .auth(auth)
        .introspection(Introspection::Public)
        .build()
        .expect("a server");
    let bound = server.bind("127.0.0.1:0").await.expect("a port");
    let addr = bound.local_addr().expect("an address");
    tokio::spawn(bound.run());
    addr
}
