//! How many may come: in all, from one address, not logged in, and how often. It is decided before anything is allocated for a
//! session, and given back when the connection is gone.

use std::{
    collections::HashMap,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Sink, Stream};
use trunkline_core::{CloseCode, CloseReason, Packet};
use trunkline_peer::{Budgets, Transport, TransportError, network};

use crate::limits::Limits;

/// When somebody may try again who has found no room.
const LATER: Duration = Duration::from_secs(5);
/// How many are told at once that there is no room; whoever comes beyond is not answered.
const TOLD_AT_ONCE: usize = 64;

/// Why somebody may not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// There are as many connections as there may be.
    Server,
    /// The address has as many connections as it may have, or as many without a login.
    Address,
    /// The address has come too often.
    Rate(Duration),
}

impl Full {
    /// When to try again.
    pub(crate) fn retry_after(self) -> Duration {
        match self {
            Self::Server | Self::Address => LATER,
            Self::Rate(wait) => wait,
        }
    }

    /// What somebody is told who is beyond an answer in HTTP.
    pub(crate) fn close_reason(self) -> CloseReason {
        match self {
            Self::Server => CloseReason::new(CloseCode::TRY_LATER, "the server is full"),
            Self::Address => CloseReason::new(CloseCode::TOO_MANY, "too many connections from this address"),
            Self::Rate(_) => CloseReason::new(CloseCode::RATE, "too many new connections from this address"),
        }
    }
}

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Admission {
    max: usize,
    max_pending: usize,
    max_per_address: Option<usize>,
    arrivals: Option<Budgets<IpAddr>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: usize,
    told: usize,
    addresses: HashMap<IpAddr, Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Connections without a login, those that speak HTTP included.
    pending: usize,
    /// Connections that were upgraded.
    upgraded: usize,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            max: limits.max_connections,
            max_pending: limits.max_pending_per_address,
            max_per_address: limits.max_connections_per_address,
            arrivals: limits.connection_rate.map(Budgets::new),
            state: Mutex::default(),
        })
    }

    /// Lets in a connection from `address`, or from somewhere that is not known yet.
    pub(crate) fn accept(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Ticket, Full> {
        let mut state = self.lock();
        if state.total >= self.max {
            return Err(Full::Server);
        }
        let address = address.map(network);
        if let Some(address) = address {
            state.add_pending(address, self.max_pending)?;
        }
        state.total += 1;
        drop(state);
        let admission = Arc::clone(self);
        Ok(Ticket { admission, pending: address, upgraded: None })
    }

    /// Whether somebody who was not let in is told so, which takes a connection as well for a while.
    pub(crate) fn tell(self: &Arc<Self>) -> Option<Told> {
        let mut state = self.lock();
        if state.told >= TOLD_AT_ONCE {
            return None;
        }
        state.told += 1;
        drop(state);
        Some(Told(Arc::clone(self)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add_pending(&mut self, address: IpAddr, max: usize) -> Result<(), Full> {
        let counts = self.addresses.entry(address).or_default();
        if counts.pending >= max {
            return Err(Full::Address);
        }
        counts.pending += 1;
        Ok(())
    }

    fn change(&mut self, address: IpAddr, change: impl FnOnce(&mut Counts)) {
        let Some(counts) = self.addresses.get_mut(&address) else { return };
        change(counts);
        if counts.pending == 0 && counts.upgraded == 0 {
            self.addresses.remove(&address);
        }
    }
}

/// A connection that was let in; it is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    /// Under which address it counts as one without a login.
    pending: Option<IpAddr>,
    /// Under which address it counts as one that was upgraded.
    upgraded: Option<IpAddr>,
}

impl Ticket {
    /// The connection is going to be a WebSocket of a client at `address`.
    pub(crate) fn upgrade(&mut self, address: IpAddr) -> Result<(), Full> {
        let address = network(address);
        if let Some(arrivals) = &self.admission.arrivals {
            arrivals.take(&address).map_err(Full::Rate)?;
        }
        let mut state = self.admission.lock();
        let upgraded = state.addresses.get(&address).map_or(0, |counts| counts.upgraded);
        if self.admission.max_per_address.is_some_and(|max| upgraded >= max) {
            return Err(Full::Address);
        }
        // Behind a proxy the client is known only now.
        if self.pending.is_none() {
            state.add_pending(address, self.admission.max_pending)?;
            self.pending = Some(address);
        }
        if self.upgraded.is_none() {
            state.addresses.entry(address).or_default().upgraded += 1;
            self.upgraded = Some(address);
        }
        Ok(())
    }

    /// The client has logged in.
    fn logged_in(&mut self) {
        if let Some(address) = self.pending.take() {
            self.admission.lock().change(address, |counts| counts.pending -= 1);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        state.total -= 1;
        if let Some(address) = self.pending.take() {
            state.change(address, |counts| counts.pending -= 1);
        }
        if let Some(address) = self.upgraded.take() {
            state.change(address, |counts| counts.upgraded -= 1);
        }
    }
}

/// Somebody who is being told that there is no room.
#[derive(Debug)]
pub(crate) struct Told(Arc<Admission>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.lock().told -= 1;
    }
}

/// A transport that counts for as long as it is there.
#[derive(Debug)]
pub(crate) struct Admitted<T> {
    inner: T,
    ticket: Ticket,
}

impl<T> Admitted<T> {
    pub(crate) fn new(inner: T, ticket: Ticket) -> Self {
        Self { inner, ticket }
    }
}

impl<T: Transport> Transport for Admitted<T> {
    fn has_progressed(&mut self) -> bool {
        self.inner.has_progressed()
    }

    fn logged_in(&mut self) {
        self.ticket.logged_in();
        self.inner.logged_in();
    }
}

impl<T: Transport> Stream for Admitted<T> {
    type Item = Result<Packet, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.inner).poll_next(cx)
    }
}

