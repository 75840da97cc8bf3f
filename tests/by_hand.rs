//! A small service without the macro: what `#[service]` would write, and a check that it would be good to read.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use trunkline::{
    __private::{
        Answers, BoxFuture, CallOf, Callee, CalleeKind, Direct, Dispatch, FromCall, Handle, Incoming,
        MethodSchema, Outcome, ParamSchema, ParamsWriter, Service, ServiceSchema, StreamOf,
    },
    CallError, Client, Code, Error, Guard, Result, Server, Stream, Streaming, User, is,
};

use crate::peer_services::{connections, some_connection};

/// What the user writes, as `#[service]` rewrites it.
trait Greeter: Send + Sync + 'static {
    fn greet(
        &self,
        user: Option<User>,
        name: String,
        times: i64,
    ) -> impl Future<Output = Result<String>> + Send;

    fn secret(&self) -> impl Future<Output = String> + Send;

    fn wave(&self, name: String) -> impl Future<Output = ()> + Send;

    fn greetings(&self, names: Streaming<String>) -> impl Stream<Item = Result<String>> + Send;
}

struct GreeterServer<T> {
    service: T,
}

impl<T: Greeter> GreeterServer<T> {
    fn new(service: T) -> Self {
        Self { service }
    }
}

impl<T: Greeter> Dispatch for GreeterServer<T> {
    fn schema(&self) -> &'static ServiceSchema {
        <GreeterClient as Service>::SCHEMA
    }

    fn guard(&self, method: u32) -> Option<Guard> {
        match method {
            1 => Some(is("vip")),
            _ => None,
        }
    }

    fn call(self: Arc<Self>, method: u32, mut call: Incoming) -> BoxFuture<Outcome> {
        match method {
            0 => Box::pin(async move {
                let user = <Option<User> as FromCall>::from_call(call.head()).await?;
                let (name, times) = {
                    let mut params = call.params()?;
                    let values = (params.next::<String>()?, params.next_or::<i64>(|| 1)?);
                    params.end()?;
                    values
                };
                call.release();
                call.reply::<Result<String>>(self.service.greet(user, name, times).await)
            }),
            1 => Box::pin(async move {
                call.params()?.end()?;
                call.reply::<String>(self.service.secret().await)
            }),
            2 => Box::pin(async move {
                let mut params = call.params()?;
                let name = params.next::<String>()?;
                params.end()?;
                call.release();
                self.service.wave(name).await;
                call.reply(())
            }),
            3 => Box::pin(async move {
                let mut params = call.params()?;
                let names = params.next_stream();
                params.end()?;
                let names = call.upload::<String>(names)?;
                call.release();
                let stream = self.service.greetings(names);
                call.stream::<Result<String>, _>(stream).await
            }),
            _ => call.unimplemented(),
        }
    }
}

#[derive(Clone)]
struct GreeterClient<K = Direct> {
    callee: K,
}

impl<K: CalleeKind> GreeterClient<K> {
    fn new(callee: &impl Callee<Kind = K>) -> Self {
        Self { callee: callee.callee() }
    }

    fn greet(&self, name: impl Into<String>, times: i64) -> CallOf<Result<String>>
    where
        K: Answers,
    {
        let handle = self.callee.handle();
        let mut params = handle.params(2);
        params.push::<String>(&name.into());
        params.push::<i64>(&times);
        Handle::call::<Result<String>>(handle, <GreeterClient as Service>::SCHEMA, 0, params)
    }

    fn secret(&self) -> CallOf<String>
    where
        K: Answers,
    {
        let handle = self.callee.handle();
        let params = handle.params(0);
        Handle::call::<String>(handle, <GreeterClient as Service>::SCHEMA, 1, params)
    }

    fn greetings(&self, names: Streaming<String>) -> StreamOf<Result<String>>
    where
        K: Answers,
    {
        let handle = self.callee.handle();
        let mut params = handle.params_with_uploads(1);
        params.upload::<String>(names);
        Handle::stream::<Result<String>>(handle, <GreeterClient as Service>::SCHEMA, 3, params)
    }

    /// A method without an answer can also be called over an audience, whose receivers speak several codecs.
    fn wave(&self, name: impl Into<String>) -> K::Sent {
        let name: String = name.into();
        self.callee.send(<GreeterClient as Service>::SCHEMA, 2, move |codec| {
            let mut params = ParamsWriter::new(codec, 1);
            params.push::<String>(&name);
            params.finish()
        })
    }
}

impl Service for GreeterClient {
    const SCHEMA: &'static ServiceSchema = &ServiceSchema::__new(
        "Greeter",
        None,
        "",
        &[
            MethodSchema {
                name: "greet",
                wire: &["greet", "hello"],
                docs: "",
                deprecated: None,
                params: &[
                    ParamSchema {
                        name: "name",
                        has_default: false,
                        stream: false,
                        ty: || TypeSchema::of::<String>(),
                    },
                    ParamSchema {
                        name: "times",
                        has_default: true,
                        stream: false,
                        ty: || TypeSchema::of::<i64>(),
                    },
                ],
                body: false,
                public: false,
                idempotent: false,
                oneway: false,
                stream: false,
                timeout: None,
                rate_limit: None,
                requires: None,
                returns: || (TypeSchema::of::<String>(), TypeSchema::of::<Never>()),
            },
            MethodSchema {
                name: "secret",
                wire: &["secret"],
                docs: "",
                deprecated: None,
                params: &[],
                body: false,
                public: false,
                idempotent: false,
                oneway: false,
                stream: false,
                timeout: None,
                rate_limit: None,
                requires: Some("is(\"vip\")"),
                returns: || (TypeSchema::of::<String>(), TypeSchema::of::<Never>()),
            },
            MethodSchema {
                name: "wave",
                wire: &["wave"],
                docs: "",
                deprecated: None,
                params: &[ParamSchema {
                    name: "name",
                    has_default: false,
                    stream: false,
                    ty: || TypeSchema::of::<String>(),
                }],
                body: false,
                public: false,
                idempotent: false,
                oneway: true,
                stream: false,
                timeout: None,
                rate_limit: None,
                requires: None,
                returns: || (TypeSchema::of::<()>(), TypeSchema::of::<Never>()),
            },
            MethodSchema {
                name: "greetings",
                wire: &["greetings"],
                docs: "",
                deprecated: None,
                params: &[ParamSchema {
                    name: "names",
                    has_default: false,
                    stream: true,
                    ty: || TypeSchema::of::<String>(),
                }],
                body: false,
                public: false,
                idempotent: false,
                oneway: false,
                stream: true,
                timeout: None,
                rate_limit: None,
                requires: None,
                returns: || (TypeSchema::of::<String>(), TypeSchema::of::<Never>()),
            },
        ],
    );
}

