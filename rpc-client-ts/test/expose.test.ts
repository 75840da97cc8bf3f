/**
 * Services that the server calls, with a server in memory.
 */

import { expect, test, vi } from "vitest";
import { type Call, type CallOptions, type ServiceDef, type Subscription, typedError } from "../src/index.ts";
import { revive } from "../src/revive.ts";
import { connected, turn } from "./support/fake.ts";

type Busy = { code: "BUSY"; data: { until: bigint } };

interface Worker {
  scan(jobs: bigint[], depth?: number, options?: CallOptions): Call<bigint, Busy>;
  note(text: string, options?: CallOptions): Call<void>;
  count(to: number, options?: CallOptions): Subscription<number>;
}

const Worker: ServiceDef<Worker> = {
  name: "Worker",
  hash: "1",
  revive,
  methods: {
    scan: { n: "scan_all", p: ["jobs", "depth"], x: [{ a: 2 }], r: [2, { o: { data: { o: { until: 2 } } } }] },
    note: { p: ["text"], k: 1 },
    count: { p: ["to"], s: 1 },
  },
};

const idle = { scan: () => 0n, note: () => {}, count: () => [] };

test("a method has its parameters, and its result is the answer", async () => {
  const { client, socket } = await connected();
  const scan = vi.fn(async (jobs: bigint[]) => jobs.reduce((a, b) => a + b, 0n));
  client.expose(Worker, { ...idle, scan });
  socket.receive([3, 2, "scan_all", 0, [["1", "2"]]], [3, 4, "scan_all", { m: { a: 1 } }, { jobs: ["3"], depth: 4 }]);
  await turn();
  await turn();
  expect(socket.frames()).toEqual([
    [5, 2, 0, "3"],
    [5, 4, 0, "3"],
  ]);
  expect(scan.mock.calls).toEqual([
    [[1n, 2n], undefined, { signal: expect.anything(), meta: {} }],
    [[3n], 4, { signal: expect.anything(), meta: { a: 1 } }],
  ]);
});

test("a typed error arrives as such, any other is hidden and logged", async () => {
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  const { client, socket } = await connected();
  const thrown = [typedError<Busy>({ code: "BUSY", data: { until: 5n } }), new Error("secret")];
  client.expose(Worker, {
    ...idle,
    scan: () => {
      throw thrown.shift();
    },
  });
  socket.receive([3, 2, "scan_all", 0, [[]]], [3, 4, "scan_all", 0, [[]]]);
  await turn();
  await turn();
  const frames = socket.frames();
  expect(frames).toEqual([
    [6, 2, 0, { code: "BUSY", data: { until: "5" } }],
    [7, 4, expect.objectContaining({ code: "INTERNAL", executed: true })],
  ]);
  expect(JSON.stringify(frames)).not.toContain("secret");
  expect(error).toHaveBeenCalledTimes(1);
  error.mockRestore();
});

test("what is not served, does not fit or is answered by nobody is refused", async () => {
  const { client, socket } = await connected();
  const stop = client.expose(Worker, idle);
  socket.receive(
    [3, 2, "other"],
    [3, 4, "note", 0, ["a"]],
    [3, 6, "scan_all", 0, [["x"]]],
    [3, 8, "scan_all", 0, [1, 2, 3]],
  );
  stop();
  socket.receive([3, 10, "scan_all", 0, [[]]]);
  await turn();
  expect(socket.frames().map(([, id, failure]) => [id, (failure as { code: string }).code])).toEqual([
    [2, "UNIMPLEMENTED"],
    [4, "UNIMPLEMENTED"],
    [6, "INVALID_ARGUMENT"],
    [8, "INVALID_ARGUMENT"],
    [10, "UNIMPLEMENTED"],
  ]);
});

test("a method without an answer may have several listeners, others one", async () => {
  const { client, socket } = await connected();
  const seen: string[] = [];
  const Notes: ServiceDef<Pick<Worker, "note">> = { name: "Notes", hash: "2", methods: { note: Worker.methods.note } };
  const stop = client.expose(Notes, { note: (text) => void seen.push(`a ${text}`) });
  client.expose(Notes, { note: (text) => void seen.push(`b ${text}`) });
  socket.receive([4, "note", 0, ["x"]]);
  await turn();
  stop();
  socket.receive([4, "note", 0, ["y"]]);
  await turn();
  expect(seen).toEqual(["a x", "b x", "b y"]);
  client.expose(Worker, idle);
  expect(() => client.expose(Worker, idle)).toThrow("Worker.scan is served already");
});

test("a call ends when the server gives it up, or its time is over, and its method is told", async () => {
  vi.useFakeTimers();
  try {
    const { client, socket } = await connected();
    const signals: AbortSignal[] = [];
    client.expose(Worker, {
      ...idle,
      scan: (_jobs, _depth, { signal }) => {
        signals.push(signal);
        return new Promise<bigint>(() => {});
      },
    });
    socket.receive([3, 2, "scan_all", 0, [[]]], [3, 4, "scan_all", { t: 100 }, [[]]], [3, 6, "scan_all", 0, [[]]]);
    await turn();
    socket.receive([9, 2]);
    await vi.advanceTimersByTimeAsync(100);
    await turn();
    expect(socket.frames()).toEqual([
      [7, 2, expect.objectContaining({ code: "CANCELLED", executed: true })],
      [7, 4, expect.objectContaining({ code: "DEADLINE_EXCEEDED", executed: true })],
    ]);
    expect(signals.map((it) => it.aborted)).toEqual([true, true, false]);
    socket.end(1006);
    expect(signals[2]?.aborted).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test("no more run at once than the server was told", async () => {
  const { client, socket } = await connected();
  client.expose(Worker, { ...idle, scan: () => new Promise<bigint>(() => {}) });
  for (let i = 1; i <= 1025; i++) socket.receive([3, 2 * i, "scan_all", 0, [[]]]);
  await turn();
  expect(socket.frames()).toEqual([[7, 2050, expect.objectContaining({ code: "RESOURCE_EXHAUSTED" })]]);
});

test("a method may give a stream, by the credit of the server", async () => {
  const { client, socket } = await connected({}, [2, { v: 1, session: "s", limits: { stream_items: 2 } }]);
  client.expose(Worker, {
    ...idle,
    *count(to) {
      for (let i = 0; i < to; i++) yield i;
    },
  });
  socket.receive([3, 2, "count", 0, [3]]);
  for (let i = 0; i < 3; i++) await turn();
  expect(socket.frames()).toEqual([
    [8, 2, 0, 0],
    [8, 2, 0, 1],
  ]);
  socket.receive([10, 2, 10, 1e6]);
  await turn();
  expect(socket.frames()).toEqual([
    [8, 2, 0, 2],
    [5, 2],
  ]);
});
