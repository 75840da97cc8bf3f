//! Services that a client exposes, and the server calls: over a connection, or an audience.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::sync::{Notify, mpsc};
use trunkline::{
    CallError, CallLog, Client, ClientBuilder, Code, Codec, ConnectError, Connection, ConnectionState,
    Credentials, Error, Hub, Memory, Result, Server, Stream, User, data, has, memory, service,
};
use trunkline_core::Packet;

use crate::{
    log::Log,
    raw::{Raw, serve, within},
};

#[data(error)]
#[derive(Debug, PartialEq, thiserror::Error)]
enum ScanError {
    #[error("job {job} is broken")]
    Broken { job: u64 },
}

#[service(rename_all = "camelCase")]
trait Worker {
    async fn scan_jobs(&self, conn: Connection, jobs: Vec<u64>) -> Result<usize, ScanError>;
    async fn who(&self, user: Option<User>, conn: Connection) -> String;
    #[method(requires = has("open"))]
    async fn guarded(&self) -> u32;
    async fn enter(&self, conn: Connection, name: String) -> Result<()>;
    async fn boom(&self) -> u32;
    fn found(&self, upto: u32) -> impl Stream<Item = u32> + Send;
    async fn fails(&self) -> Result<u32>;
    async fn hang(&self) -> u32;
    /// Calls the server in turn.
    async fn ask_back(&self, conn: Connection, depth: u32) -> Result<u32>;
}

#[service]
trait Events {
    #[method(oneway)]
    async fn announced(&self, text: String);
    #[method(oneway)]
    async fn all(&self, #[body] all: Announcement);
}

#[data]
#[derive(Debug, PartialEq)]
struct Announcement {
    text: String,
    level: Option<u8>,
}

#[service]
trait Server1 {
    /// Calls the very client that calls it.
    async fn call_me(&self, conn: Connection, depth: u32) -> Result<u32>;
    async fn notify_me(&self, conn: Connection, text: String) -> Result<()>;
}

const HOUR: Duration = Duration::from_secs(3600);

/// What a client serves.
#[derive(Clone, Default)]
struct Scanner(Arc<Scanned>);

#[derive(Default)]
struct Scanned {
    begun: AtomicUsize,
    ended: AtomicUsize,
    most: AtomicUsize,
    go: Notify,
    changed: Notify,
}

impl Scanner {
    async fn until(&self, holds: impl Fn(&Scanned) -> bool) {
        within(async {
            loop {
                let changed = self.0.changed.notified();
                if holds(&self.0) {
                    return;
                }
                changed.await;
            }
        })
        .await;
    }
}

/// A call of `hang` that runs.
struct Hanging(Scanner);

impl Hanging {
    fn begin(scanner: &Scanner) -> Self {
        let running =
            scanner.0.begun.fetch_add(1, Ordering::SeqCst) + 1 - scanner.0.ended.load(Ordering::SeqCst);
        scanner.0.most.fetch_max(running, Ordering::SeqCst);
        scanner.0.changed.notify_waiters();
        Self(scanner.clone())
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::SeqCst);
        self.0.0.changed.notify_waiters();
    }
}

impl Worker for Scanner {
    async fn scan_jobs(&self, conn: Connection, jobs: Vec<u64>) -> Result<usize, ScanError> {
        conn.set("open", true);
        match jobs.iter().find(|job| **job == 13) {
            Some(job) => Err(ScanError::Broken { job: *job }),
            None => Ok(jobs.len()),
        }
    }

    async fn who(&self, user: Option<User>, conn: Connection) -> String {
        format!("{:?} {} {}", user.map(|user| user.id().to_owned()), conn.id(), conn.remote_addr().ip())
    }

    async fn guarded(&self) -> u32 {
        1
    }

    async fn enter(&self, conn: Connection, name: String) -> Result<()> {
        conn.login(User::new(name))
    }

    fn found(&self, upto: u32) -> impl Stream<Item = u32> + Send {
        futures_util::stream::iter(0..upto)
    }

    async fn boom(&self) -> u32 {
        panic!("CANARY in a client's method")
    }

