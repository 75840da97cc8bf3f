use trunkline::service;

#[service]
trait Chat {
    async fn pair(&self, (room, text): (String, String));
    async fn nameless(&self, _: String);
    async fn changing(&self, mut text: String);
    async fn by_ref(&self, ref text: String) {
        let _ = text;
    }
}

fn main() {}
