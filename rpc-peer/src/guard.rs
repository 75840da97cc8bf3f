//! Guards: conditions on the identity and the attributes of a session, checked before anything is decoded.
//!
//! All but [`guard_fn`] are data, so that they can be printed, compared and evaluated anywhere.

use std::{
    fmt,
    future::Future,
    ops::{BitAnd, BitOr, Not},
    pin::Pin,
    sync::Arc,
};

use serde::Serialize;
use serde_json::Value;

use crate::{
    attr::{Attr, AttrName},
    connection::Connection,
};

/// A condition that a session fulfils or not. Combine guards with `&`, `|` and `!`.
///
/// ```
/// use trunkline_peer::{Attr, attr, is};
///
/// const TEAM: Attr<String> = attr("team");
/// let guard = (TEAM.eq("red") | is("vip")) & !is("banned");
/// assert_eq!(guard.to_string(), r#"(team = "red" | is("vip")) & !is("banned")"#);
/// ```
#[derive(Clone)]
pub struct Guard(Arc<Node>);

enum Node {
    Is(String),
    Has(String),
    Eq(String, Value),
    Any(Vec<Guard>),
    All(Vec<Guard>),
    Not(Guard),
    Fn(Box<dyn Fn(&Connection) -> Verdict + Send + Sync>),
}

/// What a [`guard_fn`] found: the answer, or a future of it.
pub enum Verdict {
    /// The answer.
    Now(bool),
    /// The answer will come.
    Later(Pin<Box<dyn Future<Output = bool> + Send>>),
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(answer) => f.debug_tuple("Now").field(answer).finish(),
            Self::Later(_) => f.write_str("Later(..)"),
        }
    }
}

/// What a closure under [`guard_fn`] may return: a `bool`, or a future of one.
pub trait IntoVerdict<Kind> {
    /// The verdict.
    fn into_verdict(self) -> Verdict;
}

/// Marks closures that answer at once.
#[derive(Debug)]
pub struct Immediate;

/// Marks closures that answer with a future.
#[derive(Debug)]
pub struct Eventual;

impl IntoVerdict<Immediate> for bool {
    fn into_verdict(self) -> Verdict {
        Verdict::Now(self)
    }
}

impl<F: Future<Output = bool> + Send + 'static> IntoVerdict<Eventual> for F {
    fn into_verdict(self) -> Verdict {
        Verdict::Later(Box::pin(self))
    }
}

/// The attribute is there and neither false, 0, empty nor null.
pub fn is(key: impl AttrName) -> Guard {
    Guard::new(Node::Is(key.into_name().into_owned()))
}

/// The attribute is there, whatever its value.
pub fn has(key: impl AttrName) -> Guard {
    Guard::new(Node::Has(key.into_name().into_owned()))
}

/// The attribute is there and equals `value`.
pub fn eq(key: impl AttrName, value: impl Serialize) -> Guard {
    match serde_json::to_value(value) {
        Ok(value) => Guard::new(Node::Eq(key.into_name().into_owned(), value)),
        // A value that no attribute can have equals none.
        Err(_) => any([]),
    }
}

/// At least one of `guards` holds; none of none does.
pub fn any(guards: impl IntoIterator<Item = Guard>) -> Guard {
    Guard::new(Node::Any(guards.into_iter().collect()))
}

/// All of `guards` hold; all of none do.
pub fn all(guards: impl IntoIterator<Item = Guard>) -> Guard {
    Guard::new(Node::All(guards.into_iter().collect()))
}

/// `guard` does not hold.
pub fn not(guard: Guard) -> Guard {
    Guard::new(Node::Not(guard))
}

