/**
 * Streams in both directions, and calls to this client, with the real server and in both codecs.
 */

import { describe, expect, test } from "vitest";
import { typedError } from "../../src/index.ts";
import { Calls, type Failure, Flows, type Part, Worker } from "../fixture.ts";
import { CODECS, connected } from "./connected.ts";

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}

const part = (at: bigint, ...bytes: number[]): Part => ({ at, bytes: new Uint8Array(bytes) });

let count = 0;

describe.each(CODECS)("in $name", ({ codec }) => {
  test("ten thousand items arrive in order", async () => {
    const flows = (await connected({ codec })).service(Flows);
    expect(await all(flows.count(10_000))).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
    expect(await all(flows.count(0))).toEqual([]);
  });

  test("whole integers and bytes are items, and the typed error behind them is thrown", async () => {
    const flows = (await connected({ codec })).service(Flows);
    const seen: Part[] = [];
    const read = (async () => {
      for await (const it of flows.large()) seen.push(it);
    })();
    await expect(read).rejects.toMatchObject({ kind: "app", code: "SEVERAL", data: [7, "seven"] });
    expect(seen).toEqual([part(-(2n ** 63n), 0, 255)]);
  });

  test("an endless stream is dropped by the server when the loop is left, and holds back no answer", async () => {
    const client = await connected({ codec });
    const [flows, calls] = [client.service(Flows), client.service(Calls)];
    const what = `dropped ${codec.name} ${count++} ${Math.random()}`;
    const endless = flows.endless(what);
    let taken = 0;
    for await (const it of endless) {
      expect(it).toBe(what);
      // It has more than a window behind it, and another stream that nobody reads beside it.
      if (++taken === 3000) break;
    }
    await expect.poll(() => calls.noted(what)).toBe(1);
    const unread = flows.endless(what);
    await unread.ready;
    expect(await calls.add(1, 2)).toBe(3);
    unread.close();
    await expect.poll(() => calls.noted(what)).toBe(2);
  });

  test("a stream may be refused before its first item", async () => {
    const flows = (await connected({ codec })).service(Flows);
    expect(await all(flows.checked(false))).toEqual([1]);
    await expect(all(flows.checked(true))).rejects.toMatchObject({ kind: "app", code: "EMPTY" });
  });

  test("an upload is taken, from lists and from generators", async () => {
    const flows = (await connected({ codec })).service(Flows);
    async function* parts() {
      for (let i = 0n; i < 3n; i++) yield part(i, 1, 2);
    }
    const expected = [part(0n, 1, 2), part(1n, 1, 2), part(2n, 1, 2)];
    expect(await flows.store("a", parts())).toEqual(["a", expected]);
    expect(await flows.store("b", expected)).toEqual(["b", expected]);
  });

  test("an upload goes on beyond the first credit, and stops when the server wants no more", async () => {
    const flows = (await connected({ codec })).service(Flows);
    let given = 0;
    let ended = false;
    function* numbers() {
      try {
        for (;;) yield given++ % 10;
      } finally {
        ended = true;
      }
    }
    expect(await flows.take(numbers(), 5000)).toBe(22_500);
    expect(given).toBeGreaterThanOrEqual(5000);
    await expect.poll(() => ended).toBe(true);
  });

  test("what is sent comes back in the same call", async () => {
    const flows = (await connected({ codec })).service(Flows);
    const numbers = Array.from({ length: 5000 }, (_, i) => i);
    expect(await all(flows.double(numbers))).toEqual(numbers.map((it) => it * 2));
  });

  test("the server calls this client, and has its results and its typed errors", async () => {
    const client = await connected({ codec });
    const flows = client.service(Flows);
    const jobs = [part(1n, 1, 2), part(2n, 3)];
    await expect(flows.delegate(jobs)).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
    const told: string[] = [];
    const stop = client.expose(Worker, {
      scan: async (jobs) => {
        if (jobs.length === 0)
          throw typedError<Failure>({ code: "NO_SUCH_ROOM", data: { roomName: "attic", lastSeen: 5n } });
        return BigInt(jobs.reduce((sum, { at, bytes }) => sum + Number(at) * bytes.length, 0));
      },
      told: (text) => void told.push(text),
    });
    expect(await flows.delegate(jobs)).toBe(4n);
    await expect(flows.delegate([])).rejects.toMatchObject({
      kind: "app",
      code: "NO_SUCH_ROOM",
      data: { roomName: "attic", lastSeen: 5n },
    });
    expect(told).toEqual(["there is work", "there is work"]);
    stop();
    await expect(flows.delegate(jobs)).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
  });
});
