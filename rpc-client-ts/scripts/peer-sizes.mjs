/**
 * How large other clients are, measured like ours by `size.mjs`. Installs them into a folder of its own, which is removed
 * afterwards; it takes the registry and a minute or two.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { measure, table } from "./measure.mjs";

/** What each is, what one has to install for it, and its usual imports. */
const PEERS = [
  ["graphql-ws", ["graphql-ws", "graphql"], 'export { createClient } from "graphql-ws";'],
  ["partysocket", ["partysocket"], 'export { WebSocket } from "partysocket";'],
  ["reconnecting-websocket", ["reconnecting-websocket"], 'export { default } from "reconnecting-websocket";'],
  [
    "@trpc/client with wsLink",
    ["@trpc/client", "@trpc/server"],
    'export { createTRPCClient, createWSClient, wsLink } from "@trpc/client";',
  ],
  ["phoenix", ["phoenix"], 'export { Socket } from "phoenix";'],
  ["rpc-websockets", ["rpc-websockets"], 'export { Client } from "rpc-websockets";'],
  ["socket.io-client", ["socket.io-client"], 'export { io } from "socket.io-client";'],
  ["@microsoft/signalr", ["@microsoft/signalr"], 'export { HubConnectionBuilder } from "@microsoft/signalr";'],
  [
    "@microsoft/signalr + MessagePack",
    ["@microsoft/signalr", "@microsoft/signalr-protocol-msgpack"],
    'export { HubConnectionBuilder } from "@microsoft/signalr"; export { MessagePackHubProtocol } from "@microsoft/signalr-protocol-msgpack";',
  ],
  ["capnweb", ["capnweb"], 'export { newWebSocketRpcSession, RpcTarget } from "capnweb";'],
  ["@supabase/realtime-js", ["@supabase/realtime-js"], 'export { RealtimeClient } from "@supabase/realtime-js";'],
  ["convex", ["convex"], 'export { ConvexClient } from "convex/browser";'],
  ["centrifuge", ["centrifuge"], 'export { Centrifuge } from "centrifuge";'],
  [
    "@connectrpc/connect-web",
    ["@connectrpc/connect-web", "@connectrpc/connect", "@bufbuild/protobuf"],
    'export { createConnectTransport } from "@connectrpc/connect-web"; export { createClient } from "@connectrpc/connect";',
  ],
  ["@msgpack/msgpack (codec only)", ["@msgpack/msgpack"], 'export { encode, decode } from "@msgpack/msgpack";'],
  ["msgpackr (codec only)", ["msgpackr"], 'export { pack, unpack } from "msgpackr";'],
];

const ours = fileURLToPath(new URL("..", import.meta.url));
const OURS = [
  ["trunkline", 'export { connect, isRpcError } from "trunkline";'],
  [
    "trunkline + MessagePack",
    'export { connect, isRpcError } from "trunkline"; export { msgpack } from "trunkline/msgpack";',
  ],
  ["trunkline/core", 'export { connect, isRpcError } from "trunkline/core";'],
];

const folder = mkdtempSync(join(tmpdir(), "trunkline-peers-"));
try {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  const packages = [...new Set(PEERS.flatMap(([, packages]) => packages))];
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  execFileSync(npm, ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", ...packages], {
    cwd: folder,
    stdio: "inherit",
  });

  const rows = [];
  for (const [name, source] of OURS) rows.push([name, versionOf(ours), await measure(source, ours)]);
  for (const [name, [main], source] of PEERS) {
    rows.push([name, versionOf(join(folder, "node_modules", main)), await measure(source, folder)]);
  }
  const byteRows = rows.map(([name, version, { minified, gzip }]) => [
    name,
    version,
    kilobytes(minified),
    kilobytes(gzip),
  ]);
  table([["client", "version", "minified, kB", "gzip -9, kB"], ...byteRows]);
} finally {
  rmSync(folder, { recursive: true });
}

function versionOf(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}

function kilobytes(bytes) {
  return (bytes / 1000).toFixed(1);
}
