/**
 * The OpenRPC document of the fixture: it is one by the official schema, and what the server sends is what it says.
 */

import { readFileSync } from "node:fs";
import { OpenRPCSpecificationSchema1_4 as specification } from "@open-rpc/spec";
import { Ajv, type AnySchemaObject as Schema } from "ajv";
import { afterAll, expect, test } from "vitest";
import { connect } from "../../src/index.ts";
import { serverUrl } from "./address.ts";

interface Method {
  readonly name: string;
  readonly tags: readonly { readonly $ref: string }[];
  readonly params: readonly { readonly name: string; readonly schema: Schema; readonly required: boolean }[];
  readonly result?: { readonly schema: Schema };
  readonly errors?: readonly { readonly code: number; readonly data: Schema }[];
}

interface Document {
  readonly methods: readonly Method[];
  readonly components: { readonly schemas: Record<string, Schema> };
}

const file = new URL("../../../tests/fixture/openrpc.json", import.meta.url);
const document = JSON.parse(readFileSync(file, "utf8")) as Document;

/** Formats such as `uint8` are those of schemars, which no validator knows. */
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
// The dialect that OpenRPC refers to, with and without a slash, is draft 7 under another name.
for (const $id of ["https://meta.json-schema.tools", "https://meta.json-schema.tools/"]) {
  const definitions = { JSONSchemaObject: { properties: { $ref: { type: "string" } } } };
  ajv.addSchema({ $id, $ref: "http://json-schema.org/draft-07/schema#", definitions });
}
ajv.addSchema(document, "fixture");

/** Says where a value is not what a schema of the document wants. */
function checker(schema: Schema | undefined): (value: unknown) => string | undefined {
  if (!schema) throw new Error("there is no schema");
  // References in the schema are to the document.
  const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"fixture#/')));
  return (value) => (validate(value) ? undefined : ajv.errorsText(validate.errors));
}

test("the document is OpenRPC 1.4", () => {
  const { $schema: _, ...schema } = specification;
  const validate = ajv.compile(schema);
  expect(validate(document), ajv.errorsText(validate.errors)).toBe(true);
});

test("every schema in it is one of draft 7", () => {
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    expect(ajv.validateSchema(schema), `${name}: ${ajv.errorsText()}`).toBe(true);
    expect(() => checker({ $ref: `#/components/schemas/${name}` }), name).not.toThrow();
  }
});

test("names of methods and of params are there once", () => {
  const names = document.methods.map((method) => method.name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, params } of document.methods) {
    expect(new Set(params.map((param) => param.name)).size, name).toBe(params.length);
    const firstOptional = params.findIndex((param) => !param.required);
    expect(firstOptional < 0 || params.slice(firstOptional).every((param) => !param.required), name).toBe(true);
  }
});

// JSON, read without plans, is what the schemas are about.
const client = connect(serverUrl(), { token: "tok-ann" });
afterAll(() => client.close());

const kinds = document.methods.filter(({ tags }) => tags[0]?.$ref.endsWith("/Kinds"));

test.each(kinds.filter(({ name }) => !name.startsWith("same_")))("values of $name fit", async ({ name, result }) => {
  const param = kinds.find((method) => method.name === `same_${name}`)?.params[1];
  const [given, taken] = [checker(result?.schema), checker(param?.schema)];
  for (let seed = 0; seed < 100; seed++) {
    const value = await client.call(name, [seed]);
    expect(given(value), `result of seed ${seed}`).toBe(undefined);
    expect(taken(value), `param of seed ${seed}`).toBe(undefined);
  }
});

test.each(["Empty", "NoSuchRoom", "Locked", "Several", "Drawn"])("the error %s fits", async (how) => {
  const method = document.methods.find(({ name }) => name === "fail.fail");
  const result = await client.call("fail.fail", [how]).result();
  if (result.ok) throw new Error("the call succeeded");
  const { code, data } = result.error as { code: string; data?: unknown };
  const error = data === undefined ? { code } : { code, data };
  expect(checker(method?.errors?.[0]?.data)(error)).toBe(undefined);
});
