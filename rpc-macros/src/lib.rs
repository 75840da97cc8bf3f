//! The macros of Trunkline.
//!
//! Use them through the facade `trunkline`: the code they generate names `::trunkline::__private` and nothing else.
//!
//! Inside: `attr` reads every key, `model` is what the user wrote as plain data, `check` holds all rules and reports all
//! that are broken, `expand` prints, and `fallback` prints the user's own item when something is wrong.

mod attr;
mod check;
mod duration;
mod errors;
mod expand;
mod fallback;
mod model;
mod names;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use quote::quote;
use syn::{DeriveInput, Item};

use crate::{
    errors::Errors,
    model::{Data, Service},
};

/// Turns a trait into a service: something to implement, to serve, and to call from afar.
///
/// ```text
/// #[service]
/// pub trait Chat {
///     /// Enters a room under a name.
///     async fn join(&self, conn: Connection, room: String, name: String) -> Result<(), ChatError>;
///
///     /// Says something, once one has joined: five times in ten seconds.
///     #[method(requires = has("name"), rate_limit = "5/10s")]
///     async fn say(&self, conn: Connection, text: String) -> Message;
/// }
/// ```
///
/// From it come:
///
/// - **`Chat`**, to be implemented with `async fn` or, for what needs no waiting, with a plain `fn` as in the trait. It is
///   `Send + Sync + 'static`, and so are its futures `Send`. A method may have a default body.
/// - **`ChatServer<T>`**, which serves any `T: Chat`: `ChatServer::new(rooms)`. Like `Chat`, it is
///   there without Trunkline's feature `server` too: it is generic, and costs nothing where nobody uses it.
/// - **`ChatClient`**, with a function for each method: `ChatClient::new(&client).say("hi").await`. Extractors are not among
///   its arguments. What the trait takes as a `String` is passed as anything that becomes one, and everything else by value
///   and as it is: an `Option<String>` as `Some("hi".to_owned())`, and a param with `#[default(..)]` too.
/// - **`ChatClient::SCHEMA`** by the trait `Service`: the same as constant data, for the dispatcher and for generators.
///
/// # Keys
///
/// | Key | What it does | Unless given |
/// |---|---|---|
/// | `namespace = "chat"` | puts `chat.` before every name on the wire | bare names |
/// | `rename_all = "camelCase"` | how methods without an alias, and all params, are called on the wire: `camelCase`, `snake_case`, `kebab-case`, `PascalCase`, `SCREAMING_SNAKE_CASE`, `SCREAMING-KEBAB-CASE`, `lowercase` or `UPPERCASE` | as in Rust |
/// | `crate = my_crate::trunkline` | where the generated code finds Trunkline | `::trunkline` |
///
/// [`macro@method`] has the keys of a method.
///
/// # Arguments
///
/// An argument is one of three things:
///
/// - An **extractor** is found in the head of the call and does not travel. `User`, `Option<User>`, `Connection` and `Hub`
///   are known by their names; any other type that implements `FromCall` needs `#[extract]` before it.
/// - A **param** travels, by its place or by its name. Its type is one under [`macro@data`] or one that Trunkline knows. A
///   type of yours that happens to be called `User` is one with `#[param]`. `#[default(1)]` gives the value of a param that
///   was left out, as TypeScript and untyped clients may, and an `Option` that was left out is `None`.
/// - The **body** is all params as one value: `#[body] order: Order`. There can be no param beside it.
///
/// # Streams
///
/// A method gives a stream if it returns `impl Stream<Item = T>`, `BoxStream<T>`, or a `Result` of one of these; `T` may itself be a
/// `Result`, whose error ends the stream. The client's function gives a `Subscription`, which asks for the stream when it is first polled.
/// An argument of the type `Streaming<T>` is a stream that the caller sends while the method runs.
///
/// ```text
/// fn summarise(&self, room: String) -> impl Stream<Item = Result<String, ChatError>>;
/// async fn store(&self, name: String, lines: Streaming<String>) -> Result<u64>;
/// ```
///
/// # What it refuses
///
/// Whatever cannot be called from afar: generics, references, `impl Trait` other than a stream, associated items, and receivers other than
/// `&self`. Each mistake is reported at its token together with all others, and the trait itself stays there.
#[proc_macro_attribute]
pub fn service(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_service(args.into(), &item.into()).into()
}

/// What a method of a [`macro@service`] may do, and what it is called on the wire. It stands inside the trait only.
///
/// ```text
/// #[method(alias = "add", alias = "plus", idempotent, timeout = "5s")]
/// async fn sum(&self, a: i64, #[default(0)] b: i64) -> i64;
/// ```
///
/// # Keys
///
/// Their order does not matter, and several `#[method(..)]` on one method are as good as one.
///
/// | Key | What it does | Unless given |
/// |---|---|---|
/// | `alias = "add"`, or `alias("add", "plus")` | a name on the wire, in place of the Rust one, which counts only if it is listed. It may repeat: all are accepted, and clients send the first. Any text will do that does not start with `rpc.` | the Rust name |
/// | `requires = TEAM.eq("red") \| is("vip")` | a guard, asked before the params are decoded; a call that fails it is `PERMISSION_DENIED` | no guard |
/// | `rate_limit = "5/1m"` | five calls at once, and one more each 12 s (GCRA); a call beyond is `RESOURCE_EXHAUSTED` and told when to come back | no limit |
/// | `rate_limit(limit = 5, period = "1m", per = user, disconnect)` | the same at length. `period` is one second unless given. `per` says who shares the budget: `connection`, `user`, `ip`, or `method` for everybody together; unless given, the user, and before the login the connection. `disconnect` answers the call beyond the limit and then closes the connection | no limit |
/// | `public` | may be called before the login, so that its user is an `Option<User>` | after the login only |
/// | `idempotent` | a second run does no harm, so that a client may send it again when the answer was lost | sent once |
/// | `oneway` | has no answer: the method returns nothing | answered |
/// | `timeout = "5s"` | how long a call may take | the usual deadline of each end |
///
/// A duration is a number and a unit: `ms`, `s`, `m`, `h` or `d`, as in `250ms` or `0.5m`.
#[proc_macro_attribute]
pub fn method(_: TokenStream, item: TokenStream) -> TokenStream {
    expand_method(&item.into()).into()
}

