//! The expansion beside its hand-written twin. That it compiles, works and stays quiet is for the facade's tests.

#![expect(clippy::needless_pass_by_value, reason = "calls are written shorter that way")]

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote};

#[track_caller]
fn check(expanded: TokenStream, twin: TokenStream) {
    let (expanded, twin) = (lines(expanded), lines(twin));
    let difference = expanded.iter().zip(&twin).find(|(expanded, twin)| expanded != twin);
    assert_eq!(difference, None);
    assert_eq!(expanded.len(), twin.len());
}

/// The statements and blocks of the code, without the path that everything of ours has.
fn lines(tokens: TokenStream) -> Vec<String> {
    let mut text = String::new();
    write(tokens, &mut text);
    let text = text.replace(":: trunkline :: __private :: ", "");
    text.split_inclusive([';', '{', '}']).map(|line| line.trim().to_owned()).collect()
}

/// Writes strings in one way and leaves out commas that end a list.
fn write(tokens: TokenStream, text: &mut String) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("( ", ") "),
                    Delimiter::Bracket => ("[ ", "] "),
                    Delimiter::Brace => ("{ ", "} "),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) if punct.as_char() == ',' && tokens.peek().is_none() => {}
            TokenTree::Literal(literal) => match syn::Lit::new(literal) {
                syn::Lit::Str(string) => text.push_str(&format!("{:?} ", string.value())),
                other => text.push_str(&format!("{} ", other.to_token_stream())),
            },
            TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint => text.push(punct.as_char()),
            token => text.push_str(&format!("{token} ")),
        }
    }
}

/// The trait with server and client, and the constant behind them.
fn halves_and_schema(expanded: TokenStream) -> (TokenStream, TokenStream) {
    let text = expanded.to_string();
    let (halves, schema) = text.rsplit_once("# [automatically_derived] # [allow (deprecated)]").unwrap();
    (halves.parse().unwrap(), schema.parse().unwrap())
}

/// What is there with the feature `schema` only.
fn schema_only<const N: usize>(tokens: [TokenStream; N]) -> [TokenStream; N] {
    tokens.map(|tokens| if cfg!(feature = "schema") { tokens } else { TokenStream::new() })
}

