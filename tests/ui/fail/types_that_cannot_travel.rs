use trunkline::{Result, service};

struct Order;

enum OrderError {
    Gone,
}

#[service]
trait Shop {
    async fn place(&self, count: u8, order: Order);
    async fn batch(&self, #[body] orders: Vec<Order>);
    async fn get(&self) -> Order;
    async fn find(&self) -> Result<Order>;
    async fn cancel(&self) -> Result<(), OrderError>;
    async fn since(&self, when: std::time::Instant);
}

fn main() {}