    async fn fails(&self) -> Result<u32> {
        Err(Error::internal().with_detail("CANARY of a client"))
    }

    async fn hang(&self) -> u32 {
        let _running = Hanging::begin(self);
        self.0.go.notified().await;
        7
    }

    async fn ask_back(&self, conn: Connection, depth: u32) -> Result<u32> {
        match depth {
            0 => Ok(0),
            _ => Ok(Server1Client::new(&conn).call_me(depth - 1).await? + 1),
        }
    }
}

/// What a client hears.
struct Listener(mpsc::UnboundedSender<String>);

fn listener() -> (Listener, mpsc::UnboundedReceiver<String>) {
    let (heard, hears) = mpsc::unbounded_channel();
    (Listener(heard), hears)
}

impl Events for Listener {
    async fn announced(&self, text: String) {
        let _ = self.0.send(text);
    }

    async fn all(&self, all: Announcement) {
        let _ = self.0.send(format!("{all:?}"));
    }
}

struct App;

impl Server1 for App {
    async fn call_me(&self, conn: Connection, depth: u32) -> Result<u32> {
        Ok(WorkerClient::new(&conn).ask_back(depth).await?)
    }

    async fn notify_me(&self, conn: Connection, text: String) -> Result<()> {
        Ok(EventsClient::new(&conn).announced(text).await?)
    }
}

fn server() -> Server {
    Server::builder().service(Server1Server::new(App)).build().unwrap()
}

fn worker(scanner: &Scanner) -> ClientBuilder {
    Client::builder("").expose(WorkerServer::new(scanner.clone()))
}

/// A client in memory that serves a scanner, and the server's end of its connection.
async fn pair(scanner: &Scanner) -> (Client, Connection) {
    let server = server();
    let client = worker(scanner).over(server.in_memory()).await.unwrap();
    (client, some_connection(&server.hub()).await)
}

/// A session that the hub knows, once there is one.
pub(crate) async fn some_connection(hub: &Hub) -> Connection {
    connections(hub, 1).await.remove(0)
}