/// Whatever `check` says of the connection, at once or as a future.
///
/// ```
/// use trunkline_peer::guard_fn;
///
/// let local = guard_fn(|conn| conn.remote_addr().ip().is_loopback());
/// let slow = guard_fn(|conn| {
///     let id = conn.id();
///     async move { id.to_string().len() < 5 }
/// });
/// # let _ = local & slow;
/// ```
pub fn guard_fn<F, R, Kind>(check: F) -> Guard
where
    F: Fn(&Connection) -> R + Send + Sync + 'static,
    R: IntoVerdict<Kind>,
{
    Guard::new(Node::Fn(Box::new(move |conn| check(conn).into_verdict())))
}

impl<T: Serialize> Attr<T> {
    /// The attribute is there and equals `value`.
    pub fn eq(self, value: impl Into<T>) -> Guard {
        eq(self, value.into())
    }
}

/// A boolean attribute stands for its being true.
impl From<Attr<bool>> for Guard {
    fn from(attr: Attr<bool>) -> Self {
        is(attr)
    }
}

impl Guard {
    fn new(node: Node) -> Self {
        Self(Arc::new(node))
    }

    /// Whether the guard holds for `conn`: at once unless a [`guard_fn`] has to wait.
    pub fn check(&self, conn: &Connection) -> Verdict {
        match &*self.0 {
            Node::Is(key) => Verdict::Now(conn.attribute(key, |value| value.is_some_and(is_truthy))),
            Node::Has(key) => Verdict::Now(conn.attribute(key, |value| value.is_some())),
            Node::Eq(key, expected) => Verdict::Now(conn.attribute(key, |value| value == Some(expected))),
            Node::Not(guard) => match guard.check(conn) {
                Verdict::Now(answer) => Verdict::Now(!answer),
                Verdict::Later(answer) => Verdict::Later(Box::pin(async move { !answer.await })),
            },
            Node::Any(guards) => fold(guards, conn, true),
            Node::All(guards) => fold(guards, conn, false),
            Node::Fn(check) => check(conn),
        }
    }
}

/// Checks one after another until one answers `decisive`, which is the answer then.
fn fold(guards: &[Guard], conn: &Connection, decisive: bool) -> Verdict {
    for (index, guard) in guards.iter().enumerate() {
        match guard.check(conn) {
            Verdict::Now(answer) if answer == decisive => return Verdict::Now(decisive),
            Verdict::Now(_) => {}
            Verdict::Later(answer) => {
                let rest: Vec<Guard> = guards.iter().skip(index + 1).cloned().collect();
                let conn = conn.clone();
                return Verdict::Later(Box::pin(async move {
                    if answer.await == decisive {
                        return decisive;
                    }
                    match fold(&rest, &conn, decisive) {
                        Verdict::Now(answer) => answer,
                        Verdict::Later(answer) => answer.await,
                    }
                }));
            }
        }
    }
    Verdict::Now(!decisive)
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

impl BitAnd for Guard {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        all([self, other])
    }
}

impl BitOr for Guard {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        any([self, other])
    }
}

impl Not for Guard {
    type Output = Self;

    fn not(self) -> Self {
        not(self)
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, guards: &[Self], sign: &str, none: &str| {
            for (index, guard) in guards.iter().enumerate() {
                f.write_str(if index > 0 { sign } else { "" })?;
                match &*guard.0 {
                    Node::Any(_) | Node::All(_) => write!(f, "({guard})")?,
                    _ => write!(f, "{guard}")?,
                }
            }
            f.write_str(if guards.is_empty() { none } else { "" })
        };
        match &*self.0 {
            Node::Is(key) => write!(f, "is({key:?})"),
            Node::Has(key) => write!(f, "has({key:?})"),
            Node::Eq(key, value) => write!(f, "{key} = {value}"),
            Node::Any(guards) => list(f, guards, " | ", "never"),
            Node::All(guards) => list(f, guards, " & ", "always"),
            Node::Not(guard) => match &*guard.0 {
                Node::Any(_) | Node::All(_) | Node::Eq(..) => write!(f, "!({guard})"),
                _ => write!(f, "!{guard}"),
            },
            Node::Fn(_) => f.write_str("guard_fn(..)"),
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
