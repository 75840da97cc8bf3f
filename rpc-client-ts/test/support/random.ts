/**
 * Random values of everything that travels, from a seed that a failing test tells.
 */

import type { Packet } from "../../src/codec.ts";

/** Random numbers from 0 to 1, the same for the same seed (mulberry32, public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of `items`. */
export function pick<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

/** An integer from 0 on, below `end`. */
export function below(random: () => number, end: number): number {
  return Math.floor(random() * end);
}

const CHARS = [
  "a",
  "B",
  "0",
  " ",
  '"',
  "\\",
  "\n",
  "\t",
  "\u0000",
  "é",
  "€",
  "🦀",
  "\u2028",
  "]",
  "[",
  ",",
  "{",
  "}",
  "9".repeat(17),
];

/** A text with all that a codec may trip over. */
export function randomText(random: () => number): string {
  return Array.from({ length: below(random, 12) }, () => pick(random, CHARS)).join("");
}

/** A number that travels unchanged. */
export function randomNumber(random: () => number): number {
  const edges = [
    0,
    1,
    -1,
    127,
    128,
    255,
    256,
    65535,
    65536,
    2 ** 31,
    2 ** 32,
    2 ** 53 - 1,
    -(2 ** 53) + 1,
    -32,
    -33,
    -128,
    -129,
  ];
  const kinds = [
    () => pick(random, edges),
    () => Math.round((random() - 0.5) * 2 ** below(random, 54)),
    () => (random() - 0.5) * 10 ** (below(random, 600) - 300),
    () => 2 ** 53 * (1 + below(random, 1000)),
  ];
  // JSON has no negative zero.
  return pick(random, kinds)() + 0 || 0;
}

/** A value that every codec carries. */
export function randomValue(random: () => number, depth = 4): unknown {
  const leaves = [() => null, () => true, () => false, () => randomNumber(random), () => randomText(random)];
  const branches = [
    () => Array.from({ length: below(random, 5) }, () => randomValue(random, depth - 1)),
    () => {
      const entries = Array.from({ length: below(random, 5) }, () => [
        randomText(random),
        randomValue(random, depth - 1),
      ]);
      return Object.fromEntries(entries);
    },
  ];
  return pick(random, depth > 0 ? [...leaves, ...branches] : leaves)();
}

/** Changes a few places of a packet. */
export function spoil(random: () => number, packet: Packet): Packet {
  if (typeof packet === "string") {
    const chars = [...packet];
    for (let i = 0; i < 3; i++)
      chars[below(random, chars.length)] = pick(random, ["[", "]", '"', ",", "\\", "9", "", "\n", "e"]);
    return chars.join("");
  }
  const bytes = packet.slice(0, below(random, 4) === 0 ? below(random, packet.length) : packet.length);
  for (let i = 0; i < 3 && bytes.length > 0; i++) bytes[below(random, bytes.length)] = below(random, 256);
  return bytes;
}
