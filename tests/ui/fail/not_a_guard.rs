use trunkline::service;

#[service]
trait Chat {
    #[method(requires = "vip")]
    async fn say(&self);
}

#[service]
trait Numbered {
    #[method(requires = 5)]
    async fn say(&self);
}

#[service]
trait Joined {
    #[method(requires = has("x") && !(is("y") || is("z")))]
    async fn say(&self);
}

#[service]
trait Closed {
    #[method(requires = is("x") & |conn| conn.user().is_some())]
    async fn say(&self);
}

#[service]
trait Loud {
    #[method(requires = String::new())]
    async fn scream(&self);
}

fn main() {}
