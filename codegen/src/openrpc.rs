//! OpenRPC 1.4: services as a document that other tools read. The specification is at spec.open-rpc.org.
//!
//! What OpenRPC has no word for is there under names that start with `x-`:
//!
//! | Where | Name | Says |
//! |---|---|---|
//! | document | `x-trunkline` | the version of Trunkline |
//! | document | `x-hashes` | the hash of each service |
//! | method | `x-aliases` | the other names that are accepted |
//! | method | `x-body` | the params are one value: that param's, or the object that all of them make up |
//! | method | `x-public` | may be called before the login |
//! | method | `x-idempotent` | a repetition does no harm |
//! | method | `x-requires` | the guard |
//! | method | `x-rate-limit` | `limit` calls in any `periodMs`, shared per `user`, `connection`, `ip` or `method` |
//! | method | `x-timeout-ms` | how long a call may take |
//! | method, param | `x-deprecated` | why it should no longer be used |
//!
//! A method without a result is a notification, as in OpenRPC. The one entry under `errors` stands for all of a method's
//! typed errors: its `data` is the schema of the enum.

use serde_json::{Map, Value, json};
use trunkline_core::{Description, MethodDescription, ParamDescription, ServiceDescription};

use crate::refs::{Merged, target};

/// Errors of the application have one number in JSON-RPC 2.0; which one it is, their data tells.
const APPLICATION_ERROR: i32 = -32_001;

/// The services as an OpenRPC document.
pub fn openrpc(description: &Description) -> Value {
    let types = Merged::of(description);
    let services = &description.services;
    let methods: Vec<Value> = services
        .iter()
        .flat_map(|service| service.methods.iter().map(|it| method(service, it, &types)))
        .collect();
    let tags: Map<String, Value> =
        services.iter().map(|service| (service.name.clone(), tag(service))).collect();
    let hashes: Map<String, Value> =
        services.iter().map(|service| (service.name.clone(), service.hash.as_str().into())).collect();
    let mut document = json!({
        "openrpc": "1.4.0",
        "info": info(services),
        "methods": methods,
        "components": { "schemas": types.schemas, "tags": tags },
        "x-trunkline": description.trunkline,
        "x-hashes": hashes,
    });
    document.sort_all_objects();
    document
}

/// Services have no version but their hashes, which change with all that a caller has to know.
fn info(services: &[ServiceDescription]) -> Value {
    let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
    let hashes: Vec<&str> = services.iter().map(|service| service.hash.as_str()).collect();
    json!({ "title": names.join(", "), "version": hashes.join("+") })
}

fn tag(service: &ServiceDescription) -> Value {
    match service.docs.as_str() {
        "" => json!({ "name": service.name }),
        docs => json!({ "name": service.name, "description": docs }),
    }
}

fn method(service: &ServiceDescription, method: &MethodDescription, types: &Merged) -> Value {
    let (name, aliases) =
        method.wire.split_first().map_or((&method.name, &[][..]), |(name, rest)| (name, rest));
    let (structure, params) = params(method, types);
    let mut document = Map::new();
    let mut set = |key: &str, value: Value| drop(document.insert(key.to_owned(), value));
    set("name", name.as_str().into());
    set("tags", json!([{ "$ref": format!("#/components/tags/{}", service.name) }]));
    set("paramStructure", structure.into());
    set("params", params.into());
    if !method.oneway {
        set("result", json!({ "name": "result", "schema": method.result.schema, "required": true }));
    }
    if let Some(error) = &method.error {
        let message = format!("a typed error: {}", error.typescript);
        set("errors", json!([{ "code": APPLICATION_ERROR, "message": message, "data": error.schema }]));
    }
    if let Some(reason) = &method.deprecated {
        set("deprecated", true.into());
        set("x-deprecated", reason.as_str().into());
    }
    if !aliases.is_empty() {
        set("x-aliases", json!(aliases));
    }
    for (key, holds) in [
        ("x-body", method.body),
        ("x-public", method.public),
        ("x-idempotent", method.idempotent),
        ("x-stream", method.stream),
    ] {
        if holds {
            set(key, true.into());
        }
    }
    if let Some(guard) = &method.requires {
        set("x-requires", guard.as_str().into());
    }
    if let Some(limit) = &method.rate_limit {
        let (period, disconnect) = (limit.period_ms, limit.disconnect);
        let limit =
            json!({ "limit": limit.limit, "periodMs": period, "per": limit.per, "disconnect": disconnect });
        set("x-rate-limit", limit);
    }
    if let Some(timeout) = method.timeout_ms {
        set("x-timeout-ms", timeout.into());
    }
    document_docs(&mut document, &method.docs);
    document.into()
}

