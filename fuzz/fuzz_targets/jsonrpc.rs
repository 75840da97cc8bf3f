//! A document of JSON-RPC 2.0, as the first message of a link and as a later one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| trunkline_fuzz::document(body));
