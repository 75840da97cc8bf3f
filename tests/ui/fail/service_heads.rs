use trunkline::service;

#[service]
trait Generic<T, const N: usize> {
    async fn rooms(&self) -> Vec<String>;
}

#[service]
trait Bounded
where
    Self: Clone,
{
}

#[service]
unsafe trait Unsafe {}

#[service]
auto trait Auto {}

fn main() {}
