//! Users' tests may stop the clock: nothing asks another one.

use std::time::{Duration, SystemTime};

use trunkline::{Client, Code, Credentials, Heartbeat, Server, User, service};

#[service]
trait Plain {
    async fn me(&self, user: User) -> String;
    #[method(public)]
    async fn open(&self) -> u32;
}

struct App;

impl Plain for App {
    async fn me(&self, user: User) -> String {
        user.id().to_owned()
    }

    async fn open(&self) -> u32 {
        1
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn builder() -> trunkline::ServerBuilder {
    Server::builder()
        .service(PlainServer::new(App))
        .auth(|creds: &Credentials| Ok(creds.token().map(User::new)))
}

#[tokio::test(start_paused = true)]
async fn sessions_live_under_a_clock_that_was_advanced() {
    tokio::time::advance(HOUR).await;
    let server = builder().build().unwrap();
    let ada = Client::builder("").token("ada").over(server.in_memory()).await.unwrap();
    let nobody = Client::over(server.in_memory()).await.unwrap();
    assert_eq!(PlainClient::new(&nobody).open().await.unwrap(), 1, "there is time to log in");
    tokio::time::sleep(HOUR).await;
    assert_eq!(PlainClient::new(&ada).me().await.unwrap(), "ada");
    assert!(nobody.is_closed(), "but not for ever");
}

#[tokio::test(start_paused = true)]
async fn the_longest_of_all_times_is_no_overflow() {
    let server = builder()
        .login_timeout(Duration::MAX)
        .head_timeout(Duration::MAX)
        .call_timeout(Duration::MAX)
        .heartbeat(Heartbeat::every(Duration::MAX).timeout(Duration::MAX))
        .build()
        .unwrap();
    let client = Client::builder("")
        .connect_timeout(Duration::MAX)
        .call_timeout(Duration::MAX)
        .over(server.in_memory())
        .await
        .unwrap();
    assert_eq!(PlainClient::new(&client).open().timeout(Duration::MAX).await.unwrap(), 1);
    tokio::time::sleep(1000 * HOUR).await;
    assert_eq!(PlainClient::new(&client).open().await.unwrap(), 1);
    assert_eq!(PlainClient::new(&client).me().await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn a_login_ends_when_its_users_expiry_comes() {
    let server = Server::builder().service(PlainServer::new(App)).build().unwrap();
    let user = User::new("ada").expires_at(SystemTime::now() + HOUR);
    let client = Client::over(server.in_memory_as(user)).await.unwrap();
    tokio::time::sleep(HOUR - Duration::from_secs(60)).await;
    assert_eq!(PlainClient::new(&client).me().await.unwrap(), "ada");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let error = PlainClient::new(&client).me().await.unwrap_err();
    assert_eq!(error.code(), Code::Unauthenticated);
    assert_eq!(server.hub().everyone().count(), 0);
}
