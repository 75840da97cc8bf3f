/**
 * Calls: what goes out, what comes back, and in which packets.
 */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type AppError, type Call, type CallOptions, isRpcError, RpcError, type ServiceDef } from "../src/index.ts";
import { connected, dial, turn, WELCOME } from "./support/fake.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a call is a request, and its answer settles it", async () => {
  const { client, socket } = await connected();
  const call = client.call("add", [10, 20]);
  await turn();
  expect(socket.frames()).toEqual([[3, 1, "add", 0, [10, 20]]]);
  socket.receive([5, 1, 0, 30]);
  expect(await call).toBe(30);
  expect(await call.result()).toEqual({ ok: true, value: 30 });
});

test("a call without parameters says no more than its name", async () => {
  const { client, socket } = await connected();
  const call = client.call("list");
  await turn();
  expect(socket.frames()).toEqual([[3, 1, "list"]]);
  socket.receive([5, 1]);
  expect(await call).toBe(null);
});

test("calls of one turn travel in one packet, and ids are odd and grow", async () => {
  const { client, socket } = await connected();
  client.call("a");
  client.call("b");
  await turn();
  client.call("c");
  await turn();
  expect(socket.sent).toEqual(['[3,1,"a"]\n[3,3,"b"]', '[3,5,"c"]']);
});

test("answers come in any order", async () => {
  const { client, socket } = await connected();
  const calls = [client.call("a"), client.call("b"), client.call("c")];
  await turn();
  socket.receive([5, 5, 0, "c"], [5, 1, 0, "a"]);
  socket.receive([5, 3, 0, "b"]);
  expect(await Promise.all(calls)).toEqual(["a", "b", "c"]);
});

test("a typed error is thrown with its code and data", async () => {
  type ChatError = { code: "NO_SUCH_ROOM"; data: { room: string } } | { code: "CLOSED" };
  const { client, socket } = await connected();
  const call = client.call<string, ChatError>("say", ["attic"]);
  await turn();
  socket.receive([6, 1, 0, { code: "NO_SUCH_ROOM", data: { room: "attic" } }]);
  const r = await call.result();
  if (r.ok) throw new Error("it should have failed");
  expect(r.error).toBeInstanceOf(RpcError);
  expect(isRpcError<ChatError>(r.error)).toBe(true);
  expect(r.error).toMatchObject({ name: "RpcError", kind: "app", method: "say", maybeExecuted: true });
  if (r.error.kind === "app" && r.error.code === "NO_SUCH_ROOM") expect(r.error.data.room).toBe("attic");
  else throw new Error("another error than expected");
  await expect(call).rejects.toBe(r.error);
});

test("a failure is thrown with what the server says of it", async () => {
  const { client, socket } = await connected();
  const call = client.call("say").result();
  await turn();
  socket.receive([
    7,
    1,
    { code: "RESOURCE_EXHAUSTED", message: "too many", retry_ms: 1500, ref: "r-17", executed: true },
  ]);
  expect(await call).toMatchObject({
    ok: false,
    error: {
      kind: "rpc",
      code: "RESOURCE_EXHAUSTED",
      message: "too many",
      retryAfterMs: 1500,
      reference: "r-17",
      maybeExecuted: true,
    },
  });
});

test("a failure that says little is complete all the same", async () => {
  const { client, socket } = await connected();
  const call = client.call("say").result();
  await turn();
  socket.receive([7, 1, { code: "LATER" }]);
  const r = await call;
  expect(r).toMatchObject({ error: { code: "UNKNOWN", message: "LATER", maybeExecuted: false } });
  expect(!r.ok && Object.keys(r.error)).not.toContain("retryAfterMs");
});

test("a typed error that is none is UNKNOWN", async () => {
  const { client, socket } = await connected();
  const calls = ["a", "b", "c"].map((name) => client.call(name).result());
  await turn();
  socket.receive([6, 1, 0, null], [6, 3, 0, { code: 5 }], [6, 5, 0, "text"]);
  for (const call of calls) expect(await call).toMatchObject({ error: { code: "UNKNOWN", maybeExecuted: true } });
});

