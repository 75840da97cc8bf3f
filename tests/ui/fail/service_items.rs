use trunkline::service;

#[service]
trait Chat {
    const LIMIT: usize = 5;
    type Room;
    thread_local!();
    async fn rooms(&self) -> Vec<String>;
}

fn main() {}
