//! What arrives is what TypeScript expects.

use std::collections::BTreeMap;

use super::*;

fn is_zero(number: &u8) -> bool {
    *number == 0
}

case! { absent,
    #[data]
    pub struct Score { #[serde(skip_serializing_if = "super::is_zero")] points: u8 }

    #[service]
    pub trait Scores { async fn get(&self) -> Vec<Score>; }
}

case! { absent_with_default,
    #[data]
    pub struct Score { #[serde(default, skip_serializing_if = "super::is_zero")] points: u8 }

    #[service]
    pub trait Scores { async fn get(&self) -> Score; }
}

#[test]
fn a_field_that_may_be_missing_is_optional() {
    refused::<absent::ScoresClient>(
        "`here::Score`, field `points`: it may be missing, but TypeScript expects it always; say `#[ts(as = \
         \"Option<_>\", optional)]`, or let serde always write it",
    );
    has::<absent_with_default::ScoresClient>("points?: number;");
}

case! { never,
    #[data]
    pub struct Login { name: String, #[serde(skip_serializing)] password: String }

    #[service]
    pub trait Logins { async fn get(&self) -> Login; async fn set(&self, login: Login); }
}

#[test]
fn a_field_that_never_arrives_is_not_promised() {
    refused::<never::LoginsClient>(
        "`here::Login`, field `password`: TypeScript expects it, but it never arrives; hide it with `#[ts(skip)]`, or let \
         serde write it under that name; it is both sent and received, so if the two differ on purpose, make it two types, \
         and put `#[data(input)]` on the one that clients send",
    );
}

case! { renamed,
    #[data]
    pub struct Named { #[serde(rename(serialize = "userName", deserialize = "name"))] name: String }

    #[service]
    pub trait Names { async fn get(&self) -> Named; }
}

case! { flat,
    #[data]
    pub enum Shape { Point, Circle { r: u8 } }

    #[data]
    pub struct Placed { x: u8, #[serde(flatten)] shape: Shape }

    #[service]
    pub trait Shapes { async fn get(&self) -> Placed; }
}

case! { untagged,
    #[data]
    #[serde(tag = "type")]
    pub enum Event { Known { id: u8 }, #[serde(untagged)] Other { text: String } }

    #[service]
    pub trait Events { async fn get(&self) -> Event; }
}

case! { quoted,
    #[data]
    pub struct Odd { #[serde(rename = "a\"b")] id: u8 }

    #[data]
    pub struct Slash { #[serde(rename = "a\\b")] id: u8, #[serde(rename = "__proto__")] proto: I64 }

    #[service]
    pub trait Odds { async fn get(&self) -> Odd; }

    #[service]
    pub trait Slashes { async fn get(&self) -> Slash; }
}

#[test]
fn names_and_tags_are_those_on_the_wire() {
    refused::<renamed::NamesClient>(
        "`here::Named`, field `userName`: it arrives, but TypeScript does not know it; give it one name for serde and \
         ts-rs, or hide it from both with `#[serde(skip)]`",
    );
}

#[test]
fn a_flattened_variant_without_fields_is_a_field() {
    has::<flat::ShapesClient>(
        "export type Placed = { x: number } & ({ Point: null } | { Circle: { r: number } });",
    );
}

#[test]
fn a_variant_without_a_tag_has_none() {
    refused::<untagged::EventsClient>(
        "`here::Event`, field `type` where `type` is `\"Other\"`: TypeScript expects it, but it never arrives; hide it with \
         `#[ts(skip)]`, or let serde write it under that name",
    );
}

#[test]
fn names_that_no_language_likes_are_quoted_or_refused() {
    refused::<quoted::OddsClient>(
        "`here::Odd` cannot be declared in TypeScript: `{ \"a\"b\": number, }` is no type, since ts-rs writes a quote in a name \
         as it is; take a name without quotes, or write the type in `#[ts(type = \"…\")]`",
    );
    has::<quoted::SlashesClient>("\"a\\\\b\": number;");
    has::<quoted::SlashesClient>("__proto__: bigint;");
    has::<quoted::SlashesClient>("Slash: { o: { [\"__proto__\"]: 2 } },");
}

case! { kinds,
    #[data]
    pub struct Big { #[ts(type = "bigint")] id: u64 }

    #[data]
    pub struct Raw { #[ts(type = "Uint8Array")] data: Vec<u8> }

    #[data]
    pub struct Null { #[ts(type = "number")] level: (Option<u8>,) }

    #[service]
    pub trait Bigs { async fn get(&self) -> Big; }
    #[service]
    pub trait Raws { async fn get(&self) -> Raw; }
    #[service]
    pub trait Nulls { async fn get(&self) -> Null; }
}

#[test]
fn a_type_of_the_users_is_what_travels() {
    let advice = "say what is on the wire with `#[data(as = …)]` or `#[ts(type = \"…\")]`";
    refused::<kinds::BigsClient>(&format!(
        "`here::Big`, field `id`: a number may arrive, but TypeScript says `bigint`; {advice}"
    ));
    refused::<kinds::RawsClient>(&format!(
        "`here::Raw`, field `data`: a list may arrive, but TypeScript says `Uint8Array`; {advice}"
    ));
    refused::<kinds::NullsClient>(&format!(
        "`here::Null`, field `level`: a list may arrive, but TypeScript says `number`; {advice}"
    ));
}

case! { agreed,
    #[data]
    #[serde(tag = "kind")]
    pub enum Event { Said { text: Option<String> }, Left(Inner), Ended }

    #[data]
    pub struct Inner { #[data(nullable)] reason: Option<String>, pair: (u8, Option<u8>), unit: () }

    #[data]
    #[serde(untagged)]
    pub enum Loose { One(Inner), Other { id: u8 }, Text(String), Nothing }

    #[data]
    pub struct Empty {}

    #[data]
    #[serde(tag = "type")]
    pub struct Tagged { id: u8 }

    #[data]
    pub struct Unit;

    #[data]
    pub struct Rest { id: u8, #[serde(flatten)] rest: BTreeMap<String, u8> }

    #[data]
    #[serde(transparent)]
    pub struct Through { inner: Vec<Event> }

    #[data]
    pub enum All { A, B(u8), C(u8, u8), D { d: Through }, E(Unit), F(Empty), G(()) }

    #[data]
    #[serde(tag = "t", content = "c")]
    pub enum Adjacent { A, B(u8), C(u8, u8), D { d: Loose } }

    #[data]
    pub enum Kind { Small, #[serde(other)] Unknown }

    #[service]
    pub trait Everything {
        async fn give(&self, all: All, adjacent: Adjacent, rest: Rest, tagged: Tagged) -> (All, Adjacent, Rest, Kind, Tagged);
    }
}

#[test]
fn what_agrees_is_let_through() {
    has::<agreed::EverythingClient>("export type Kind = \"Small\" | \"Unknown\";");
    has::<agreed::EverythingClient>("| { kind: \"Said\"; text?: string }");
    has::<agreed::EverythingClient>("export type Rest = { id: number } & Record<string, number>;");
}

case! { tried,
    #[data]
    pub struct Score { #[serde(skip_serializing_if = "super::is_zero")] points: u8 }

    #[data]
    #[serde(untagged)]
    pub enum Either { A { won: Score }, B { won: Score, n: Option<u8> } }

    #[data]
    pub struct Round { winner: Box<Either> }

    #[service]
    pub trait Tries { async fn get(&self) -> Either; }

    #[service]
    pub trait Rounds { async fn get(&self) -> (Round, Score); }
}

#[test]
fn what_did_not_agree_in_one_alternative_agrees_in_no_other() {
    let reason = "`here::Score`, field `points`: it may be missing, but TypeScript expects it always; say `#[ts(as = \
                  \"Option<_>\", optional)]`, or let serde always write it";
    refused::<tried::TriesClient>(reason);
    refused::<tried::RoundsClient>(reason);
}

case! { nullable,
    #[data]
    pub struct Level { #[serde(default, skip_serializing_if = "Option::is_none")] #[ts(type = "number", optional)] of: Option<u8> }

    #[data]
    pub struct Levels { first: Level, #[ts(type = "number")] #[data(nullable)] last: Option<u8> }

    #[service]
    pub trait Heights { async fn get(&self) -> Levels; }
}

#[test]
fn null_counts_where_it_does_not_stand_for_absence() {
    refused::<nullable::HeightsClient>(
        "`here::Levels`, field `last`: `null` may arrive, but TypeScript says `number`; say what is on the wire with \
         `#[data(as = …)]` or `#[ts(type = \"…\")]`",
    );
}
