/**
 * The size gate: fails if the built client has grown beyond its budget.
 */

import { fileURLToPath } from "node:url";
import { measure, table } from "./measure.mjs";

const folder = fileURLToPath(new URL("..", import.meta.url));
const sizeOf = (source) => measure(source, folder);

/** A descriptor as it is generated, of a service with 100 methods. */
function descriptor() {
  const verbs = ["get", "list", "create", "update", "remove", "watch", "count", "search", "archive", "restore"];
  const nouns = ["User", "Room", "Message", "Team", "File", "Invoice", "Order", "Device", "Report", "Token"];
  const methods = nouns.flatMap((noun) =>
    verbs.map((verb) => {
      const name = `n: "${verb}_${noun.toLowerCase()}"`;
      const params = { get: '["id"]', remove: '["id"]', list: '["page", "limit"]', search: '["text", "limit"]' };
      const idempotent = ["get", "list", "count", "search"].includes(verb) ? ", i: 1" : "";
      return `${verb}${noun}: { ${name}, p: ${params[verb] ?? '["id", "change"]'}${idempotent} },`;
    }),
  );
  return `export const Big = { name: "Big", hash: "46a23d996c12a25b", methods: { ${methods.join(" ")} } };`;
}

const core = await sizeOf('export { connect, isRpcError } from "trunkline/core";');
const parts = [
  ["core with JSON calls", core.gzip, 6000],
  ["the whole client", (await sizeOf('export { connect, isRpcError, typedError } from "trunkline";')).gzip, 10_500],
  ["+ MessagePack", await above('export { msgpack } from "trunkline/msgpack";'), 2000],
  ["+ bigint and bytes in JSON", await above('export { revive } from "trunkline/revive";'), 1000],
  ["+ TanStack Query", await above('export { rpc } from "trunkline/tanstack-query";'), 500],
  ["+ setup and api", await above('export { setup, api } from "trunkline/compat";'), 500],
  ["a descriptor of 100 methods", (await sizeOf(descriptor())).gzip, 1000],
];

async function above(source) {
  return (await sizeOf(`export { connect, isRpcError } from "trunkline/core"; ${source}`)).gzip - core.gzip;
}

table([["gzip -9, in bytes", "size", "at most"], ...parts]);
const fat = parts.filter(([, size, most]) => size > most);
if (fat.length > 0) {
  console.error(`too large: ${fat.map(([name]) => name).join(", ")}`);
  process.exitCode = 1;
}
