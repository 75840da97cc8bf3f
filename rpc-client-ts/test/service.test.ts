/**
 * Stubs of generated services, in both codecs, with all that a descriptor can say.
 */

import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Call, CallOptions, Client, ServiceDef } from "../src/index.ts";
import { msgpack } from "../src/msgpack.ts";
import { decode, REQUEST } from "../src/protocol.ts";
import { revive } from "../src/revive.ts";
import { connected, dial, type FakeSocket, turn } from "./support/fake.ts";

type BoxError = { code: "FULL"; data: { at: bigint; data: Uint8Array } } | { code: "GONE" };

interface Box {
  put(name: string, note?: string, options?: CallOptions): Call<number>;
  set(body: { a: number }, options?: CallOptions): Call<null>;
  poke(level: number, options?: CallOptions): Call<void>;
  getAll(id: bigint, options?: CallOptions): Call<unknown, BoxError>;
}

const Box: ServiceDef<Box> = {
  name: "Box",
  hash: "46a23d996c12a25b",
  revive,
  plans: { Tree: { o: { value: 2, children: { a: "Tree" } } } },
  methods: {
    put: { p: ["name", "note"] },
    set: { p: ["body"], b: 1 },
    poke: { p: ["level"], k: 1 },
    getAll: {
      n: "get_all",
      p: ["id"],
      i: 1,
      x: 1,
      r: [
        {
          o: {
            bytes: 1,
            big: 2,
            list: { a: 2 },
            map: { a: 1 },
            pair: { t: [0, 1] },
            tree: "Tree",
            shape: { u: ["kind", { Blob: { o: { data: 1 } }, Text: 0 }] },
            both: [{ o: { a: 1 } }, { o: { b: 2 } }],
            absent: 2,
          },
        },
        { u: ["code", { FULL: { o: { data: { o: { at: 2, data: 1 } } } } }] },
      ],
    },
  },
};

async function box(): Promise<{ client: Client; socket: FakeSocket; stub: Box }> {
  const { client, socket } = await connected();
  return { client, socket, stub: client.service(Box) };
}

test("a stub is a plain object, the same each time, and may be awaited past", async () => {
  const { client, stub } = await box();
  expect(client.service(Box)).toBe(stub);
  expect(Object.keys(stub)).toEqual(["put", "set", "poke", "getAll"]);
  expect(await stub).toBe(stub);
});

test("arguments are parameters, and the options stand behind them", async () => {
  // What is left of the time shall not depend on how busy this machine is.
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { stub, socket } = await box();
  const calls = [
    stub.put("a"),
    stub.put("a", undefined, { timeout: 5 }),
    stub.put("a", "b", { meta: { trace: 1 } }),
    stub.set({ a: 1 }),
  ];
  for (const call of calls) call.result();
  await turn();
  expect(socket.frames()).toEqual([
    [3, 1, "put", 0, ["a"]],
    [3, 3, "put", { t: 5 }, ["a"]],
    [3, 5, "put", { m: { trace: 1 } }, ["a", "b"]],
    [3, 7, "set", 0, { a: 1 }],
  ]);
});

test("a oneway call is over when it is on its way, and takes no slot", async () => {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits: { in_flight: 0 } }]);
  const stub = client.service(Box);
  expect(await stub.poke(3)).toBe(undefined);
  expect(socket.frames()).toEqual([[4, "poke", 0, [3]]]);
});

test("a oneway call keeps its place among the requests", async () => {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits: { in_flight: 1 } }]);
  const stub = client.service(Box);
  stub.put("a").result();
  stub.put("b").result();
  const poked = stub.poke(1).result();
  await turn();
  expect(socket.frames()).toEqual([[3, 1, "put", 0, ["a"]]]);
  socket.receive([5, 1, 0, 1]);
  expect((await poked).ok).toBe(true);
  expect(socket.frames()).toEqual([
    [3, 3, "put", 0, ["b"]],
    [4, "poke", 0, [1]],
  ]);
});

test("a oneway call that cannot leave fails", async () => {
  const { client, socket } = await dial();
  const poked = client.service(Box).poke(1).result();
  socket.end(1006);
  expect(await poked).toMatchObject({ error: { code: "UNAVAILABLE", maybeExecuted: false } });
});

