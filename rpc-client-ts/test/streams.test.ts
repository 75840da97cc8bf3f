/**
 * Streams of calls and uploads, with a server in memory.
 */

import { describe, expect, test, vi } from "vitest";
import type { AppError, Call, CallOptions, ServiceDef, Streaming, Subscription } from "../src/index.ts";
import { revive } from "../src/revive.ts";
import { connected, turn, WELCOME } from "./support/fake.ts";

interface Reports {
  lines(topic: string, options?: CallOptions): Subscription<string, AppError>;
  large(options?: CallOptions): Subscription<bigint>;
  store(name: string, lines: Streaming<string>, options?: CallOptions): Call<number>;
  echo(lines: Streaming<string>, options?: CallOptions): Subscription<string>;
  ping(): Call<string>;
}

const Reports: ServiceDef<Reports> = {
  name: "Reports",
  hash: "1",
  revive,
  methods: {
    lines: { p: ["topic"], s: 1 },
    large: { p: [], s: 1, r: [2] },
    store: { p: ["name", "lines"], s: 2, u: [1] },
    echo: { p: ["lines"], s: 1, u: [0] },
    ping: { p: [] },
  },
};

async function reports(limits: Record<string, number> = {}) {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits }]);
  return { client, socket, api: client.service(Reports) };
}

const items = (id: number, values: readonly unknown[]) => values.map((value) => [8, id, 0, value]);
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}