use trunkline::{__private::TypeSchema, Never};

/// What the user writes to serve it.
struct Polite(tokio::sync::mpsc::UnboundedSender<String>);

impl Greeter for Polite {
    async fn greet(&self, user: Option<User>, name: String, times: i64) -> Result<String> {
        let times = usize::try_from(times).map_err(|_| Error::invalid("times is at least 0"))?;
        let from = user.map(|user| format!(" from {}", user.id())).unwrap_or_default();
        Ok(format!("{}{name}{from}", "hello ".repeat(times)))
    }

    async fn secret(&self) -> String {
        "42".to_owned()
    }

    async fn wave(&self, name: String) {
        self.0.send(name).unwrap();
    }

    fn greetings(&self, names: Streaming<String>) -> impl Stream<Item = Result<String>> + Send {
        names.map(|name| name.map(|name| format!("hello {name}")))
    }
}

fn server() -> Server {
    Server::builder().service(GreeterServer::new(polite().0)).build().unwrap()
}

/// The service, and whom it was waved to.
fn polite() -> (Polite, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let (waved, told) = tokio::sync::mpsc::unbounded_channel();
    (Polite(waved), told)
}

#[tokio::test]
async fn a_call_by_hand_goes_all_the_way() {
    let ada = User::new("ada").with("vip", true);
    let client = Client::over(server().in_memory_as(ada)).await.unwrap();
    let greeter = GreeterClient::new(&client);

    assert_eq!(greeter.greet("world", 2).await.unwrap(), "hello hello world from ada");
    assert_eq!(greeter.secret().await.unwrap(), "42");
    let by_name: String = client.call("hello", trunkline::json!({ "name": "you" })).await.unwrap();
    assert_eq!(by_name, "hello you from ada");
}

#[tokio::test]
async fn refusals_say_why() {
    let client = Client::over(server().in_memory()).await.unwrap();
    let greeter = GreeterClient::new(&client);

    let denied = greeter.secret().await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert!(!denied.maybe_executed());
    let CallError::Rpc(negative) = greeter.greet("world", -1).await.unwrap_err();
    assert_eq!(negative.to_string(), "INVALID_ARGUMENT: times is at least 0");
    let mistyped = client.call::<String>("greet", (7,)).await.unwrap_err();
    assert_eq!(mistyped.to_string(), "INVALID_ARGUMENT: name: invalid type: integer `7`, expected a string");
}

#[tokio::test]
async fn a_call_crosses_a_real_socket() {
    let bound = server().bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", bound.local_addr().unwrap());
    tokio::spawn(bound.run());
    for codec in [trunkline::Codec::Json, trunkline::Codec::MessagePack] {
        let client = Client::builder(&url).codec(codec).connect().await.unwrap();
        let greeter = GreeterClient::new(&client);
        let calls = (0..100).map(|times| greeter.greet("x", times));
        for (times, answer) in futures_util::future::join_all(calls).await.into_iter().enumerate() {
            assert_eq!(answer.unwrap(), format!("{}x", "hello ".repeat(times)));
        }
    }
}

#[tokio::test]
async fn a_client_is_served_by_hand_as_well_and_an_audience_hears() {
    let server = Server::builder().build().unwrap();
    let (first, mut told) = polite();
    let builder = Client::builder("").expose(GreeterServer::new(first));
    let _json = builder.clone().codec(trunkline::Codec::Json).over(server.in_memory()).await.unwrap();
    let hub = server.hub();
    let conn = some_connection(&hub).await;
    let _msgpack = builder.over(server.in_memory()).await.unwrap();
    connections(&hub, 2).await;
    GreeterClient::new(&conn).wave("one").await.unwrap();
    assert_eq!(GreeterClient::new(&conn).greet("client", 1).await.unwrap(), "hello client");
    assert_eq!(told.recv().await.unwrap(), "one");
    assert_eq!(GreeterClient::new(&hub.everyone()).wave("all").await.unwrap(), 2);
    assert_eq!([told.recv().await.unwrap(), told.recv().await.unwrap()], ["all", "all"]);
}

#[tokio::test]
async fn streams_by_hand_go_both_ways() {
    let client = Client::over(server().in_memory()).await.unwrap();
    let names = Streaming::new(stream::iter(["ada", "bob"].map(str::to_owned)));
    let greetings: Vec<String> =
        GreeterClient::new(&client).greetings(names).map(|greeting| greeting.unwrap()).collect().await;
    assert_eq!(greetings, ["hello ada", "hello bob"]);
}
