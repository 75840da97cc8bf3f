//! Services as plain data that can be stored, compared and sent: what generators and introspection work from.
//!
//! A [`ServiceSchema`] is constant and holds functions; [`Description::of`] calls them once. It knows the types of a service
//! in two forms: as TypeScript declarations, and as JSON Schema (draft 7, the dialect of OpenRPC) apart for what is sent to
//! the service and for what comes back, since a default makes a field optional in one direction only. What to make of them
//! is the generators' work.

use std::{
    any::TypeId,
    collections::{BTreeMap, HashSet},
    fmt, panic,
};

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ts_rs::TypeVisitor;

use crate::schema::{MethodSchema, ParamSchema, Per, ServiceSchema, TypeSchema};

/// Where the schemas refer to definitions: the place in an OpenRPC document.
const DEFINITIONS: &str = "/components/schemas";

/// A set of services with all types that they mention.
///
/// Its JSON form is stable within a version of Trunkline, so that one can be kept and compared with a later one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The version of Trunkline that made it.
    pub trunkline: String,
    /// The services, in the order given.
    pub services: Vec<ServiceDescription>,
    /// The TypeScript declarations of all types, by name.
    pub declarations: Vec<Declaration>,
    /// The JSON Schemas that [`ParamDescription::ty`] refers to, as `#/components/schemas/Name`.
    pub inputs: BTreeMap<String, Value>,
    /// The JSON Schemas that [`MethodDescription::result`] and [`MethodDescription::error`] refer to.
    pub outputs: BTreeMap<String, Value>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceDescription {
    /// The name of the Rust trait.
    pub name: String,
    /// The trait with its path; empty if it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rust: String,
    /// What stands before the dot of every method's name on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The trait's documentation.
    pub docs: String,
    /// Why it should no longer be used; empty if no reason is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Changes when anything changes that a caller has to know: names, types, defaults, timeouts, errors. Documentation does not count.
    pub hash: String,
    /// The methods, in the order of the trait.
    pub methods: Vec<MethodDescription>,
}

/// A method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodDescription {
    /// The name of the Rust method.
    pub name: String,
    /// The names on the wire: all are accepted, the first is what clients send.
    pub wire: Vec<String>,
    /// The method's documentation.
    pub docs: String,
    /// Why it should no longer be called; empty if no reason is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// The parameters that travel, in order.
    pub params: Vec<ParamDescription>,
    /// Whether the one parameter is all params as one value.
    pub body: bool,
    /// Whether it may be called before the login.
    pub public: bool,
    /// Whether a repetition does no harm.
    pub idempotent: bool,
    /// Whether it has no answer.
    pub oneway: bool,
    /// Whether it gives a stream: `result` is then the type of an item.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// How long a call may take, if it is not the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How often it may be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitDescription>,
    /// The guard, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires: Option<String>,
    /// The result.
    pub result: TypeDescription,
    /// The typed error, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TypeDescription>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamDescription {
    /// The name on the wire.
    pub name: String,
    /// Whether the method has a default for it.
    pub has_default: bool,
    /// Whether its type is an `Option`.
    pub is_option: bool,
    /// Whether it is a stream that the caller sends: the type is then that of an item.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// The type.
    #[serde(flatten)]
    pub ty: TypeDescription,
}

/// How often a method may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimitDescription {
    /// Calls at once.
    pub limit: u32,
    /// The time in which the whole budget comes back, call by call.
    pub period_ms: u64,
    /// Who shares the budget: `user`, `connection`, `ip` or `method`.
    pub per: String,
    /// Whether a call beyond the limit closes the connection.
    pub disconnect: bool,
}

/// A type as it stands in a signature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypeDescription {
    /// In TypeScript, as ts-rs writes it.
    pub typescript: String,
    /// In JSON Schema.
    pub schema: Value,
}

