//! Names of the user's that are also the generated code's, the prelude's, keywords, or made by a macro.
#![deny(warnings)]
#![allow(dead_code)]

use trunkline::{Service, data, service};

#[service]
trait Locals {
    async fn variables(&self, call: u8, params: u8, method: u8, handle: u8, service: u8) -> u8;
    async fn keywords(&self, r#type: u8, r#fn: u8) -> u8;
    async fn r#match(&self, peer: String) -> String;
}

#[service]
trait Methods: Clone + Into<u8> {
    async fn clone(&self) -> u8;
    async fn into(&self) -> u8;
    async fn fmt(&self) -> u8;
    async fn call(&self) -> u8;
    async fn schema(&self) -> u8;
    async fn handle(&self) -> u8;
}

mod shadowed {
    pub struct Box;
    pub struct Option;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub trait Clone {}
    pub trait Debug {}
    pub trait Future {}
    pub trait Into {}
    pub trait Send {}
    pub trait Sync {}

    #[trunkline::service]
    trait Chat {
        #[trunkline::method(requires = trunkline::is("vip"), timeout = "1s")]
        async fn say(&self, text: String, #[default(1)] count: u8) -> String;
    }
}

mod generic {
    #[trunkline::data]
    pub struct T;

    #[trunkline::service]
    trait Types {
        async fn param(&self, x: T) -> T;
        async fn body(&self, #[body] all: Vec<T>) -> Vec<T>;
    }
}

mod parameter {
    #[trunkline::service]
    trait T {
        async fn t(&self) -> u8;
    }
}

macro_rules! made {
    ($data:ident, $service:ident, $method:ident, $ty:ty, $default:expr, $guard:expr) => {
        #[data]
        struct $data {
            required: $ty,
            optional: Option<$ty>,
        }

        #[service]
        trait $service {
            #[method(requires = $guard)]
            async fn $method(&self, first: $ty, #[default($default)] second: $ty, params: Option<$ty>) -> $data;
            async fn fixed(&self, call: u8, values: Vec<$data>) -> usize {
                values.len() + usize::from(call)
            }
        }
    };
}

made!(Made, Maker, make, String, "x".to_owned(), trunkline::is("vip"));

mod vendored {
    pub mod line {
        pub use trunkline::__private;
    }
}

#[data(crate = vendored::line)]
struct Moved {
    value: u8,
}

macro_rules! moved {
    ($service:ident, $ty:ty) => {
        #[service(crate = $crate::vendored::line)]
        trait $service {
            async fn move_it(&self, value: $ty) -> $ty;
        }
    };
}

moved!(MacroMover, Moved);

#[service(crate = crate::vendored::line)]
trait Mover {
    async fn move_it(&self, value: Moved) -> Moved;
}

fn local() {
    #[data]
    struct Local {
        value: Option<u8>,
    }

    #[service]
    trait LocalService {
        async fn echo(&self, value: Local) -> Local;
    }
}

fn main() {
    local();
    let [_, keywords, r#match] = LocalsClient::SCHEMA.methods else { panic!("there are three methods") };
    assert_eq!(keywords.params[0].name, "type");
    assert_eq!((r#match.name, r#match.wire), ("match", &["match"][..]));
    assert_eq!(MakerClient::SCHEMA.methods[0].requires, Some("trunkline::is(\"vip\")"));
}