describe("a stream", () => {
  test("leaves like a call and is read in order, also what came before the reader", async () => {
    const { socket, api } = await reports();
    const lines = api.lines("a");
    await turn();
    expect(socket.frames()).toEqual([[3, 1, "lines", 0, ["a"]]]);
    socket.receive(...items(1, ["x", "y"]));
    const read = all(lines);
    await lines.ready;
    socket.receive(...items(1, ["z"]), [5, 1, 0, null]);
    expect(await read).toEqual(["x", "y", "z"]);
  });

  test("ends with its typed error behind the items that came before", async () => {
    const { socket, api } = await reports();
    const lines = api.lines("a");
    await turn();
    socket.receive(...items(1, ["x"]), [6, 1, 0, { code: "GONE", data: 3 }]);
    const seen: unknown[] = [];
    const read = (async () => {
      for await (const line of lines) seen.push(line);
    })();
    await expect(read).rejects.toMatchObject({ kind: "app", code: "GONE", data: 3, method: "lines" });
    expect(seen).toEqual(["x"]);
  });

  test("is cancelled by leaving the loop, and frees its slot when the server has answered", async () => {
    const { socket, api } = await reports({ streams: 1 });
    const first = api.lines("a");
    const second = api.lines("b");
    const call = api.ping();
    await turn();
    // The second waits, the call behind it does not.
    expect(socket.frames()).toEqual([
      [3, 1, "lines", 0, ["a"]],
      [3, 3, "ping"],
    ]);
    socket.receive(...items(1, ["x", "y"]), [5, 3, 0, "pong"]);
    expect(await call).toBe("pong");
    for await (const line of first) {
      expect(line).toBe("x");
      break;
    }
    await turn();
    expect(socket.frames()).toEqual([[9, 1]]);
    socket.receive(...items(1, ["late"]), [7, 1, { code: "CANCELLED", executed: true }]);
    await turn();
    expect(socket.frames()).toEqual([[3, 5, "lines", 0, ["b"]]]);
    second.close();
    await turn();
    expect(socket.frames()).toEqual([[9, 5]]);
  });

  test("does not count as a call", async () => {
    const { socket, api } = await reports({ in_flight: 1 });
    void api.lines("a");
    void api.ping();
    void api.ping();
    await turn();
    expect(socket.frames()).toEqual([
      [3, 1, "lines", 0, ["a"]],
      [3, 3, "ping"],
    ]);
  });

  test("gives credit for what was read, not for what came", async () => {
    const { client, socket, api } = await reports();
    const values = api.lines("a")[Symbol.asyncIterator]();
    await turn();
    socket.frames();
    socket.receive(...items(1, numbers(1024)));
    await turn();
    expect(socket.frames()).toEqual([]);
    for (let i = 0; i < 511; i++) await values.next();
    await turn();
    expect(socket.frames()).toEqual([]);
    await values.next();
    await turn();
    expect(socket.frames()).toEqual([[10, 1, 1536, expect.any(Number)]]);
    socket.receive(...items(1, numbers(512)));
    expect(client.state).toBe("open");
    socket.receive(...items(1, [0]));
    expect([client.state, socket.closed?.code]).toEqual(["closed", 4400]);
  });

  test("takes an item larger than the window, and nothing behind it before it is read", async () => {
    const { client, socket, api } = await reports();
    const values = api.lines("a")[Symbol.asyncIterator]();
    await turn();
    socket.frames();
    const large = "x".repeat(300_000);
    socket.receive([8, 1, 0, large]);
    expect(client.state).toBe("open");
    expect((await values.next()).value).toBe(large);
    await turn();
    expect(socket.frames()).toEqual([[10, 1, 1025, 300_002 + 262_144]]);
    socket.receive([8, 1, 0, large]);
    expect(client.state).toBe("open");
    socket.receive([8, 1, 0, 1]);
    expect(socket.closed?.code).toBe(4400);
  });

  test("revives what JSON has no form for, and ends by an item that cannot be read", async () => {
    const { socket, api } = await reports();
    const values = api.large()[Symbol.asyncIterator]();
    await turn();
    socket.frames();
    socket.receive([8, 1, 0, "9007199254740993"], [8, 1, 0, "no"]);
    expect(await values.next()).toEqual({ done: false, value: 9007199254740993n });
    await expect(values.next()).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("decimal"),
    });
    await turn();
    expect(socket.frames()).toEqual([[9, 1]]);
  });

  test("has a callback form, which stops", async () => {
    const { socket, api } = await reports();
    const seen: unknown[] = [];
    const observe = (name: string) => ({
      next: (line: string) => seen.push([name, line]),
      error: (error: { code: string }) => seen.push([name, error.code]),
      done: () => seen.push([name, "done"]),
    });
    api.lines("a").subscribe(observe("a"));
    api.lines("b").subscribe(observe("b"));
    const stop = api.lines("c").subscribe((line) => seen.push(["c", line]));
    await turn();
    socket.frames();
    socket.receive([8, 1, 0, "x"], [5, 1], [7, 3, { code: "PERMISSION_DENIED" }], [8, 5, 0, "y"]);
    await turn();
    stop();
    socket.receive([8, 5, 0, "z"]);
    await turn();
    expect(seen.sort()).toEqual([
      ["a", "done"],
      ["a", "x"],
      ["b", "PERMISSION_DENIED"],
      ["c", "y"],
    ]);
    expect(socket.frames()).toEqual([[9, 5]]);
  });

  test("is for one reader", async () => {
    const { api } = await reports();
    const lines = api.lines("a");
    lines.subscribe(() => {});
    expect(() => lines[Symbol.asyncIterator]()).toThrow("one reader");
  });

  test("has no time of its own, but the one it is given", async () => {
    vi.useFakeTimers();
    try {
      const { socket, api } = await reports();
      const endless = api.lines("a");
      const timed = all(api.lines("b", { timeout: 50 })).catch((error) => error);
      await turn();
      expect(socket.frames()).toEqual([
        [3, 1, "lines", 0, ["a"]],
        [3, 3, "lines", { t: 50 }, ["b"]],
      ]);
      await vi.advanceTimersByTimeAsync(1e7);
      expect(await timed).toMatchObject({ code: "DEADLINE_EXCEEDED", maybeExecuted: true });
      const abort = new AbortController();
      const aborted = all(api.lines("c", { signal: abort.signal })).catch((error) => error);
      await turn();
      abort.abort("enough");
      expect(await aborted).toMatchObject({ code: "CANCELLED", cause: "enough" });
      endless.close();
    } finally {
      vi.useRealTimers();
    }
  });

  test("ends with the connection", async () => {
    const { socket, api } = await reports();
    const read = all(api.lines("a")).catch((error) => error);
    await turn();
    socket.receive([8, 1, 0, "x"]);
    socket.end(1006);
    expect(await read).toMatchObject({ code: "UNAVAILABLE", maybeExecuted: true });
  });

  test("and a call that give what the other should are ended", async () => {
    const { client, socket, api } = await reports();
    const call = client.call("lines", ["a"]).result();
    const read = all(api.lines("b")).catch((error) => error);
    await turn();
    socket.frames();
    socket.receive([8, 1, 0, "x"], [5, 3, 0, "y"]);
    expect(await call).toMatchObject({ error: { code: "UNIMPLEMENTED", maybeExecuted: true } });
    expect(await read).toMatchObject({ code: "UNIMPLEMENTED", maybeExecuted: true });
    await turn();
    expect(socket.frames()).toEqual([[9, 1]]);
  });
});