/// A type that has a name, as ts-rs declares it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Declaration {
    /// The name, without generics.
    pub name: String,
    /// `type Page<T> = { … };`; empty if ts-rs cannot declare it.
    pub typescript: String,
    /// The documentation as a block comment; empty if there is none.
    pub docs: String,
    /// Which Rust type it is of, with its path.
    pub rust: String,
}

impl Description {
    /// Describes services.
    pub fn of(services: impl IntoIterator<Item = &'static ServiceSchema>) -> Self {
        let mut types = Types::new(Some(Declarations::default()));
        let services = services.into_iter().map(|service| types.service(service)).collect();
        let (inputs, outputs) = (definitions(&mut types.inputs), definitions(&mut types.outputs));
        let mut declarations = types.declarations.unwrap_or_default().found;
        declarations.sort();
        declarations.dedup_by(|one, other| (&one.name, &one.typescript) == (&other.name, &other.typescript));
        Self { trunkline: env!("CARGO_PKG_VERSION").to_owned(), services, declarations, inputs, outputs }
    }
}

impl ServiceSchema {
    /// A number for all that a caller has to know of the service, as 16 hexadecimal digits. A client that was generated for
    /// another number may not fit.
    pub fn hash(&'static self) -> String {
        let mut types = Types::new(None);
        let methods: Vec<Value> = self.methods.iter().map(|method| contract(&types.method(method))).collect();
        let (inputs, outputs) = (definitions(&mut types.inputs), definitions(&mut types.outputs));
        let mut contract = json!({ "methods": methods, "inputs": inputs, "outputs": outputs });
        strip_notes(&mut contract);
        // Whatever features of serde_json a program turns on.
        contract.sort_all_objects();
        format!("{:016x}", fnv1a(contract.to_string().as_bytes()))
    }
}

/// What a caller has to know of a method.
fn contract(method: &MethodDescription) -> Value {
    let params: Vec<Value> = method
        .params
        .iter()
        .map(|param| {
            let schema =
                if param.stream { json!({ "x-stream": param.ty.schema }) } else { param.ty.schema.clone() };
            json!([param.name, param.has_default, param.is_option, schema])
        })
        .collect();
    let result = &method.result.schema;
    json!([
        method.name,
        method.wire,
        params,
        method.body,
        method.oneway,
        method.idempotent,
        // Stubs carry it.
        method.timeout_ms,
        if method.stream { json!({ "x-stream": result }) } else { result.clone() },
        method.error.as_ref().map(|error| &error.schema),
    ])
}

