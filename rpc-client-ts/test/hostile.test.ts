/**
 * A server that sends what it should not, at random: nothing is thrown at the socket, no call is forgotten, and little is
 * kept.
 */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Codec, Packet } from "../src/codec.ts";
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
    [16, id],
    [18, failure],
    [2, { v: 1, session: "s" }],
    [below(random, 25), id, head],
  ]);
  return codec.frame(fields, pick(random, [undefined, codec.encode(randomValue(random, 2))]));
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
});
