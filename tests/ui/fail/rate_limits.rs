use trunkline::service;

#[service]
trait Chat {
    #[method(rate_limit)]
    async fn bare(&self);
    #[method(rate_limit = 5)]
    async fn number(&self);
    #[method(rate_limit = "5")]
    async fn endless(&self);
    #[method(rate_limit = "5/1x")]
    async fn unit(&self);
    #[method(rate_limit = "0/1m")]
    async fn never(&self);
    #[method(rate_limit = "many/1m")]
    async fn many(&self);
    #[method(rate_limit = "1000001/1ms")]
    async fn countless(&self);
    #[method(rate_limit(limit = 2_000_000_000, per = ip))]
    async fn countless_a_second(&self);
    #[method(rate_limit(period = "1m"))]
    async fn unlimited(&self);
    #[method(rate_limit(limit = 0, period = "0s", per = everybody, disconnects))]
    async fn wrong(&self);
    #[method(rate_limit(limit = "5", limit = -1))]
    async fn mistyped(&self);
}

fn main() {}
