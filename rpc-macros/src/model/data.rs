//! A type that travels: its variants and fields, and what other attributes say of them.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Attribute, DeriveInput, Fields, Ident, LitStr, Path, Token, Type, parse_quote, punctuated::Punctuated,
};

use super::{generic_argument, last_segment};
use crate::{
    attr::{self, DataKeys, FieldKeys, ForeignKey},
    errors::Errors,
};

/// A type under `#[data]`.
pub(crate) struct Data {
    /// Where Trunkline is, if not at `::trunkline`.
    pub(crate) krate: Option<Path>,
    pub(crate) keys: DataKeys,
    /// Without our attributes, and without the derives that we add.
    pub(crate) item: DeriveInput,
    pub(crate) serde: Vec<ForeignKey>,
    pub(crate) schemars: Vec<ForeignKey>,
    /// The derives that the user need not have written.
    pub(crate) redundant_derives: Vec<Path>,
    /// The variants of an enum.
    pub(crate) variants: Vec<Variant>,
    /// The fields of the struct, or of all variants, in order.
    pub(crate) fields: Vec<Field>,
}

impl Data {
    pub(crate) fn new(args: TokenStream, mut item: DeriveInput, errors: &mut Errors) -> Self {
        let mut keys = DataKeys::read(args, errors);
        let mut redundant_derives = Vec::new();
        item.attrs.retain_mut(|attr| take_derives(attr, &mut redundant_derives));
        let (mut fields, mut variants) = (Vec::new(), Vec::new());
        match &mut item.data {
            syn::Data::Struct(data) => fields.extend(Field::all(&mut data.fields, None, errors)),
            syn::Data::Enum(data) => {
                for (number, variant) in data.variants.iter_mut().enumerate() {
                    variants.push(Variant::new(variant));
                    fields.extend(Field::all(&mut variant.fields, Some(number), errors));
                }
            }
            syn::Data::Union(_) => {}
        }
        Self {
            krate: keys.krate.take(),
            serde: attr::foreign_keys(&item.attrs, "serde"),
            schemars: attr::foreign_keys(&item.attrs, "schemars"),
            keys,
            item,
            redundant_derives,
            variants,
            fields,
        }
    }

    /// The text of a key in `#[serde(..)]` on the type.
    pub(crate) fn serde_text(&self, name: &str) -> Option<&LitStr> {
        self.serde.iter().find(|key| key.name == name)?.value.as_ref()
    }

    /// The type that this one is read from or written as, by `serde(from)`, `serde(try_from)` or `serde(into)`.
    pub(crate) fn converted(&self) -> Option<&LitStr> {
        ["from", "try_from", "into"].into_iter().find_map(|name| self.serde_text(name))
    }

    /// Whether this is a struct of one field without a name, of the type written as `ty`.
    pub(crate) fn is_newtype_of(&self, ty: &str) -> bool {
        let inner: syn::Result<Type> = syn::parse_str(ty);
        matches!(self.item.data, syn::Data::Struct(_))
            && matches!(&self.fields[..], [field] if !field.is_named && inner.is_ok_and(|inner| is_same(&inner, &field.ty)))
    }

    /// Whether the field goes over the wire as a value of its own type.
    pub(crate) fn travels(&self, field: &Field) -> bool {
        let variant = field.variant.and_then(|number| self.variants.get(number));
        let is_elsewhere =
            |variant: &Variant| variant.other.is_some() || has_any(&variant.serde, HIDES_THE_TYPE);
        self.converted().is_none()
            && !variant.is_some_and(is_elsewhere)
            && field.keys.described_as.is_none()
            && !field.has_serde(HIDES_THE_TYPE)
            && last_segment(&field.ty).is_none_or(|segment| segment.ident != "PhantomData")
    }
}

/// Whether two types are written with the same tokens.
fn is_same(one: &Type, other: &Type) -> bool {
    one.to_token_stream().to_string() == other.to_token_stream().to_string()
}

/// The keys of serde that keep a field from the wire or replace its type there.
const HIDES_THE_TYPE: &[&str] = &["skip", "with", "serialize_with", "deserialize_with"];

fn has_any(keys: &[ForeignKey], names: &[&str]) -> bool {
    keys.iter().any(|key| names.contains(&key.name.as_str()))
}

/// Takes `Serialize` and the other derives that we add out of a `#[derive(..)]`; false if nothing is left of it.
fn take_derives(attr: &mut Attribute, found: &mut Vec<Path>) -> bool {
    if !attr.path().is_ident("derive") {
        return true;
    }
    let Ok(derives) = attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated) else {
        return true;
    };
    let is_ours = |path: &Path| {
        let name = path.segments.last().map(|segment| &segment.ident);
        name.is_some_and(|name| {
            ["Serialize", "Deserialize", "TS", "JsonSchema"].iter().any(|ours| name == ours)
        })
    };
    let (ours, theirs): (Vec<Path>, Vec<Path>) = derives.into_iter().partition(is_ours);
    if !ours.is_empty() {
        *attr = parse_quote!(#[derive(#(#theirs),*)]);
    }
    found.extend(ours);
    !theirs.is_empty()
}

/// A variant of an enum.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    /// `#[other]`: carries what is not the application's error.
    pub(crate) other: Option<Attribute>,
    /// `#[data(..)]`, which has no place on a variant.
    pub(crate) misplaced: Vec<Attribute>,
    pub(crate) serde: Vec<ForeignKey>,
    pub(crate) fields: Fields,
}

impl Variant {
    fn new(variant: &mut syn::Variant) -> Self {
        let is_other = |attr: &mut Attribute| attr.path().is_ident("other");
        Self {
            ident: variant.ident.clone(),
            other: variant.attrs.extract_if(.., is_other).last(),
            misplaced: variant.attrs.extract_if(.., |attr| attr::is_data(attr)).collect(),
            serde: attr::foreign_keys(&variant.attrs, "serde"),
            fields: variant.fields.clone(),
        }
    }
}

/// A field of a struct or a variant.
pub(crate) struct Field {
    pub(crate) keys: FieldKeys,
    pub(crate) serde: Vec<ForeignKey>,
    pub(crate) ts: Vec<ForeignKey>,
    pub(crate) ty: Type,
    pub(crate) is_named: bool,
    /// The place of the variant that it is in.
    pub(crate) variant: Option<usize>,
}

impl Field {
    fn all(fields: &mut Fields, variant: Option<usize>, errors: &mut Errors) -> Vec<Self> {
        let new = |field: &mut syn::Field| Self {
            keys: FieldKeys::take(&mut field.attrs, errors),
            serde: attr::foreign_keys(&field.attrs, "serde"),
            ts: attr::foreign_keys(&field.attrs, "ts"),
            ty: field.ty.clone(),
            is_named: field.ident.is_some(),
            variant,
        };
        fields.iter_mut().map(new).collect()
    }

    pub(crate) fn is_option(&self) -> bool {
        generic_argument(&self.ty, "Option").is_some()
    }

    pub(crate) fn has_serde(&self, names: &[&str]) -> bool {
        has_any(&self.serde, names)
    }

    pub(crate) fn has_ts(&self, names: &[&str]) -> bool {
        has_any(&self.ts, names)
    }
}
