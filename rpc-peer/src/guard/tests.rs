use trunkline_core::Codec;

use super::{Guard, Verdict, all, any, eq, guard_fn, has, is, not};
use crate::{
    attr::{Attr, attr},
    connection::{Connection, ConnectionId, PeerInfo},
    handle::Handle,
    user::User,
};

const TEAM: Attr<String> = attr("team");

fn connection(user: Option<User>) -> Connection {
    Connection::new(ConnectionId(1), PeerInfo::local(), Handle::new(Codec::Json), user, None)
}

fn holds(guard: &Guard, conn: &Connection) -> bool {
    match guard.check(conn) {
        Verdict::Now(answer) => answer,
        Verdict::Later(_) => panic!("{guard} has to wait"),
    }
}

#[test]
fn truth_is_being_there_and_neither_false_nor_zero_nor_empty() {
    let conn = connection(None);
    assert!(!holds(&is("x"), &conn) && !holds(&has("x"), &conn));
    for (value, truth) in [
        (trunkline_json(true), true),
        (trunkline_json(1), true),
        (trunkline_json("x"), true),
        (trunkline_json(false), false),
        (trunkline_json(0), false),
        (trunkline_json(""), false),
        (serde_json::Value::Null, false),
    ] {
        conn.set("x", &value);
        assert_eq!(holds(&is("x"), &conn), truth, "{value}");
        assert!(holds(&has("x"), &conn), "{value}");
    }
}

fn trunkline_json(value: impl Into<serde_json::Value>) -> serde_json::Value {
    value.into()
}

#[test]
fn equality_is_of_values() {
    let conn = connection(None);
    assert!(!holds(&eq("team", "red"), &conn));
    conn.set(TEAM, "red".into());
    assert!(holds(&eq("team", "red"), &conn) && holds(&TEAM.eq("red"), &conn));
    assert!(!holds(&TEAM.eq("blue"), &conn) && !holds(&eq("team", 1), &conn));
}

#[test]
fn combinations_follow_the_truth_table() {
    let conn = connection(None);
    conn.set("yes", true);
    let (yes, no) = (is("yes"), is("no"));
    assert!(!holds(&any([]), &conn) && holds(&all([]), &conn));
    assert!(holds(&(yes.clone() | no.clone()), &conn) && !holds(&(yes.clone() & no.clone()), &conn));
    assert!(holds(&!no.clone(), &conn) && !holds(&not(yes.clone()), &conn));
    assert!(holds(&all([any([no.clone(), yes]), !no]), &conn));
}

#[test]
fn claims_win_over_what_was_set() {
    let conn = connection(Some(User::new("ada").with(TEAM, "red".into())));
    conn.set(TEAM, "blue".into());
    assert!(holds(&TEAM.eq("red"), &conn));
    assert_eq!(conn.get(TEAM).as_deref(), Some("red"));
}

#[tokio::test]
async fn an_async_guard_waits_and_the_rest_is_still_checked() {
    let conn = connection(None);
    let later = |answer: bool| guard_fn(move |_: &Connection| async move { answer });
    for (guard, expected) in [
        (later(true) & is("no"), false),
        (later(false) | has("no"), false),
        (later(true) | is("no"), true),
        (!later(false), true),
        (later(true) & later(false), false),
    ] {
        let Verdict::Later(answer) = guard.check(&conn) else { panic!("{guard} does not wait") };
        assert_eq!(answer.await, expected, "{guard}");
    }
    assert!(!holds(&(is("no") & later(true)), &conn), "what is decided does not wait");
}

#[test]
fn guards_print_as_they_are_written() {
    let guard = (TEAM.eq("red") | is("vip")) & !has("banned");
    assert_eq!(guard.to_string(), r#"(team = "red" | is("vip")) & !has("banned")"#);
}
