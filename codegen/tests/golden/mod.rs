//! One service with everything, and the file that is generated from it.

mod chat;

use chat::{ChatClient, ModeratorClient};
use trunkline_codegen::assert_current;

/// `UPDATE_RPC=1 cargo test -p trunkline-codegen` writes the file.
#[test]
fn the_file_is_what_it_was() {
    assert_current("tests/golden/chat.ts", |rpc| rpc.service::<ModeratorClient>().service::<ChatClient>());
}
