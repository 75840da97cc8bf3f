/**
 * A server that sends what it should not, at random: nothing is thrown at the socket, no call is forgotten, and little is
 * kept.
 */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Codec, Packet } from "../src/codec.ts";
import {
  type Call,
  type CallOptions,
  isRpcError,
  type ServiceDef,
  type Streaming,
  type Subscription,
} from "../src/index.ts";
import { json } from "../src/json.ts";
import { msgpack } from "../src/msgpack.ts";
import { dial, turn } from "./support/fake.ts";
import { below, pick, randomFrom, randomValue, spoil } from "./support/random.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A frame that may be right, or wrong in one of many ways. */
function randomFrame(random: () => number, codec: Codec): Packet {
  const id = pick(random, [1, 3, 5, 2, 4, 0, -1, 1.5, 2 ** 53 - 1, "1", null]);
  const head = pick(random, [0, {}, { c: [] }, { c: [1] }, { Z: 1 }, { t: 5 }, { t: "5" }, null, [], "head"]);
  const name = pick(random, ["event", "", 5, null, "x".repeat(100)]);
  const failure = pick(random, [{ code: "INTERNAL" }, { code: "LATER", message: "m" }, {}, { code: 5 }, null]);
  const fields = pick(random, [
    [5, id, head],
    [6, id, head],
    [7, id, failure],
    [8, id, head],
    [3, id, name, head],
    [4, name, head],
    [9, id],
    [10, id, below(random, 5), 1000],
    [13, pick(random, ["news", 5]), "e", below(random, 9), ""],
    [14, "news", "e", below(random, 9), pick(random, [0, 3, -1])],
    [5, id, 0],
    [4, "note", head],
    [3, id, pick(random, ["scan", "count"]), head],
    [16, id],
    [18, failure],
    [2, { v: 1, session: "s" }],
    [below(random, 25), id, head],
  ]);
  return codec.frame(fields, pick(random, [undefined, codec.encode(randomValue(random, 2))]));
}

interface Flows {
  lines(): Subscription<unknown>;
  double(numbers: Streaming<number>): Subscription<unknown>;
  store(numbers: Streaming<number>): Call<unknown>;
}

const Flows: ServiceDef<Flows> = {
  name: "Flows",
  hash: "1",
  methods: { lines: { p: [], s: 1 }, double: { p: ["n"], s: 1, u: [0] }, store: { p: ["n"], s: 2, u: [0] } },
};

interface Served {
  scan(jobs: unknown, options?: CallOptions): Call<number>;
  count(options?: CallOptions): Subscription<number>;
  note(text: unknown, options?: CallOptions): Call<void>;
}

const Served: ServiceDef<Served> = {
  name: "Served",
  hash: "2",
  methods: { scan: { p: ["jobs"] }, count: { p: [], s: 1 }, note: { p: ["text"], k: 1 } },
};

function bytesOf(packet: Packet): string | ArrayBuffer {
  return typeof packet === "string" ? packet : packet.buffer;
}

describe.each([{ codec: json as Codec }, { codec: msgpack as Codec }])("in $codec.name", ({ codec }) => {
  test("whatever arrives, each call ends once", async () => {
    for (let seed = 0; seed < 300; seed++) {
      const random = randomFrom(seed);
      const { client, socket } = await dial({ codec });
      const outcomes: boolean[] = [];
      for (const method of ["a", "b", "c"])
        client
          .call(method)
          .result()
          .then(({ ok }) => outcomes.push(ok));
      client.on("event", () => {});
      socket.open();
      const welcome = codec.frame([2, { v: 1, session: "s", ping_ms: 25_000 }]);
      const packets = [codec.join([welcome])];
      for (let i = 0; i < 8; i++) {
        packets.push(codec.join(Array.from({ length: 1 + below(random, 4) }, () => randomFrame(random, codec))));
      }
      for (const [i, packet] of packets.entries()) {
        const data = random() < (i === 0 ? 0.95 : 0.5) ? packet : spoil(random, packet);
        socket.emit("message", { data: typeof data === "string" ? data : data.buffer });
        await turn();
      }
      expect(client.state === "closed", `seed ${seed}`).toBe(socket.closed !== undefined);
      // Silence, or the deadline, ends what is left.
      await vi.advanceTimersByTimeAsync(70_000);
      expect(outcomes.length, `seed ${seed}`).toBe(3);
      expect(client.state, `seed ${seed}`).toBe("closed");
      expect(vi.getTimerCount(), `seed ${seed}`).toBe(0);
    }
  });

  test("whatever arrives, each stream and each upload ends, and so do the calls of the server", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    for (let seed = 0; seed < 300; seed++) {
      const random = randomFrom(seed);
      const { client, socket } = await dial({ codec });
      const api = client.service(Flows);
      const ended: string[] = [];
      const read = async (name: string, values: AsyncIterable<unknown>) => {
        try {
          for await (const _ of values);
        } catch (error) {
          if (!isRpcError(error)) throw error;
        }
        ended.push(name);
      };
      function* numbers(name: string) {
        try {
          for (;;) yield 1;
        } finally {
          ended.push(name);
        }
      }
      void read("lines", api.lines());
      void read("double", api.double(numbers("its source")));
      void api
        .store(numbers("source"))
        .result()
        .then(() => ended.push("store"));
      void read("news", client.channel("news"));
      const running = new Set<AbortSignal>();
      client.expose(Served, {
        scan: (_jobs, { signal }) => {
          running.add(signal);
          return new Promise<number>(() => {});
        },
        count: () => numbers("") as Iterable<number>,
        note: () => {},
      });
      socket.open();
      const answer = { sub: 1, channel: "news", epoch: "e", offset: 0 };
      socket.emit("message", {
        data: bytesOf(codec.join([codec.frame([2, { v: 1, session: "s", ping_ms: 25_000 }])])),
      });
      await turn();
      socket.emit("message", { data: bytesOf(codec.join([codec.frame([5, 9, 0], codec.encode(answer))])) });
      for (let i = 0; i < 8; i++) {
        const packet = codec.join(Array.from({ length: 1 + below(random, 4) }, () => randomFrame(random, codec)));
        socket.emit("message", { data: bytesOf(random() < 0.8 ? packet : spoil(random, packet)) });
        await turn();
      }
      await vi.advanceTimersByTimeAsync(70_000);
      await turn();
      expect(client.state, `seed ${seed}`).toBe("closed");
      const mine = ended.filter((name) => name !== "").sort();
      for (const name of ["double", "lines", "news", "store"]) {
        expect(mine.filter((it) => it === name).length, `seed ${seed}, ${name}`).toBe(1);
      }
      for (const signal of running) expect(signal.aborted, `seed ${seed}`).toBe(true);
      expect(vi.getTimerCount(), `seed ${seed}`).toBe(0);
    }
    error.mockRestore();
  });
});
