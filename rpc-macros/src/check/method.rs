//! The rules for one method.

use syn::{
    BinOp, Expr, FnArg, GenericParam, Ident, Lit, Pat, Receiver, ReceiverKind, ReturnType, Safety, Signature,
};

use super::types;
use crate::{
    attr::{self, ArgKeys},
    errors::Errors,
    model::{Arg, Method, Role, generic_argument, last_segment},
    names::{Case, plain},
};

/// What a stub in TypeScript cannot have for a method, why, and a name to take instead.
const TAKEN_IN_TYPESCRIPT: [(&str, &str, &str); 9] = [
    ("then", "`await` would call it", "and_then"),
    ("catch", "it would look like a promise", "caught"),
    ("finally", "it would look like a promise", "at_last"),
    ("result", "calls have a method of that name", "outcome"),
    ("toJSON", "`JSON.stringify` would call it", "as_json"),
    ("toJson", "it would read as `toJSON`, which `JSON.stringify` calls", "as_json"),
    ("toString", "every object has one, which makes text of it", "as_text"),
    ("valueOf", "every object has one, which makes a number of it", "value"),
    ("constructor", "every object has one", "create"),
];

pub(super) fn method(method: &Method, errors: &mut Errors) {
    check_name(method, errors);
    check_attributes(method, errors);
    check_guard(method, errors);
    check_signature(&method.sig, errors);
    check_receiver(method, errors);
    for arg in &method.args {
        check_pattern(arg, method.body.is_some(), errors);
        check_arg(arg, errors);
    }
    check_args_together(method, errors);
    check_uploads(method, errors);
    check_output(method, errors);
}

fn check_name(method: &Method, errors: &mut Errors) {
    let ident = method.ident();
    let name = plain(ident);
    if name == "new" {
        let message = "a method cannot be called `new`, for the generated client is built by a function of that name: \
                       rename it, or keep the name on the wire with `alias = \"new\"`";
        errors.push(ident, message);
    }
    check_typescript(ident, &name, errors);
}

/// Stubs call methods by the Rust name, whatever the name on the wire.
fn check_typescript(ident: &Ident, name: &str, errors: &mut Errors) {
    let there = Case::Camel.apply(name);
    if let Some((_, why, instead)) = TAKEN_IN_TYPESCRIPT.iter().find(|(taken, ..)| *taken == there) {
        let message = format!(
            "a method cannot be called `{name}`, for in TypeScript {why}: rename it, as in `{instead}`, or keep the name on \
             the wire with `alias = \"{name}\"`"
        );
        errors.push(ident, message);
    }
}

fn check_attributes(method: &Method, errors: &mut Errors) {
    for attr in method.attrs.iter().filter(|attr| attr::is_condition(attr)) {
        let message = "methods are numbered by their place, so all of them must be there in every build: put `#[cfg]` on \
                       a whole trait";
        errors.push(attr, message);
    }
    if let (Some(_), Some(key)) = (&method.keys.oneway, &method.keys.idempotent) {
        let message = "a oneway method is never sent again, for no missing answer tells that it was lost: remove \
                       `idempotent`, or `oneway`";
        errors.push(key, message);
    }
}

fn check_guard(method: &Method, errors: &mut Errors) {
    match &method.keys.requires {
        Some(Expr::Lit(literal)) => {
            let message = match &literal.lit {
                Lit::Str(name) => {
                    format!("a guard is made by a function: write `requires = is({:?})`", name.value())
                }
                _ => "a guard is made by a function: write `requires = is(\"key\")`".to_owned(),
            };
            errors.push(literal, message);
        }
        Some(guard) => check_guards(guard, errors),
        None => {}
    }
}

/// What looks like a guard and is none, as far as operators and parentheses go.
fn check_guards(guard: &Expr, errors: &mut Errors) {
    match guard {
        Expr::Binary(both) => {
            check_guards(&both.left, errors);
            match both.op {
                BinOp::And(_) => errors.push(both.op, "guards are no `bool`s: join them with `&`"),
                BinOp::Or(_) => errors.push(both.op, "guards are no `bool`s: join them with `|`"),
                _ => {}
            }
            check_guards(&both.right, errors);
        }
        Expr::Unary(negated) => check_guards(&negated.expr, errors),
        Expr::Paren(inner) => check_guards(&inner.expr, errors),
        Expr::Group(inner) => check_guards(&inner.expr, errors),
        Expr::Closure(closure) => {
            errors.push(closure, "a closure becomes a guard by a function: write `guard_fn(|conn| …)`");
        }
        _ => {}
    }
}