describe("bigint and bytes", () => {
  const bytes = new Uint8Array([251, 255, 191]);
  const wire = {
    bytes: "+/+/",
    big: "9007199254740993",
    list: ["1", "-2", null],
    map: { a: "AA==", constructor: "" },
    pair: [1, "AA=="],
    tree: { value: "1", children: [{ value: "2", children: [] }] },
    shape: { kind: "Blob", data: "AA==" },
    both: { a: "AA==", b: "3" },
    other: "+/+/",
  };
  const value = {
    bytes,
    big: 9007199254740993n,
    list: [1n, -2n, null],
    map: { a: new Uint8Array([0]), constructor: new Uint8Array() },
    pair: [1, new Uint8Array([0])],
    tree: { value: 1n, children: [{ value: 2n, children: [] }] },
    shape: { kind: "Blob", data: new Uint8Array([0]) },
    both: { a: new Uint8Array([0]), b: 3n },
    other: "+/+/",
  };

  test("go through JSON", async () => {
    const { stub, socket } = await box();
    const call = stub.getAll(2n ** 64n - 1n);
    await turn();
    expect(socket.frames()).toEqual([[3, 1, "get_all", 0, ["18446744073709551615"]]]);
    socket.receive([5, 1, 0, wire]);
    expect(await call).toEqual(value);
  });

  test("go through MessagePack", async () => {
    const { client, socket } = await dial({ codec: msgpack });
    socket.open();
    socket.emit("message", { data: msgpack.frame([2, { v: 1, session: "s" }]).buffer });
    socket.sent.splice(0);
    const call = client.service(Box).getAll(5n);
    await turn();
    const [frame] = [...msgpack.split(socket.sent[0] as Uint8Array<ArrayBuffer>)];
    const request = decode(msgpack, frame as Uint8Array<ArrayBuffer>);
    expect(request[0] === REQUEST && request[4]()).toEqual(["5"]);
    const packed = {
      ...wire,
      bytes,
      map: value.map,
      pair: value.pair,
      shape: value.shape,
      both: { a: new Uint8Array([0]), b: "3" },
    };
    socket.emit("message", { data: msgpack.frame([5, 1, 0], msgpack.encode(packed)).buffer });
    expect(await call).toEqual(value);
  });

  test("are in errors too", async () => {
    const { stub, socket } = await box();
    const call = stub.getAll(1n).result();
    await turn();
    socket.receive([6, 1, 0, { code: "FULL", data: { at: "7", data: "AA==" } }]);
    const r = await call;
    if (r.ok || r.error.kind !== "app" || r.error.code !== "FULL") throw new Error("another outcome than expected");
    expect(r.error.data).toEqual({ at: 7n, data: new Uint8Array([0]) });
  });

  test("that are none fail the call", async () => {
    const { stub, socket } = await box();
    const calls = [stub.getAll(1n).result(), stub.getAll(1n).result()];
    await turn();
    socket.receive([5, 1, 0, { big: "1.5" }], [5, 3, 0, { bytes: "*" }]);
    for (const call of calls) expect(await call).toMatchObject({ error: { code: "INTERNAL", maybeExecuted: true } });
  });

  test("leave alone what is of another shape", () => {
    for (const it of [null, undefined, 5, "text", [], {}, { kind: 5 }, { kind: null }]) {
      for (const plan of [
        { a: 2 },
        { t: [2, 2] },
        { o: { a: 1 } },
        { u: ["kind", { x: 1 }] },
        [{ a: 1 }],
        "None",
      ] as const) {
        expect(revive.read(it, plan, {})).toEqual(it);
      }
    }
    expect(revive.read({ kind: "constructor" }, { u: ["kind", { x: 1 }] }, {})).toEqual({ kind: "constructor" });
  });

  test("are written wherever they are", () => {
    const big = new Uint8Array(100_000).fill(65);
    const text = JSON.stringify({ a: [1n, { b: bytes }], big }, revive.write);
    expect(JSON.parse(text)).toEqual({ a: ["1", { b: "+/+/" }], big: btoa("A".repeat(100_000)) });
    if (typeof Buffer === "function") expect(JSON.stringify([Buffer.from([0])], revive.write)).toBe('["AA=="]');
  });
});
