//! Attributes of a session: one map from names to values, read and written through typed keys.
//!
//! Values are kept in their serialised form, so that guards compare them without knowing their types.

use std::{borrow::Cow, collections::HashMap, fmt, marker::PhantomData};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A key with the type of its value. A bare `"role"` works wherever an `Attr` does, with any type.
///
/// ```
/// use trunkline_peer::{Attr, attr};
///
/// const TEAM: Attr<String> = attr("team");
/// assert_eq!(TEAM.name(), "team");
/// ```
pub struct Attr<T> {
    name: &'static str,
    of: PhantomData<fn() -> T>,
}

/// The key `name` for values of type `T`.
pub const fn attr<T>(name: &'static str) -> Attr<T> {
    Attr { name, of: PhantomData }
}

impl<T> Attr<T> {
    /// The key's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for Attr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Attr<T> {}

impl<T> fmt::Debug for Attr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attr({:?})", self.name)
    }
}

/// What names an attribute: an [`Attr`], or a string.
pub trait AttrName {
    /// The attribute's name.
    fn into_name(self) -> Cow<'static, str>;
}

/// What names an attribute whose values are `T`: an [`Attr`] of that type, or a string for any type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key for values of type `{T}`",
    note = "an `Attr<T>` takes values of type `T`; a string takes any"
)]
pub trait AttrKey<T>: AttrName {}

impl<T> AttrName for Attr<T> {
    fn into_name(self) -> Cow<'static, str> {
        self.name.into()
    }
}

impl AttrName for &'static str {
    fn into_name(self) -> Cow<'static, str> {
        self.into()
    }
}

impl AttrName for String {
    fn into_name(self) -> Cow<'static, str> {
        self.into()
    }
}

impl<T> AttrKey<T> for Attr<T> {}
impl<T> AttrKey<T> for &'static str {}
impl<T> AttrKey<T> for String {}

/// Attributes by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attrs(HashMap<Cow<'static, str>, Value>);

impl Attrs {
    /// The serialised form of a value. Only a map with keys that are not strings has none.
    pub(crate) fn value_of<T: Serialize>(value: &T) -> serde_json::Result<Value> {
        serde_json::to_value(value)
    }

    /// Keeps a value. What has no form leaves nothing behind: no guard may see the value before it.
    pub(crate) fn set(&mut self, name: Cow<'static, str>, value: serde_json::Result<Value>) {
        match value {
            Ok(value) => drop(self.0.insert(name, value)),
            Err(error) => {
                tracing::error!(attribute = %name, %error, "an attribute cannot be kept: it is removed");
                self.0.remove(&name);
            }
        }
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.0.get(name)?).ok()
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }
}
