use std::{net::SocketAddr, time::Duration};

use trunkline_core::{Code, Codec, Per, RateLimit};

use super::MethodLimiter;
use crate::{
    connection::{Connection, ConnectionId, PeerInfo},
    handle::Handle,
    user::User,
};

fn limiter(per: Per) -> MethodLimiter {
    MethodLimiter::new(RateLimit { limit: 5, period: Duration::from_secs(60), per, disconnect: false })
}

fn connection(id: u64, addr: &str, user: Option<&str>) -> Connection {
    let peer = PeerInfo::new(addr.parse::<SocketAddr>().unwrap());
    Connection::new(ConnectionId(id), peer, Handle::new(Codec::Json), user.map(User::new), None)
}

/// How many of ten calls pass.
fn passed(limiter: &MethodLimiter, conn: &Connection) -> usize {
    (0..10).filter(|_| limiter.check(conn).is_ok()).count()
}

#[tokio::test(start_paused = true)]
async fn the_sixth_call_is_refused_with_its_retry_time() {
    let (limiter, conn) = (limiter(Per::Connection), connection(1, "127.0.0.1:1", None));
    assert_eq!(passed(&limiter, &conn), 5);

    let refused = limiter.check(&conn).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.message(), "called more than 5 times in a minute");
    let wait = refused.retry_after().unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(12), "{wait:?}");

    tokio::time::advance(wait).await;
    assert!(limiter.check(&conn).is_ok(), "after the retry time the next call passes");
    assert!(limiter.check(&conn).is_err());
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(passed(&limiter, &conn), 5);
}

#[tokio::test(start_paused = true)]
async fn the_budget_comes_back_call_by_call() {
    let (limiter, conn) = (limiter(Per::Connection), connection(1, "127.0.0.1:1", None));
    assert_eq!(passed(&limiter, &conn), 5, "five at once");
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(12)).await;
        assert_eq!(passed(&limiter, &conn), 1, "and one more each 12 s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_gcra_cannot_count_still_limits() {
    for (limit, period, expected) in [
        (0, Duration::from_secs(1), 1),
        (5, Duration::ZERO, 5),
        (5, Duration::from_nanos(4), 5),
        (5, Duration::MAX, 5),
    ] {
        let limit = RateLimit { limit, period, per: Per::Method, disconnect: false };
        let (limiter, conn) = (MethodLimiter::new(limit), connection(1, "127.0.0.1:1", None));
        assert_eq!(passed(&limiter, &conn), expected, "{limit:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn budgets_belong_to_whom_the_limit_says() {
    let (ann, ann_again) =
        (connection(1, "10.0.0.1:1", Some("ann")), connection(2, "10.0.0.2:1", Some("ann")));
    let nobody = connection(3, "10.0.0.1:2", None);

    let per_user = limiter(Per::UserOrConnection);
    assert_eq!(
        (passed(&per_user, &ann), passed(&per_user, &ann_again), passed(&per_user, &nobody)),
        (5, 0, 5)
    );
    let per_connection = limiter(Per::Connection);
    assert_eq!((passed(&per_connection, &ann), passed(&per_connection, &ann_again)), (5, 5));
    let per_ip = limiter(Per::Ip);
    assert_eq!((passed(&per_ip, &ann), passed(&per_ip, &nobody), passed(&per_ip, &ann_again)), (5, 0, 5));
    let of_method = limiter(Per::Method);
    assert_eq!((passed(&of_method, &ann), passed(&of_method, &nobody)), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn neighbours_in_an_ipv6_network_share_a_budget() {
    let limiter = limiter(Per::Ip);
    assert_eq!(passed(&limiter, &connection(1, "[2001:db8::1]:1", None)), 5);
    assert_eq!(passed(&limiter, &connection(2, "[2001:db8::2]:1", None)), 0);
    assert_eq!(passed(&limiter, &connection(3, "[2001:db8:0:1::1]:1", None)), 5);
}

#[tokio::test(start_paused = true)]
async fn budgets_that_are_full_again_are_forgotten() {
    let limiter = limiter(Per::Connection);
    for id in 0..3 * super::FEW as u64 {
        assert!(limiter.check(&connection(id, "10.0.0.1:1", None)).is_ok());
    }
    tokio::time::advance(Duration::from_secs(3600)).await;
    for id in 0..3 * super::FEW as u64 {
        let _ = limiter.check(&connection(1_000_000 + id, "10.0.0.1:1", None));
    }
    assert!(limiter.budgets.budgets.len() <= 4 * super::FEW, "{}", limiter.budgets.budgets.len());
}