/// Takes out of a schema what is for people to read. The names of properties are no notes.
fn strip_notes(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for note in ["title", "description", "deprecated", "examples"] {
                map.remove(note);
            }
            for (key, value) in map {
                match value {
                    Value::Object(properties) if key == "properties" => {
                        properties.values_mut().for_each(strip_notes);
                    }
                    _ => strip_notes(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip_notes),
        _ => {}
    }
}

/// The hash FNV-1a of 64 bits: the same on every machine and in every version of Rust.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Gathers the types of services while these are described.
struct Types {
    config: ts_rs::Config,
    /// `None` if nobody wants them.
    declarations: Option<Declarations>,
    inputs: SchemaGenerator,
    outputs: SchemaGenerator,
}

impl Types {
    fn new(declarations: Option<Declarations>) -> Self {
        let settings = || {
            SchemaSettings::draft07().with(|settings| {
                settings.definitions_path = DEFINITIONS.into();
                settings.meta_schema = None;
            })
        };
        Self {
            config: config(),
            declarations,
            inputs: settings().for_deserialize().into_generator(),
            outputs: settings().for_serialize().into_generator(),
        }
    }

    fn service(&mut self, service: &'static ServiceSchema) -> ServiceDescription {
        ServiceDescription {
            name: service.name.to_owned(),
            rust: match service.module {
                "" => String::new(),
                module => format!("{module}::{}", service.name),
            },
            namespace: service.namespace.map(str::to_owned),
            docs: service.docs.to_owned(),
            deprecated: service.deprecated.map(str::to_owned),
            hash: service.hash(),
            methods: service.methods.iter().map(|method| self.method(method)).collect(),
        }
    }

    fn method(&mut self, method: &'static MethodSchema) -> MethodDescription {
        let params = method.params.iter().map(|param| self.param(param)).collect();
        let (result, error) = (method.returns)();
        let has_error = (error.typescript)(&self.config) != "never";
        MethodDescription {
            name: method.name.to_owned(),
            wire: method.wire.iter().map(|&name| name.to_owned()).collect(),
            docs: method.docs.to_owned(),
            deprecated: method.deprecated.map(str::to_owned),
            params,
            body: method.body,
            public: method.public,
            idempotent: method.idempotent,
            oneway: method.oneway,
            stream: method.stream,
            timeout_ms: method.timeout.map(crate::message::millis),
            rate_limit: method.rate_limit.map(|limit| RateLimitDescription {
                limit: limit.limit,
                period_ms: crate::message::millis(limit.period),
                per: per(limit.per).to_owned(),
                disconnect: limit.disconnect,
            }),
            requires: method.requires.map(str::to_owned),
            result: self.output(result),
            error: has_error.then(|| self.output(error)),
        }
    }

    fn param(&mut self, param: &'static ParamSchema) -> ParamDescription {
        let ty = (param.ty)();
        self.declare(ty);
        ParamDescription {
            name: param.name.to_owned(),
            has_default: param.has_default,
            is_option: ty.is_option,
            stream: param.stream,
            ty: TypeDescription {
                typescript: (ty.typescript)(&self.config),
                schema: schema(ty, &mut self.inputs),
            },
        }
    }

    fn output(&mut self, ty: TypeSchema) -> TypeDescription {
        self.declare(ty);
        TypeDescription { typescript: (ty.typescript)(&self.config), schema: schema(ty, &mut self.outputs) }
    }

    fn declare(&mut self, ty: TypeSchema) {
        if let Some(declarations) = &mut self.declarations {
            (ty.declare)(declarations);
        }
    }
}

/// 64-bit integers are numbers: both ends refuse those that a number cannot hold.
fn config() -> ts_rs::Config {
    ts_rs::Config::new().with_large_int("number")
}

/// The transforms of a dialect are applied to definitions only, so those of the schema itself are our own to do.
fn schema(ty: TypeSchema, generator: &mut SchemaGenerator) -> Value {
    let mut schema = (ty.json_schema)(generator);
    generator.transforms_mut().for_each(|transform| transform.transform(&mut schema));
    schema.to_value()
}

fn definitions(generator: &mut SchemaGenerator) -> BTreeMap<String, Value> {
    let definitions: Map<String, Value> = generator.take_definitions(true);
    definitions.into_iter().collect()
}

fn per(per: Per) -> &'static str {
    match per {
        Per::UserOrConnection | Per::User => "user",
        Per::Connection => "connection",
        Per::Ip => "ip",
        Per::Method => "method",
    }
}

/// The TypeScript declarations of the types that were added, and of all that these mention.
#[derive(Default)]
pub struct Declarations {
    seen: HashSet<TypeId>,
    found: Vec<Declaration>,
}

impl Declarations {
    /// Adds a type.
    pub fn add<T: ts_rs::TS + 'static + ?Sized>(&mut self) {
        self.visit::<T>();
    }
}

impl TypeVisitor for Declarations {
    fn visit<T: ts_rs::TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        // ts-rs has a path for those types only that it can declare.
        if T::output_path().is_some() {
            let config = config();
            self.found.push(Declaration {
                name: T::ident(&config),
                // ts-rs panics over what it cannot flatten, of which a generator can tell by the type's name.
                typescript: panic::catch_unwind(|| T::decl(&config)).unwrap_or_default(),
                docs: T::docs().unwrap_or_default(),
                rust: std::any::type_name::<T>().to_owned(),
            });
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

impl fmt::Debug for Declarations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.found.iter().map(|declaration| &declaration.name)).finish()
    }
}

#[cfg(test)]
mod tests;
