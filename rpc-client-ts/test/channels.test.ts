/**
 * Channels, those a client asks for and those a method gives, with a server in memory.
 */

import { expect, test } from "vitest";
import type { CallOptions, ServiceDef, Subscription } from "../src/index.ts";
import { connected, turn } from "./support/fake.ts";

interface Chat {
  watch(room: string, options?: CallOptions): Subscription<string>;
}

const Chat: ServiceDef<Chat> = { name: "Chat", hash: "1", methods: { watch: { p: ["room"], s: 1 } } };

const at = (sub: number, offset: number) => ({ sub, channel: "news", epoch: "e", offset, recovered: true });
const publish = (offset: number, value: unknown) => [13, "news", "e", offset, "", value];

test("a channel is subscribed, read, and left with the loop", async () => {
  const { client, socket } = await connected();
  const news = client.channel<string>("news");
  await turn();
  expect(socket.frames()).toEqual([[3, 1, "rpc.subscribe", 0, { channel: "news" }]]);
  socket.receive([5, 1, 0, at(7, 4)], publish(4, "old"), publish(5, "a"), publish(6, "b"));
  await news.ready;
  const seen: string[] = [];
  for await (const value of news) if (seen.push(value) === 2) break;
  expect(seen).toEqual(["a", "b"]);
  await turn();
  expect(socket.frames()).toEqual([[3, 3, "rpc.unsubscribe", 0, { subs: [7] }]]);
});

test("a method that gives a channel is read like one", async () => {
  const { client, socket } = await connected();
  const seen: string[] = [];
  const stop = client
    .service(Chat)
    .watch("lobby")
    .subscribe((value) => seen.push(value));
  await turn();
  expect(socket.frames()).toEqual([[3, 1, "watch", 0, ["lobby"]]]);
  socket.receive([5, 1, 0, at(1, 0)], publish(1, "a"));
  await turn();
  socket.receive(publish(2, "b"));
  await turn();
  stop();
  socket.receive(publish(3, "c"));
  await turn();
  expect(seen).toEqual(["a", "b"]);
  expect(socket.frames()).toEqual([[3, 3, "rpc.unsubscribe", 0, { subs: [1] }]]);
});

test("several readers of a channel each have all of it, from where they began", async () => {
  const { client, socket } = await connected();
  const seen: unknown[] = [];
  client.channel("news").subscribe((value) => seen.push(["first", value]));
  await turn();
  socket.receive([5, 1, 0, at(1, 0)], publish(1, "a"));
  client.channel("news").subscribe((value) => seen.push(["second", value]));
  await turn();
  // What was published before the second subscribed may come behind the answer.
  socket.receive([5, 3, 0, at(2, 2)], publish(2, "b"), publish(3, "c"));
  await turn();
  expect(seen.sort()).toEqual([
    ["first", "a"],
    ["first", "b"],
    ["first", "c"],
    ["second", "c"],
  ]);
});

test("a gap is told at its place", async () => {
  const { client, socket } = await connected();
  const seen: unknown[] = [];
  client
    .channel("news")
    .onGap((missed) => seen.push({ missed }))
    .subscribe((value) => seen.push(value));
  await turn();
  socket.receive([5, 1, 0, at(1, 0)], publish(1, "a"), [14, "news", "e", 4, 3], publish(5, "b"), [
    14,
    "news",
    "e",
    9,
    0,
  ]);
  await turn();
  expect(seen).toEqual(["a", { missed: 3 }, "b"]);
});

test("a reader that does not read loses the oldest, and learns how many", async () => {
  const { client, socket } = await connected();
  const news = client.channel<number>("news");
  await turn();
  socket.receive([5, 1, 0, at(1, 0)]);
  for (let i = 1; i <= 1030; i++) socket.receive(publish(i, i));
  let missed = 0;
  let count = 0;
  let first: number | undefined;
  for await (const value of news.onGap((lost) => (missed += lost))) {
    first ??= value;
    count++;
    if (value === 1030) break;
  }
  expect([missed + count, (first ?? 0) - missed]).toEqual([1030, 1]);
  expect(missed).toBeGreaterThan(0);
});

test("a subscription that is closed before its answer is taken back", async () => {
  const { client, socket } = await connected();
  const news = client.channel("news");
  await turn();
  news.close();
  await turn();
  expect(socket.frames()).toEqual([
    [3, 1, "rpc.subscribe", 0, { channel: "news" }],
    [9, 1],
  ]);
  socket.receive([5, 1, 0, at(3, 0)]);
  await turn();
  expect(socket.frames()).toEqual([[3, 3, "rpc.unsubscribe", 0, { subs: [3] }]]);
});

test("a channel that may not be read, and one whose connection is lost, throw", async () => {
  const { client, socket } = await connected();
  const denied = client.channel("a")[Symbol.asyncIterator]().next();
  const lost = client.channel("news")[Symbol.asyncIterator]().next();
  await turn();
  socket.receive([7, 1, { code: "PERMISSION_DENIED", message: "no" }], [5, 3, 0, at(1, 0)]);
  await expect(denied).rejects.toMatchObject({ code: "PERMISSION_DENIED", message: "no" });
  socket.end(1006);
  await expect(lost).rejects.toMatchObject({ code: "UNAVAILABLE" });
});