/// How params are passed, and which there are.
fn params(method: &MethodDescription, types: &Merged) -> (&'static str, Vec<Value>) {
    if let (true, [body]) = (method.body, &method.params[..]) {
        let schema = types.input(&body.ty.schema);
        return match fields(&schema, types) {
            Some(fields) => ("by-name", fields),
            None => ("by-position", vec![param(body, &schema, true)]),
        };
    }
    // OpenRPC wants those first that are required, so that one in front of another that is required has to be as well.
    let may_be_left_out = |param: &ParamDescription| param.has_default || param.is_option;
    let required = method.params.iter().rposition(|param| !may_be_left_out(param)).map_or(0, |last| last + 1);
    let params = method.params.iter().enumerate();
    let params = params.map(|(index, it)| param(it, &types.input(&it.ty.schema), index < required)).collect();
    ("either", params)
}

fn param(param: &ParamDescription, schema: &Value, required: bool) -> Value {
    match param.stream {
        false => json!({ "name": param.name, "schema": schema, "required": required }),
        true => json!({ "name": param.name, "schema": schema, "required": required, "x-stream": true }),
    }
}

/// The fields of a body as params of their own, if it is an object and nothing else.
fn fields(body: &Value, types: &Merged) -> Option<Vec<Value>> {
    let name = target(body);
    let schema = name.as_ref().map_or(Some(body), |name| types.schemas.get(name))?;
    let known =
        ["type", "properties", "required", "title", "description", "additionalProperties", "deprecated"];
    if !schema.as_object()?.keys().all(|key| known.contains(&key.as_str())) {
        return None;
    }
    let properties = schema.get("properties")?.as_object()?;
    // schemars leaves the list out if it is empty.
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let required: Vec<&str> = required.filter_map(Value::as_str).collect();
    let mut names: Vec<&String> = properties.keys().collect();
    names.sort_by_key(|name| !required.contains(&name.as_str()));
    let field = |name: &String| {
        let schema = properties.get(name)?;
        Some(json!({ "name": name, "schema": schema, "required": required.contains(&name.as_str()) }))
    };
    names.into_iter().map(field).collect()
}

