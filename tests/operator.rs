//! What the operator sees: an entry per call, spans, the trace that a call belongs to, and lines that nobody can forge.

use std::{sync::mpsc, time::Duration};

use futures_util::future::join_all;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::Level;
use trunkline::{
    AnyError, CallError, CallLog, CallStatus, Client, Code, Credentials, Error, Result, Server,
    ServerBuilder, TraceContext, User, Value, data, guard_fn, service,
};

use crate::{
    log::Log,
    raw::{Raw, serve, within},
};

const TOKEN: &str = "tok-CANARY-7f3a";
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[data(error)]
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("refused")]
    Refused { why: String },
}

#[service]
trait Desk {
    async fn echo(&self, text: Value) -> Value;
    #[method(public)]
    async fn hello(&self) -> String;
    async fn refuse(&self, why: String) -> Result<Value, Refused>;
    async fn fail(&self, how: String) -> Result<()>;
    async fn hang(&self) -> ();
    #[method(timeout = "20ms")]
    async fn short(&self) -> ();
    #[method(requires = guard_fn(|_: &trunkline::Connection| false))]
    async fn denied(&self) -> ();
    #[method(requires = guard_fn(|_: &trunkline::Connection| async { false }))]
    async fn denied_later(&self) -> ();
    #[method(rate_limit = "1/1h")]
    async fn rare(&self) -> ();
    #[method(oneway)]
    async fn tell(&self, text: String);
    async fn traced(&self) -> Option<String>;
    async fn traced_later(&self) -> Option<String>;
}

struct App;

impl Desk for App {
    async fn echo(&self, text: Value) -> Value {
        text
    }

    async fn hello(&self) -> String {
        "hello".to_owned()
    }

    async fn refuse(&self, why: String) -> Result<Value, Refused> {
        Err(Refused::Refused { why })
    }

    async fn fail(&self, how: String) -> Result<()> {
        match how.as_str() {
            "panic" => panic!("CANARY-7f3a"),
            how => Err(Error::internal().with_detail(format!("CANARY-7f3a: {how}"))),
        }
    }

    async fn hang(&self) {
        std::future::pending().await
    }

    async fn short(&self) {
        std::future::pending().await
    }

    async fn denied(&self) {}

    async fn denied_later(&self) {}

    async fn rare(&self) {}

    async fn tell(&self, _text: String) {}

    async fn traced(&self) -> Option<String> {
        TraceContext::current().map(|context| context.to_string())
    }

    async fn traced_later(&self) -> Option<String> {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        TraceContext::current().map(|context| format!("{context} {}", context.state().unwrap_or_default()))
    }
}

fn builder() -> ServerBuilder {
    Server::builder().service(DeskServer::new(App))
}

/// What `on_log` was told.
struct Heard(UnboundedReceiver<CallLog>);

impl Heard {
    fn new(builder: ServerBuilder) -> (ServerBuilder, Self) {
        let (told, heard) = unbounded_channel();
        (builder.on_log(move |entry| drop(told.send(entry.clone()))), Self(heard))
    }

    /// The next entry, of a call that has ended.
    async fn next(&mut self) -> CallLog {
        within(self.0.recv()).await.expect("an entry")
    }

    /// Every entry, once the server is gone.
    async fn all(mut self) -> Vec<CallLog> {
        let mut entries = Vec::new();
        while let Some(entry) = within(self.0.recv()).await {
            entries.push(entry);
        }
        entries
    }
}

async fn client(server: &Server) -> (Client, DeskClient) {
    let client = Client::over(server.in_memory_as(User::new("ada"))).await.unwrap();
    let desk = DeskClient::new(&client);
    (client, desk)
}

