//! The first packet of either side; the first byte says which side, which codec and which kind of packet.
#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use trunkline_core::{
    AwaitHello, AwaitWelcome, Codec, Hello, KeepAlive, Packet, Protocol, Role, Session, SessionConfig,
    Welcome,
};

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else { return };
    let codec = if choice & 1 == 0 { Codec::Json } else { Codec::MessagePack };
    let protocol = Protocol::Native(codec);
    let body = body.to_vec().into();
    let packet = if choice & 2 == 0 { Packet::Text(body) } else { Packet::Binary(body) };
    let now = Instant::now();
    let (role, link) = if choice & 4 == 0 {
        let Ok(pending) = AwaitHello::new(protocol).handle_packet(packet) else { return };
        assert_eq!(pending.hello().v, 1);
        (Role::Server, pending.accept(now, KeepAlive::server(), Welcome::default()))
    } else {
        let (await_welcome, _) = AwaitWelcome::new(protocol, Hello::default());
        let Ok((welcome, link)) = await_welcome.handle_packet(now, KeepAlive::client(), packet) else {
            return;
        };
        assert_eq!(welcome.v, 1);
        (Role::Client, link)
    };
    let mut session = Session::new(role, SessionConfig::default(), codec);
    let _ = session.attach(link.with_jitter(f64::from(*choice) / 100.0));
    let _ = session.poll_timeout();
    while session.poll_event().is_some() {}
    while session.poll_transmit(now).is_some() {}
    trunkline_fuzz::finish(now, &mut session);
});
