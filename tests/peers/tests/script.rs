//! A script without a library, in Node.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use trunkline_peers_tests::serve;

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_knows_only_websocket_and_json_gets_30() {
    let addr = serve().await;
    let output = tokio::task::spawn_blocking(move || {
        // Node 20 has the browser's WebSocket behind this flag, later ones have it anyway.
        Command::new("node")
            .args(["--experimental-websocket", "--no-warnings", "script.mjs", &format!("ws://{addr}")])
            .output()
            .expect("node is on the path: https://nodejs.org")
    });
    let output = output.await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Result: 30\n", "{output:?}");
}
