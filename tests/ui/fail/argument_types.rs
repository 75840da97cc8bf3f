use std::borrow::Cow;

use trunkline::service;

#[service]
trait Chat {
    async fn text(&self, text: &str);
    async fn bytes(&self, bytes: &[u8], names: Vec<&'static str>);
    async fn order(&self, order: &Order);
    async fn lasting(&self, text: Cow<'_, str>);
    async fn opaque(&self, text: impl Into<String>);
    async fn inferred(&self, texts: Vec<_>);
    async fn itself(&self, other: Self);
}

struct Order;

fn main() {}