fn check_signature(sig: &Signature, errors: &mut Errors) {
    if let Some(token) = &sig.constness {
        errors.push(token, "a method of a service runs on calls only: remove `const`");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.push(token, "anybody may call a method of a service: remove `unsafe`");
    }
    if let Some(abi) = &sig.abi {
        errors.push(abi, "a method of a service is called over the wire: remove `extern`");
    }
    if let Some(dots) = &sig.variadic {
        errors.push(dots, "a method has a fixed number of arguments: take a `Vec`");
    }
    for param in &sig.generics.params {
        let message = match param {
            GenericParam::Lifetime(_) => "what travels owns its data: remove the lifetime",
            _ => {
                "a method cannot be generic, for a caller on the wire names no types: write a method for each type, or \
                 take an enum under `#[data]`"
            }
        };
        errors.push(param, message);
    }
    if let Some(clause) = &sig.generics.where_clause {
        errors.push(clause, "a method of a service has no `where` clause: remove it");
    }
}

fn check_receiver(method: &Method, errors: &mut Errors) {
    let Some(receiver) = method.receiver() else {
        return errors.push(
            method.ident(),
            format!("a method starts with `&self`: write `fn {}(&self, …)`", method.ident()),
        );
    };
    for attr in &receiver.attrs {
        errors.push(attr, "`self` takes no attributes: remove it");
    }
    if let Some(message) = receiver_mistake(receiver) {
        errors.push(bare_receiver(receiver), message);
    }
}

fn receiver_mistake(receiver: &Receiver) -> Option<&'static str> {
    match &receiver.kind {
        ReceiverKind::Reference(_, None, None) => None,
        ReceiverKind::Reference(_, _, Some(_)) => {
            Some("methods run at the same time: write `&self`, and keep what changes in a lock or an atomic")
        }
        ReceiverKind::Reference(..) => Some("a method borrows the service for the call: write `&self`"),
        _ => Some("many calls share the service: write `&self`"),
    }
}

fn bare_receiver(receiver: &Receiver) -> Receiver {
    Receiver { attrs: Vec::new(), ..receiver.clone() }
}

fn check_arg(arg: &Arg, errors: &mut Errors) {
    check_arg_keys(arg, errors);
    check_arg_attributes(arg, errors);
    types::argument(arg, errors);
    if arg.role == Role::Param && arg.wire_name.is_empty() && matches!(arg.pat, Pat::Ident(_)) {
        errors.push(
            &arg.pat,
            "nothing is left of this name on the wire: give the argument a name with letters",
        );
    }
}

fn check_pattern(arg: &Arg, has_body: bool, errors: &mut Errors) {
    match &arg.pat {
        Pat::Ident(pat) if pat.mutability.is_some() && !has_body => {
            errors.push(
                pat.mutability,
                "there is no body here that could change it: write `mut` in the `impl`",
            );
        }
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {}
        Pat::Wild(_) => errors.push(&arg.pat, "an argument needs a name, by which it also goes on the wire"),
        pattern => {
            errors.push(pattern, "an argument is a plain name: take the value apart inside the method")
        }
    }
}

fn check_arg_keys(arg: &Arg, errors: &mut Errors) {
    let keys = &arg.keys;
    let roles: Vec<&Ident> = [&keys.extract, &keys.param, &keys.body].into_iter().flatten().collect();
    if let [first, second, ..] = roles[..] {
        errors.push(second, format!("an argument is either `#[{first}]` or `#[{second}]`: keep one of them"));
    }
    if let Some(key) = &keys.pipelined {
        errors.push(key, "`#[pipelined]` is not available in this version: remove it");
    }
    match (&keys.default, arg.role) {
        (Some((key, _)), Role::Extractor) => {
            errors.push(
                key,
                "a default stands for a missing param, and this argument does not travel: remove it",
            );
        }
        (Some((key, _)), Role::Body) => {
            errors.push(key, "the body is always there: write `#[serde(default)]` on the fields of its type");
        }
        _ => {}
    }
}

