//! Why nothing can be generated.

/// A service cannot be described to its callers as it stands. The message names the type or method, the rule that it breaks
/// and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// Two Rust types would have one name.
    #[error(
        "two different types are called `{name}`: `{one}` and `{other}`; give one of them another name with \
         `#[ts(rename = \"…\")]`"
    )]
    DuplicateType {
        /// The name.
        name: String,
        /// One of the Rust types.
        one: String,
        /// Another one.
        other: String,
    },
    /// A Rust type has a name that it cannot have in TypeScript.
    #[error(
        "`{rust}` cannot be called `{name}` in TypeScript, for {why}; give it another name with `#[ts(rename = \"…\")]`"
    )]
    TypeName {
        /// The name.
        name: String,
        /// The Rust type.
        rust: String,
        /// What stands against it.
        why: String,
    },
    /// Two services would have one name.
    #[error(
        "two services are called `{name}`: `{one}` and `{other}`; rename one of the traits, or add the service once only"
    )]
    DuplicateService {
        /// The name.
        name: String,
        /// One of the traits.
        one: String,
        /// Another one, or the same again.
        other: String,
    },
    /// A service has a name that it cannot have.
    #[error("the service `{name}` cannot be called so, for {why}; rename the trait")]
    ServiceName {
        /// The name of the trait.
        name: String,
        /// What stands against it.
        why: String,
    },
    /// A method has a name that it cannot have in TypeScript.
    #[error("`{service}::{method}` cannot be called `{name}` in TypeScript, for {why}; rename the method")]
    MethodName {
        /// The service.
        service: String,
        /// The method.
        method: String,
        /// What it would be called.
        name: String,
        /// What stands against it.
        why: String,
    },
    /// A type is described in a way that the file cannot hold.
    #[error("`{rust}` cannot be declared in TypeScript: {why}")]
    Declaration {
        /// The Rust type.
        rust: String,
        /// Which rule it breaks, and what to write instead.
        why: String,
    },
    /// What TypeScript declares is not what travels.
    #[error("{at}: {mismatch}; {advice}")]
    Mismatch {
        /// The Rust type or method, and the field.
        at: String,
        /// What TypeScript says, and what the wire does.
        mismatch: String,
        /// What to write instead.
        advice: String,
    },
    /// Text, bytes and whole 64-bit integers cannot be told apart in JSON.
    #[error("{at}: {why}, so that what arrives as JSON could not be told apart; {advice}")]
    Ambiguous {
        /// The Rust type or method.
        at: String,
        /// What cannot be told apart.
        why: String,
        /// What to write instead.
        advice: String,
    },
}