#[test]
fn a_service_is_what_one_would_write_by_hand() {
    let service = quote! {
        /// Rooms.
        pub trait Chat: Clone {
            /// Says.
            #[method(requires = is("vip"), rate_limit = "5/10s")]
            async fn say(&self, user: User, room: String, #[default(1)] order: Order) -> Result<Message, ChatError>;
            #[method(alias = "v", oneway, timeout = "0.5s")]
            fn version(&self) { 1; }
            #[deprecated]
            async fn all(&self, #[body] all: All) -> u8 { self.count(all).await }
        }
    };
    let docs = [quote!(#[doc = " Rooms."]), quote!(#[doc = " Says."])];
    let [rooms, says] = &docs;
    let (halves, _) = halves_and_schema(crate::expand_service(quote!(), &service));
    check(
        halves,
        quote! {
            #rooms
            #[allow(dead_code)]
            pub trait Chat: ::core::marker::Send + ::core::marker::Sync + 'static + Clone {
                #says
                fn say(&self, user: User, room: String, order: Order)
                    -> impl ::core::future::Future<Output = Result<Message, ChatError> > + ::core::marker::Send;
                fn version(&self) { 1; }
                #[deprecated]
                fn all(&self, all: All) -> impl ::core::future::Future<Output = u8> + ::core::marker::Send {
                    async move { self.count(all).await }
                }
            }

            #[doc = "Serves any [`Chat`]."]
            #[derive(::core::fmt::Debug)]
            #[allow(dead_code)]
            pub struct ChatServer<T> {
                service: T,
            }

            #[allow(dead_code, deprecated)]
            impl<__Service: Chat> ChatServer<__Service> {
                #[doc = r" Serves `service`."]
                pub fn new(service: __Service) -> Self {
                    Self { service }
                }
            }

            #[automatically_derived]
            #[allow(deprecated)]
            impl<__Service: Chat> Dispatch for ChatServer<__Service> {
                fn schema(&self) -> &'static ServiceSchema {
                    <ChatClient as Service>::SCHEMA
                }
                fn guard(&self, method: u32) -> ::core::option::Option<Guard> {
                    match method {
                        0 => ::core::option::Option::Some(Guard::from(is("vip"))),
                        _ => ::core::option::Option::None,
                    }
                }
                fn call(self: Arc<Self>, method: u32, mut call: Incoming) -> BoxFuture<Outcome> {
                    match method {
                        0 => ::std::boxed::Box::pin(async move {
                            let user = <User as FromCall>::from_call(call.head()).await?;
                            let mut params = call.params()?;
                            let room = params.next::<String>()?;
                            assert_wire::<Order>();
                            let order = params.next_or::<Order>(|| 1)?;
                            params.end()?;
                            call.release();
                            let _ = ::core::marker::PhantomData::<CallOf<Result<Message, ChatError> > >;
                            call.reply::<Result<Message, ChatError> >(
                                Chat::say(&self.service, user, room, order).await
                            )
                        }),
                        1 => ::std::boxed::Box::pin(async move {
                            call.params()?.end()?;
                            call.release();
                            call.reply::<()>(Chat::version(&self.service,))
                        }),
                        2 => ::std::boxed::Box::pin(async move {
                            assert_wire::<All>();
                            let all = call.body::<All>()?;
                            call.release();
                            call.reply::<u8>(Chat::all(&self.service, all).await)
                        }),
                        _ => call.unimplemented(),
                    }
                }
            }

            #[doc = "Calls a remote `Chat`."]
            #[doc = ""]
            #rooms
            #[derive(::core::fmt::Debug, ::core::clone::Clone)]
            #[allow(dead_code)]
            pub struct ChatClient<K = Direct> {
                callee: K,
            }

            #[allow(dead_code, deprecated, clippy::too_many_arguments, clippy::needless_pass_by_value)]
            impl<__Kind: CalleeKind> ChatClient<__Kind> {
                #[doc = r" Calls the service at the other end of `callee`: a client, a connection or an audience."]
                pub fn new(callee: &impl Callee<Kind = __Kind>) -> Self {
                    Self { callee: callee.callee() }
                }
                #says
                pub fn say(&self, room: impl ::core::convert::Into<String>, order: Order)
                    -> CallOf<Result<Message, ChatError> >
                where
                    __Kind: Answers
                {
                    let handle = self.callee.handle();
                    let mut params = handle.params(2);
                    params.push::<String>(&::core::convert::Into::into(room));
                    assert_wire::<Order>();
                    params.push::<Order>(&order);
                    let _ = ::core::marker::PhantomData::<CallOf<Result<Message, ChatError> > >;
                    Handle::call::<Result<Message, ChatError> >(handle, <ChatClient as Service>::SCHEMA, 0, params)
                }
                #[doc = "Calls `version`."]
                pub fn version(&self,) -> __Kind::Sent {
                    self.callee.send(<ChatClient as Service>::SCHEMA, 1, move |codec| {
                        let params = ParamsWriter::new(codec, 0);
                        params.finish()
                    })
                }
                #[doc = "Calls `all`."]
                #[deprecated]
                pub fn all(&self, all: All) -> CallOf<u8> where __Kind: Answers {
                    let handle = self.callee.handle();
                    assert_wire::<All>();
                    let params = handle.body::<All>(&all);
                    Handle::call::<u8>(handle, <ChatClient as Service>::SCHEMA, 2, params)
                }
            }
        },
    );
}

#[test]
fn a_schema_says_everything_about_a_method() {
    let service = r#"
        /// Rooms.
        trait Chat {
            /// Says.
            #[deprecated = "use `shout`"]
            #[method(alias("say", "/say"), requires = TEAM.eq(Team::Red), public, idempotent, timeout = "0.5s")]
            #[method(rate_limit(limit = 5, period = "10s", per = ip, disconnect))]
            async fn say(&self, user: Option<User>, r#in: String, #[default(1)] order: Order) -> u8;
        }
    "#;
    let args = quote!(namespace = "chat", rename_all = "PascalCase");
    let (_, schema) = halves_and_schema(crate::expand_service(args, &service.parse().unwrap()));
    check(
        schema,
        quote! {
                    impl Service for ChatClient {
                        const SCHEMA: &'static ServiceSchema = &ServiceSchema::__new(
                            "Chat",
                            ::core::option::Option::Some("chat"),
                            "Rooms.",
                            &[MethodSchema {
                                name: "say",
                                wire: &["chat.say", "chat./say"],
                                docs: "Says.",
                                deprecated: ::core::option::Option::Some("use `shout`"),
                                params: &[
                                    ParamSchema { name: "In", has_default: false, stream: false, ty: || TypeSchema::of::<String>() },
                                    ParamSchema { name: "Order", has_default: true, stream: false, ty: || { assert_wire::<Order>(); TypeSchema::of::<Order>() } }
                                ],
                                body: false,
                                public: true,
                                idempotent: true,
                                oneway: false,
        stream: false,
                                timeout: ::core::option::Option::Some(Duration::from_millis(500u64)),
                                rate_limit: ::core::option::Option::Some(RateLimit {
                                    limit: 5u32,
                                    period: Duration::from_secs(10u64),
                                    per: Per::Ip,
                                    disconnect: true,
                                }),
                                requires: ::core::option::Option::Some("TEAM.eq(Team::Red)"),
                                returns: || (
                                    TypeSchema::of::< <u8 as Reply>::Ok>(),
                                    TypeSchema::of::< < <u8 as Reply>::Fault as Fault>::App>()
                                )
                            }]
                        )
                        .__of(::core::module_path!(), ::core::option::Option::None);
                    }
                },
    );
}

#[test]
fn a_service_without_methods_answers_nothing() {
    let item = "trait Void {}".parse().unwrap();
    let (halves, _) = halves_and_schema(crate::expand_service(quote!(), &item));
    assert!(halves.to_string().contains("let _ = method ; call . unimplemented ()"), "{halves}");
    assert!(!halves.to_string().contains("fn guard"), "{halves}");
}

#[test]
fn data_is_derives_and_wire() {
    let item = quote! {
        #[derive(Clone)]
        pub struct Page<T: Ord> { items: Vec<T>, next: Option<String> }
    };
    let [derive, name, optional] = schema_only([
        quote! {
            #[derive(ts_rs::TS, schemars::JsonSchema)]
            #[ts(crate = "::trunkline::__private::ts_rs")]
            #[schemars(crate = "::trunkline::__private::schemars")]
        },
        quote!(#[schemars(rename = "Page_{T}")]),
        quote!(#[ts(optional)]),
    ]);
    check(
        crate::expand_data(quote!(rename_all = "camelCase"), &item),
        quote! {
            #[allow(dead_code, deprecated)]
            const _: () = {
                fn assert_fields_travel<T: Ord + Wire>() {
                    assert_wire::<Vec<T> >();
                }
            };
            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(crate = "::trunkline::__private::serde")]
            #derive
            #[derive(Clone)]
            #[serde(rename_all = "camelCase")]
            #name
            pub struct Page<T: Ord> {
                items: Vec<T>,
                #[serde(skip_serializing_if = "::core::option::Option::is_none")]
                #optional
                next: Option<String>
            }
            #[automatically_derived]
            #[allow(deprecated, unreachable_patterns)]
            impl<T: Ord + Wire> Wire for Page<T> {}
        },
    );
}

#[test]
fn an_error_is_tagged_and_knows_what_is_not_its_own() {
    let item = quote!(
        enum GameError {
            Stale,
            #[other]
            Other(Error),
        }
    );
    let [derive, skip] = schema_only([
        quote! {
            #[derive(ts_rs::TS, schemars::JsonSchema)]
            #[ts(crate = "::trunkline::__private::ts_rs")]
            #[schemars(crate = "::trunkline::__private::schemars")]
        },
        quote!(#[ts(skip)]),
    ]);
    check(
        crate::expand_data(quote!(error), &item),
        quote! {
            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(crate = "::trunkline::__private::serde")]
            #derive
            #[serde(tag = "code", content = "data")]
            #[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
            enum GameError { Stale, #[serde(skip)] #skip Other(Error) }
            #[automatically_derived]
            #[allow(deprecated, unreachable_patterns)]
            impl AppError for GameError {}
            #[automatically_derived]
            #[allow(deprecated, unreachable_patterns)]
            impl Fault for GameError {
                type App = Self;
                fn into_app(self) -> ::core::result::Result<Self, Error> {
                    match self {
                        Self::Other(error) => ::core::result::Result::Err(error),
                        app => ::core::result::Result::Ok(app),
                    }
                }
            }
            #[automatically_derived]
            #[allow(deprecated, unreachable_patterns)]
            impl FailsAs<Self> for GameError {}
            #[automatically_derived]
            #[allow(deprecated, unreachable_patterns)]
            impl ::core::convert::From<Error> for GameError {
                fn from(error: Error) -> Self {
                    Self::Other(error)
                }
            }
        },
    );
}

#[test]
fn thiserror_may_write_the_conversion() {
    let item = quote!(
        enum GameError {
            #[other]
            Other(#[from] Error),
        }
    );
    assert!(!crate::expand_data(quote!(error), &item).to_string().contains("convert :: From"));
}

/// In MessagePack serde's derive would write an empty list, and TypeScript is told that it is null.
#[test]
fn a_struct_without_fields_is_null_in_every_codec() {
    let expanded = |item: TokenStream| crate::expand_data(TokenStream::new(), &item).to_string();
    let unit = expanded(quote!(
        struct Nothing;
    ));
    assert!(unit.contains("serializer . serialize_unit ()"), "{unit}");
    assert!(!unit.contains("serde :: Serialize ,"), "{unit}");
    for item in [
        quote!(
            struct Nothing {}
        ),
        quote!(
            struct Nothing();
        ),
        quote!(
            #[serde(from = "u8", into = "u8")]
            struct Nothing;
        ),
    ] {
        let other = expanded(item);
        assert!(other.contains("serde :: Serialize ,") && !other.contains("serialize_unit"), "{other}");
    }
}