#[tokio::test]
async fn each_call_gives_one_entry_with_its_status_and_nothing_of_what_was_said() {
    let (builder, mut heard) = Heard::new(builder());
    let (_client, desk) = client(&builder.build().unwrap()).await;

    desk.echo("CANARY-7f3a".into()).await.unwrap();
    let entry = heard.next().await;
    assert_eq!((entry.status, entry.code), (CallStatus::Success, None));
    assert_eq!((entry.service, &*entry.method, entry.user.as_deref()), (Some("Desk"), "echo", Some("ada")));
    assert!(!entry.duration.is_zero() && entry.request_bytes > 0 && entry.response_bytes > 0, "{entry:?}");
    let told = format!("{entry} {entry:?} {}", serde_json::to_string(&entry).unwrap());
    assert!(!told.contains("CANARY"), "{told}");

    let expected = [
        (desk.refuse("CANARY-7f3a".to_owned()).await.is_err(), CallStatus::Error, Code::Unknown),
        (desk.fail("CANARY-7f3a".to_owned()).await.is_err(), CallStatus::Error, Code::Internal),
        (desk.fail("panic".to_owned()).await.is_err(), CallStatus::Error, Code::Internal),
        (desk.denied().await.is_err(), CallStatus::Denied, Code::PermissionDenied),
        (desk.denied_later().await.is_err(), CallStatus::Denied, Code::PermissionDenied),
        (
            desk.short().timeout(Duration::from_secs(10)).await.is_err(),
            CallStatus::Timeout,
            Code::DeadlineExceeded,
        ),
    ];
    for (failed, status, code) in expected {
        let entry = heard.next().await;
        assert!(failed);
        assert_eq!((entry.status, entry.code), (status, Some(code)), "{entry}");
        assert!(!format!("{entry} {entry:?}").contains("CANARY"), "{entry:?}");
    }
}

