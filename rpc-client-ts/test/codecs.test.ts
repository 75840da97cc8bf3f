/**
 * Codecs by random values, and by bytes that are none.
 */

import { describe, expect, test } from "vitest";
import type { Codec, Packet } from "../src/codec.ts";
import { UnsafeInteger } from "../src/codec.ts";
import { json } from "../src/json.ts";
import { msgpack } from "../src/msgpack.ts";
import { decode, OK, PING } from "../src/protocol.ts";
import { below, pick, randomFrom, randomValue, spoil } from "./support/random.ts";

const SEEDS = Array.from({ length: 500 }, (_, seed) => seed);

/** What a payload is to the one who receives it. */
function through(codec: Codec, payload: Packet): unknown {
  const [frame] = [...codec.split(codec.join([codec.frame([OK, 1, 0], payload)]))];
  const message = decode(codec, frame as Packet);
  return message[0] === OK ? message[3]() : undefined;
}

describe.each([{ codec: json as Codec }, { codec: msgpack as Codec }])("$codec.name", ({ codec }) => {
  test("gives back what it was given", () => {
    for (const seed of SEEDS) {
      const value = randomValue(randomFrom(seed));
      expect(through(codec, codec.encode(value)), `seed ${seed}`).toEqual(value);
    }
  });

  test("cuts packets where they were joined", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const values = Array.from({ length: 1 + below(random, 20) }, () => randomValue(random, 2));
      const frames = values.map((value, i) => codec.frame([OK, 2 * i + 1, 0], codec.encode(value)));
      const packet = codec.join(frames);
      const cut = [...codec.split(packet)].map((frame) => decode(codec, frame));
      expect(
        cut.map((frame) => (frame[0] === OK ? frame[3]() : undefined)),
        `seed ${seed}`,
      ).toEqual(values);
      expect(codec.size(packet)).toBeGreaterThanOrEqual(frames.reduce((size, frame) => size + codec.size(frame), 0));
    }
  });

  test("writes integers beyond 2^53 as floats", () => {
    for (const value of [2 ** 53, -(2 ** 53), 1e17, Number("12345678901234567890"), 2 ** 64, 1e21, -1.5e300]) {
      const payload = codec.encode({ "9007199254740993": [value, "9007199254740993"] });
      if (typeof payload === "string")
        expect(payload).toMatch(/"9007199254740993":\[-?\d\.?\d*e\+\d+,"9007199254740993"\]/);
      expect(through(codec, payload)).toEqual({ "9007199254740993": [value, "9007199254740993"] });
    }
  });

  test("never does anything worse than throw, whatever arrives", () => {
    for (const seed of SEEDS) {
      const random = randomFrom(seed);
      const frame = codec.frame([pick(random, [OK, PING, 3, 7, 11]), 1, 0], codec.encode(randomValue(random)));
      const broken = spoil(random, codec.join([frame, frame]));
      try {
        for (const part of codec.split(broken)) {
          const message = decode(codec, part);
          if (message[0] === OK) message[3]();
        }
      } catch (error) {
        expect(error, `seed ${seed}`).toBeInstanceOf(Error);
      }
    }
  });

  test("reads a map whose key is `__proto__` like any other", () => {
    const value = through(codec, codec.encode(JSON.parse('{"__proto__":{"polluted":1},"a":1}'))) as object;
    expect(Object.keys(value)).toEqual(["__proto__", "a"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBe(undefined);
  });

  test("leaves out fields that are undefined, and asks `toJSON`", () => {
    expect(through(codec, codec.encode({ a: undefined, b: [undefined], c: new Date(0) }))).toEqual({
      b: [null],
      c: "1970-01-01T00:00:00.000Z",
    });
  });
});

