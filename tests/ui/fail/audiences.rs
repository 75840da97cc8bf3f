//! What can be called over an audience: methods that have no answer.
use trunkline::{Hub, Result, Stream, service};

#[service]
trait Events {
    #[method(oneway)]
    async fn announced(&self, text: String);
    async fn count(&self) -> usize;
    async fn check(&self, text: String) -> Result<()>;
    fn items(&self) -> impl Stream<Item = String> + Send;
}

async fn tell(hub: Hub) {
    let events = EventsClient::new(&hub.user("ann"));
    let _ = events.announced("hi").await;
    let _ = events.count().await;
    let _ = EventsClient::new(&hub.everyone()).check("hi");
    let _ = events.items();
}

fn main() {}
