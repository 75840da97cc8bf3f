use trunkline::service;

#[service]
trait Chat {
    #[cfg(debug_assertions)]
    async fn debug(&self);
    #[cfg_attr(debug_assertions, method(public))]
    async fn open(&self);
}

fn main() {}
