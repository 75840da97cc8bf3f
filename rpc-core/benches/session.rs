//! What a call costs in the two sessions that carry it, without transports, runtimes and methods.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the clock that the core itself does not read")]

use std::time::Instant;

use trunkline_core::{
    AwaitHello, AwaitWelcome, Codec, Event, Hello, KeepAlive, Payload, Protocol, Role, Session,
    SessionConfig, Welcome,
};

struct Pair {
    now: Instant,
    client: Session,
    server: Session,
}

impl Pair {
    fn new(codec: Codec) -> Self {
        let (now, protocol) = (Instant::now(), Protocol::Native(codec));
        let (await_welcome, hello) = AwaitWelcome::new(protocol, Hello::default());
        let pending = AwaitHello::new(protocol).handle_packet(hello).unwrap();
        let mut server = Session::new(Role::Server, SessionConfig::default(), codec);
        server.attach(pending.accept(now, KeepAlive::server(), Welcome::default())).unwrap();
        let welcome = server.poll_transmit(now).unwrap();
        let (_, link) = await_welcome.handle_packet(now, KeepAlive::client(), welcome).unwrap();
        let mut client = Session::new(Role::Client, SessionConfig::default(), codec);
        client.attach(link).unwrap();
        Self { now, client, server }
    }

    /// Makes `calls` calls, each of which is answered with its parameters.
    fn echo(&mut self, calls: usize, params: &Payload) {
        for _ in 0..calls {
            self.client.request(self.now, "echo", None, params.clone(), None).unwrap();
        }
        while let Some(packet) = self.client.poll_transmit(self.now) {
            self.server.handle_packet(self.now, packet).unwrap();
        }
        while let Some(event) = self.server.poll_event() {
            if let Event::Request(request) = event {
                let id = request.id.unwrap();
                self.server.answer(id, Ok(request.into_params()));
            }
        }
        while let Some(packet) = self.server.poll_transmit(self.now) {
            self.client.handle_packet(self.now, packet).unwrap();
        }
        while let Some(event) = self.client.poll_event() {
            divan::black_box(event);
        }
    }
}

#[divan::bench(args = [Codec::Json, Codec::MessagePack], consts = [1, 64, 1024])]
fn small_calls<const CALLS: usize>(bencher: divan::Bencher<'_, '_>, codec: Codec) {
    let mut pair = Pair::new(codec);
    let params = Payload::encode(codec, &(1, 2)).unwrap();
    bencher.counter(divan::counter::ItemsCount::new(CALLS)).bench_local(|| pair.echo(CALLS, &params));
}

#[divan::bench(args = [Codec::Json, Codec::MessagePack])]
fn four_calls_of_64_kib(bencher: divan::Bencher<'_, '_>, codec: Codec) {
    let mut pair = Pair::new(codec);
    let params = Payload::encode(codec, &["x".repeat(64 << 10)]).unwrap();
    bencher.counter(divan::counter::ItemsCount::new(4_usize)).bench_local(|| pair.echo(4, &params));
}

fn main() {
    divan::main();
}
