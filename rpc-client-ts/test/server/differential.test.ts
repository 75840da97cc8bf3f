/**
 * Rust → TypeScript → Rust: random values of every kind of type come back unchanged, in both codecs, and integers that a
 * number does not hold are refused at both ends.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, connect, type RpcError } from "../../src/index.ts";
import { json } from "../../src/json.ts";
import { msgpack } from "../../src/msgpack.ts";
import { Calls, Failures, Kinds } from "../fixture.ts";
import { serverUrl } from "./address.ts";

/** How many values of each kind. */
const SEEDS = 200;

/** So many values are under way at once. */
const AT_ONCE = 50;

type Give = (seed: number) => Promise<unknown>;
type TakeBack = (seed: number, value: unknown) => Promise<string | null>;

/** The kinds: those methods that have one which takes their value back. */
const kinds = Object.keys(Kinds.methods).filter((name) => !name.startsWith("same"));

describe.each([json, msgpack])("in $name", (codec) => {
  let client: Client;
  beforeAll(() => {
    client = connect(serverUrl(), { token: "tok-ann", codec });
    return client.ready;
  });
  afterAll(() => client.close());

  test.each(kinds)("%s come back unchanged", { timeout: 60_000 }, async (kind) => {
    const service = client.service(Kinds) as unknown as Record<string, Give | TakeBack>;
    const give = service[kind] as Give;
    const takeBack = service[`same${kind.charAt(0).toUpperCase()}${kind.slice(1)}`] as TakeBack;
    const thereAndBack = async (seed: number): Promise<void> => {
      const value = await give(seed);
      expect(await takeBack(seed, value), `seed ${seed}: ${shown(value)}`).toBe(null);
    };
    for (let first = 0; first < SEEDS; first += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => thereAndBack(first + index)));
    }
  });

  test("another value is noticed", async () => {
    const kinds = client.service(Kinds);
    expect(await kinds.sameBareInteger(1, 7n)).toContain('found "7"');
    const tuples = await kinds.tuples(1);
    expect(await kinds.sameTuples(1, { ...tuples, one: [tuples.one[0] ^ 1] })).toContain("one");
  });

  test.each(["JustTooLarge", "JustTooSmall", "Largest", "Smallest"] as const)(
    "what arrives is refused if it is %s",
    async (beyond) => {
      const { error } = await failure(client.service(Calls).tooLarge(beyond));
      expect(error).toMatchObject({ kind: "rpc", code: "OUT_OF_RANGE", maybeExecuted: true });
    },
  );

  test("the largest integer that is held arrives", async () => {
    const arrived = await client.service(Calls).tooLarge("Not");
    expect(arrived).toEqual(["9007199254740993", { "9007199254740993": [Number.MAX_SAFE_INTEGER] }]);
  });

  test("integers that a number does not hold are not taken for integers", async () => {
    const calls = client.service(Calls);
    expect(await calls.unsigned(Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
    expect(await calls.signed(Number.MIN_SAFE_INTEGER)).toBe(Number.MIN_SAFE_INTEGER);
    for (const call of [
      calls.unsigned(2 ** 53),
      calls.unsigned(2 ** 64),
      calls.signed(-(2 ** 53)),
      calls.signed(2 ** 53),
      calls.small(256),
      calls.small(-1),
      calls.unsigned(0.5),
    ]) {
      expect((await failure(call)).error).toMatchObject({
        kind: "rpc",
        code: "INVALID_ARGUMENT",
        maybeExecuted: false,
      });
    }
  });

  test("floats are held whatever their size", async () => {
    const calls = client.service(Calls);
    for (const number of [2 ** 53, -(2 ** 64), 1e21, 1e300, Number.MAX_VALUE, Number.MIN_VALUE, 0.1, 5, 0]) {
      expect(await calls.float(number)).toBe(number);
    }
  });

  test("whole integers and bytes go both ways, in params and in errors", async () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, index) => index);
    const [least, most] = [-(2n ** 63n), 2n ** 64n - 1n];
    expect(await client.service(Calls).large(least, most, bytes)).toEqual([bytes, most, least]);
    expect(await client.service(Calls).large(0n, null, bytes)).toEqual([bytes, null, 0n]);
    const { error } = await failure(client.service(Failures).fail("NoSuchRoom"));
    expect(error).toMatchObject({ kind: "app", code: "NO_SUCH_ROOM", data: { roomName: "attic", lastSeen: least } });
    const locked = await failure(client.service(Failures).fail("Locked"));
    expect(locked.error).toMatchObject({ code: "LOCKED", data: Uint8Array.of(0, 255) });
    const drawn = await failure(client.service(Failures).fail("Drawn"));
    expect(drawn.error).toMatchObject({ code: "DRAWN", data: { Image: Uint8Array.of(1, 2, 3) } });
  });
});

test("both codecs give the same", { timeout: 60_000 }, async () => {
  const clients = [json, msgpack].map((codec) => connect(serverUrl(), { token: "tok-ann", codec }));
  const services = clients.map((client) => client.service(Kinds) as unknown as Record<string, Give>);
  for (let seed = 0; seed < SEEDS / 4; seed++) {
    const values = services.map((service) => Promise.all(kinds.map((kind) => (service[kind] as Give)(seed))));
    const [one, other] = await Promise.all(values);
    for (const [index, kind] of kinds.entries()) {
      expect(settled(one?.[index]), `${kind} of seed ${seed}`).toStrictEqual(settled(other?.[index]));
    }
  }
  await Promise.all(clients.map((client) => client.close()));
});

/**
 * A value without what may differ: a `f32` has more digits in MessagePack than in JSON, and a `HashSet` has no order. Fields
 * become a list, so that one called `constructor` does not mislead Vitest.
 */
function settled(value: unknown, key = ""): unknown {
  if (key === "single" && typeof value === "number") return Math.fround(value);
  if (Array.isArray(value)) {
    const items = value.map((item) => settled(item, key === "singles" ? "single" : ""));
    return key === "hashed" ? items.sort() : items;
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return {
    entries: Object.entries(value)
      .sort()
      .map(([key, inner]) => [key, settled(inner, key)]),
  };
}

/** Of a call that has to fail: its error. */
async function failure(call: {
  result(): Promise<{ ok: true; value: unknown } | { ok: false; error: unknown }>;
}): Promise<{ error: RpcError }> {
  const result = await call.result();
  if (result.ok) throw new Error(`the call succeeded: ${shown(result.value)}`);
  return { error: result.error as RpcError };
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, it: unknown) => (typeof it === "bigint" ? `${it}n` : it));
}
