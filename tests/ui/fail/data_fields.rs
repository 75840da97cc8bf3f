use trunkline::data;

struct Author;

#[data]
struct Message {
    author: Author,
}

fn main() {}
