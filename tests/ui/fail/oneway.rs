use trunkline::{Result, service};

#[service]
trait Events {
    #[method(oneway)]
    async fn announced(&self, text: String) -> bool;
    #[method(oneway)]
    async fn confirmed(&self, text: String) -> Result<()>;
}

fn main() {}