describe("JSON", () => {
  test("has no NaN and no infinity", () => {
    for (const value of [Number.NaN, Infinity, { a: [-Infinity] }])
      expect(() => json.encode(value)).toThrow("has no form in JSON");
    expect(json.encode([null, "null", "NaN"])).toBe('[null,"null","NaN"]');
  });

  test.each([
    ["1234567890123456789", true],
    ["-9007199254740992", true],
    ["9007199254740991", false],
    ["-9007199254740991", false],
    ["12345678901234567.5", false],
    ["1234567890123456789e0", false],
    ['"1234567890123456789"', false],
    ['{"1234567890123456789":"\\\\\\"1234567890123456789"}', false],
    ['{"a\\"1234567890123456789":1234567890123456789}', true],
    ["0.12345678901234567890", false],
  ])("reads %s: refused %s", (text, refused) => {
    const read = () => through(json, text);
    if (refused) expect(read).toThrow(UnsafeInteger);
    else expect(read()).toEqual(JSON.parse(text));
  });

  test("is read in linear time, whatever it is", () => {
    const started = performance.now();
    for (const text of [
      '["'.repeat(300_000),
      `[5,1,${'"\\"'.repeat(200_000)}`,
      `[5,1,0,"${'\\"'.repeat(400_000)}1234567890123456`,
      `[5,1,0,"${'\\"'.repeat(400_000)}1234567890123456"]`,
      `[5,1,0,${"1234567890123456 ".repeat(50_000)}]`,
      `[5,1,0,1${" ".repeat(900_000)}x]`,
      `[5,1,0,1]${" ".repeat(900_000)}x`,
      `[5,1,0,${"[".repeat(400_000)}${"]".repeat(400_000)}]`,
      " ".repeat(1_000_000),
      "9".repeat(1_000_000),
    ]) {
      try {
        const frame = decode(json, text);
        if (frame[0] === OK) frame[3]();
      } catch {
        // Refused is right as well.
      }
    }
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

describe("MessagePack", () => {
  test.each([
    [0, "00"],
    [127, "7f"],
    [128, "cc80"],
    [256, "cd0100"],
    [65536, "ce00010000"],
    [2 ** 32, "cf0000000100000000"],
    [-1, "ff"],
    [-32, "e0"],
    [-33, "d0df"],
    [-129, "d1ff7f"],
    [-32769, "d2ffff7fff"],
    [-(2 ** 31) - 1, "d3ffffffff7fffffff"],
    [0.5, "cb3fe0000000000000"],
    [Number.NaN, "cb7ff8000000000000"],
    [2 ** 53, "cb4340000000000000"],
    [12n, "a23132"],
    [new Uint8Array([1, 2]), "c4020102"],
    [new Map([[5, "a"]]), "8105a161"],
    ["", "a0"],
    [[], "90"],
    [{}, "80"],
  ])("writes %s", (value, hex) => {
    expect(Array.from(msgpack.encode(value), (byte) => byte.toString(16).padStart(2, "0")).join("")).toBe(hex);
  });

  test("counts in all sizes", () => {
    for (const length of [15, 16, 31, 32, 255, 256, 65535, 65536]) {
      const values = ["x".repeat(length), Array(length).fill(1), new Uint8Array(length).fill(7)];
      for (const value of values) expect(through(msgpack, msgpack.encode(value))).toEqual(value);
    }
    const map = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i]));
    expect(through(msgpack, msgpack.encode(map))).toEqual(map);
  });

  test("keeps bytes apart from the packet that they came in", () => {
    const payload = msgpack.encode(new Uint8Array([1, 2, 3]));
    const packet = msgpack.frame([OK, 1, 0], payload);
    const [frame] = [...msgpack.split(packet)];
    const message = decode(msgpack, frame as Uint8Array<ArrayBuffer>);
    const value = message[0] === OK ? (message[3]() as Uint8Array) : new Uint8Array();
    packet.fill(0);
    expect([...value]).toEqual([1, 2, 3]);
    expect(value.buffer.byteLength).toBe(3);
  });

  test("reads keys that are numbers", () => {
    expect(through(msgpack, new Uint8Array([0x82, 5, 1, 0xff, 2]))).toEqual({ "5": 1, "-1": 2 });
  });

  test.each([
    ["an integer beyond 2^53", [0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0]],
    ["one below -2^53", [0xd3, 0xff, 0xdf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ])("refuses %s", (_name, bytes) => {
    expect(() => through(msgpack, new Uint8Array(bytes))).toThrow(UnsafeInteger);
  });

  test.each([
    ["an extension", [0xd4, 1, 0]],
    ["the code that is not used", [0xc1]],
    ["an array without its items", [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["a map without its entries", [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ["bytes that are not there", [0xc6, 0xff, 0xff, 0xff, 0xff]],
    ["text that is not there", [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ["text that is not UTF-8", [0xa1, 0xff]],
    ["a key that is a list", [0x81, 0x90, 0]],
    ["a second value", [0, 0]],
    ["nesting without end", Array(100_000).fill(0x91)],
    ["maps in maps without end", Array(100_000).fill([0x81, 0xa0]).flat()],
  ])("refuses %s", (_name, bytes) => {
    expect(() => through(msgpack, new Uint8Array(bytes))).toThrow();
  });

  test("refuses to write what has no form or no end", () => {
    const circular: unknown[] = [];
    circular.push(circular);
    for (const value of [circular, Symbol("s"), [() => {}]]) expect(() => msgpack.encode(value)).toThrow();
  });
});
