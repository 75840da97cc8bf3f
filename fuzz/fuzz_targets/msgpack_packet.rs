//! A packet of the MessagePack subprotocol, right after the handshake.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkline_core::Codec;

fuzz_target!(|body: &[u8]| trunkline_fuzz::feed(Codec::MessagePack, body));