/// The first paragraph is the summary, the rest the description.
fn document_docs(document: &mut Map<String, Value>, docs: &str) {
    let (summary, description) = docs.split_once("\n\n").unwrap_or((docs, ""));
    for (key, text) in [("summary", summary), ("description", description)] {
        let text = text.trim();
        if !text.is_empty() {
            document.insert(key.to_owned(), text.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use trunkline::{Stream, Streaming, Value, data, is, service};
    use trunkline_core::Service;

    use super::*;

    /// Something said.
    #[data]
    struct Said {
        text: String,
        to: Option<String>,
    }

    #[data(input)]
    #[derive(Debug)]
    struct Search {
        word: String,
        #[serde(default)]
        limit: u8,
    }

    /// All of it may be left out.
    #[data]
    struct Filter {
        word: Option<String>,
    }

    #[data(error)]
    #[derive(Debug, thiserror::Error)]
    enum Refused {
        #[error("no {word}")]
        NoSuchWord { word: String },
    }

    /// Words.
    ///
    /// And nothing else.
    #[service(namespace = "words")]
    trait Words {
        /// Says it.
        ///
        /// To all.
        #[deprecated = "sing"]
        #[method(alias("speak", "talk"), public, idempotent, timeout = "2s", rate_limit(limit = 5, per = ip))]
        async fn say(&self, said: Said, #[default(1)] times: u8, loud: Option<bool>)
        -> Result<Said, Refused>;
        #[method(oneway, requires = is("member"))]
        async fn hint(&self, first: Option<u8>, then: u8);
        async fn find(&self, #[body] search: Search) -> Vec<Said>;
        async fn any(&self, #[body] body: Value);
        #[method(oneway)]
        async fn narrow(&self, #[body] filter: Filter);
        fn count(&self, from: Streaming<u8>) -> impl Stream<Item = Result<u8, Refused>>;
    }

    #[test]
    fn a_document_says_all_that_there_is_to_say() {
        let document = openrpc(&Description::of([WordsClient::SCHEMA]));
        let (said, tags) =
            (json!({ "$ref": "#/components/schemas/Said" }), json!([{ "$ref": "#/components/tags/Words" }]));
        let integer = json!({ "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255 });
        let nothing = json!({ "name": "result", "required": true, "schema": { "type": "null" } });
        let expected = json!([
            {
                "name": "words.speak",
                "x-aliases": ["words.talk"],
                "summary": "Says it.",
                "description": "To all.",
                "deprecated": true,
                "x-deprecated": "sing",
                "tags": tags,
                "paramStructure": "either",
                "params": [
                    { "name": "said", "required": true, "schema": said },
                    { "name": "times", "required": false, "schema": integer },
                    { "name": "loud", "required": false, "schema": { "type": ["boolean", "null"] } },
                ],
                "result": { "name": "result", "required": true, "schema": said },
                "errors": [{
                    "code": -32_001,
                    "message": "a typed error: Refused",
                    "data": { "$ref": "#/components/schemas/Refused" },
                }],
                "x-public": true,
                "x-idempotent": true,
                "x-timeout-ms": 2_000,
                "x-rate-limit": { "limit": 5, "periodMs": 1_000, "per": "ip", "disconnect": false },
            },
            {
                "name": "words.hint",
                "tags": tags,
                "paramStructure": "either",
                "params": [
                    {
                        "name": "first",
                        "required": true,
                        "schema": {
                            "type": ["integer", "null"], "format": "uint8", "minimum": 0, "maximum": 255,
                        },
                    },
                    { "name": "then", "required": true, "schema": integer },
                ],
                "x-requires": "is(\"member\")",
            },
            {
                "name": "words.find",
                "tags": tags,
                "paramStructure": "by-name",
                "params": [
                    { "name": "word", "required": true, "schema": { "type": "string" } },
                    {
                        "name": "limit",
                        "required": false,
                        "schema": {
                            "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255, "default": 0,
                        },
                    },
                ],
                "result": {
                    "name": "result", "required": true, "schema": { "type": "array", "items": said },
                },
                "x-body": true,
            },
            {
                "name": "words.any",
                "tags": tags,
                "paramStructure": "by-position",
                "params": [{ "name": "body", "required": true, "schema": true }],
                "result": nothing,
                "x-body": true,
            },
            {
                "name": "words.narrow",
                "tags": tags,
                "paramStructure": "by-name",
                "params": [{ "name": "word", "required": false, "schema": { "type": ["string", "null"] } }],
                "x-body": true,
            },
            {
                "name": "words.count",
                "tags": tags,
                "paramStructure": "either",
                "params": [{ "name": "from", "required": true, "schema": integer, "x-stream": true }],
                "result": { "name": "result", "required": true, "schema": integer },
                "errors": [{
                    "code": -32_001,
                    "message": "a typed error: Refused",
                    "data": { "$ref": "#/components/schemas/Refused" },
                }],
                "x-stream": true,
            },
        ]);
        assert_eq!(document["methods"], expected, "{:#}", document["methods"]);
        let tag = json!({ "name": "Words", "description": "Words.\n\nAnd nothing else." });
        assert_eq!(document["components"]["tags"], json!({ "Words": tag }));
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        assert_eq!(schemas.keys().collect::<Vec<_>>(), ["Filter", "Refused", "Said", "Search"]);
        assert_eq!(schemas["Said"]["description"], "Something said.");
        assert_eq!(document["info"]["title"], "Words");
        assert_eq!(document["info"]["version"], document["x-hashes"]["Words"]);
    }
}