#[tokio::test]
async fn refusals_cancellations_and_broken_frames_have_statuses_of_their_own() {
    let auth = |creds: &Credentials| Ok(creds.token().map(|_| User::new("ada")));
    let (builder, mut heard) = Heard::new(builder().auth(auth));
    let server = builder.build().unwrap();
    let addr = serve(&server).await;

    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    raw.text(r#"[3,1,"echo",0,["CANARY-7f3a"]]"#).await;
    assert!(raw.receive().await.unwrap().contains("UNAUTHENTICATED"));
    let entry = heard.next().await;
    assert_eq!((entry.status, entry.service, entry.user), (CallStatus::InvalidAuth, None, None));
    assert_eq!((&*entry.method, entry.request), ("echo", Some(1)));
    assert_eq!(entry.peer.map(|peer| peer.ip()), Some(addr.ip()));

    let mut raw = Raw::hello(addr, &format!(r#"[1,{{"v":1,"token":"{TOKEN}"}}]"#)).await;
    raw.text("[3,1,\"no\\nsuch\\u001b[31m\",0,[]]\n[3,3,\"hang\"]\n[9,3]\n[3,5,\"rare\"]\n[3,7,\"rare\"]\n[4,\"tell\",0,[\"x\"]]").await;
    for (status, method, request) in [
        (CallStatus::NotFound, r"no\nsuch\u{1b}[31m", Some(1)),
        (CallStatus::Cancelled, "hang", Some(3)),
        (CallStatus::Success, "rare", Some(5)),
        (CallStatus::Limited, "rare", Some(7)),
        (CallStatus::Success, "tell", None),
    ] {
        let entry = heard.next().await;
        assert_eq!((entry.status, &*entry.method, entry.request), (status, method, request), "{entry}");
    }
    raw.text("[3,9,\"hang\"]\n[99]").await;
    assert_eq!(raw.close_code().await, 4400);
    let (broken, cut_off) = (heard.next().await, heard.next().await);
    assert_eq!((broken.status, &*broken.method, broken.code), (CallStatus::BadFrame, "", None));
    assert_eq!((cut_off.status, &*cut_off.method), (CallStatus::Cancelled, "hang"));
    assert!(!format!("{broken} {cut_off}").contains("tok-"));
}

#[tokio::test]
async fn there_are_as_many_entries_as_calls_however_they_end() {
    let (builder, heard) = Heard::new(builder());
    let server = builder.build().unwrap();
    let (client, desk) = client(&server).await;
    let calls = (0..300).map(|number| {
        let desk = &desk;
        async move {
            match number % 3 {
                0 => drop(desk.echo(number.into()).await),
                1 => drop(desk.fail("again".to_owned()).await),
                _ => drop(tokio::time::timeout(Duration::from_millis(5), desk.hang()).await),
            }
        }
    });
    within(join_all(calls)).await;
    drop((client, desk));
    within(async {
        while server.hub().everyone().count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(server);
    let entries = heard.all().await;
    let count = |status| entries.iter().filter(|entry| entry.status == status).count();
    assert_eq!((count(CallStatus::Success), count(CallStatus::Error)), (100, 100));
    assert_eq!((count(CallStatus::Cancelled), entries.len()), (100, 300));
}

#[tokio::test]
async fn a_hook_that_is_slow_or_panics_is_no_matter_of_the_calls() {
    let (stop, stopped) = mpsc::channel::<()>();
    let server = builder()
        .on_log(move |_: &CallLog| {
            let _ = stopped.recv();
        })
        .on_log(|_: &CallLog| panic!("asked for"))
        .build()
        .unwrap();
    let (_client, desk) = client(&server).await;
    for _ in 0..2000 {
        within(desk.echo(Value::Null)).await.unwrap();
    }
    drop(stop);
}

#[tokio::test]
async fn a_call_carries_the_trace_that_it_belongs_to() {
    let server = builder().build().unwrap();
    let (_client, desk) = client(&server).await;
    assert_eq!(desk.traced().await.unwrap(), None, "nothing is sent unless asked for");

    let sent = TraceContext::parse(TRACE).unwrap().with_state("vendor=1");
    let seen = desk.traced_later().trace(sent.clone()).await.unwrap().unwrap();
    let (seen, state) = seen.split_once(' ').unwrap();
    let seen = TraceContext::parse(seen).unwrap();
    assert_eq!((seen.trace_id(), seen.is_sampled(), state), (sent.trace_id(), true, "vendor=1"));
    assert_ne!(seen.span_id(), sent.span_id(), "the call on the server is a step of its own");

    // A client can be told to send it with every call, and one call to send another.
    let traced =
        Client::builder("").trace(|| TraceContext::parse(TRACE)).over(server.in_memory()).await.unwrap();
    let desk = DeskClient::new(&traced);
    let seen = desk.traced().await.unwrap().unwrap();
    assert_eq!(TraceContext::parse(&seen).unwrap().trace_id(), sent.trace_id());
    let other = TraceContext::root(false);
    let seen = desk.traced().trace(other.clone()).await.unwrap().unwrap();
    assert_eq!(TraceContext::parse(&seen).unwrap().trace_id(), other.trace_id());
    assert_eq!(TraceContext::current(), None);
}

#[tokio::test]
async fn calls_and_sessions_have_spans_where_somebody_looks() {
    let (log, _logging) = Log::with_spans(Level::DEBUG);
    let addr = serve(&builder().build().unwrap()).await;
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    raw.text(&format!(r#"[3,1,"echo",{{"m":{{"traceparent":"{TRACE}"}}}},["CANARY-7f3a"]]"#)).await;
    assert!(raw.receive().await.unwrap().starts_with("[5,1,"));
    let closed = log.entry("call{");
    for part in [
        "connection{id=1 peer=127.0.0.1:",
        r#"rpc.service="Desk" rpc.method="echo""#,
        r#"trace_id="4bf92f3577b34da6a3ce929d0e0e4736""#,
        r#"parent_id="00f067aa0ba902b7""#,
        r#"status="success" code="OK" duration_ms="#,
    ] {
        assert!(closed.contains(part), "{part} in {closed}");
    }
    assert!(!log.text().contains("CANARY"), "{}", log.text());
}

#[tokio::test]
async fn a_failure_that_repeats_is_one_line_a_minute_and_its_reference_leads_there() {
    let (log, _logging) = Log::begin(Level::INFO);
    let server = builder().build().unwrap();
    let (client, desk) = client(&server).await;
    let mut references = Vec::new();
    for _ in 0..50 {
        let Err(CallError::Rpc(error)) = desk.fail("the same".to_owned()).await else { panic!() };
        references.push(error.reference().unwrap().to_owned());
    }
    assert!(references.iter().all(|reference| *reference == references[0]));
    let lines = |log: &Log, text: &str| log.text().lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines(&log, "a call failed"), 1, "{}", log.text());
    assert!(log.entry(&references[0]).contains("CANARY-7f3a: the same"));
    // Another cause is another line, but there is an end to that as well.
    for number in 0..100 {
        desk.fail(format!("cause {number}")).await.unwrap_err();
    }
    assert_eq!(lines(&log, "a call failed"), 16, "{}", log.text());
    drop((client, desk));
    within(async {
        while lines(&log, "left out") == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(log.entry("more of the same was left out").contains("left_out=134"), "{}", log.text());
}

#[tokio::test]
async fn what_a_peer_writes_cannot_begin_a_line_of_the_log() {
    let (log, _logging) = Log::begin(Level::TRACE);
    let server = builder().build().unwrap();
    let addr = serve(&server).await;
    const FORGED: &str = r"x\n2026-01-01T00:00:00Z ERROR forged\r\u001b[2J\u2028\u202e";
    let long = "y".repeat(5000);
    let mut raw = Raw::hello(addr, &format!(r#"[1,{{"v":1,"client":"{FORGED}"}}]"#)).await;
    raw.text(&format!(
        "[4,\"{FORGED}\",0,[]]\n[4,\"tell\",0,{{\"{FORGED}\":1}}]\n[3,1,\"{FORGED}\",0,[]]\n[3,3,\"{long}\",0,[]]"
    ))
    .await;
    assert!(raw.receive().await.is_ok());
    raw.close(4000, "x\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[2J\u{2028}\u{202e}").await;
    within(async {
        while !log.text().contains("a session has ended") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let origin = "GET / HTTP/1.1\nhost: localhost\nconnection: upgrade\nupgrade: websocket\norigin: https://evil\u{9b}2J\n\n";
    crate::raw::http(addr, origin).await;
    let text = log.text();
    assert!(!text.lines().any(|line| line.starts_with("2026-01-01")), "{text}");
    let ours = text.lines().filter(|line| line.contains("trunkline"));
    for line in ours {
        assert!(!line.contains(['\u{1b}', '\r', '\u{2028}', '\u{202e}', '\u{9b}']), "{line:?}");
        assert!(!line.contains(&"y".repeat(129)), "{line}");
    }
    assert!(!text.contains(['\u{1b}', '\u{2028}', '\u{202e}', '\u{9b}']), "{text:?}");
}

#[tokio::test]
async fn no_token_is_in_any_line_at_any_level() {
    let (log, _logging) = Log::with_spans(Level::TRACE);
    let auth = |creds: &Credentials| match creds.token() {
        Some("tok-CANARY-7f3a") => Ok(Some(User::new("ada"))),
        Some(_) => Err(Error::unavailable("no accounts")),
        None => Ok(None),
    };
    let (builder, mut heard) = Heard::new(builder().auth(auth));
    let server = builder.build().unwrap();
    let addr = serve(&server).await;
    let client =
        Client::builder(format!("ws://{addr}")).header("authorization", "Bearer tok-CANARY").token(TOKEN);
    let shown = format!("{client:?}");
    let client = client.connect().await.unwrap();
    let desk = DeskClient::new(&client);
    desk.echo(Value::Null).await.unwrap();
    let untyped = client.call::<Value>("rpc.refresh", (TOKEN,)).await;
    let refused: std::result::Result<Value, CallError<AnyError>> =
        client.call("echo", ("a", "b", TOKEN)).await;
    let wrong = Client::builder(format!("ws://{addr}")).token("tok-CANARY-wrong").connect().await;
    let told = format!(
        "{shown} {client:?} {untyped:?} {:?} {wrong:?} {:?} {:?}",
        refused.as_ref().err(),
        server.hub(),
        [heard.next().await, heard.next().await, heard.next().await]
    );
    assert!(!told.contains("tok-CANARY"), "{told}");
    assert!(!log.text().contains("tok-"), "{}", log.text());
}

#[tokio::test]
async fn who_is_turned_away_cannot_fill_the_log_either() {
    let (log, _logging) = Log::begin(Level::INFO);
    let auth = |_: &Credentials| -> Result<Option<User>> { Err(Error::unavailable("CANARY: no accounts")) };
    let addr = serve(&builder().auth(auth).build().unwrap()).await;
    let knock = async |origin: &str| {
        let request = format!(
            "GET / HTTP/1.1\nhost: localhost\nconnection: upgrade\nupgrade: websocket\norigin: {origin}\n\n"
        );
        assert!(crate::raw::http(addr, &request).await.starts_with("HTTP/1.1 403"));
    };
    for _ in 0..20 {
        knock("https://evil.example").await;
    }
    let lines = |text: &str| log.text().lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("https://evil.example"), 1, "{}", log.text());
    for number in 0..40 {
        knock(&format!("https://evil{number}.example")).await;
    }
    assert_eq!(lines("origin="), 16, "{}", log.text());
    for _ in 0..5 {
        let refused = Client::builder(format!("ws://{addr}")).token("tok-CANARY").connect().await;
        assert!(!format!("{refused:?}").contains("CANARY"), "{refused:?}");
    }
    assert_eq!(lines("the authenticator does not work"), 1, "{}", log.text());
    assert!(!log.text().contains("tok-"), "{}", log.text());
}
