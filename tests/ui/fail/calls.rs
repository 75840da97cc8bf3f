//! What the compiler says of a call that does not fit.
use trunkline::service;

#[service]
trait Chat {
    async fn say(&self, text: String, count: u64) -> u64;
}

fn call(chat: &ChatClient) {
    let _ = chat.say("hi");
    let _ = chat.say("hi", "five");
    let _ = chat.shout("hi");
}

fn main() {}
