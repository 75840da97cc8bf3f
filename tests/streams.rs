//! Streams, over real sockets and in both codecs: what a method gives item by item, and what a caller sends along.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::sync::{mpsc, watch};
use trunkline::{
    BoxStream, CallError, Client, Code, Codec, Error, Result, Server, ServerBuilder, Stream, Streaming,
    Subscription, data, has, json, service,
};

use crate::{duplex::Duplex, raw::within};

#[data(error)]
#[derive(Debug, PartialEq, thiserror::Error)]
enum Fault {
    #[error("there is no more than {had}")]
    RanOut { had: u64 },
    #[error("not that")]
    Refused { why: String },
}

#[service]
trait Streams {
    /// So many numbers.
    fn count(&self, to: u64) -> impl Stream<Item = u64> + Send;

    /// Numbers without end.
    fn endless(&self) -> impl Stream<Item = u64>;

    /// One item that is there, and one that comes when the test says so.
    fn gated(&self) -> BoxStream<u64>;

    /// Numbers, and then an error.
    fn failing(&self, after: u64) -> impl Stream<Item = Result<u64, Fault>>;

    /// Fails before there is a stream, if asked to.
    async fn checked(&self, fails: bool) -> Result<impl Stream<Item = u64>, Fault>;

    /// The same with the error in both places.
    async fn twice(&self, fails: bool) -> Result<BoxStream<Result<u64, Fault>>, Fault>;

    /// Panics after three.
    fn panicking(&self) -> impl Stream<Item = u64>;

    /// Text of so many bytes, without end.
    fn texts(&self, bytes: usize) -> impl Stream<Item = String>;

    /// Fails at length before there is a stream.
    async fn refused(&self, bytes: usize) -> Result<BoxStream<u64>, Fault>;

    #[method(requires = has("vip"))]
    fn secret(&self) -> impl Stream<Item = u64>;

    #[method(timeout = "50ms")]
    fn short(&self) -> impl Stream<Item = u64>;

    /// Adds up what is sent.
    async fn sum(&self, begin: u64, numbers: Streaming<u64>) -> Result<u64>;

    /// Takes so many and no more.
    async fn take(&self, numbers: Streaming<u64>, most: usize) -> Result<Vec<u64>>;

    /// Gives everything back, doubled.
    fn double(&self, numbers: Streaming<u64>) -> impl Stream<Item = Result<u64>>;

    async fn echo(&self, text: String) -> String;
}

/// Counts items that were made, and says when a stream is dropped.
#[derive(Clone)]
struct App {
    made: Arc<AtomicUsize>,
    dropped: mpsc::UnboundedSender<&'static str>,
    open: watch::Receiver<bool>,
}

struct Endless {
    next: u64,
    app: App,
}

impl Stream for Endless {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u64>> {
        self.app.made.fetch_add(1, Ordering::SeqCst);
        self.next += 1;
        Poll::Ready(Some(self.next - 1))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.app.dropped.send("endless");
    }
}

impl App {
    fn numbers(&self) -> Endless {
        Endless { next: 0, app: self.clone() }
    }
}

impl Streams for App {
    fn count(&self, to: u64) -> impl Stream<Item = u64> + Send {
        stream::iter(0..to)
    }

    fn endless(&self) -> impl Stream<Item = u64> {
        self.numbers()
    }

    fn gated(&self) -> BoxStream<u64> {
        let mut open = self.open.clone();
        let second = async move {
            let _ = open.wait_for(|open| *open).await;
            2
        };
        Box::pin(stream::iter([1]).chain(stream::once(second)))
    }

    fn failing(&self, after: u64) -> impl Stream<Item = Result<u64, Fault>> {
        stream::iter((0..after).map(Ok).chain([Err(Fault::RanOut { had: after })]))
    }

    async fn refused(&self, bytes: usize) -> Result<BoxStream<u64>, Fault> {
        Err(Fault::Refused { why: "x".repeat(bytes) })
    }

    async fn checked(&self, fails: bool) -> Result<impl Stream<Item = u64>, Fault> {
        if fails { Err(Fault::RanOut { had: 0 }) } else { Ok(stream::iter(0..3)) }
    }

