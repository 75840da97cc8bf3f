use trunkline::service;

#[service]
trait Chat {
    async fn say(&self);
    #[method(alias = "say")]
    async fn talk(&self);
    #[method(alias("shout", "shout"))]
    async fn shout(&self);
    #[method(alias = "")]
    async fn nothing(&self);
    #[method(alias = "rpc.login")]
    async fn login(&self);
}

#[service(rename_all = "camelCase")]
trait Renamed {
    async fn say_it(&self, room_name: u8, roomName: u8);
    async fn nameless(&self, __: u8);
    #[allow(non_snake_case)]
    async fn sayIt(&self);
}

fn main() {}