describe("an upload", () => {
  test("goes behind its request under its own id, and the call has its answer", async () => {
    const { socket, api } = await reports();
    const stored = api.store("a.txt", ["x", "y"]);
    const next = api.ping();
    await turn();
    await turn();
    expect(socket.frames()).toEqual([
      [3, 1, "store", { s: [3] }, ["a.txt", { $stream: 0 }]],
      [3, 5, "ping"],
      [8, 3, 0, "x"],
      [8, 3, 0, "y"],
      [5, 3],
    ]);
    socket.receive([5, 1, 0, 2], [5, 5, 0, "pong"]);
    expect([await stored, await next]).toEqual([2, "pong"]);
  });

  test("keeps to the credit", async () => {
    const { socket, api } = await reports({ stream_items: 2 });
    let asked = 0;
    function* endless() {
      for (;;) yield `${asked++}`;
    }
    void api.store("a", endless());
    await turn();
    await turn();
    expect(socket.frames().length).toBe(3);
    expect(asked).toBe(2);
    socket.receive([10, 3, 3, 1e6]);
    await turn();
    expect(socket.frames()).toEqual([[8, 3, 0, "2"]]);
    socket.receive([10, 3, 1, 1e6]);
    await turn();
    expect([socket.frames(), asked]).toEqual([[], 3]);
  });

  test("stops, and lets its source know, when the server wants no more or the call is over", async () => {
    const { socket, api } = await reports({ stream_items: 1 });
    const ended: string[] = [];
    async function* source(name: string) {
      try {
        for (;;) yield name;
      } finally {
        ended.push(name);
      }
    }
    void api.store("a", source("a"));
    void api.store("b", source("b"));
    await turn();
    await turn();
    socket.frames();
    socket.receive([9, 3]);
    socket.receive([5, 5, 0, 1]);
    await turn();
    await turn();
    expect(ended.sort()).toEqual(["a", "b"]);
    expect(socket.frames()).toEqual([[7, 3, { code: "CANCELLED", message: "the peer wants no more", executed: true }]]);
  });

  test("whose source fails gives its call up", async () => {
    const { socket, api } = await reports();
    const broken = new Error("no disk");
    const call = api
      .store(
        "a",
        (async function* () {
          yield "x";
          throw broken;
        })(),
      )
      .result();
    expect(await call).toMatchObject({ error: { code: "CANCELLED", cause: broken } });
    await turn();
    expect(socket.frames().slice(-2)).toEqual([
      [9, 1],
      [7, 3, expect.objectContaining({ code: "CANCELLED" })],
    ]);
  });

  test("and a stream back are one call", async () => {
    const { socket, api } = await reports();
    const read = all(api.echo(["x"]));
    await turn();
    await turn();
    expect(socket.frames()).toEqual([
      [3, 1, "echo", { s: [3] }, [{ $stream: 0 }]],
      [8, 3, 0, "x"],
      [5, 3],
    ]);
    socket.receive([8, 1, 0, "X"], [5, 1]);
    expect(await read).toEqual(["X"]);
  });
});

test("a limit of streams that is none closes the connection", async () => {
  const { client, socket } = await connected({}, [2, { ...(WELCOME[1] as object), limits: { stream_items: "x" } }]);
  expect([client.state, socket.closed?.code]).toEqual(["closed", 4400]);
});