    async fn twice(&self, fails: bool) -> Result<BoxStream<Result<u64, Fault>>, Fault> {
        if fails {
            Err(Fault::RanOut { had: 0 })
        } else {
            Ok(Box::pin(stream::iter([Ok(0), Err(Fault::RanOut { had: 1 })])))
        }
    }

    fn panicking(&self) -> impl Stream<Item = u64> {
        stream::iter(0..10).inspect(|number| assert!(*number < 3, "as asked"))
    }

    fn texts(&self, bytes: usize) -> impl Stream<Item = String> {
        self.numbers().map(move |_| "x".repeat(bytes))
    }

    fn secret(&self) -> impl Stream<Item = u64> {
        stream::iter([42])
    }

    fn short(&self) -> impl Stream<Item = u64> {
        stream::iter([1]).chain(stream::pending())
    }

    async fn sum(&self, begin: u64, mut numbers: Streaming<u64>) -> Result<u64> {
        let mut sum = begin;
        while let Some(number) = numbers.next().await {
            sum += number?;
        }
        Ok(sum)
    }

    async fn take(&self, numbers: Streaming<u64>, most: usize) -> Result<Vec<u64>> {
        let taken: Vec<Result<u64>> = numbers.take(most).collect().await;
        taken.into_iter().collect()
    }

    fn double(&self, numbers: Streaming<u64>) -> impl Stream<Item = Result<u64>> {
        numbers.map(|number| number.map(|number| number * 2))
    }

    async fn echo(&self, text: String) -> String {
        text
    }
}

struct World {
    app: App,
    dropped: mpsc::UnboundedReceiver<&'static str>,
    open: watch::Sender<bool>,
    url: String,
    hub: trunkline::Hub,
    server: Server,
}

impl World {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(change: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let (dropped, dropped_told) = mpsc::unbounded_channel();
        let (open, open_told) = watch::channel(false);
        let app = App { made: Arc::default(), dropped, open: open_told };
        let builder = Server::builder().service(StreamsServer::new(app.clone()));
        let server = change(builder).build().unwrap();
        let hub = server.hub();
        let bound = server.clone().bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", bound.local_addr().unwrap());
        tokio::spawn(bound.run());
        Self { app, dropped: dropped_told, open, url, hub, server }
    }

    async fn client(&self, codec: Codec) -> Client {
        Client::builder(&self.url).codec(codec).connect().await.unwrap()
    }

    async fn clients(&self) -> [(Client, StreamsClient); 2] {
        let mut clients = Vec::new();
        for codec in [Codec::Json, Codec::MessagePack] {
            let client = self.client(codec).await;
            let streams = StreamsClient::new(&client);
            clients.push((client, streams));
        }
        clients.try_into().unwrap()
    }

    fn made(&self) -> usize {
        self.app.made.load(Ordering::SeqCst)
    }
}

/// One poll of it.
async fn polled<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut future).poll(cx))).await
}

async fn all<T: trunkline::Wire, E: trunkline::AppError>(
    mut stream: Subscription<T, E>,
) -> (Vec<T>, Option<CallError<E>>) {
    let mut items = Vec::new();
    while let Some(item) = stream.next().await {
        match item {
            Ok(item) => items.push(item),
            Err(error) => {
                assert!(stream.next().await.is_none(), "nothing comes behind an error");
                return (items, Some(error));
            }
        }
    }
    assert!(stream.next().await.is_none());
    (items, None)
}

#[tokio::test]
async fn the_first_item_is_there_before_the_stream_has_ended() {
    for (index, codec) in [Codec::Json, Codec::MessagePack].into_iter().enumerate() {
        let world = World::new().await;
        let client = world.client(codec).await;
        let mut gated = StreamsClient::new(&client).gated();
        assert_eq!(gated.next().await.unwrap().unwrap(), 1, "{index}");
        world.open.send(true).unwrap();
        assert_eq!(gated.next().await.unwrap().unwrap(), 2);
        assert!(gated.next().await.is_none());
    }
}

