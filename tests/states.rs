//! The eight states of a connection, as a client logs them and as a server does.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use trunkline::{
    Client, ClientState, Code, ConnectError, ConnectionState, Credentials, Expiry, Server, ServerBuilder,
    States, User, service,
};

use crate::raw::{Raw, serve, within};
use ConnectionState::{
    Authenticated, Authenticating, Connected, Connecting, Disconnected, Disconnecting, Error, Initializing,
};

#[service]
trait Plain {
    async fn me(&self, user: User) -> String;
}

struct App;

impl Plain for App {
    async fn me(&self, user: User) -> String {
        user.id().to_owned()
    }
}

fn builder() -> ServerBuilder {
    let auth =
        |creds: &Credentials| Ok(creds.token().and_then(|token| token.strip_prefix("tok-")).map(User::new));
    Server::builder().service(PlainServer::new(App)).auth(auth)
}

/// A client's log of its states.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<ClientState>>>);

impl Logged {
    fn note(&self) -> impl Fn(&ClientState) + Send + Sync + 'static {
        let logged = self.clone();
        move |state| logged.0.lock().unwrap().push(state.clone())
    }

    fn states(&self) -> Vec<ConnectionState> {
        self.0.lock().unwrap().iter().map(|state| state.connection).collect()
    }

    fn last(&self) -> ClientState {
        self.0.lock().unwrap().last().unwrap().clone()
    }

    async fn until(&self, state: ConnectionState) {
        let reached = async {
            while self.last().connection != state {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within(reached).await;
    }
}

#[tokio::test]
async fn a_client_sees_the_eight_states_in_their_order() {
    let server = builder().build().unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", bound.local_addr().unwrap());
    let serving = tokio::spawn(bound.run());
    let logged = Logged::default();
    let client = Client::builder(&url).token("tok-ada").on_state(logged.note()).connect_lazy().unwrap();
    let plain = PlainClient::new(&client);
    assert_eq!(client.state().connection, Initializing);
    assert_eq!(plain.me().await.unwrap(), "ada");
    assert_eq!(client.state().to_string(), "authenticated as ada");
    server.hub().everyone().close(4000, "enough");
    logged.until(Disconnected).await;
    assert_eq!(logged.last().close.unwrap().to_string(), "4000 enough");
    serving.abort();
    assert!(within(serving).await.is_err());
    assert_eq!(plain.me().await.unwrap_err().code(), Code::Unavailable);
    logged.until(Error).await;
    let expected = [
        Initializing,
        Connecting,
        Connected,
        Authenticating,
        Authenticated,
        Disconnecting,
        Disconnected,
        Connecting,
        Error,
    ];
    assert_eq!(logged.states(), expected);
    assert_eq!(logged.last().user, None);
}

#[tokio::test]
async fn a_client_that_is_refused_says_why() {
    let server = builder().build().unwrap();
    let addr = serve(&server).await;
    let logged = Logged::default();
    let builder = Client::builder(format!("ws://{addr}"));
    let refused = builder.clone().token("wrong").on_state(logged.note()).connect().await.unwrap_err();
    assert!(matches!(refused, ConnectError::Unauthenticated), "{refused}");
    assert_eq!((refused.code(), refused.is_retryable()), (Code::Unauthenticated, false));
    assert_eq!(logged.states(), [Initializing, Connecting, Connected, Authenticating, Error]);

    let lazy = builder.clone().token("wrong").connect_lazy().unwrap();
    assert_eq!(PlainClient::new(&lazy).me().await.unwrap_err().code(), Code::Unauthenticated);

    // On a connection that is there, another token may be tried.
    let logged = Logged::default();
    let nobody = builder.on_state(logged.note()).connect().await.unwrap();
    let mut states = nobody.watch_state();
    assert_eq!(nobody.login("wrong").await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!((nobody.state().connection, nobody.user()), (Connected, None));
    nobody.login("tok-ada").await.unwrap();
    assert_eq!(nobody.user().as_deref(), Some("ada"));
    nobody.close();
    logged.until(Disconnected).await;
    let behind =
        [Connected, Authenticating, Connected, Authenticating, Authenticated, Disconnecting, Disconnected];
    assert_eq!(logged.states()[2..], behind);
    assert_eq!(logged.states()[..3], [Initializing, Connecting, Connected]);
    assert_eq!(rest(&mut states).await, behind);
}

/// All states that are still to come.
async fn rest(states: &mut States) -> Vec<ConnectionState> {
    let mut all = Vec::new();
    within(async {
        while let Some(state) = states.next().await {
            all.push(state);
        }
    })
    .await;
    all
}

#[tokio::test]
async fn a_server_sees_logins_closes_and_losses() {
    let server = builder().build().unwrap();
    let addr = serve(&server).await;
    let watch = |n: usize| server.hub().connections()[n].watch_state();

    let mut raw = Raw::hello(addr, r#"[1,{"v":1,"token":"wrong"}]"#).await;
    let mut states = watch(0);
    raw.text(r#"[3,1,"rpc.login",0,["wrong"]]"#).await;
    assert!(raw.receive().await.unwrap().starts_with("[7,1,"));
    raw.text(r#"[3,3,"rpc.login",0,["tok-ada"]]"#).await;
    assert!(raw.receive().await.unwrap().starts_with("[5,3,"));
    raw.close(1000, "").await;
    assert_eq!(
        rest(&mut states).await,
        [Connected, Authenticating, Connected, Authenticating, Authenticated, Disconnecting, Disconnected]
    );

    let raw = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-ada"}]"#).await;
    let mut states = watch(0);
    drop(raw);
    assert_eq!(rest(&mut states).await, [Authenticated, Error], "aborted");

    let mut raw = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-ada"}]"#).await;
    let mut states = watch(0);
    raw.text("garbage").await;
    assert_eq!(rest(&mut states).await, [Authenticated, Disconnecting, Error], "broken");

    let _raw = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-ada"}]"#).await;
    let (mut states, conn) = (watch(0), server.hub().connections().remove(0));
    conn.close(4001, "");
    assert_eq!(rest(&mut states).await, [Authenticated, Disconnecting, Disconnected], "closed");
    assert!(conn.state().is_over());
}

/// Gives out tokens that live for a minute, and counts them.
fn minutes(server: ServerBuilder) -> ServerBuilder {
    server.auth(|creds: &Credentials| {
        let user = |id: &str| User::new(id).expires_at(SystemTime::now() + Duration::from_secs(60));
        Ok(creds.token().and_then(|token| token.strip_prefix("tok-")).map(user))
    })
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_source_of_tokens_stays_logged_in() {
    let server = minutes(builder()).build().unwrap();
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let token = move || {
        let mut count = count.lock().unwrap();
        *count += 1;
        // The server is not always content, and the source not always there.
        let token = match *count {
            2 => Err(std::io::Error::other("no token")),
            _ => Ok("tok-ada".to_owned()),
        };
        async move { token }
    };
    let logged = Logged::default();
    let client =
        Client::builder("").token(token).on_state(logged.note()).over(server.in_memory()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(PlainClient::new(&client).me().await.unwrap(), "ada");
    let asked = *asked.lock().unwrap();
    assert!((10..=30).contains(&asked), "{asked}");
    assert_eq!(logged.states(), [Initializing, Connecting, Connected, Authenticating, Authenticated]);
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_fixed_token_notices_when_its_login_ends() {
    let expiry = Expiry { grace: Duration::from_secs(10), ..Expiry::default() };
    let server = minutes(builder()).expiry(expiry).build().unwrap();
    let logged = Logged::default();
    let client =
        Client::builder("").token("tok-ada").on_state(logged.note()).over(server.in_memory()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(65)).await;
    assert_eq!((client.state().connection, client.user()), (Connected, None));
    assert_eq!(PlainClient::new(&client).me().await.unwrap_err().code(), Code::Unauthenticated);
    client.refresh("tok-ada").await.unwrap();
    assert_eq!(PlainClient::new(&client).me().await.unwrap(), "ada");
    tokio::time::sleep(Duration::from_secs(80)).await;
    assert_eq!(client.state().connection, Disconnected);
    assert_eq!(client.state().close.unwrap().code.0, 4401);
    let error = PlainClient::new(&client).me().await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (Code::Unauthenticated, false));
}

#[tokio::test(start_paused = true)]
async fn a_login_of_which_no_welcome_has_told_is_refreshed_after_its_notice() {
    #[service]
    trait Door {
        #[method(public)]
        async fn enter(&self, conn: trunkline::Connection) -> trunkline::Result<()>;
    }
    struct Open;
    impl Door for Open {
        async fn enter(&self, conn: trunkline::Connection) -> trunkline::Result<()> {
            conn.login(User::new("ada").expires_at(SystemTime::now() + Duration::from_secs(60)))
        }
    }
    let auth =
        |creds: &Credentials| Ok(creds.token().filter(|token| *token == "fresh").map(|_| User::new("ada")));
    let server = Server::builder()
        .service(PlainServer::new(App))
        .service(DoorServer::new(Open))
        .auth(auth)
        .build()
        .unwrap();
    let client = Client::over(server.in_memory()).await.unwrap();
    DoorClient::new(&client).enter().await.unwrap();
    assert_eq!(PlainClient::new(&client).me().await.unwrap(), "ada");
    // Without a source of tokens there is nothing to do but to note the end.
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(PlainClient::new(&client).me().await.unwrap_err().code(), Code::Unauthenticated);
    client.refresh("fresh").await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(PlainClient::new(&client).me().await.unwrap(), "ada");
}
