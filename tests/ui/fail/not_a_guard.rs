use trunkline::service;

#[service]
trait Chat {
    #[method(requires = "vip")]
    async fn say(&self);
    #[method(requires = is_vip())]
    async fn shout(&self);
}

fn main() {}
