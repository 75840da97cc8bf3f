use trunkline::{Result, service};

#[service]
trait Chat {
    #[method(getter)]
    async fn count(&self) -> u64;
    #[method(stream)]
    async fn numbers(&self) -> Vec<u64>;
    async fn watch(&self, room: String) -> Result<Subscription<String>>;
    async fn open(&self, room: String) -> Cap<RoomClient>;
    async fn enter(&self, room: Option<Cap<RoomClient>>);
    async fn each(&self, callback: Callback<u8, u8>);
    async fn profile(&self, #[pipelined] id: String);
}

fn main() {}