test("only a call that nobody looks at is an unhandled rejection", async () => {
  const { client, socket } = await connected();
  const unhandled = vi.fn();
  const process = (globalThis as { process?: { on?: unknown } }).process;
  const node = typeof process?.on === "function" ? (process as unknown as NodeJS.Process) : undefined;
  node?.on("unhandledRejection", unhandled);
  const call = client.call("say");
  const result = call.result();
  await turn();
  socket.receive([7, 1, { code: "INTERNAL" }]);
  expect((await result).ok).toBe(false);
  vi.useRealTimers();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(unhandled).not.toHaveBeenCalled();
  node?.off("unhandledRejection", unhandled);
});

test("calls that wait for the connection leave with the hello", async () => {
  const { client, socket } = await dial({ token: "secret", uid: "ada" });
  const call = client.call("add", [1, 2]);
  await turn();
  expect(socket.protocols).toEqual(["trunkline.v1.json"]);
  expect(socket.sent).toEqual([]);
  socket.open();
  expect(socket.sent.length).toBe(1);
  const limits = { packet: 1 << 20, in_flight: 1024 };
  expect(socket.frames()).toEqual([
    [1, { v: 1, client: "trunkline-ts 0.1.0", uid: "ada", token: "secret", js: 1, limits }],
    [3, 1, "add", 0, [1, 2]],
  ]);
  socket.receive([2, { v: 1, session: "s", user: "ada" }], [5, 1, 0, 3]);
  expect(await call).toBe(3);
  expect(client.user).toBe("ada");
});

test("no more than 16 KiB leave before the welcome", async () => {
  const { client, socket } = await dial();
  const large = "x".repeat(6000);
  for (let i = 0; i < 4; i++) client.call("say", [large]);
  client.call("say", ["small"]);
  await turn();
  socket.open();
  client.call("later");
  await turn();
  expect(socket.sent.length).toBe(1);
  expect((socket.sent[0] as string).length).toBeLessThanOrEqual(16384);
  expect(socket.frames().map(([kind, id]) => [kind, id])).toEqual([
    [1, expect.anything()],
    [3, 1],
    [3, 3],
  ]);
  socket.receive(WELCOME);
  expect(socket.frames().map(([, id]) => id)).toEqual([5, 7, 9, 11]);
});

test("packets have up to 16 KiB, and a larger frame travels alone", async () => {
  const { client, socket } = await connected();
  for (let i = 0; i < 1000; i++) client.call("say", [i, "é".repeat(20)]);
  client.call("big", ["x".repeat(20000)]);
  client.call("small");
  await turn();
  const sizes = (socket.sent as string[]).map((packet) => new TextEncoder().encode(packet).length);
  expect(Math.max(...sizes.filter((size) => size < 20000))).toBeLessThanOrEqual(16384);
  expect(Math.min(...sizes.slice(0, 3))).toBeGreaterThan(16000);
  expect(sizes.filter((size) => size >= 20000).length).toBe(1);
  expect(socket.frames().length).toBe(1002);
});

test("calls beyond the server's limit wait here, in their order", async () => {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits: { in_flight: 2 } }]);
  const calls = ["a", "b", "c", "d"].map((name) => client.call(name));
  await turn();
  expect(socket.frames().map(([, , name]) => name)).toEqual(["a", "b"]);
  socket.receive([5, 3, 0, "b"]);
  await turn();
  expect(socket.frames()).toEqual([[3, 5, "c"]]);
  socket.receive([5, 1, 0, "a"], [5, 5, 0, "c"]);
  await turn();
  socket.receive([5, 7, 0, "d"]);
  expect(await Promise.all(calls)).toEqual(["a", "b", "c", "d"]);
});

test("aborting cancels on the server and holds the slot until that has answered", async () => {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits: { in_flight: 1 } }]);
  const abort = new AbortController();
  const first = client.call("slow", [], { signal: abort.signal }).result();
  const second = client.call("next");
  await turn();
  socket.frames();
  abort.abort("enough");
  await turn();
  expect(await first).toMatchObject({ error: { code: "CANCELLED", maybeExecuted: true, cause: "enough" } });
  expect(socket.frames()).toEqual([[9, 1]]);
  socket.receive([7, 1, { code: "CANCELLED", executed: true }]);
  await turn();
  expect(socket.frames()).toEqual([[3, 3, "next"]]);
  socket.receive([5, 3, 0, "done"]);
  expect(await second).toBe("done");
});

