//! What the compiler tells users of the macros: `ui/fail` has a file for each kind of mistake and, beside it, the exact
//! text of its errors; `ui/pass` must compile and run.
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the texts anew: read each one before it is kept. They belong to the
//! default features, and to one version of the compiler: where another one words its errors differently, the test fails and
//! says so.
#![cfg(all(feature = "client", feature = "schema", feature = "server"))]

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    process::Command,
};

/// The compiler whose words the texts are in.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained_where_they_are_made() {
    // The cases run when they are dropped.
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        let cases = trybuild::TestCases::new();
        cases.pass("tests/ui/pass/*.rs");
        cases.compile_fail("tests/ui/fail/*.rs");
    }));
    let Err(mismatch) = outcome else { return };
    let compiler = compiler();
    assert!(
        compiler.starts_with(COMPILER),
        "the `.stderr` files are in the words of `{COMPILER}x`, and this is `{compiler}`: try `cargo +1.95.0 test --test ui`"
    );
    panic::resume_unwind(mismatch);
}

/// What the compiler under test says of itself.
fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("there is a compiler");
    String::from_utf8_lossy(&version.stdout).trim().to_owned()
}
