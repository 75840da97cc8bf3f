use trunkline::data;

#[data]
fn message() {}

#[data]
trait Message {}

#[data]
union Bits {
    word: u32,
    byte: u8,
}

fn main() {
    message();
}
