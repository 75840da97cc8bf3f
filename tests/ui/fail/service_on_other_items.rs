use trunkline::service;

struct Rooms;

#[service]
impl Rooms {
    #[trunkline::method(public)]
    pub async fn rooms(&self) {}
}

#[service]
struct Chat;

#[service]
fn chat() {}

fn main() {
    Rooms.rooms();
    let _ = Chat;
    chat();
}