test("a call that is aborted before it leaves never leaves", async () => {
  const { client, socket } = await connected();
  const abort = new AbortController();
  const call = client.call("slow", [], { signal: abort.signal }).result();
  abort.abort();
  await turn();
  expect(await call).toMatchObject({ error: { code: "CANCELLED", maybeExecuted: false } });
  const late = client.call("slow", [], { signal: abort.signal }).result();
  await turn();
  expect(await late).toMatchObject({ error: { code: "CANCELLED", maybeExecuted: false, method: "slow" } });
  expect(socket.sent).toEqual([]);
});

test("a signal that outlives its calls keeps nothing of them", async () => {
  const { client, socket } = await connected();
  const abort = new AbortController();
  const removed = vi.spyOn(abort.signal, "removeEventListener");
  const call = client.call("a", [], { signal: abort.signal });
  await turn();
  socket.receive([5, 1, 0, 1]);
  await call;
  expect(removed).toHaveBeenCalledTimes(1);
  abort.abort();
  await turn();
  expect(socket.frames()).toEqual([[3, 1, "a", 0, []]]);
});

test("a late call fails, and is cancelled on the server", async () => {
  const { client, socket } = await connected();
  const call = client.call("slow", undefined, { timeout: 2000 }).result();
  await turn();
  expect(socket.frames()).toEqual([[3, 1, "slow", { t: 2000 }]]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(await call).toMatchObject({
    error: {
      code: "DEADLINE_EXCEEDED",
      message: expect.stringMatching(/^`\w+` gave no answer within \d+ ms$/),
      maybeExecuted: true,
    },
  });
  expect(socket.frames()).toEqual([[9, 1]]);
});

test("a call takes 30 seconds unless something is said, and the server, which does the same, is not told", async () => {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s" }]);
  const call = client.call("slow").result();
  await turn();
  expect(socket.frames()).toEqual([[3, 1, "slow"]]);
  await vi.advanceTimersByTimeAsync(29_999);
  expect(socket.frames()).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(await call).toMatchObject({ error: { code: "DEADLINE_EXCEEDED" } });
});

test("the client's own timeout is told", async () => {
  const { client, socket } = await connected({ timeout: 5000 });
  client.call("a").result();
  client.call("b", [], { timeout: Infinity }).result();
  await turn();
  expect(socket.frames()).toEqual([
    [3, 1, "a", { t: 5000 }],
    [3, 3, "b", 0, []],
  ]);
});

test("what a method says of its time beats the client's own, and is not told", async () => {
  const { client, socket } = await connected({ timeout: 5000 }, [2, { v: 1, session: "s", ping_ms: 0 }]);
  interface Slow {
    crunch(options?: CallOptions): Call<void>;
  }
  const def: ServiceDef<Slow> = { name: "Slow", hash: "", methods: { crunch: { p: [], t: 120_000 } } };
  const { crunch } = client.service(def);
  const calls = [crunch().result(), crunch({ timeout: 200_000 }).result()];
  await turn();
  expect(socket.frames()).toEqual([
    [3, 1, "crunch"],
    [3, 3, "crunch", { t: 200_000 }],
  ]);
  await vi.advanceTimersByTimeAsync(119_000);
  expect(socket.frames()).toEqual([]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(socket.frames()).toEqual([[9, 1]]);
  await vi.advanceTimersByTimeAsync(80_000);
  expect(socket.frames()).toEqual([[9, 3]]);
  expect((await Promise.all(calls)).map((r) => !r.ok && r.error.code)).toEqual([
    "DEADLINE_EXCEEDED",
    "DEADLINE_EXCEEDED",
  ]);
});

test("the time that a call had to wait is taken from what the server is told", async () => {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits: { in_flight: 1 } }]);
  client.call("first").result();
  const second = client.call("second", undefined, { timeout: 1000 }).result();
  const third = client.call("third", undefined, { timeout: 300 }).result();
  await turn();
  socket.frames();
  await vi.advanceTimersByTimeAsync(400);
  expect(await third).toMatchObject({ error: { code: "DEADLINE_EXCEEDED", maybeExecuted: false } });
  socket.receive([5, 1]);
  await turn();
  expect(socket.frames()).toEqual([[3, 3, "second", { t: 600 }]]);
  socket.receive([5, 3, 0, 2]);
  expect(await second).toMatchObject({ value: 2 });
});