/// Lets a type of yours travel: as a param, as a result, or inside one.
///
/// ```text
/// #[data]
/// #[derive(Debug, Clone)]
/// pub struct Message {
///     pub id: u64,
///     pub text: String,
///     pub reply_to: Option<u64>,
/// }
///
/// #[data(error)]
/// #[derive(Debug, thiserror::Error)]
/// pub enum ChatError {
///     #[error("there is no room {room}")]
///     NoSuchRoom { room: String },
///     #[error(transparent)]
///     #[other]
///     Other(trunkline::Error),
/// }
/// ```
///
/// It stands above all other attributes of the type, except for docs and `#[cfg]`, and derives serde's `Serialize` and
/// `Deserialize`, with Trunkline's feature `schema` also ts-rs's `TS` and schemars's `JsonSchema`. Your crate needs none of
/// these as a dependency. Their attributes work as ever: `#[serde(rename_all = "camelCase")]`, `#[serde(tag = "type")]`.
///
/// # What it puts right
///
/// | On | It sees to |
/// |---|---|
/// | a named field of type `Option` | left out on the wire instead of `null`, `name?: T` in TypeScript. Not where you give serde a default of your own |
/// | `#[data(nullable)]` on such a field | always there, `name: T \| null` |
/// | `#[data(as = String)]` on a field | the type that generators describe, for one of another crate that has `#[serde(with = "…")]`, or serde's traits only |
/// | `#[serde(transparent)]`, `#[serde(from = "X", into = "X")]` | TypeScript prints what is on the wire |
/// | `#[data(input)]` and `#[serde(default)]` on a field | `name?: T` in TypeScript, for types that only clients send |
/// | a generic type | an instance is called `Page_User` in JSON Schema |
/// | `#[deprecated]` | `@deprecated` in TypeScript |
///
/// # Keys
///
/// | Key | What it does |
/// |---|---|
/// | `error` | makes the enum the typed error of methods; see below |
/// | `input` | only clients send it; see above |
/// | `rename_all = "camelCase"` | `#[serde(rename_all = "camelCase")]` |
/// | `rename_all_fields = "camelCase"` | `#[serde(rename_all_fields = "camelCase")]`, for the fields of an enum's variants |
/// | `crate = my_crate::trunkline` | where the generated code finds Trunkline: `::trunkline` unless given |
///
/// # Errors of methods
///
/// With `#[data(error)]`, `NoSuchRoom { room }` travels as `{ "code": "NO_SUCH_ROOM", "data": { "room": … } }`, and clients
/// match on the variant. A variant with `#[other]` holds the one error that is not the application's, a
/// `trunkline::Error`: it travels as such, `?` makes it from one, and TypeScript does not see it. What another crate fails with
/// becomes one by `ResultExt::or_internal`, as in `std::fs::read(path).or_internal()?`. A variant cannot be called
/// like one of the ten codes that Trunkline itself answers with, such as `Internal` or `Unavailable`.
#[proc_macro_attribute]
pub fn data(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_data(args.into(), &item.into()).into()
}

fn expand_service(args: TokenStream2, item: &TokenStream2) -> TokenStream2 {
    let item = match syn::parse2(item.clone()) {
        Ok(Item::Trait(item)) => item,
        Ok(other) => return refused("`#[service]` belongs on a trait", &fallback::other_item(other)),
        Err(error) => return with_errors(error.into(), item),
    };
    let mut errors = Errors::default();
    let service = Service::new(args, &item, &mut errors);
    check::service(&service, &item, &mut errors);
    if errors.is_empty() { expand::service(&service) } else { with_errors(errors, &fallback::service(item)) }
}

fn expand_method(item: &TokenStream2) -> TokenStream2 {
    refused("`#[method]` belongs inside a trait under `#[service]`; an `impl` of that trait needs none", item)
}

fn expand_data(args: TokenStream2, item: &TokenStream2) -> TokenStream2 {
    let Ok(input) = syn::parse2::<DeriveInput>(item.clone()) else {
        return refused("`#[data]` belongs on a struct or an enum", item);
    };
    let mut errors = Errors::default();
    let data = Data::new(args, input, &mut errors);
    check::data(&data, &mut errors);
    if errors.is_empty() { expand::data(&data) } else { with_errors(errors, &fallback::data(data)) }
}

/// The error stands at the attribute itself.
fn refused(message: &str, item: &TokenStream2) -> TokenStream2 {
    with_errors(syn::Error::new(proc_macro2::Span::call_site(), message).into(), item)
}

fn with_errors(errors: Errors, item: &TokenStream2) -> TokenStream2 {
    let errors = errors.into_compile_errors();
    quote!(#errors #item)
}
