/**
 * Queries against a socket in memory.
 */

import { QueryClient } from "@tanstack/query-core";
import { expect, test } from "vitest";
import type { Call, CallOptions, ServiceDef } from "../src/index.ts";
import { rpc } from "../src/tanstack-query.ts";
import { connected, turn } from "./support/fake.ts";

interface Chat {
  history(room: string, limit?: number, options?: CallOptions): Call<string[]>;
  find(id: bigint, options?: CallOptions): Call<string>;
}

const Chat: ServiceDef<Chat> = {
  name: "Chat",
  hash: "x",
  methods: { history: { p: ["room", "limit"] }, find: { p: ["id"], x: 1 } },
};

test("a query calls its method, and its key tells it apart", async () => {
  const { client, socket } = await connected();
  const chat = client.service(Chat);
  const query = rpc(chat, "history", "lobby");
  expect(query.queryKey).toEqual(["trunkline", "Chat", "history", "lobby"]);
  expect(rpc(chat, "find", 5n).queryKey).toEqual(["trunkline", "Chat", "find", "5n"]);
  const data = new QueryClient().fetchQuery(query);
  await turn();
  expect(socket.frames()).toEqual([[3, 1, "history", 0, ["lobby"]]]);
  socket.receive([5, 1, 0, ["hi"]]);
  expect(await data).toEqual(["hi"]);
});

test("a query that nobody needs any more is cancelled", async () => {
  const { client, socket } = await connected();
  const query = rpc(client.service(Chat), "history", "lobby", 5);
  const queries = new QueryClient();
  const data = queries.fetchQuery(query).catch((error: unknown) => error);
  await turn();
  socket.frames();
  await queries.cancelQueries({ queryKey: query.queryKey });
  await turn();
  expect(socket.frames()).toEqual([[9, 1]]);
  expect(await data).toBeInstanceOf(Error);
});

test("keys with objects, lists and bigints in them can be compared", async () => {
  const { client } = await connected();
  const key = rpc(client.service(Chat), "history", { a: [1n, { b: 2n }], c: "d" } as never).queryKey;
  expect(key.at(-1)).toEqual({ a: ["1n", { b: "2n" }], c: "d" });
});
