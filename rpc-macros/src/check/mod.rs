//! Every rule that the user's code has to keep; all that are broken are reported, each at the token to change and with
//! what to write instead.
//!
//! Whether a type can travel is not decided here: the generated code asks the compiler, which sees through aliases.

mod data;
mod method;
mod service;
mod types;

pub(crate) use data::data;
pub(crate) use service::service;

#[cfg(test)]
mod tests;
