//! How calls fail, and what reaches whom.

use trunkline::{CallError, Client, Code, Error, Result, ResultExt, Server, data, service};

#[data(error)]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
enum ShopError {
    #[error("sold out")]
    SoldOut,
    #[error("only {left} left")]
    TooMany { left: u32, since: Option<String> },
    #[error("internal")]
    #[other]
    Other(Error),
}

#[service]
trait Shop {
    async fn buy(&self, count: u32) -> Result<u32, ShopError>;
    async fn steal(&self) -> u32;
}

struct Store;

impl Shop for Store {
    async fn buy(&self, count: u32) -> Result<u32, ShopError> {
        match count {
            0 => Err(ShopError::SoldOut),
            1..10 => Ok(count),
            10..20 => Err(ShopError::TooMany { left: 9, since: None }),
            20 => Ok("x".parse::<u32>().or_internal()?),
            _ => Err(Error::new(Code::Aborted, "the till is jammed"))?,
        }
    }

    async fn steal(&self) -> u32 {
        panic!("CANARY-7f3a")
    }
}

async fn shop() -> (Client, ShopClient) {
    let server = Server::builder().service(ShopServer::new(Store)).build().unwrap();
    let client = Client::over(server.in_memory()).await.unwrap();
    let shop = ShopClient::new(&client);
    (client, shop)
}

#[tokio::test]
async fn typed_errors_arrive_as_their_variants() {
    let (_client, shop) = shop().await;
    assert_eq!(shop.buy(0).await, Err(CallError::App(ShopError::SoldOut)));
    assert_eq!(shop.buy(10).await, Err(CallError::App(ShopError::TooMany { left: 9, since: None })));
    let error = shop.buy(0).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed(), error.is_retryable()), (Code::Unknown, true, false));
}

#[tokio::test]
async fn other_errors_arrive_as_system_errors() {
    let (_client, shop) = shop().await;
    let Err(CallError::Rpc(foreign)) = shop.buy(20).await else { panic!("not a system error") };
    assert_eq!((foreign.code(), foreign.message()), (Code::Internal, "internal error"));
    assert_eq!(foreign.reference().map(str::len), Some(16));
    let Err(CallError::Rpc(own)) = shop.buy(21).await else { panic!("not a system error") };
    assert_eq!((own.code(), own.message(), own.reference()), (Code::Aborted, "the till is jammed", None));
}

#[tokio::test]
async fn a_panic_fails_its_call_alone() {
    let (client, shop) = shop().await;
    let CallError::Rpc(error) = shop.steal().await.unwrap_err();
    assert_eq!(
        (error.code(), error.message(), error.maybe_executed()),
        (Code::Internal, "internal error", true)
    );
    assert_eq!(shop.buy(1).await, Ok(1));
    assert!(!client.is_closed());
}

#[tokio::test]
async fn a_client_that_expects_something_else_is_told_so() {
    let (client, _shop) = shop().await;
    let error = client.call::<String>("buy", (1,)).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::Internal, true));
    assert!(error.to_string().contains("not what this client expects"), "{error}");
}
