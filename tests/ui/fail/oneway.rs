use trunkline::{Result, service};

#[service]
trait Events {
    #[method(oneway)]
    async fn announced(&self, text: String) -> bool;
    #[method(oneway)]
    async fn confirmed(&self, text: String) -> Result<()>;
    #[method(oneway, idempotent)]
    async fn repeated(&self, text: String);
}

fn main() {}
