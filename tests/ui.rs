//! What the compiler tells users of the macros: `ui/fail` has a file for each kind of mistake and, beside it, the exact
//! text of its errors; `ui/pass` must compile and run.
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the texts anew: read each one before it is kept. They belong to the
//! compiler that CI pins, and to the default features.
#![cfg(all(feature = "client", feature = "schema", feature = "server"))]

#[test]
fn mistakes_are_explained_where_they_are_made() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