impl<T: Transport> Sink<Packet> for Admitted<T> {
    type Error = TransportError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.inner).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, packet: Packet) -> Result<(), TransportError> {
        Pin::new(&mut self.inner).start_send(packet)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn admission(limits: &Limits) -> Arc<Admission> {
        Admission::new(limits)
    }

    fn is_empty(admission: &Admission) -> bool {
        let state = admission.lock();
        state.total == 0 && state.told == 0 && state.addresses.is_empty()
    }

    #[test]
    fn there_is_room_again_when_somebody_has_left() {
        let admission = admission(&Limits { max_connections: 2, ..Limits::default() });
        let one = admission.accept(Some(ip("10.0.0.1"))).unwrap();
        let _two = admission.accept(None).unwrap();
        assert_eq!(admission.accept(Some(ip("10.0.0.2"))).unwrap_err(), Full::Server);
        drop(one);
        drop(admission.accept(Some(ip("10.0.0.2"))).unwrap());
        drop(_two);
        assert!(is_empty(&admission));
    }

    #[test]
    fn those_without_a_login_count_by_their_network() {
        let admission = admission(&Limits { max_pending_per_address: 2, ..Limits::default() });
        let mut one = admission.accept(Some(ip("2001:db8::1"))).unwrap();
        let two = admission.accept(Some(ip("2001:db8::2"))).unwrap();
        assert_eq!(admission.accept(Some(ip("2001:db8::3"))).unwrap_err(), Full::Address);
        let other = admission.accept(Some(ip("2001:db8:0:1::1"))).unwrap();
        one.upgrade(ip("2001:db8::1")).unwrap();
        assert_eq!(
            admission.accept(Some(ip("2001:db8::3"))).unwrap_err(),
            Full::Address,
            "an upgrade is no login"
        );
        one.logged_in();
        one.logged_in();
        let three = admission.accept(Some(ip("2001:db8::3"))).unwrap();
        drop((one, two, three, other));
        assert!(is_empty(&admission));
    }

    #[test]
    fn behind_a_proxy_the_client_counts_and_not_the_proxy() {
        let limits =
            Limits { max_pending_per_address: 1, max_connections_per_address: Some(2), ..Limits::default() };
        let admission = admission(&limits);
        let mut tickets: Vec<Ticket> = (0..5).map(|_| admission.accept(None).unwrap()).collect();
        let (one, two) = (ip("10.0.0.1"), ip("10.0.0.2"));
        tickets[0].upgrade(one).unwrap();
        assert_eq!(tickets[1].upgrade(one), Err(Full::Address), "it has one without a login");
        tickets[0].logged_in();
        tickets[1].upgrade(one).unwrap();
        tickets[1].logged_in();
        assert_eq!(tickets[2].upgrade(one), Err(Full::Address), "it has two");
        tickets[2].upgrade(two).unwrap();
        drop(tickets);
        assert!(is_empty(&admission));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_may_come_only_so_often() {
        let rate = "5/1s".parse().unwrap();
        let admission = admission(&Limits { connection_rate: Some(rate), ..Limits::default() });
        let come = |address: &str| admission.accept(None).unwrap().upgrade(ip(address));
        for _ in 0..5 {
            come("10.0.0.1").unwrap();
        }
        let Err(Full::Rate(wait)) = come("10.0.0.1") else { panic!("the sixth is too much") };
        assert_eq!(wait, Duration::from_millis(200));
        come("10.0.0.2").unwrap();
        tokio::time::advance(wait).await;
        come("10.0.0.1").unwrap();
        assert!(come("10.0.0.1").is_err());
    }

    #[test]
    fn not_everybody_is_told() {
        let admission = admission(&Limits::default());
        let told: Vec<Told> = (0..TOLD_AT_ONCE).map(|_| admission.tell().unwrap()).collect();
        assert!(admission.tell().is_none());
        drop(told);
        assert!(admission.tell().is_some() && is_empty(&admission));
    }
}
