//! What ts-rs gets wrong, and what the generator makes of it: repaired, or refused with a message that helps.

use trunkline::{Bytes, I64, Service, data, service};
use trunkline_codegen::{Description, typescript};

/// The file for one service, or why there is none.
fn generated<C: Service>() -> Result<String, String> {
    typescript(&Description::of([C::SCHEMA])).map_err(|error| error.to_string())
}

/// A module with a few types and a service that sends or receives them.
macro_rules! case {
    ($name:ident, $($item:item)*) => {
        #[allow(
            dead_code,
            missing_debug_implementations,
            unnameable_types,
            unreachable_pub,
            clippy::duplicate_underscore_argument,
            clippy::multiple_bound_locations,
            clippy::use_self
        )]
        mod $name {
            use super::*;
            $($item)*
        }
    };
}

/// The file has this line.
#[track_caller]
fn has<C: Service>(line: &str) {
    let file = generated::<C>().unwrap_or_else(|error| panic!("{error}"));
    assert!(file.lines().any(|it| it.trim() == line), "`{line}` is not in\n{file}");
}

/// There is no file, for this reason.
#[track_caller]
fn refused<C: Service>(reason: &str) {
    let module = std::any::type_name::<C>().rsplit_once("::").map_or("", |(module, _)| module);
    match generated::<C>() {
        Ok(file) => panic!("it was not refused:\n{file}"),
        Err(error) => assert_eq!(error.replace(module, "here"), reason),
    }
}

mod agreed;
mod input;
mod maps;
mod naming;
mod output;
mod revival;
