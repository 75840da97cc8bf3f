//! Names that are there twice, or cannot be there.

use std::collections::BTreeMap;

use super::*;

case! { twice,
    pub mod one {
        #[trunkline::data]
        pub struct User { name: String }
        #[trunkline::data]
        pub struct Same { name: String }
    }
    pub mod other {
        #[trunkline::data]
        pub struct User { id: u8 }
        #[trunkline::data]
        pub struct Same { name: String }
    }

    #[service]
    pub trait Users {
        async fn one(&self) -> one::User;
        async fn other(&self) -> other::User;
    }

    #[service]
    pub trait Sames {
        async fn one(&self) -> one::Same;
        async fn other(&self) -> other::Same;
    }
}

#[test]
fn two_different_types_of_one_name_are_refused_and_equal_ones_are_one() {
    refused::<twice::UsersClient>(
        "two different types are called `User`: `here::one::User` and `here::other::User`; give one of them another name \
         with `#[ts(rename = \"…\")]`",
    );
    has::<twice::SamesClient>("other(options?: CallOptions): Call<Same>;");
}

case! { taken,
    #[data]
    pub struct Record { id: u8 }

    #[service]
    pub trait Records { async fn get(&self) -> Record; }
}

case! { imported,
    #[data]
    pub struct CallOptions { id: u8 }

    #[service]
    pub trait Options { async fn get(&self) -> CallOptions; }
}

case! { served,
    #[data]
    pub struct User { id: u8 }

    mod contract {
        #[trunkline::service]
        pub trait User { async fn get(&self) -> super::User; }
    }
    pub use contract::UserClient;
}

case! { shadowed,
    #[data]
    pub struct T { id: u8 }

    #[data]
    pub struct Page<T> { items: Vec<T> }

    #[service]
    pub trait Pages { async fn get(&self) -> Page<T>; }
}

case! { unspeakable,
    #[data]
    #[ts(rename = "User-Name")]
    pub struct Name { id: u8 }

    #[service]
    pub trait Names { async fn get(&self) -> Name; }
}

case! { reserved,
    #[data]
    #[ts(rename = "void")]
    pub struct Void { id: u8 }

    #[service]
    pub trait Names { async fn get(&self) -> Void; }
}

case! { service_name,
    #[service]
    pub trait Call { async fn get(&self) -> u8; }
}

#[test]
fn names_that_the_file_or_the_language_needs_are_refused() {
    let refused_type = |rust: &str, name: &str, why: &str| {
        format!(
            "`here::{rust}` cannot be called `{name}` in TypeScript, for {why}; give it another name with \
             `#[ts(rename = \"…\")]`"
        )
    };
    refused::<taken::RecordsClient>(&refused_type(
        "Record",
        "Record",
        "the generated file uses that name itself",
    ));
    refused::<imported::OptionsClient>(&refused_type(
        "CallOptions",
        "CallOptions",
        "the generated file uses that name itself",
    ));
    refused::<shadowed::PagesClient>(&refused_type(
        "T",
        "T",
        "a parameter of `here::Page<here::T>` is called so",
    ));
    refused::<unspeakable::NamesClient>(&refused_type("Name", "User-Name", "that is no identifier"));
    refused::<reserved::NamesClient>(&refused_type("Void", "void", "that is a word of the language"));
    refused::<service_name::CallClient>(
        "the service `Call` cannot be called so, for the generated file uses that name itself; rename the trait",
    );
    let error = generated::<served::UserClient>().unwrap_err();
    assert!(
        error.contains("::User` cannot be called `User` in TypeScript, for a service is called so;"),
        "{error}"
    );
}