test("there has to be time for a call", async () => {
  const { client, socket } = await connected();
  for (const timeout of [0, -1, Number.NaN]) {
    const r = await client.call("a", [], { timeout }).result();
    expect(r).toMatchObject({ error: { code: "DEADLINE_EXCEEDED", maybeExecuted: false } });
  }
  const call = client.call("b", [], { timeout: 1e12 }).result();
  await vi.advanceTimersByTimeAsync(100_000);
  socket.receive([5, 1, 0, "long"]);
  expect(socket.closed).toMatchObject({ code: 4410 });
  expect(await call).toMatchObject({ error: { code: "UNAVAILABLE" } });
});

test("a call that is too large fails here", async () => {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits: { packet: 2000 } }]);
  const large = client.call("say", ["x".repeat(2000)]).result();
  await turn();
  const r = await large;
  expect(r).toMatchObject({
    error: {
      code: "INVALID_ARGUMENT",
      message: "the call takes 2018 bytes and the peer accepts 2000",
      maybeExecuted: false,
    },
  });
  // The parameters would fit, but not with the name.
  const named = client.call("m".repeat(100), ["x".repeat(1920)]).result();
  await turn();
  expect(await named).toMatchObject({ error: { code: "INVALID_ARGUMENT", maybeExecuted: false } });
  const small = client.call("say", ["x".repeat(1900)]).result();
  await turn();
  expect(socket.frames().length).toBe(1);
  socket.receive([5, 1, 0, null]);
  expect((await small).ok).toBe(true);
});

test("packets keep to a limit below 16 KiB", async () => {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits: { packet: 10 } }]);
  for (let i = 0; i < 200; i++) client.call("say", ["ä".repeat(i)]).result();
  await turn();
  for (const packet of socket.sent as string[]) {
    // Less than 1,024 counts as that.
    expect(new TextEncoder().encode(packet).length).toBeLessThanOrEqual(1024);
  }
  expect(socket.frames().length).toBe(200);
});

test("parameters that have no form fail here", async () => {
  const { client, socket } = await connected();
  const circular: unknown[] = [];
  circular.push(circular);
  for (const params of [[1n], [Number.NaN], [{ a: -Infinity }], circular, Symbol("s"), () => {}]) {
    const r = await client.call("say", params).result();
    expect(r).toMatchObject({ error: { code: "INVALID_ARGUMENT", maybeExecuted: false } });
  }
  await turn();
  expect(socket.sent).toEqual([]);
});

test("what is sent beside the parameters has a limit", async () => {
  const { client, socket } = await connected();
  const meta = { trace: "4bf9" };
  client.call("a", [], { meta });
  meta.trace = "changed";
  client.call("b", undefined, { meta: { trace: "4bf9" }, timeout: 10 }).result();
  await turn();
  expect(socket.frames()).toEqual([
    [3, 1, "a", { m: { trace: "4bf9" } }, []],
    [3, 3, "b", { t: 10, m: { trace: "4bf9" } }],
  ]);
  const large = await client.call("a", [], { meta: { trace: "x".repeat(16384) } }).result();
  expect(large).toMatchObject({
    error: { code: "INVALID_ARGUMENT", message: /16397 bytes and the peer accepts 16384/ },
  });
  const odd = await client.call("a", [], { meta: { trace: 1n } }).result();
  expect(odd).toMatchObject({ error: { code: "INVALID_ARGUMENT" } });
});

test("what a server would not take beside the parameters fails here", async () => {
  const { client, socket } = await connected();
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
  for (const meta of [{ a: deep(63) }, { a: Number.NaN }, [1] as never]) {
    const r = await client.call("a", [], { meta }).result();
    expect(r).toMatchObject({ error: { code: "INVALID_ARGUMENT", maybeExecuted: false } });
  }
  client.call("a", undefined, { meta: { a: deep(62) } }).result();
  client.call("b", undefined, { meta: { big: 1e17, text: "12345678901234567" }, timeout: 1e20 }).result();
  client.call("c", undefined, { timeout: 0.5 }).result();
  await turn();
  expect((socket.sent[0] as string).split("\n").slice(1)).toEqual([
    '[3,3,"b",{"t":2147483647,"m":{"big":1e+17,"text":"12345678901234567"}}]',
    '[3,5,"c",{"t":1}]',
  ]);
});