fn check_arg_attributes(arg: &Arg, errors: &mut Errors) {
    for attr in arg.attrs.iter().filter(|attr| !attr::is_one_of(attr, ArgKeys::LINTS)) {
        if attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr") {
            errors.push(attr, "the arguments are the same in every build: put `#[cfg]` on a whole trait");
        } else {
            let known: Vec<String> = ArgKeys::KNOWN.iter().map(|key| format!("`#[{key}]`")).collect();
            errors.push(attr, format!("unknown attribute: an argument knows {}", known.join(", ")));
        }
    }
}

fn check_args_together(method: &Method, errors: &mut Errors) {
    check_body_is_alone(method, errors);
    check_public(method, errors);
    let mut names: Vec<&str> = Vec::new();
    for arg in method.params().filter(|arg| !arg.wire_name.is_empty()) {
        let name = arg.wire_name.as_str();
        let is_same_in_rust = method.sig.inputs.iter().filter(|it| is_called(it, &arg.pat)).count() > 1;
        // The compiler itself refuses two arguments of one name.
        if names.contains(&name) && !is_same_in_rust {
            errors.push(
                &arg.pat,
                format!("another argument is called `{name}` on the wire: rename one of them"),
            );
        }
        names.push(name);
    }
}

fn is_called(input: &FnArg, pat: &Pat) -> bool {
    matches!((input, pat), (FnArg::Typed(input), Pat::Ident(pat))
        if matches!(&*input.pat, Pat::Ident(other) if other.ident == pat.ident))
}

/// How many streams a call may have among its parameters.
const MAX_UPLOADS: usize = 16;

fn check_uploads(method: &Method, errors: &mut Errors) {
    let Some(first) = method.params().find(|arg| arg.upload().is_some()) else { return };
    if method.keys.oneway.is_some() {
        let message =
            "a oneway method takes no stream, for nobody would say when it has ended: remove `oneway`";
        errors.push(&first.ty, message);
    }
    if let Some(key) = &method.keys.idempotent {
        errors.push(
            key,
            "a call that sends a stream is never sent again, for its items are gone: remove `idempotent`",
        );
    }
    for arg in method.params().filter(|arg| arg.upload().is_some()) {
        if let Some((key, _)) = &arg.keys.default {
            errors.push(key, "a stream is always there, if without items: remove the default");
        }
    }
    if let Some(arg) = method.params().filter(|arg| arg.upload().is_some()).nth(MAX_UPLOADS) {
        errors.push(&arg.ty, "a method takes at most 16 streams: put what belongs together into one");
    }
}

fn check_body_is_alone(method: &Method, errors: &mut Errors) {
    let Some(body) = method.body_param() else { return };
    for arg in method.travelling().filter(|arg| !std::ptr::eq(*arg, body)) {
        let message = if arg.role == Role::Body {
            "only one argument can be the body: make a struct under `#[data]` of the two"
        } else {
            "the body takes all params, so that none is left for this argument: make it a field of the body's type, or \
             remove `#[body]`"
        };
        errors.push(&arg.pat, message);
    }
}

fn check_public(method: &Method, errors: &mut Errors) {
    if method.keys.public.is_none() {
        return;
    }
    let is_user =
        |arg: &&Arg| last_segment(&arg.ty).is_some_and(|it| it.ident == "User" && it.arguments.is_none());
    for arg in method.extractors().filter(is_user) {
        errors.push(&arg.ty, "a public method is also called before the login: write `Option<User>`");
    }
}

fn check_output(method: &Method, errors: &mut Errors) {
    let ReturnType::Type(_, ty) = &method.sig.output else { return };
    types::output(method, errors);
    if method.keys.oneway.is_some() && !is_unit(ty) {
        let hint = match generic_argument(ty, "Result") {
            Some(_) => "a oneway method has no answer, not even an error",
            None => "a oneway method has no answer",
        };
        errors.push(ty, format!("{hint}: remove the return type, or `oneway`"));
    }
}

fn is_unit(ty: &syn::Type) -> bool {
    matches!(ty, syn::Type::Tuple(tuple) if tuple.elems.is_empty())
}
