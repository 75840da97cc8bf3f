use trunkline::service;

struct Tenant;

#[service]
trait Chat {
    async fn plan(&self, #[extract] tenant: Tenant) -> String;
}

mod mine {
    #[trunkline::data]
    pub struct User {
        pub name: String,
    }

    #[trunkline::service]
    pub trait Users {
        async fn add(&self, user: User);
    }
}

fn main() {}