case! { methods,
    #[service]
    pub trait Users {
        async fn get_user(&self) -> u8;
        #[allow(non_snake_case)]
        async fn getUser(&self) -> u8;
    }

    #[service(rename_all = "kebab-case")]
    pub trait Params {
        async fn delete(&self, r#in: u8, user_name: u8, options: Option<u8>, this: Option<u8>);
    }

    #[service]
    pub trait Sames {
        async fn same(&self, a_b: u8, _a_b: u8);
    }
}

#[test]
fn methods_have_names_of_their_own() {
    let mut description = Description::of([methods::SamesClient::SCHEMA]);
    for method in &mut description.services[0].methods {
        // The macro refuses it already; a description may come from elsewhere.
        method.name = "to_j_s_o_n".to_owned();
    }
    assert_eq!(
        typescript(&description).unwrap_err().to_string(),
        "`Sames::to_j_s_o_n` cannot be called `toJSON` in TypeScript, for `JSON.stringify` would call it; rename the method"
    );
    refused::<methods::UsersClient>(
        "`Users::getUser` cannot be called `getUser` in TypeScript, for `get_user` already is; rename the method",
    );
}

#[test]
fn params_have_names_that_the_language_takes() {
    for line in [
        "in_: number,",
        "userName: number,",
        "options?: number,",
        "this_?: number,",
        "callOptions?: CallOptions,",
    ] {
        has::<methods::ParamsClient>(line);
    }
    has::<methods::ParamsClient>("delete: { p: [\"in\", \"user-name\", \"options\", \"this\"] },");
    has::<methods::SamesClient>("same(aB: number, aB_: number, options?: CallOptions): Call<void>;");
}

case! { hidden,
    #[data]
    #[allow(non_camel_case_types)]
    pub struct Page<Record> { items: BTreeMap<String, Record> }

    #[service]
    pub trait Pages { async fn get(&self) -> Page<u8>; }
}

#[test]
fn a_parameter_does_not_hide_what_the_file_uses() {
    refused::<hidden::PagesClient>(
        "`here::Page<u8>` cannot be declared in TypeScript: its parameter cannot be called `Record`, for the generated file uses \
         that name itself; call it by another name, such as `T`",
    );
}

case! { one,
    #[service]
    pub trait Chat { async fn get(&self) -> u8; }
}

case! { other,
    #[service]
    pub trait Chat { async fn get(&self) -> bool; }
}

#[test]
fn two_services_of_one_name_are_told_by_their_paths() {
    let both = Description::of([one::ChatClient::SCHEMA, other::ChatClient::SCHEMA]);
    let here = module_path!();
    assert_eq!(
        typescript(&both).unwrap_err().to_string(),
        format!(
            "two services are called `Chat`: `{here}::one::Chat` and `{here}::other::Chat`; rename one of the traits, or add \
             the service once only"
        )
    );
}

#[test]
fn methods_that_every_object_has_are_refused() {
    for (name, shown, why) in [
        ("to_string", "toString", "every object has one, which makes text of it"),
        ("value_of", "valueOf", "every object has one, which makes a number of it"),
    ] {
        let mut description = Description::of([one::ChatClient::SCHEMA]);
        description.services[0].methods[0].name = name.to_owned();
        assert_eq!(
            typescript(&description).unwrap_err().to_string(),
            format!("`Chat::{name}` cannot be called `{shown}` in TypeScript, for {why}; rename the method")
        );
    }
}

case! { compiled,
    #[data]
    #[ts(repr(enum = name))]
    pub enum Kind { Small, Big }

    #[service]
    pub trait Kinds { async fn get(&self) -> Kind; }
}

#[test]
fn an_enum_of_typescript_is_refused() {
    refused::<compiled::KindsClient>(
        "`here::Kind` cannot be declared in TypeScript: an `enum` has to be compiled, while this file holds only what can be \
         stripped; remove `#[ts(repr(enum))]`, so that it becomes a union of literals",
    );
}

case! { flattened,
    #[data]
    pub struct Inner { a: u8 }

    #[data]
    pub struct Outer { id: u8, #[serde(flatten)] inner: Option<Inner> }

    #[service]
    pub trait Outers { async fn get(&self) -> Outer; }
}

#[test]
fn what_ts_rs_panics_over_is_refused_by_name() {
    refused::<flattened::OutersClient>(
        "`here::Outer` cannot be declared in TypeScript: ts-rs can flatten a struct, an enum or a map, and nothing round \
         them; remove `#[serde(flatten)]` from an `Option` or a newtype, or flatten the type that is in it",
    );
}