test("a number that is not finite arrives as null in JSON", async () => {
  const { client, socket } = await connected();
  const call = client.call<number[]>("ratios");
  await turn();
  socket.receive([5, 1, 0, [1, Number.NaN, Infinity]]);
  expect(await call).toEqual([1, null, null]);
});

test("an integer that JavaScript would round fails its call", async () => {
  const { client, socket } = await connected();
  const calls = ["a", "b", "c", "d"].map((name) => client.call(name).result());
  await turn();
  const text =
    '[5,1,0,9007199254740993]\n[5,3,0,["9007199254740993",9007199254740991]]\n[5,5,0,1.0000000000000001e300]';
  socket.emit("message", { data: text });
  socket.emit("message", { data: '[6,7,0,{"code":"X","data":-9007199254740992}]' });
  expect(await calls[0]).toMatchObject({ error: { code: "OUT_OF_RANGE", maybeExecuted: true } });
  expect(await calls[1]).toMatchObject({ value: ["9007199254740993", 9007199254740991] });
  expect(await calls[2]).toMatchObject({ value: 1e300 });
  expect(await calls[3]).toMatchObject({ error: { code: "OUT_OF_RANGE" } });
});

test("an answer that is no value fails its call and not the connection", async () => {
  const { client, socket } = await connected();
  const calls = ["a", "b", "c"].map((name) => client.call(name).result());
  await turn();
  socket.emit("message", { data: "[5,1,0,1,2]\n[5,3,0,{x}]\n[5,5,0,3]" });
  for (const call of calls.slice(0, 2)) {
    expect(await call).toMatchObject({
      error: { code: "INTERNAL", message: /not what this client expects/, maybeExecuted: true },
    });
  }
  expect(await calls[2]).toMatchObject({ value: 3 });
  expect(socket.closed).toBe(undefined);
});

test("answers that bring what this version does not have fail their calls", async () => {
  const { client, socket } = await connected();
  const calls = ["a", "b", "c", "d"].map((name) => client.call(name).result());
  await turn();
  socket.receive([5, 1, { c: [4] }, 0], [5, 3, { Z: 1 }, 0], [6, 5, { s: [1] }, 0], [5, 7, { c: [], z: 1 }, "fine"]);
  for (const call of calls.slice(0, 3)) {
    expect(await call).toMatchObject({ error: { code: "UNIMPLEMENTED", maybeExecuted: true } });
  }
  expect(await calls[3]).toMatchObject({ value: "fine" });
});

test("answers to nothing are ignored", async () => {
  const { client, socket } = await connected();
  socket.receive([5, 1, 0, 1], [7, 2, { code: "INTERNAL" }], [6, 9007199254740991, 0, { code: "X" }]);
  expect(client.state).toBe("open");
});

test("calls wait while the socket has much to send", async () => {
  const { client, socket } = await connected();
  socket.bufferedAmount = 300_000;
  const call = client.call("a");
  await turn();
  expect(socket.sent).toEqual([]);
  socket.bufferedAmount = 0;
  await vi.advanceTimersByTimeAsync(20);
  expect(socket.frames()).toEqual([[3, 1, "a"]]);
  socket.receive([5, 1, 0, "a"]);
  expect(await call).toBe("a");
});

test("an error says what a person needs to see", async () => {
  const { client, socket } = await connected();
  const call = client.call<unknown, AppError>("say");
  await turn();
  socket.receive([6, 1, 0, { code: "CLOSED" }]);
  await expect(call).rejects.toThrow("say failed with CLOSED");
});

test("the stack of an error has who awaits the call, and what was called", async () => {
  const { client, socket } = await connected();
  async function sendOrder(): Promise<void> {
    await client.call("order", [1]);
  }
  async function checkOut(): Promise<unknown> {
    const r = await client.call("order", [2]).result();
    return r.ok || r.error.stack;
  }
  const stacks = Promise.all([sendOrder().catch((error: Error) => error.stack), checkOut()]);
  await turn();
  const failure = { code: "INTERNAL", message: "it broke", ref: "81ab" };
  socket.receive([7, 1, failure], [7, 3, failure]);
  const [thrown, given] = await stacks;
  expect(thrown).toMatch(/^RpcError: order INTERNAL 81ab: it broke\n[\s\S]*sendOrder/);
  expect(given).toMatch(/^RpcError: order INTERNAL 81ab: it broke\n[\s\S]*checkOut/);
});
