//! The generators as a user has them: Rust services in, files out.

mod faults;
mod golden;