#[tokio::test]
async fn ten_thousand_items_arrive_in_order() {
    let world = World::new().await;
    for (_client, streams) in world.clients().await {
        let (items, error) = all(streams.count(10_000)).await;
        assert!(error.is_none());
        assert!(items.into_iter().eq(0..10_000));
        assert!(all(streams.count(0)).await.0.is_empty());
    }
}

#[tokio::test]
async fn a_stream_that_is_dropped_drops_its_producer() {
    let mut world = World::new().await;
    for (_client, streams) in world.clients().await {
        let mut endless = streams.endless();
        for number in 0..3 {
            assert_eq!(endless.next().await.unwrap().unwrap(), number);
        }
        drop(endless);
        assert_eq!(world.dropped.recv().await, Some("endless"));
        // The slot is free again.
        assert_eq!(all(streams.count(3)).await.0, [0, 1, 2]);
    }
}

#[tokio::test]
async fn a_slow_reader_holds_the_producer_within_its_window() {
    let world = World::new().await;
    for (index, (_client, streams)) in world.clients().await.into_iter().enumerate() {
        let before = world.made();
        let mut endless = streams.endless();
        assert_eq!(endless.next().await.unwrap().unwrap(), 0);
        // Calls pass: when they are answered, the stream has had its turns.
        let mut made = world.made();
        let settled = async {
            loop {
                for _ in 0..20 {
                    streams.echo("x").await.unwrap();
                }
                if std::mem::replace(&mut made, world.made()) == made && made - before >= 1024 {
                    break;
                }
            }
        };
        within(settled).await;
        assert_eq!(world.made() - before, 1024, "{index}");
        for number in 1..600 {
            assert_eq!(endless.next().await.unwrap().unwrap(), number);
        }
        within(async {
            while world.made() - before < 1024 + 512 {
                streams.echo("x").await.unwrap();
            }
        })
        .await;
        assert!(world.made() - before <= 1024 + 600);
    }
}

#[tokio::test]
async fn bytes_count_as_well_and_a_large_item_does_not_block_for_ever() {
    let world = World::new().await;
    for (_client, streams) in world.clients().await {
        let before = world.made();
        let mut texts = streams.texts(300 << 10);
        for taken in 1..=5 {
            assert_eq!(within(texts.next()).await.unwrap().unwrap().len(), 300 << 10);
            assert!(world.made() - before <= taken + 1);
        }
    }
}

#[tokio::test]
async fn errors_end_a_stream_wherever_they_come() {
    let world = World::new().await;
    let ran_out = |had| Some(CallError::App(Fault::RanOut { had }));
    for (_client, streams) in world.clients().await {
        assert_eq!(all(streams.failing(3)).await, (vec![0, 1, 2], ran_out(3)));
        assert_eq!(all(streams.failing(0)).await, (vec![], ran_out(0)));
        assert_eq!(all(streams.checked(true)).await, (vec![], ran_out(0)));
        assert_eq!(all(streams.checked(false)).await, (vec![0, 1, 2], None));
        assert_eq!(all(streams.twice(true)).await, (vec![], ran_out(0)));
        assert_eq!(all(streams.twice(false)).await, (vec![0], ran_out(1)));
        let (items, error) = all(streams.panicking()).await;
        assert_eq!(items, [0, 1, 2]);
        let error = error.unwrap();
        assert_eq!((error.code(), error.maybe_executed()), (Code::Internal, true));
        assert_eq!(streams.echo("alive").await.unwrap(), "alive");
    }
}

#[tokio::test]
async fn an_item_that_the_peer_cannot_take_ends_the_stream() {
    let world = World::new().await;
    for (_client, streams) in world.clients().await {
        let (items, error) = all(streams.texts(2 << 20)).await;
        assert!(items.is_empty());
        assert_eq!(error.unwrap().code(), Code::ResourceExhausted);
    }
}