/// All sessions, once there are so many.
pub(crate) async fn connections(hub: &Hub, count: usize) -> Vec<Connection> {
    within(async {
        loop {
            let found = hub.connections();
            if found.len() == count {
                return found;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_server_calls_its_clients_over_real_sockets_in_both_codecs() {
    let server = server();
    let url = format!("ws://{}", serve(&server).await);
    for codec in [Codec::Json, Codec::MessagePack] {
        let (listener, mut heard) = listener();
        let client = Client::builder(&url)
            .codec(codec)
            .expose(WorkerServer::new(Scanner::default()))
            .expose(EventsServer::new(listener))
            .connect()
            .await
            .unwrap();
        let conn = some_connection(&server.hub()).await;
        let worker = WorkerClient::new(&conn);
        assert_eq!(worker.scan_jobs(vec![1, 2, 3]).await.unwrap(), 3);
        // A typed error arrives as its variant.
        let broken = worker.scan_jobs(vec![1, 13]).await.unwrap_err();
        assert_eq!(broken, CallError::App(ScanError::Broken { job: 13 }));
        // Nobody is logged in at a client; both ends know the session by one number, and the client where the server is.
        assert_eq!(worker.who().await.unwrap(), format!("None {} 127.0.0.1", conn.id()));
        EventsClient::new(&conn).announced("hi").await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), "hi");
        EventsClient::new(&conn).all(Announcement { text: "yo".into(), level: Some(1) }).await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), r#"Announcement { text: "yo", level: Some(1) }"#);
        // A client streams as a server does.
        let mut found = worker.found(3000);
        for expected in 0..3000 {
            assert_eq!(within(found.next()).await.unwrap().unwrap(), expected);
        }
        assert!(within(found.next()).await.is_none());
        let calls = (0..200).map(|n| worker.scan_jobs((0..n % 10).collect()));
        for (n, scanned) in futures_util::future::join_all(calls).await.into_iter().enumerate() {
            assert_eq!(scanned.unwrap(), n % 10);
        }
        client.close();
        connections(&server.hub(), 0).await;
    }
}

#[tokio::test]
async fn a_hook_calls_the_client_that_has_come() {
    let (told, mut tells) = mpsc::unbounded_channel();
    let server = Server::builder()
        .on_connect(move |conn| {
            let told = told.clone();
            async move {
                let accepted = WorkerClient::new(&conn).scan_jobs(vec![]).await?;
                let _ = told.send(format!("worker {} accepted {accepted}", conn.id()));
                Ok(())
            }
        })
        .build()
        .unwrap();
    let url = format!("ws://{}", serve(&server).await);
    let _worker = worker_at(&url, &Scanner::default()).connect().await.unwrap();
    assert_eq!(within(tells.recv()).await.unwrap(), "worker 1 accepted 0");
    // One that serves nothing lets the hook fail, and lives.
    let (log, _logging) = Log::begin(tracing::Level::INFO);
    let plain = Client::builder(&url).connect().await.unwrap();
    within(async {
        while !log.text().contains("a hook failed") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(log.entry("a hook failed").contains("nothing is served at this end"), "{}", log.text());
    assert!(!plain.is_closed());
}

fn worker_at(url: &str, scanner: &Scanner) -> ClientBuilder {
    Client::builder(url).expose(WorkerServer::new(scanner.clone()))
}

#[tokio::test]
async fn the_hub_lists_and_reaches_workers_and_workers_only() {
    let server = Server::builder()
        .service(Server1Server::new(App))
        .auth(|creds: &Credentials| Ok(creds.token().map(|role| User::new("ann").with("role", role))))
        .build()
        .unwrap();
    let url = format!("ws://{}", serve(&server).await);
    let scanner = Scanner::default();
    let _worker = worker_at(&url, &scanner).token("worker").connect().await.unwrap();
    let _page = Client::builder(&url).token("page").connect().await.unwrap();
    let hub = server.hub();
    let all = connections(&hub, 2).await;
    let mut scanned = 0;
    for conn in &all {
        assert_eq!(hub.connection(conn.id()).unwrap(), *conn);
        if conn.get::<String>("role").as_deref() == Some("worker") {
            let conn = hub.connection(conn.id()).unwrap();
            scanned += WorkerClient::new(&conn).scan_jobs(vec![1, 2]).await.unwrap();
        } else {
            let error = WorkerClient::new(conn).scan_jobs(vec![]).await.unwrap_err();
            assert_eq!(error.code(), Code::Unimplemented);
            assert!(!error.maybe_executed());
        }
    }
    assert_eq!(scanned, 2);
}

#[tokio::test]
async fn an_audience_hears_what_has_no_answer_in_every_codec() {
    let server =
        Server::builder().auth(|creds: &Credentials| Ok(creds.token().map(User::new))).build().unwrap();
    let url = format!("ws://{}", serve(&server).await);
    let mut clients = Vec::new();
    for (token, codec) in [("ann", Codec::Json), ("ann", Codec::MessagePack), ("ben", Codec::Json)] {
        let (listener, heard) = listener();
        let client = Client::builder(&url).token(token).codec(codec).expose(EventsServer::new(listener));
        clients.push((client.connect().await.unwrap(), heard));
    }
    let hub = server.hub();
    connections(&hub, 3).await;
    let everyone = EventsClient::new(&hub.everyone());
    assert_eq!(EventsClient::new(&hub.user("ann")).announced("hi").await.unwrap(), 2);
    assert_eq!(everyone.announced("all").await.unwrap(), 3);
    let announcement = Announcement { text: "body".into(), level: None };
    assert_eq!(everyone.clone().all(announcement).await.unwrap(), 3);
    assert_eq!(EventsClient::new(&hub.user("nobody")).announced("hi").await.unwrap(), 0);
    // What is not awaited is not sent.
    drop(everyone.announced("lost"));
    for (n, (_client, heard)) in clients.iter_mut().enumerate() {
        if n < 2 {
            assert_eq!(within(heard.recv()).await.unwrap(), "hi");
        }
        assert_eq!(within(heard.recv()).await.unwrap(), "all");
        assert_eq!(within(heard.recv()).await.unwrap(), r#"Announcement { text: "body", level: None }"#);
    }
}

#[tokio::test]
async fn a_name_that_is_taken_twice_is_an_error() {
    let scanner = Scanner::default();
    let twice = || worker(&scanner).expose(WorkerServer::new(Scanner::default()));
    for error in [
        twice().over(server().in_memory()).await.unwrap_err(),
        worker_at("ws://127.0.0.1:1", &scanner)
            .expose(WorkerServer::new(scanner.clone()))
            .connect_lazy()
            .unwrap_err(),
    ] {
        let ConnectError::Config(error) = error else { panic!("{error}") };
        assert!(error.to_string().contains("`scanJobs` is taken twice, by Worker::scan_jobs"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_to_a_client_has_a_deadline() {
    let scanner = Scanner::default();
    let (_client, conn) = pair(&scanner).await;
    let error = WorkerClient::new(&conn).hang().timeout(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(error.maybe_executed());
    scanner.until(|scanned| scanned.ended.load(Ordering::SeqCst) == 1).await;
    // Unless it says, it has thirty seconds, or what the server is set to.
    for seconds in [30, 7] {
        let server = Server::builder().call_timeout(Duration::from_secs(seconds)).build().unwrap();
        let _client = worker(&scanner).call_timeout(HOUR).over(server.in_memory()).await.unwrap();
        let conn = some_connection(&server.hub()).await;
        let begun = tokio::time::Instant::now();
        let error = WorkerClient::new(&conn).hang().await.unwrap_err();
        assert_eq!((error.code(), begun.elapsed().as_secs()), (Code::DeadlineExceeded, seconds));
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_at_the_client() {
    let scanner = Scanner::default();
    let (_client, conn) = pair(&scanner).await;
    let worker = WorkerClient::new(&conn);
    tokio::select! {
        _ = worker.hang() => panic!("nobody lets it go"),
        () = scanner.until(|scanned| scanned.begun.load(Ordering::SeqCst) == 1) => {}
    }
    scanner.until(|scanned| scanned.ended.load(Ordering::SeqCst) == 1).await;
    assert_eq!(worker.scan_jobs(vec![1]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_client_that_goes_while_it_is_called_leaves_the_outcome_open() {
    for close in [|client: Client| client.close(), |client: Client| drop(client)] {
        let scanner = Scanner::default();
        let (client, conn) = pair(&scanner).await;
        let worker = WorkerClient::new(&conn);
        let go = async {
            scanner.until(|scanned| scanned.begun.load(Ordering::SeqCst) == 1).await;
            close(client);
        };
        let (answer, ()) = within(futures_util::future::join(worker.hang(), go)).await;
        let error = answer.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable);
        assert!(error.maybe_executed() && !error.is_retryable());
        // The method of the client was dropped with its connection.
        scanner.until(|scanned| scanned.ended.load(Ordering::SeqCst) == 1).await;
        // From then on it was not begun.
        let late = worker.hang().await.unwrap_err();
        assert_eq!((late.code(), late.maybe_executed()), (Code::Unavailable, false));
    }
}

#[tokio::test]
async fn a_server_keeps_to_the_calls_that_a_client_takes_at_once() {
    let scanner = Scanner::default();
    let server = server();
    let _client = worker(&scanner).max_in_flight(2).over(server.in_memory()).await.unwrap();
    let conn = some_connection(&server.hub()).await;
    let worker = WorkerClient::new(&conn);
    let go = async {
        for ended in 0..5 {
            // As many run as may, and none beside them.
            let expected = (ended + 2).min(5);
            scanner.until(|scanned| scanned.begun.load(Ordering::SeqCst) == expected).await;
            scanner.0.go.notify_one();
            scanner.until(|scanned| scanned.ended.load(Ordering::SeqCst) == ended + 1).await;
        }
    };
    let calls = futures_util::future::join_all((0..5).map(|_| worker.hang()));
    let (answers, ()) = within(futures_util::future::join(calls, go)).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == 7));
    assert_eq!(scanner.0.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_method_calls_the_very_client_that_calls_it() {
    let (listener, mut heard) = listener();
    let server = server();
    let client = worker(&Scanner::default()).expose(EventsServer::new(listener));
    let client = client.over(server.in_memory()).await.unwrap();
    let app = Server1Client::new(&client);
    assert_eq!(within(app.call_me(0)).await.unwrap(), 0);
    // Back and forth, and many at once.
    assert_eq!(within(app.call_me(20)).await.unwrap(), 20);
    let calls = futures_util::future::join_all((0..100).map(|depth| app.call_me(depth % 5)));
    for (n, answer) in within(calls).await.into_iter().enumerate() {
        assert_eq!(answer.unwrap() as usize, n % 5);
    }
    app.notify_me("told").await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), "told");
}

#[tokio::test]
async fn what_goes_wrong_at_a_client_ends_one_call_and_is_not_told() {
    let (log, _logging) = Log::begin(tracing::Level::INFO);
    let (client, conn) = pair(&Scanner::default()).await;
    let worker = WorkerClient::new(&conn);
    for (error, canary) in [
        (worker.boom().await.unwrap_err(), "CANARY in a client's method"),
        (worker.fails().await.unwrap_err(), "CANARY of a client"),
    ] {
        assert_eq!(error.code(), Code::Internal);
        assert!(error.maybe_executed());
        assert!(!format!("{error:?} {error}").contains("CANARY"), "{error:?}");
        assert!(log.entry(canary).contains("a call failed"));
    }
    // Nobody logs in to a client, which would not know its own state any more.
    let error = worker.enter("eve").await.unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
    assert_eq!(client.state().connection, ConnectionState::Connected);
    let unknown = Server1Client::new(&conn).call_me(1).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    assert!(unknown.to_string().contains("there is no method `call_me`"), "{unknown}");
    assert_eq!(worker.scan_jobs(vec![]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_guard_of_a_client_looks_at_what_the_client_knows() {
    let (client, conn) = pair(&Scanner::default()).await;
    let worker = WorkerClient::new(&conn);
    // A server that is refused often stays: this end has chosen it.
    for _ in 0..10 {
        assert_eq!(worker.guarded().await.unwrap_err().code(), Code::PermissionDenied);
    }
    // What the server's end of the connection knows is another matter.
    conn.set("open", true);
    assert_eq!(worker.guarded().await.unwrap_err().code(), Code::PermissionDenied);
    worker.scan_jobs(vec![]).await.unwrap();
    assert_eq!(worker.guarded().await.unwrap(), 1);
    assert!(!client.is_closed());
}

#[tokio::test]
async fn a_client_that_dials_when_it_calls_serves_from_then_on_and_again() {
    let server = server();
    let url = format!("ws://{}", serve(&server).await);
    let client = worker_at(&url, &Scanner::default()).connect_lazy().unwrap();
    assert_eq!(server.hub().everyone().count(), 0);
    for _ in 0..2 {
        assert_eq!(Server1Client::new(&client).call_me(3).await.unwrap(), 3);
        let conn = some_connection(&server.hub()).await;
        assert_eq!(WorkerClient::new(&conn).scan_jobs(vec![1]).await.unwrap(), 1);
        conn.close(1001, "again");
        connections(&server.hub(), 0).await;
        within(async {
            while client.state().connection != ConnectionState::Disconnected {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_serves_still_renews_its_login() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::builder()
        .service(Server1Server::new(App))
        .auth(|creds: &Credentials| {
            let end = SystemTime::now() + Duration::from_secs(100);
            Ok(creds.token().map(|name| User::new(name).expires_at(end)))
        })
        .build()
        .unwrap();
    let fetched = Arc::clone(&asked);
    let fetch = move || {
        let fetched = Arc::clone(&fetched);
        async move {
            fetched.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Error>("ann".to_owned())
        }
    };
    let client = worker(&Scanner::default()).token(fetch).over(server.in_memory()).await.unwrap();
    let conn = some_connection(&server.hub()).await;
    tokio::time::sleep(Duration::from_secs(95)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(client.user().as_deref(), Some("ann"));
    assert_eq!(WorkerClient::new(&conn).scan_jobs(vec![]).await.unwrap(), 0);
}

#[tokio::test]
async fn the_log_of_a_server_has_the_calls_that_it_answers() {
    let (told, mut tells) = mpsc::unbounded_channel();
    let server = Server::builder()
        .service(Server1Server::new(App))
        .on_log(move |entry: &CallLog| drop(told.send(format!("{} {}", entry.method, entry.status))))
        .build()
        .unwrap();
    let client = worker(&Scanner::default()).over(server.in_memory()).await.unwrap();
    Server1Client::new(&client).call_me(1).await.unwrap();
    let both = [within(tells.recv()).await.unwrap(), within(tells.recv()).await.unwrap()];
    assert_eq!(both, ["call_me success", "call_me success"]);
    Server1Client::new(&client).call_me(0).await.unwrap();
    assert_eq!(
        within(tells.recv()).await.unwrap(),
        "call_me success",
        "and nothing of what the client has answered"
    );
}

#[tokio::test]
async fn a_client_of_json_rpc_is_called_and_told_as_well() {
    let server = server();
    let addr = serve(&server).await;
    let mut raw = Raw::bare(addr, &[]).await;
    raw.text(r#"{"jsonrpc":"2.0","method":"call_me","params":[0],"id":"outer"}"#).await;
    let asked = raw.receive().await.unwrap();
    assert_eq!(asked, r#"{"jsonrpc":"2.0","id":2,"method":"askBack","params":[0]}"#);
    raw.text(r#"{"jsonrpc":"2.0","result":5,"id":2}"#).await;
    assert_eq!(raw.receive().await.unwrap(), r#"{"jsonrpc":"2.0","id":"outer","result":5}"#);
    let hub = server.hub();
    let conn = some_connection(&hub).await;
    EventsClient::new(&conn).announced("hi").await.unwrap();
    assert_eq!(raw.receive().await.unwrap(), r#"{"jsonrpc":"2.0","method":"announced","params":["hi"]}"#);
    assert_eq!(EventsClient::new(&hub.everyone()).announced("all").await.unwrap(), 1);
    assert_eq!(raw.receive().await.unwrap(), r#"{"jsonrpc":"2.0","method":"announced","params":["all"]}"#);
    // An error of its is the code that it says.
    let refused = async {
        let asked = raw.receive().await.unwrap();
        assert!(asked.contains("scanJobs"), "{asked}");
        raw.text(r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"no such method"},"id":4}"#).await;
    };
    let worker = WorkerClient::new(&conn);
    let (error, ()) = within(futures_util::future::join(worker.scan_jobs(vec![]), refused)).await;
    assert_eq!(error.unwrap_err().code(), Code::Unimplemented);
    // What was given up is answered in vain.
    let error = worker.hang().timeout(Duration::from_millis(1)).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::DeadlineExceeded, true));
    assert!(raw.receive().await.unwrap().contains(r#""method":"hang""#));
    raw.text(r#"{"jsonrpc":"2.0","result":7,"id":6}"#).await;
    EventsClient::new(&conn).announced("on").await.unwrap();
    assert!(raw.receive().await.unwrap().contains(r#"["on"]"#));
}

#[tokio::test]
async fn whoever_has_sent_a_single_request_cannot_be_called() {
    let server = server();
    let addr = serve(&server).await;
    let call = json!({ "jsonrpc": "2.0", "method": "call_me", "params": [0], "id": 1 }).to_string();
    let headers = format!("content-type: application/json\r\ncontent-length: {}\r\n", call.len());
    let answer = crate::post::send(addr, "POST /", &headers, call.as_bytes()).await;
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("UNAVAILABLE") && text.contains("has no connection"), "{text}");
}

#[tokio::test]
async fn notifications_of_one_sender_are_heard_in_their_order() {
    let (listener, mut heard) = listener();
    let server = server();
    let builder = Client::builder("").expose(EventsServer::new(listener));
    let _client = builder.over(server.in_memory()).await.unwrap();
    let conn = some_connection(&server.hub()).await;
    let events = EventsClient::new(&conn);
    for n in 0..500 {
        events.announced(n.to_string()).await.unwrap();
    }
    for n in 0..500 {
        assert_eq!(within(heard.recv()).await.unwrap(), n.to_string());
    }
}

/// A server by hand, which has said welcome.
struct ByHand(Memory);

impl ByHand {
    /// Welcomes a client, with frames in the same packet; also what it said in its hello.
    async fn welcome(builder: ClientBuilder, behind: &str) -> (Client, Self, String) {
        let (ours, theirs) = memory(NonZeroUsize::MIN.saturating_add(100));
        let mut server = Self(ours);
        let welcomed = async {
            let hello = server.receive().await;
            server.send(&format!(r#"[2,{{"v":1,"session":"7"}}]{behind}"#)).await;
            hello
        };
        let connected = builder.codec(Codec::Json).over(theirs);
        let (client, hello) = within(futures_util::future::join(connected, welcomed)).await;
        (client.unwrap(), server, hello)
    }

    async fn send(&mut self, text: &str) {
        self.0.send(Packet::Text(text.to_owned().into())).await.unwrap();
    }

    /// The next text; a close frame is its code.
    async fn receive(&mut self) -> String {
        match within(self.0.next()).await {
            Some(Ok(Packet::Text(text))) => String::from_utf8(text.to_vec()).unwrap(),
            Some(Ok(Packet::Close(reason))) => reason.code.0.to_string(),
            other => format!("{other:?}"),
        }
    }

    async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.receive().await
    }
}

#[tokio::test]
async fn a_client_answers_frame_by_frame_what_a_server_asks() {
    let scanner = Scanner::default();
    let first = "\n[3,2,\"who\",0,[]]";
    let builder = worker(&scanner).max_in_flight(2);
    let (client, mut server, hello) = ByHand::welcome(builder, first).await;
    assert!(hello.contains(r#""in_flight":2"#), "{hello}");
    // What came with the welcome is answered.
    assert_eq!(server.receive().await, r#"[5,2,0,"None 7 0.0.0.0"]"#);
    for (call, answer) in [
        (r#"[3,4,"scanJobs",0,[["x"]]]"#, "jobs[0]: invalid type: string"),
        (r#"[3,6,"scanJobs",0,{"jobs":[],"more":1}]"#, "unknown parameter `more`"),
        (r#"[3,8,"scanJobs",{"Q":1},[[]]]"#, "UNIMPLEMENTED"),
        (r#"[3,10,"rpc.login",0,["token"]]"#, "there is no method `rpc.login`"),
        (r#"[3,12,"scanJobs",0,[[13]]]"#, r#"[6,12,0,{"code":"BROKEN","data":{"job":13}}]"#),
    ] {
        let answered = server.ask(call).await;
        assert!(answered.contains(answer), "{answered}");
    }
    // As many as it said, and one more; a call that is given up leaves its slot to the next.
    server.send("[3,14,\"hang\",0,[]]\n[3,16,\"hang\",0,[]]").await;
    let refused = server.ask(r#"[3,18,"hang",0,[]]"#).await;
    assert!(refused.starts_with("[7,18,") && refused.contains("RESOURCE_EXHAUSTED"), "{refused}");
    let cancelled = server.ask("[9,14]").await;
    assert!(cancelled.starts_with("[7,14,") && cancelled.contains("CANCELLED"), "{cancelled}");
    scanner.until(|scanned| scanned.ended.load(Ordering::SeqCst) == 1).await;
    server.send(r#"[3,20,"hang",0,[]]"#).await;
    scanner.until(|scanned| scanned.begun.load(Ordering::SeqCst) == 3).await;
    // What has no effect has none, and what breaks the protocol ends the connection and the methods.
    server.send(r#"[4,"nothing",0,[1]]"#).await;
    assert_eq!(server.ask(r#"[3,1,"who",0,[]]"#).await, "4400");
    scanner.until(|scanned| scanned.ended.load(Ordering::SeqCst) == 3).await;
    assert!(client.is_closed());
}
