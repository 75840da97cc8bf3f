//! A small service without the macro: what `#[service]` would write, and a check that it would be good to read.

use std::sync::Arc;

use trunkline::{
    __private::{
        AsHandle, BoxFuture, CallOf, Dispatch, FromCall, Handle, Incoming, MethodSchema, Outcome,
        ParamSchema, Service, ServiceSchema,
    },
    CallError, Client, Code, Error, Guard, Result, Server, User, is,
};

/// What the user writes, as `#[service]` rewrites it.
trait Greeter: Send + Sync + 'static {
    fn greet(
        &self,
        user: Option<User>,
        name: String,
        times: i64,
    ) -> impl Future<Output = Result<String>> + Send;

    fn secret(&self) -> impl Future<Output = String> + Send;
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
            _ => call.unimplemented(),
        }
    }
}

#[derive(Clone)]
struct GreeterClient {
    handle: Handle,
}

impl GreeterClient {
    fn new(peer: &impl AsHandle) -> Self {
        Self { handle: peer.as_handle().clone() }
    }

    fn greet(&self, name: impl Into<String>, times: i64) -> CallOf<Result<String>> {
        let mut params = self.handle.params(2);
        params.push::<String>(&name.into());
        params.push::<i64>(&times);
        self.handle.call::<Result<String>>(<Self as Service>::SCHEMA, 0, params)
    }

    fn secret(&self) -> CallOf<String> {
        let params = self.handle.params(0);
        self.handle.call::<String>(<Self as Service>::SCHEMA, 1, params)
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
                    ParamSchema { name: "name", has_default: false, ty: || TypeSchema::of::<String>() },
                    ParamSchema { name: "times", has_default: true, ty: || TypeSchema::of::<i64>() },
                ],
                body: false,
                public: false,
                idempotent: false,
                oneway: false,
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
                timeout: None,
                rate_limit: None,
                requires: Some("is(\"vip\")"),
                returns: || (TypeSchema::of::<String>(), TypeSchema::of::<Never>()),
            },
        ],
    );
}

use trunkline::{__private::TypeSchema, Never};

/// What the user writes to serve it.
struct Polite;

impl Greeter for Polite {
    async fn greet(&self, user: Option<User>, name: String, times: i64) -> Result<String> {
        let times = usize::try_from(times).map_err(|_| Error::invalid("times is at least 0"))?;
        let from = user.map(|user| format!(" from {}", user.id())).unwrap_or_default();
        Ok(format!("{}{name}{from}", "hello ".repeat(times)))
    }

    async fn secret(&self) -> String {
        "42".to_owned()
    }
}

fn server() -> Server {
    Server::builder().service(GreeterServer::new(Polite)).build().unwrap()
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
