use trunkline::{User, service};

#[service]
trait Chat {
    #[method(public)]
    async fn rooms(&self, user: User) -> Vec<String>;
    #[method(public)]
    async fn fine(&self, user: Option<User>) -> Vec<String>;
}

fn main() {}