#[tokio::test]
async fn guards_hold_for_streams() {
    let world = World::new().await;
    for (_client, streams) in world.clients().await {
        let (items, error) = all(streams.secret()).await;
        assert!(items.is_empty());
        let error = error.unwrap();
        assert_eq!((error.code(), error.maybe_executed()), (Code::PermissionDenied, false));
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_hold_for_streams() {
    let world = World::new().await;
    let client = Client::over(world.server.in_memory()).await.unwrap();
    let streams = StreamsClient::new(&client);
    for stream in [streams.short(), streams.gated().timeout(Duration::from_millis(20))] {
        let (items, error) = all(stream).await;
        assert_eq!((items, error.unwrap().code()), (vec![1], Code::DeadlineExceeded));
    }
}

#[tokio::test(start_paused = true)]
async fn ends_that_nobody_reads_hold_the_next_ones_up() {
    let world = World::new().await;
    let (mut raw, _) = Duplex::hello(&world.server, r#"[1,{"v":1}]"#).await;
    for id in (1..=201).step_by(2) {
        raw.send(&format!(r#"[3,{id},"refused",0,[20000]]"#)).await;
    }
    // The clock goes on when nobody has anything to do.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let queued = world.hub.connections()[0].queued_bytes();
    assert!(queued > 64 << 10 && queued < 512 << 10, "{queued}");
    let mut ends = 0;
    while ends < 101 {
        ends += raw.receive().await.matches("REFUSED").count();
    }
}

#[tokio::test]
async fn uploads_flow_while_the_method_runs() {
    let world = World::new().await;
    for (_client, streams) in world.clients().await {
        let numbers = || Streaming::new(stream::iter(0..10_000));
        assert_eq!(streams.sum(1, numbers()).await.unwrap(), 49_995_001);
        assert_eq!(streams.sum(7, Streaming::new(stream::empty())).await.unwrap(), 7);
        assert_eq!(streams.take(numbers(), 3).await.unwrap(), [0, 1, 2]);
        let failing = Streaming::of_results(stream::iter([Ok(1), Err(Error::invalid("no more"))]));
        let error = streams.sum(0, failing).await.unwrap_err();
        assert_eq!(error.to_string(), "INVALID_ARGUMENT: no more");
    }
}

#[tokio::test]
async fn an_upload_is_dropped_when_nobody_wants_it_any_more() {
    let mut world = World::new().await;
    for (_client, streams) in world.clients().await {
        // The method returns.
        let numbers = Streaming::new(world.app.numbers());
        assert_eq!(streams.take(numbers, 2).await.unwrap(), [0, 1]);
        assert_eq!(world.dropped.recv().await, Some("endless"));
        // The caller gives up.
        let numbers = Streaming::new(world.app.numbers());
        let before = world.made();
        let mut sum = Box::pin(streams.sum(0, numbers));
        while world.made() == before {
            let _ = polled(&mut sum).await;
            tokio::task::yield_now().await;
        }
        drop(sum);
        assert_eq!(world.dropped.recv().await, Some("endless"));
        // It never left.
        drop(streams.sum(0, Streaming::new(world.app.numbers())));
        assert_eq!(world.dropped.recv().await, Some("endless"));
    }
}

#[tokio::test]
async fn both_directions_at_once() {
    let mut world = World::new().await;
    for (_client, streams) in world.clients().await {
        let (sender, receiver) = mpsc::unbounded_channel();
        let numbers = stream::unfold(receiver, |mut numbers: mpsc::UnboundedReceiver<u64>| async {
            Some((numbers.recv().await?, numbers))
        });
        let mut doubled = streams.double(Streaming::new(numbers));
        for number in 0..100 {
            sender.send(number).unwrap();
            assert_eq!(doubled.next().await.unwrap().unwrap(), number * 2);
        }
        drop(sender);
        assert!(doubled.next().await.is_none());
        let (items, error) = all(streams.double(Streaming::new(stream::iter(0..5000)))).await;
        assert!(error.is_none() && items.into_iter().eq((0..5000).map(|number| number * 2)));
        let mut endless = streams.double(Streaming::new(world.app.numbers()));
        assert_eq!(endless.next().await.unwrap().unwrap(), 0);
        drop(endless);
        assert_eq!(world.dropped.recv().await, Some("endless"));
    }
}

#[tokio::test]
async fn answers_pass_a_stream_that_floods() {
    let world = World::new().await;
    for (_client, streams) in world.clients().await {
        let mut texts = streams.texts(1000);
        assert!(texts.next().await.is_some());
        // Nobody takes items meanwhile, so that none can be in front of the answers for ever.
        for nth in 0..100 {
            assert_eq!(streams.echo(nth.to_string()).await.unwrap(), nth.to_string());
        }
    }
}

#[tokio::test]
async fn streams_have_slots_of_their_own() {
    let world = World::with(|builder| builder.max_streams(2).max_in_flight(1)).await;
    for (_client, streams) in world.clients().await {
        let mut open = [streams.endless(), streams.endless()];
        for stream in &mut open {
            assert_eq!(stream.next().await.unwrap().unwrap(), 0);
        }
        let mut third = Box::pin(streams.count(3));
        assert!(polled(pin!(third.next())).await.is_pending());
        // Calls go on, and so does the third when a slot is free.
        assert_eq!(streams.echo("x").await.unwrap(), "x");
        assert!(polled(pin!(third.next())).await.is_pending());
        let [first, _second] = open;
        drop(first);
        assert_eq!(third.next().await.unwrap().unwrap(), 0);
    }
}

#[tokio::test]
async fn a_lost_link_ends_streams_on_both_sides() {
    let mut world = World::new().await;
    for codec in [Codec::Json, Codec::MessagePack] {
        let client = world.client(codec).await;
        let streams = StreamsClient::new(&client);
        let mut endless = streams.endless();
        assert_eq!(endless.next().await.unwrap().unwrap(), 0);
        for conn in world.hub.connections() {
            conn.close(4000, "over");
        }
        let error = loop {
            if let Err(error) = endless.next().await.unwrap() {
                break error;
            }
        };
        assert_eq!((error.code(), error.maybe_executed()), (Code::Unavailable, true));
        assert!(endless.next().await.is_none());
        assert_eq!(world.dropped.recv().await, Some("endless"));
    }
}

#[tokio::test]
async fn json_rpc_and_post_are_told_where_streams_are() {
    let world = World::new().await;
    let url = &world.url;
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    for method in ["count", "sum"] {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [1] }).to_string();
        futures_util::SinkExt::send(&mut socket, tokio_tungstenite::tungstenite::Message::text(call))
            .await
            .unwrap();
        let answer = socket.next().await.unwrap().unwrap().into_text().unwrap();
        let answer: trunkline::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["error"]["data"]["code"], "UNIMPLEMENTED", "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("WebSocket of the native protocol"), "{message}");
    }
}

#[tokio::test]
async fn who_expects_something_else_is_told() {
    let world = World::new().await;
    for (client, streams) in world.clients().await {
        let error = client.call::<u64>("count", json!([3])).await.unwrap_err();
        assert_eq!((error.code(), error.maybe_executed()), (Code::Unimplemented, true));
        assert!(error.to_string().contains("the method gives a stream"), "{error}");
        let error = client.call::<u64>("sum", json!([1, 2])).await.unwrap_err();
        assert!(error.to_string().contains("takes 1 streams among its parameters"), "{error}");
        assert_eq!(streams.echo("alive").await.unwrap(), "alive");
    }
}

#[tokio::test]
async fn a_stream_is_one_call_in_the_log() {
    let (told, mut entries) = mpsc::unbounded_channel();
    let world = World::with(|builder| {
        builder.on_log(move |entry| {
            let _ = told.send((entry.method.clone(), entry.items, entry.status));
        })
    })
    .await;
    let client = world.client(Codec::Json).await;
    let streams = StreamsClient::new(&client);
    all(streams.count(500)).await;
    assert_eq!(entries.recv().await, Some(("count".to_owned(), 500, trunkline::CallStatus::Success)));
    let mut endless = streams.endless();
    endless.next().await.unwrap().unwrap();
    drop(endless);
    let (method, items, status) = entries.recv().await.unwrap();
    assert_eq!((method.as_str(), status), ("endless", trunkline::CallStatus::Cancelled));
    assert!(items > 0);
}

#[tokio::test]
async fn a_server_that_shuts_down_lets_streams_end_within_its_grace() {
    let world = World::new().await;
    let client = world.client(Codec::Json).await;
    let streams = StreamsClient::new(&client);
    let mut gated = streams.gated();
    assert_eq!(gated.next().await.unwrap().unwrap(), 1);
    let server = world.server.clone();
    let over = tokio::spawn(async move { server.shutdown().await });
    // No more calls are let in, and the stream goes on.
    loop {
        match streams.echo("x").await {
            Ok(_) => {}
            Err(error) => break assert_eq!(error.code(), Code::Unavailable),
        }
    }
    assert!(!over.is_finished());
    world.open.send(true).unwrap();
    assert_eq!(gated.next().await.unwrap().unwrap(), 2);
    assert!(gated.next().await.is_none());
    over.await.unwrap();
}

#[tokio::test]
async fn a_stream_without_end_ends_with_the_grace() {
    let mut world = World::with(|builder| builder.shutdown_grace(Duration::from_millis(50))).await;
    let client = world.client(Codec::MessagePack).await;
    let mut endless = StreamsClient::new(&client).endless();
    assert_eq!(endless.next().await.unwrap().unwrap(), 0);
    world.server.shutdown().await;
    assert_eq!(world.dropped.recv().await, Some("endless"));
    let error = loop {
        if let Err(error) = endless.next().await.unwrap() {
            break error;
        }
    };
    assert_eq!(error.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_post_is_told_where_streams_are_in_either_protocol() {
    let world = World::new().await;
    let addr = world.url.trim_start_matches("ws://").parse().unwrap();
    for (media, body) in [
        ("application/json", r#"{"jsonrpc":"2.0","id":1,"method":"count","params":[3]}"#),
        ("application/vnd.trunkline.v1+json", r#"[3,1,"count",0,[3]]"#),
        ("application/vnd.trunkline.v1+json", r#"[3,1,"sum",{"s":[3]},[3,{"$stream":0}]]"#),
    ] {
        let headers = format!("content-type: {media}\r\ncontent-length: {}\r\n", body.len());
        let answer = crate::post::send(addr, "POST /", &headers, body.as_bytes()).await;
        let answer = String::from_utf8(answer.body).unwrap();
        assert!(answer.contains("UNIMPLEMENTED") && answer.contains("native protocol"), "{answer}");
    }
    assert_eq!(world.made(), 0);
}

#[tokio::test]
async fn streams_without_generated_code() {
    let world = World::new().await;
    for (client, _) in world.clients().await {
        let (items, error) = all(client.stream::<u64>("count", json!([3]))).await;
        assert_eq!((items, error.is_none()), (vec![0, 1, 2], true));
        let (items, error) = all(client.stream::<u64>("failing", json!({ "after": 1 }))).await;
        let Some(CallError::App(error)) = error else { panic!("{error:?}") };
        assert_eq!((items, error.code.as_str()), (vec![0], "RAN_OUT"));
        let (items, error) = all(client.stream::<String>("count", json!([3]))).await;
        assert!(items.is_empty());
        assert!(error.unwrap().to_string().contains("not what this client expects"));
    }
}

#[tokio::test]
async fn an_upload_that_panics_ends_itself_and_its_call_is_told() {
    let world = World::new().await;
    for (_client, streams) in world.clients().await {
        let numbers = stream::iter(0..5_u64).inspect(|number| assert!(*number < 3, "as asked"));
        let error = streams.sum(0, Streaming::new(numbers)).await.unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        assert_eq!(streams.echo("alive").await.unwrap(), "alive");
    }
}

#[tokio::test]
async fn streams_are_told_in_the_description() {
    use trunkline::Service;
    let schema = StreamsClient::SCHEMA;
    let method = |name: &str| schema.methods.iter().find(|method| method.name == name).unwrap();
    assert!(method("count").stream && method("twice").stream && method("double").stream);
    assert!(!method("sum").stream && method("sum").uploads() == 1);
    let server = Server::builder().service(StreamsServer::new(World::new().await.app)).build().unwrap();
    let described = server.describe();
    let method =
        |name: &str| described.services[0].methods.iter().find(|method| method.name == name).unwrap();
    assert_eq!(method("twice").result.typescript, "number");
    assert!(method("twice").error.as_ref().unwrap().typescript.contains("Fault"));
    assert_eq!(method("checked").error.as_ref().unwrap().typescript, "Fault");
    assert!(method("sum").params[1].stream && method("sum").params[1].ty.typescript == "number");
}
