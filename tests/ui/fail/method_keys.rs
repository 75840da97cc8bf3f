use trunkline::service;

#[service]
trait Chat {
    #[method(publik, "say")]
    async fn unknown(&self);
    #[method(public = true, idempotent(yes))]
    async fn loaded(&self);
    #[method(alias = 5, alias(), alias("a", b), alias)]
    async fn mistyped(&self);
    #[method(requires, requires = )]
    async fn empty(&self);
    #[method(public idempotent)]
    async fn joined(&self);
    #[method(public, requires = trunkline::is("a"))]
    #[method(public, requires = trunkline::is("b"))]
    async fn twice(&self);
    #[method = "public"]
    async fn assigned(&self);
}

fn main() {}
