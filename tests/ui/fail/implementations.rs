//! What the compiler says of an `impl` that does not fit.
use std::rc::Rc;

use trunkline::service;

#[service]
trait Chat {
    async fn rooms(&self) -> Vec<String>;
    async fn say(&self, text: String) -> u64;
}

struct Missing;

impl Chat for Missing {
    async fn rooms(&self) -> Vec<String> {
        Vec::new()
    }
}

struct NotSend;

impl Chat for NotSend {
    async fn rooms(&self) -> Vec<String> {
        let names = Rc::new(Vec::new());
        std::future::ready(()).await;
        names.to_vec()
    }

    async fn say(&self, text: u8) -> u64 {
        text.into()
    }
}

fn main() {}
