use trunkline::data;

#[data]
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Message {
    text: String,
}

fn main() {
    let _ = Message { text: String::new() }.clone();
}
